"""TCP ports that instances reserve, for their consoles."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ganeti_tw.errors import NoRoom
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance

LAST_PORT = 14999


def port_taken(cluster: Cluster) -> tuple[int, Cluster]:
    """A free port, a given back one first, and the cluster without it."""
    if cluster.tcpudp_port_pool:
        pool = sorted(cluster.tcpudp_port_pool)
        return pool[0], evolve(cluster, tcpudp_port_pool=tuple(pool[1:]))
    port = cluster.highest_used_port + 1
    if port > LAST_PORT:
        raise NoRoom(f"all ports up to {LAST_PORT} are taken; remove instances that are not needed")
    return port, evolve(cluster, highest_used_port=port)


def port_given_back(config: Config, instance: Instance) -> tuple[Any, ...]:
    """What changes in the configuration when an instance gives its port back."""
    if instance.network_port is None:
        return ()
    pool = (*config.cluster.tcpudp_port_pool, instance.network_port)
    return (evolve(config.cluster, tcpudp_port_pool=tuple(sorted(set(pool)))),)
