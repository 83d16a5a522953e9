"""NICs as they are asked for, turned into NICs of the configuration."""

from __future__ import annotations

import ipaddress
from typing import Any

from attrs import evolve

from ganeti_tw.errors import BadRequest, NoRoom, NotUnique
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Nic
from ganeti_tw.model.names import device_name, mac_address, new_mac
from ganeti_tw.model.parameters import nicparams as nic_input

LIMIT = 8
PARAMETERS = ("mode", "link", "vlan")
FIELDS = ("mac", "ip", "name", "bridge", *PARAMETERS)
GENERATED = ("auto", "generate")


def drafts(config: Config, wanted: list[dict[str, Any]]) -> tuple[Nic, ...]:
    """NICs without UUID and generated MAC; BadRequest names NIC and parameter."""
    if len(wanted) > LIMIT:
        raise BadRequest(f"{len(wanted)} NICs are too many, at most {LIMIT} are possible")
    return tuple(_draft(config, index, nic) for index, nic in enumerate(wanted))


def _draft(config: Config, index: int, nic: dict[str, Any]) -> Nic:
    unknown = sorted(set(nic) - set(FIELDS))
    if unknown:
        raise BadRequest(f"nic/{index}: unknown or not yet supported parameter {', '.join(unknown)}")
    given = dict(nic)
    bridge = given.pop("bridge", None)
    if bridge is not None:
        given.setdefault("link", bridge)
    try:
        params = nic_input({}, {key: given[key] for key in PARAMETERS if key in given})
    except BadRequest as e:
        raise BadRequest(f"nic/{index}: {e.text}") from None
    mode = params.get("mode", config.cluster.nicparams["default"]["mode"])
    ip = given.get("ip")
    ip = None if ip in (None, "", "none") else _address(index, ip)
    if mode == "routed" and ip is None:
        raise BadRequest(f"nic/{index}: a routed NIC needs an ip")
    mac = given.get("mac") or "auto"
    if mac not in GENERATED:
        mac = mac_address(mac)
    name = given.get("name")
    name = None if name in (None, "none") else device_name(name)
    return Nic(mac=mac, ip=ip, name=name, nicparams=params)


def _address(index: int, ip: Any) -> str:
    try:
        return str(ipaddress.ip_address(str(ip)))
    except ValueError:
        raise BadRequest(f"nic/{index}: {ip!r} is no IP address") from None


def finished(
    config: Config, nics: tuple[Nic, ...], uuids: list[str], octets: list[bytes], conflicts_check: bool
) -> tuple[Nic, ...]:
    """NICs with UUIDs and MACs that nobody else has; ``octets`` are random, three bytes each."""
    taken = {nic.mac for instance in config.instances.values() for nic in instance.nics}
    addresses = {nic.ip for i in config.instances.values() for nic in i.nics if nic.ip and not nic.network}
    spare = iter(octets)
    result = []
    for nic, uuid in zip(nics, uuids, strict=True):
        if conflicts_check and nic.ip in addresses:
            raise NotUnique(f"IP {nic.ip} is used by another instance")
        mac = nic.mac if nic.mac not in GENERATED else _free_mac(config.cluster.mac_prefix, taken, spare)
        if mac in taken:
            raise NotUnique(f"MAC {mac} is used by another NIC")
        taken.add(mac)
        result.append(evolve(nic, uuid=uuid, mac=mac))
    return tuple(result)


def _free_mac(prefix: str, taken: set[str], spare: Any) -> str:
    for octets in spare:
        mac = new_mac(prefix, octets)
        if mac not in taken:
            return mac
    raise NoRoom(f"no free MAC address with prefix {prefix} was found; change the prefix")
