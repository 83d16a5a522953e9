"""The simple store: one small text per key that every node keeps for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganeti_tw.model import filled
from ganeti_tw.model.config import Config
from ganeti_tw.model.defaults import HVPARAMS
from ganeti_tw.model.names import natural_key


def ssconf(config: Config, release: str) -> dict[str, str]:
    """Key without ``ssconf_`` -> content.  ``release`` as in 3.0.2."""
    cluster = config.cluster
    nodes = sorted(config.nodes.values(), key=lambda n: natural_key(n.name))
    candidates = [n for n in nodes if n.master_candidate]
    groups = sorted(config.groups.values(), key=lambda g: natural_key(g.name))
    networks = sorted(config.networks.values(), key=lambda n: natural_key(n.name))
    texts = {
        "cluster_name": _lines([cluster.cluster_name]),
        "cluster_tags": _lines(sorted(cluster.tags, key=natural_key)),
        "enabled_user_shutdown": _lines([cluster.enabled_user_shutdown]),
        "file_storage_dir": _lines([cluster.file_storage_dir]),
        "gluster_storage_dir": _lines([cluster.gluster_storage_dir]),
        "hypervisor_list": _lines(cluster.enabled_hypervisors),
        "instance_list": _lines(i.name for i in config.instances_by_name() if i.name),
        "maintain_node_health": _lines([cluster.maintain_node_health]),
        "master_candidates": _lines(n.name for n in candidates),
        "master_candidates_certs": _lines(f"{uuid}={d}" for uuid, d in sorted(cluster.candidate_certs.items())),
        "master_candidates_ips": _lines(n.primary_ip for n in candidates),
        "master_ip": _lines([cluster.master_ip]),
        "master_netdev": _lines([cluster.master_netdev]),
        "master_netmask": _lines([cluster.master_netmask]),
        "master_node": _lines([config.master.name]),
        "networks": _lines(f"{n.uuid} {n.name}" for n in networks),
        "node_list": _lines(n.name for n in nodes),
        "node_primary_ips": _lines(f"{n.name} {n.primary_ip}" for n in nodes),
        "node_secondary_ips": _lines(f"{n.name} {n.secondary_ip}" for n in nodes),
        "node_vm_capable": _lines(f"{n.name}={n.vm_capable}" for n in nodes),
        "nodegroups": _lines(f"{g.uuid} {g.name}" for g in groups),
        "offline_nodes": _lines(n.name for n in nodes if n.offline),
        "online_nodes": _lines(n.name for n in nodes if not n.offline),
        "primary_ip_family": _lines([cluster.primary_ip_family]),
        "release_version": _lines([release]),
        "shared_file_storage_dir": _lines([cluster.shared_file_storage_dir]),
        "ssh_ports": _lines(f"{n.name}={config.filled_ndparams(n)['ssh_port']}" for n in nodes),
        "uid_pool": _lines(_uid_range(low, high) for low, high in cluster.uid_pool),
    }
    for hypervisor in HVPARAMS:
        params = filled.cluster_hvparams(cluster, hypervisor)
        texts[f"hvparams_{hypervisor}"] = _lines(f"{k}={_value(v)}" for k, v in sorted(params.items()))
    return texts


def _lines(items: Iterable[Any]) -> str:
    return "".join(f"{item}\n" for item in items)


def _uid_range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low}-{high}"


def _value(value: Any) -> str:
    return "" if value is None else str(value)
