"""What the commands that give instances to other nodes have in common."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.errors import BadRequest

CLEAN_UP = (
    "A migration of {name} that is still under way is aborted, and where it runs then becomes its primary node."
    " If it runs on two nodes, only you can tell which one to end. Continue?"
)


def mode_of(options: Values) -> str | None:
    """How guests travel, live or non-live; None for what their hypervisor is set to."""
    if options.live:
        mode: str | None = options.migration_mode
        return mode
    if options.migration_mode is not None:
        raise BadRequest("--non-live and --migration-mode say the same: give only one of them")
    return "non-live"


def confirmed(options: Values, context: Context, name: str, question: str) -> bool:
    """Whether the instance is to be moved, or with ``--cleanup`` looked for; not asked with ``--force``."""
    return options.force or context.confirm((CLEAN_UP if options.cleanup else question).format(name=name))


def move(op_id: str, options: Values, context: Context, name: str, **own: Any) -> int:
    """Follow the opcode that gives one instance to another node; ``own`` are the parameters that others do not have."""
    op = opcode(
        op_id,
        options,
        context,
        instance_name=name,
        target_node=options.dst_node,
        iallocator=options.iallocator,
        ignore_ipolicy=options.ignore_ipolicy,
        cleanup=options.cleanup,
        **own,
    )
    return submit_and_follow(context, options, op)
