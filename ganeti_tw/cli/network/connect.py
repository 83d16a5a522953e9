"""``gnt-network connect``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.network._groups import in_each_group
from ganeti_tw.cli.parameters import NIC_DEFAULTS, RESET, typed

BUILT_IN = {"mode": "bridged", "link": "xen-br0", "vlan": ""}


def run(options: Values, arguments: list[str], context: Context) -> int:
    given = typed(options.nicparams, NIC_DEFAULTS, "NIC parameter")
    nicparams = BUILT_IN | {key: value for key, value in given.items() if value not in (None, RESET)}
    return in_each_group(
        "OP_NETWORK_CONNECT",
        arguments[0],
        arguments[1:],
        context,
        options,
        network_mode=nicparams["mode"],
        network_link=nicparams["link"],
        network_vlan=nicparams["vlan"],
        conflicts_check=options.conflicts_check,
    )


COMMAND = Command(
    purpose="Connect a network to node groups, without any named to all of them",
    run=run,
    arguments=(Argument("network"), Argument("group", 0, None)),
    usage="[-N mode=<mode>,link=<link>,vlan=<vlan>] <network> [<group>...]",
    options=("-N/--nic-parameters", "--no-conflicts-check", "--priority"),
)
