"""``gnt-node evacuate``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.evacuation import follow_moves
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.errors import BadRequest

REFUSED = 13
ALL, PRIMARY, SECONDARY = "all", "primary-only", "secondary-only"


def run(options: Values, arguments: list[str], context: Context) -> int:
    name, mode = arguments[0], _mode(options)
    instances = _instances(context, name, mode)
    if not instances:
        context.warn(f"No instances to evacuate on node {name}")
        return 0
    question = f"Move {', '.join(instances)} away from {name}?"
    if not options.force and not context.confirm(question):
        return REFUSED
    op = opcode(
        "OP_NODE_EVACUATE",
        options,
        context,
        node_name=name,
        mode=mode,
        remote_node=options.dst_node,
        iallocator=options.iallocator,
        early_release=options.early_release,
        ignore_soft_errors=options.ignore_soft_errors,
    )
    return follow_moves(context, options, [op], "All instances evacuated successfully.")


def _mode(options: Values) -> str:
    if options.primary_only and options.dst_node is not None:
        raise BadRequest("a new secondary node (-n) is of no use to primary instances (-p)")
    if options.primary_only == options.secondary_only:
        return SECONDARY if options.dst_node is not None else ALL
    return PRIMARY if options.primary_only else SECONDARY


def _instances(context: Context, node: str, mode: str) -> list[str]:
    """Those that are going to leave the node."""
    fields = [f for f, other in (("pinst_list", SECONDARY), ("sinst_list", PRIMARY)) if mode != other]
    answer = context.call("query", what="node", fields=fields, filter=any_of("name", [node]))
    return sorted({name for row in answer["data"] for _, names in row for name in names})


COMMAND = Command(
    purpose="Move instances away from a node",
    run=run,
    arguments=(Argument("node"),),
    usage="[-f] {-I <iallocator> | -n <dst>} [-p | -s] [options...] <node>",
    options=(
        "-f/--force",
        "-I/--iallocator",
        "--ignore-soft-errors",
        "-n/--new-secondary",
        "--early-release",
        "--priority",
        "-p/--primary-only",
        "-s/--secondary-only",
        "--submit",
        "--print-jobid",
    ),
)
