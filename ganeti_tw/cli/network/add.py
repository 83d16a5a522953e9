"""``gnt-network add``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.cli.values import pieces
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.network is None:
        raise BadRequest("no subnet given: name it with --network, like --network 192.0.2.0/24")
    op = opcode(
        "OP_NETWORK_ADD",
        options,
        context,
        network_name=arguments[0],
        network=options.network,
        gateway=options.gateway,
        network6=options.network6,
        gateway6=options.gateway6,
        mac_prefix=options.mac_prefix,
        add_reserved_ips=None if options.add_reserved_ips is None else pieces(options.add_reserved_ips),
        conflicts_check=options.conflicts_check,
        tags=[tag for tag in (options.tags or "").split(",") if tag],
    )
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Add a network with a pool of addresses",
    run=run,
    arguments=(Argument("network"),),
    usage="--network=<subnet> [<opts>...] <network-name>",
    options=(
        "--network",
        "--gateway",
        "--network6",
        "--gateway6",
        "-m/--mac-prefix",
        "--add-reserved-ips",
        "--no-conflicts-check",
        "--tags",
        "--dry-run",
        "--priority",
        "--submit",
        "--print-jobid",
    ),
)
