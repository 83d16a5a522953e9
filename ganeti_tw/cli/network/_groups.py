"""One job per node group, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def in_each_group(
    op_id: str, network: str, groups: Sequence[str], context: Context, options: Values, **parameters: Any
) -> int:
    """Submit the opcode for each of the groups, or for all there are, and follow its job.

    Raises what the first job fails with; those after it are not submitted.
    """
    for group in groups or _all_groups(context):
        op = opcode(op_id, options, context, group_name=group, network_name=network, **parameters)
        submit_and_follow(context, options, op)
    return 0


def _all_groups(context: Context) -> list[str]:
    rows = context.call("query", what="group", fields=["name"], filter=None)["data"]
    return [row[0][1] for row in rows]
