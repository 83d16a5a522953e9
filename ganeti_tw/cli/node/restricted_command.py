"""``gnt-node restricted-command``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli import onnodes
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    command, *given = arguments
    if not given and options.nodegroup is None:
        raise BadRequest("name the nodes, or a group of nodes with --node-group")
    names = [node.name for node in onnodes.nodes(context, given, None)] if given else []
    if options.nodegroup is not None:
        names += [node.name for node in onnodes.nodes(context, (), options.nodegroup) if node.name not in names]
    locking = {"use_locking": options.do_locking}
    op = opcode("OP_RESTRICTED_COMMAND", options, context, command=command, nodes=names, **locking)
    results = submit(context, options, op)
    if results is None:
        return 0
    failed = False
    for name, (done, text) in zip(names, results[0], strict=True):
        failed |= not done
        if options.show_machine_names:
            onnodes.show_lines(context, name, text)
        else:
            onnodes.show_block(context, f"Node: {name}", text)
    return 1 if failed else 0


COMMAND = Command(
    purpose="Run a program on nodes that their administrator has allowed",
    run=run,
    arguments=(Argument("unknown"), Argument("node", 0, None)),
    usage="<command> <node-name>...",
    options=("--sync", "--priority", "--submit", "--print-jobid", "-M/--show-machine-names", "-g/--node-group"),
)
