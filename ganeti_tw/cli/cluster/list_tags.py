"""``gnt-cluster list-tags``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.tags import list_tags


def run(options: Values, arguments: list[str], context: Context) -> int:
    return list_tags("cluster", "", context, options)


COMMAND = Command(
    purpose="List the tags of the cluster",
    run=run,
    additions=("--json",),
)
