"""Networks and their address pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ganeti_tw.api.query.fields import Value, field, own, stored, table
from ganeti_tw.api.query.resource import Resource, configured, is_text
from ganeti_tw.api.query.view import View
from ganeti_tw.errors import Corrupt
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.names import natural_key, naturally
from ganeti_tw.model.network import Network


def _of_pool(value: Callable[[IpPool], Any]) -> Value:
    """A field of the pool; no value when the configuration is wrong about it, of which verify speaks."""

    def get(network: Network, view: View) -> Any:
        try:
            return value(IpPool.of(network))
        except Corrupt:
            return None

    return get


def _groups(network: Network, view: View) -> list[list[str]]:
    """Name, mode, link and vlan of each connection."""
    connected = [g for g in view.config.groups.values() if network.uuid in g.networks]
    connected.sort(key=lambda group: natural_key(group.name))
    found = []
    for group in connected:
        connection = group.networks[network.uuid]
        found.append([group.name, *(connection.get(key, "") for key in ("mode", "link", "vlan"))])
    return found


def _users(network: Network, view: View) -> list[str]:
    return naturally(view.users_of_networks.get(network.uuid, ()))


def _all(config: Config) -> list[Network]:
    return list(config.networks.values())


RESOURCE = Resource(
    "network",
    table(
        *stored("network"),
        field(
            "external_reservations",
            "ExternalReservations",
            "text",
            "Addresses that no instance gets from the pool",
            _of_pool(lambda pool: ", ".join(pool.external_addresses)),
        ),
        field(
            "free_count",
            "FreeCount",
            "number",
            "How many addresses can be given out",
            _of_pool(lambda pool: pool.free_count),
        ),
        own("gateway", "Gateway", "other", "IPv4 address of the router"),
        own("gateway6", "IPv6Gateway", "other", "IPv6 address of the router"),
        field(
            "group_cnt",
            "NodeGroups",
            "number",
            "How many node groups are connected",
            lambda network, view: sum(network.uuid in g.networks for g in view.config.groups.values()),
        ),
        field("group_list", "GroupList", "other", "Connected node groups, with mode, link and VLAN", _groups),
        field(
            "inst_cnt",
            "Instances",
            "number",
            "How many instances have a NIC in it",
            lambda network, view: len(view.users_of_networks.get(network.uuid, ())),
        ),
        field("inst_list", "InstanceList", "other", "Instances that have a NIC in it", _users, host=True),
        own("mac_prefix", "MacPrefix", "other", "How MAC addresses of its NICs begin"),
        field(
            "map",
            "Map",
            "text",
            "A character for each address: X in use, . free",
            _of_pool(lambda pool: pool.map),
        ),
        own("name", "Network", "text", "Its name"),
        own("network", "Subnet", "text", "IPv4 subnet"),
        own("network6", "IPv6Subnet", "other", "IPv6 subnet"),
        field(
            "reserved_count",
            "ReservedCount",
            "number",
            "How many addresses are in use or reserved",
            _of_pool(lambda pool: pool.reserved_count),
        ),
    ),
    configured(_all, Config.network),
    is_name=is_text,
    must_exist=True,
)
