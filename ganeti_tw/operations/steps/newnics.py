"""NICs as they are asked for, turned into NICs of the configuration."""

from __future__ import annotations

import ipaddress
from typing import Any

from attrs import evolve

from ganeti_tw.errors import BadRequest, NoRoom, NotFound, NotUnique
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Nic
from ganeti_tw.model.names import device_name, mac_address, new_mac
from ganeti_tw.model.network import Network
from ganeti_tw.model.parameters import nicparams as nic_input
from ganeti_tw.operations.steps.addresses import POOL

LIMIT = 8
PARAMETERS = ("mode", "link", "vlan")
FIELDS = ("mac", "ip", "name", "network", "bridge", *PARAMETERS)
GENERATED = ("auto", "generate")
NONE = "none"


def drafts(config: Config, group: Group, wanted: list[dict[str, Any]]) -> tuple[Nic, ...]:
    """NICs without UUID and generated MAC, and with the word ``pool`` for an address yet to be taken.

    ``group`` is that of the primary node.  BadRequest names NIC and parameter.
    """
    if len(wanted) > LIMIT:
        raise BadRequest(f"{len(wanted)} NICs are too many, at most {LIMIT} are possible")
    return tuple(draft(config, group, index, nic) for index, nic in enumerate(wanted))


def draft(config: Config, group: Group, index: int, nic: dict[str, Any]) -> Nic:
    """One of :func:`drafts`."""
    given = dict(nic)
    bridge = given.pop("bridge", None)
    if bridge is not None:
        given.setdefault("link", bridge)
    network = _network(config, index, given.get("network"))
    params = _parameters(group, index, given, network)
    mode = params.get("mode", config.cluster.nicparams["default"]["mode"])
    ip = _address(index, given.get("ip"), network)
    if mode == "routed" and ip is None and network is None:
        raise BadRequest(f"nic/{index}: a routed NIC needs an ip")
    mac = given.get("mac") or "auto"
    if mac not in GENERATED:
        mac = mac_address(mac)
    name = given.get("name")
    name = None if name in (None, "none") else device_name(name)
    return Nic(mac=mac, ip=ip, name=name, network=None if network is None else network.uuid, nicparams=params)


def in_network(name: Any) -> bool:
    """Whether what is given as the network of a NIC names one."""
    return isinstance(name, str) and name.lower() not in ("", NONE)


def _network(config: Config, index: int, name: str | None) -> Network | None:
    if name is None or not in_network(name):
        return None
    try:
        return config.network(name)
    except NotFound as e:
        raise NotFound(f"nic/{index}: {e.text}") from None


def _parameters(group: Group, index: int, given: dict[str, Any], network: Network | None) -> dict[str, Any]:
    """The NIC's own link parameters; in a network, a copy of those of its connection to the group."""
    own = {key: given[key] for key in PARAMETERS if given.get(key) is not None}
    if network is None:
        try:
            return nic_input({}, own)
        except BadRequest as e:
            raise BadRequest(f"nic/{index}: {e.text}") from None
    if own:
        raise BadRequest(f"nic/{index}: {', '.join(own)} cannot be given, network {network.name} decides about it")
    return connection(group, index, network)


def connection(group: Group, index: int, network: Network) -> dict[str, Any]:
    """Link parameters of a NIC that is in a network: a copy of those of its connection to the group."""
    if network.uuid not in group.networks:
        raise BadRequest(
            f"nic/{index}: network {network.name} is not connected to group {group.name}; gnt-network connect it first"
        )
    return dict(group.networks[network.uuid])


def _address(index: int, ip: str | None, network: Network | None) -> str | None:
    if not ip or ip.lower() == NONE:
        return None
    if ip.lower() == POOL:
        if network is None:
            raise BadRequest(f"nic/{index}: an ip from a pool needs a network")
        return POOL
    try:
        return str(ipaddress.ip_address(str(ip)))
    except ValueError:
        raise BadRequest(f"nic/{index}: {ip!r} is no IP address") from None


def finished(
    config: Config, nics: tuple[Nic, ...], uuids: list[str], octets: list[bytes], conflicts_check: bool
) -> tuple[Nic, ...]:
    """NICs with UUIDs and MACs that nobody else has; ``octets`` are random, three bytes each.

    Addresses in networks have been taken from their pools already.
    """
    if not nics:
        return ()
    own: set[str] = set()
    addresses: set[str | None] = set()
    if conflicts_check and any(nic.ip and nic.network is None for nic in nics):
        addresses = {nic.ip for i in config.instances.values() for nic in i.nics if nic.ip and not nic.network}
    spare = iter(octets)
    result = []
    for nic, uuid in zip(nics, uuids, strict=True):
        if nic.network is None and nic.ip in addresses:
            raise NotUnique(f"IP {nic.ip} is used by another instance")
        mac = nic.mac if nic.mac not in GENERATED else _free_mac(config, _mac_prefix(config, nic), own, spare)
        if mac in own or config.mac_users(mac):
            raise NotUnique(f"MAC {mac} is used by another NIC")
        own.add(mac)
        result.append(evolve(nic, uuid=uuid, mac=mac))
    return tuple(result)


def _mac_prefix(config: Config, nic: Nic) -> str:
    of_network = config.network(nic.network).mac_prefix if nic.network is not None else None
    return of_network or config.cluster.mac_prefix


def _free_mac(config: Config, prefix: str, own: set[str], spare: Any) -> str:
    for octets in spare:
        mac = new_mac(prefix, octets)
        if mac not in own and not config.mac_users(mac):
            return mac
    raise NoRoom(f"no free MAC address with prefix {prefix} was found; change the prefix")
