"""Addresses that NICs take from the pools of their networks, and give back."""

from __future__ import annotations

from collections.abc import Container, Iterable

from attrs import evolve

from ganeti_tw.errors import GanetiError, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Nic
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.network import Network

POOL = "pool"
"""Instead of an address: the first free one of the network."""


def addresses_taken(
    config: Config, group: Group, nics: Iterable[Nic], conflicts_check: bool, only: Container[int] | None = None
) -> tuple[tuple[Nic, ...], tuple[Network, ...]]:
    """The NICs with their addresses, and the networks without those as they shall be stored.

    Fixed addresses are taken before those from pools.  ``group`` is that of the
    primary node.  With the check, addresses reserved externally are refused, and
    on a NIC outside of all networks those inside a network of the group.  With
    ``only``, NICs at other indices have their addresses already.  Raises errors
    that name the NIC and the address.
    """
    wanted = list(nics)
    new = [index for index in range(len(wanted)) if only is None or index in only]
    taking = [wanted[index] for index in new]
    pools = {n.network: IpPool.of(config.network(n.network)) for n in taking if n.network is not None and n.ip}
    for index in new:
        nic = wanted[index]
        if nic.network is None:
            if conflicts_check:
                _outside_of_networks(config, group, index, nic)
        elif nic.ip and nic.ip != POOL:
            try:
                pools[nic.network] = pools[nic.network].reserve(nic.ip, even_external=not conflicts_check)
            except GanetiError as e:
                raise type(e)(f"nic/{index}: {e.text} (network {config.network(nic.network).name})") from None
    for index in new:
        nic = wanted[index]
        if nic.network is not None and nic.ip == POOL:
            try:
                ip, pools[nic.network] = pools[nic.network].take_next()
            except GanetiError as e:
                raise type(e)(f"nic/{index}: {e.text} (network {config.network(nic.network).name})") from None
            wanted[index] = evolve(nic, ip=ip)
    return tuple(wanted), tuple(pool.stored_in(config.network(uuid)) for uuid, pool in pools.items())


def _outside_of_networks(config: Config, group: Group, index: int, nic: Nic) -> None:
    for uuid in group.networks:
        network = config.network(uuid)
        if nic.ip in IpPool.of(network):
            raise WrongState(
                f"nic/{index}: address {nic.ip} belongs to network {network.name} ({network.network}), "
                f"which is connected to group {group.name}: put the NIC into it, or use --no-conflicts-check"
            )


def addresses_given_back(config: Config, nics: Iterable[Nic]) -> tuple[Network, ...]:
    """The networks as they are without the addresses of these NICs."""
    pools: dict[str, IpPool] = {}
    for nic in nics:
        if nic.network is None or nic.network not in config.networks or not nic.ip:
            continue
        pool = pools.get(nic.network) or IpPool.of(config.networks[nic.network])
        if nic.ip in pool and pool.has_instance(nic.ip):
            pools[nic.network] = pool.release(nic.ip)
    return tuple(pool.stored_in(config.networks[uuid]) for uuid, pool in pools.items())
