"""``gnt-network modify``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.cli.values import pieces

VALUES = ("gateway", "network6", "gateway6", "mac_prefix")
LISTS = ("add_reserved_ips", "remove_reserved_ips")


def run(options: Values, arguments: list[str], context: Context) -> int:
    changes = {name: getattr(options, name) for name in VALUES}
    changes |= {name: None if getattr(options, name) is None else pieces(getattr(options, name)) for name in LISTS}
    if all(value is None for value in changes.values()):
        context.warn("Nothing to change was given; --help lists what can be changed")
        return 1
    op = opcode("OP_NETWORK_SET_PARAMS", options, context, network_name=arguments[0], **changes)
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Change a network; the value 'none' takes one away",
    run=run,
    arguments=(Argument("network"),),
    usage="[<opts>...] <network>",
    options=(
        "--gateway",
        "--network6",
        "--gateway6",
        "-m/--mac-prefix",
        "--add-reserved-ips",
        "--remove-reserved-ips",
        "--dry-run",
        "--priority",
        "--submit",
        "--print-jobid",
    ),
)
