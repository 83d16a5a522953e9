"""What out-of-band helpers said, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.table import NORMAL, Column, lines

COLUMNS = (Column("Node", str), Column("Status", str))
_WORDS = {2: "(nodata)", 3: "(unavail)"}


def show(context: Context, options: Values, rows: Sequence[tuple[str, str]]) -> None:
    headers = not options.no_headers
    context.say_all(lines(rows, COLUMNS, headers=headers, separator=options.separator, full_width=True))


def word(status: int) -> str:
    """For a node whose helper gave no good answer."""
    return _WORDS.get(status, "(unknown)")


def exit_code(result: Sequence[Any]) -> int:
    return 0 if all(status == NORMAL for _, (status, _) in result) else 1
