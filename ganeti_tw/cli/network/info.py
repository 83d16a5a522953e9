"""``gnt-network info``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.listing import objects, print_json
from ganeti_tw.cli.structured import natural

FIELDS = (
    "name",
    "uuid",
    "serial_no",
    "network",
    "gateway",
    "network6",
    "gateway6",
    "mac_prefix",
    "free_count",
    "reserved_count",
    "map",
    "external_reservations",
    "group_list",
    "inst_list",
)
WIDTH = 64
"""Characters of the map, and of the list of addresses, in a line."""

Addresses = dict[str, list[str]]
"""Instance -> ``index:address`` of its NICs in a network."""


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = any_of("name", arguments) if arguments else None
    networks = objects(context.call("query", what="network", fields=list(FIELDS), filter=chosen))
    users = _addresses(context, {name for network in networks for name in network["inst_list"]})
    if options.json:
        print_json(context, [{**network, "addresses": users.get(network["uuid"], {})} for network in networks])
        return 0
    for network in networks:
        context.say_all(list(describe(network, users.get(network["uuid"], {}))))
    return 0


def _addresses(context: Context, instances: set[str]) -> dict[str, Addresses]:
    """By UUID of the network."""
    found: dict[str, Addresses] = {}
    if not instances:
        return found
    chosen = any_of("name", sorted(instances, key=natural))
    rows = objects(context.call("query", what="instance", fields=["name", "nic.ips", "nic.networks"], filter=chosen))
    for row in rows:
        for index, (ip, network) in enumerate(zip(row["nic.ips"], row["nic.networks"], strict=True)):
            if network is not None:
                found.setdefault(network, {}).setdefault(row["name"], []).append(f"{index}:{ip}")
    return found


def describe(network: Mapping[str, Any], users: Addresses) -> Iterator[str]:
    """The lines about one network."""
    usage, free = network["map"] or "", network["free_count"] or 0
    size = len(usage)
    yield f"Network name: {network['name']}"
    yield f"UUID: {network['uuid']}"
    yield f"Serial number: {network['serial_no']}"
    yield f"  Subnet: {network['network']}"
    yield f"  Gateway: {network['gateway']}"
    yield f"  IPv6 Subnet: {network['network6']}"
    yield f"  IPv6 Gateway: {network['gateway6']}"
    yield f"  Mac Prefix: {network['mac_prefix']}"
    yield f"  Size: {size}"
    yield f"  Free: {free} ({100 * free / size if size else 0:.2f}%)"
    yield "  Usage map:"
    for start in range(0, size, WIDTH):
        yield f"     {start:>4} {usage[start : start + WIDTH]:<{WIDTH}} {start + WIDTH - 1}"
    yield "         (X) used    (.) free"
    if network["external_reservations"]:
        yield "  externally reserved IPs:"
        yield from (f"    {line}" for line in textwrap.wrap(network["external_reservations"], WIDTH))
    if network["group_list"]:
        yield "  connected to node groups:"
        for group, mode, link, vlan in network["group_list"]:
            yield f"    {group} (mode:{mode} link:{link} vlan:{vlan})"
    else:
        yield "  not connected to any node group"
    if network["inst_list"]:
        yield f"  used by {len(network['inst_list'])} instances:"
        for name in network["inst_list"]:
            yield f"    {name}: {', '.join(users.get(name, ()))}"
    else:
        yield "  not used by any instances"


COMMAND = Command(
    purpose="Show networks in detail",
    run=run,
    arguments=(Argument("network", 0, None),),
    usage="[<network>...]",
    additions=("--json",),
)
