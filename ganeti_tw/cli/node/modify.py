"""``gnt-node modify``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli import parameters
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit

QUESTION = (
    "A node that was offline may have missed changes. If it was broken, it is safer to remove it and to add it again "
    "than to mark it online.\nMark it online as it is?"
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    changes = {
        "master_candidate": options.master_candidate,
        "offline": options.offline,
        "drained": options.drained,
        "master_capable": options.master_capable,
        "vm_capable": options.vm_capable,
        "secondary_ip": options.secondary_ip,
        "ndparams": None if options.ndparams is None else parameters.node(options.ndparams),
        "powered": options.node_powered,
        "hv_state": parameters.hypervisor_state(options.hv_state) or None,
        "disk_state": parameters.disk_state(options.disk_state) or None,
    }
    if all(value is None for value in changes.values()):
        context.warn(f"Nothing to change was given; 'gnt-node modify --help' lists the settings of {name}")
        return 1
    if options.offline is False and not options.force and not context.confirm(QUESTION):
        return 1
    flags = {"force": options.force, "auto_promote": options.auto_promote}
    op = opcode("OP_NODE_SET_PARAMS", options, context, node_name=name, **flags, **changes)
    results = submit(context, options, op)
    if results and results[0]:
        context.say(f"Modified node {name}")
        for flag, value in results[0]:
            context.say(f" - {flag:<5} -> {value}")
    return 0


COMMAND = Command(
    purpose="Change the role, the abilities and the parameters of a node",
    run=run,
    arguments=(Argument("node"),),
    usage="<node-name>",
    options=(
        "-f/--force",
        "--submit",
        "--print-jobid",
        "-C/--master-candidate",
        "-D/--drained",
        "-O/--offline",
        "--master-capable",
        "--vm-capable",
        "-s/--secondary-ip",
        "--auto-promote",
        "--dry-run",
        "--priority",
        "--node-parameters",
        "--node-powered",
        "--hypervisor-state",
        "--disk-state",
    ),
)
