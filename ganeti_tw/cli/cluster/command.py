"""``gnt-cluster command``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli import onnodes
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import GanetiError

SECONDS = 3600  # how long a command may take on a node
FAILED = 255


def run(options: Values, arguments: list[str], context: Context) -> int:
    line = " ".join(arguments)
    for node in onnodes.online(context, onnodes.nodes(context, options.nodes, options.nodegroup)):
        code, output = _run_on(context, node.name, line)
        if options.failure_only and code == 0:
            continue
        if options.show_machine_names:
            onnodes.show_lines(context, node.name, output)
        else:
            onnodes.show_block(context, f"node: {node.name}", output, f"return code = {code}")
    return 0


def _run_on(context: Context, name: str, line: str) -> tuple[int, str]:
    """The exit status; 255 when there is none, and why."""
    try:
        end = context.call("run_command", node=name, command=line, timeout=SECONDS)
    except GanetiError as e:
        return FAILED, str(e)
    if end["reason"]:
        return FAILED, f"{end['output']}{end['reason']}"
    return (FAILED if end["status"] is None else end["status"]), end["output"]


COMMAND = Command(
    purpose="Run a line of the shell on all nodes that are online",
    run=run,
    arguments=(Argument("command", 1, None),),
    usage="[-n <node-name>...] <command>",
    options=("-n/--node", "-g/--node-group", "-M/--show-machine-names", "--failure-only"),
    interspersed=False,
)
