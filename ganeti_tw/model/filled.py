"""Parameters with all they inherit: the nearest value wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.model import defaults
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Nic


def hvparams(cluster: Cluster, hypervisor: str, os: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Cluster, then the OS with its variant (not the OS without it), then the instance."""
    by_os = cluster.os_hvp.get(os, EMPTY).get(hypervisor, EMPTY)
    return {**cluster_hvparams(cluster, hypervisor), **by_os, **own}


def cluster_hvparams(cluster: Cluster, hypervisor: str) -> dict[str, Any]:
    """Also for a parameter the cluster was made without."""
    return {**defaults.HVPARAMS.get(hypervisor, EMPTY), **cluster.hvparams.get(hypervisor, EMPTY)}


def beparams(cluster: Cluster, own: Mapping[str, Any] = EMPTY) -> dict[str, Any]:
    return {**defaults.BEPARAMS, **cluster.beparams.get("default", EMPTY), **own}


def nicparams(cluster: Cluster, group: Group | None, nic: Nic) -> dict[str, Any]:
    """Cluster, then the connection of the NIC's network in the group, then the NIC."""
    connection: Mapping[str, Any] = EMPTY
    if nic.network is not None and group is not None:
        connection = group.networks.get(nic.network, EMPTY)
    return {**defaults.NICPARAMS, **cluster.nicparams.get("default", EMPTY), **connection, **nic.nicparams}


def ndparams(cluster: Cluster, group: Group | None, own: Mapping[str, Any] = EMPTY) -> dict[str, Any]:
    of_group = group.ndparams if group is not None else EMPTY
    return {**defaults.NDPARAMS, **cluster.ndparams, **of_group, **own}


def osparams(by_os: Mapping[str, Any], os: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """The OS without its variant, then with it, then the instance."""
    base = os.partition("+")[0]
    return {**by_os.get(base, EMPTY), **by_os.get(os, EMPTY), **own}


def diskparams(cluster: Cluster, group: Group | None = None) -> dict[str, dict[str, Any]]:
    """Template -> parameters."""
    of_group = group.diskparams if group is not None else EMPTY
    return {
        template: {**built_in, **cluster.diskparams.get(template, EMPTY), **of_group.get(template, EMPTY)}
        for template, built_in in defaults.DISKPARAMS.items()
    }


def ipolicy(cluster: Cluster, group: Group | None = None) -> dict[str, Any]:
    """Each key as a whole; ``std`` only from the cluster."""
    of_group = group.ipolicy if group is not None else EMPTY
    return {**defaults.IPOLICY, **cluster.ipolicy, **of_group}
