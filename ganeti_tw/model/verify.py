"""What is wrong with a configuration in itself, without a look at any node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from ganeti_tw.errors import BadRequest, Corrupt
from ganeti_tw.model import filled, policy
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.roles import pool

CLUSTER_CFG = "ECLUSTERCFG"
DANGLING_INSTANCES = "ECLUSTERDANGLINGINST"
DANGLING_NODES = "ECLUSTERDANGLINGNODES"


class Finding(NamedTuple):
    """``kind`` is the type of object named: cluster, group, node or instance."""

    code: str
    kind: str
    name: str
    text: str
    warning: bool = False


def verify_config(config: Config) -> list[Finding]:
    """All inconsistencies; empty for a sound configuration."""
    return [finding for part in verify_parts(config) for finding in part]


def verify_parts(config: Config) -> Iterator[list[Finding]]:
    """The same piece by piece, for those who let others work in between."""
    name = config.cluster.cluster_name
    for check in (
        _cluster_faults,
        _node_faults,
        _group_faults,
        _instance_faults,
        _network_faults,
        _duplicate_names,
        _duplicate_addresses,
        _duplicate_storage,
    ):
        yield [Finding(CLUSTER_CFG, "cluster", name, text) for text in check(config)]
    yield list(_dangling_nodes(config))
    yield list(_dangling_instances(config))


def _cluster_faults(config: Config) -> Iterator[str]:
    cluster = config.cluster
    master = config.nodes.get(cluster.master_node)
    if master is None:
        yield f"the master is the unknown node {cluster.master_node}"
    elif not master.master_candidate:
        yield f"the master {master.name} is no master candidate"
    if not cluster.enabled_hypervisors:
        yield "no hypervisor is enabled"
    for hypervisor in cluster.enabled_hypervisors:
        if hypervisor not in HYPERVISORS:
            yield f"unknown hypervisor {hypervisor} is enabled"
    if not cluster.enabled_disk_templates:
        yield "no disk template is enabled"
    yield from _policy_faults("the cluster", filled.ipolicy(cluster))
    for uuid in cluster.candidate_certs:
        if uuid not in config.nodes:
            yield f"there is a certificate of the unknown node {uuid}"
    candidates = pool(config.nodes.values(), cluster.candidate_pool_size)
    if candidates.missing:
        yield f"there are {candidates.now} master candidates and {candidates.wanted} are wanted"


def _node_faults(config: Config) -> Iterator[str]:
    for node in config.nodes.values():
        if node.master_candidate + node.drained + node.offline > 1:
            yield f"node {node.name} has more than one of the roles candidate, drained, offline"
        if node.master_candidate and not node.master_capable:
            yield f"node {node.name} is a master candidate but not master capable"


def _group_faults(config: Config) -> Iterator[str]:
    for group in config.groups.values():
        yield from _policy_faults(f"group {group.name}", group.ipolicy, group=True)
        for network in group.networks:
            if network not in config.networks:
                yield f"group {group.name} is connected to the unknown network {network}"


def _policy_faults(owner: str, ipolicy: Any, group: bool = False) -> Iterator[str]:
    try:
        policy.check(ipolicy, group)
    except BadRequest as e:
        yield f"instance policy of {owner}: {e}"


def _instance_faults(config: Config) -> Iterator[str]:
    for instance in config.instances.values():
        if not instance.forthcoming and instance.hypervisor not in config.cluster.enabled_hypervisors:
            yield f"instance {instance.name} needs hypervisor {instance.hypervisor}, which is not enabled"
        if not instance.forthcoming and _filled_minmem_too_large(config, instance):
            yield f"instance {instance.name} has a minmem above its maxmem"
        for uuid in instance.disks:
            if uuid not in config.disks:
                yield f"instance {instance.name} has the unknown disk {uuid}"
        for nic in instance.nics:
            if nic.network is not None and nic.network not in config.networks:
                yield f"a NIC of instance {instance.name} is in the unknown network {nic.network}"
    for disk in config.disks.values():
        for node in disk.all_nodes():
            if node not in config.nodes:
                yield f"disk {disk.uuid} is on the unknown node {node}"


def _filled_minmem_too_large(config: Config, instance: Instance) -> bool:
    be = config.filled_beparams(instance)
    return bool(be["minmem"] > be["maxmem"])


def _network_faults(config: Config) -> Iterator[str]:
    for network in config.networks.values():
        if len(network.reservations) != len(network.ext_reservations):
            yield f"network {network.name}: the two maps of reservations differ in length"
        try:
            IpPool.of(network)
        except Corrupt as e:
            yield e.text


def _duplicate_names(config: Config) -> Iterator[str]:
    for what, things in (
        ("nodes", config.nodes.values()),
        ("groups", config.groups.values()),
        ("instances", (i for i in config.instances.values() if i.name)),
        ("networks", config.networks.values()),
    ):
        for name, number in _repeated(thing.name for thing in things):
            yield f"{number} {what} are called {name}"


def _duplicate_addresses(config: Config) -> Iterator[str]:
    macs: list[str] = []
    addresses: list[tuple[str, str]] = []
    for instance in config.instances.values():
        for nic in instance.nics:
            macs.append(nic.mac)
            if nic.ip:
                where = nic.network or config.filled_nicparams(instance, nic)["link"]
                addresses.append((where, nic.ip))
    for mac, number in _repeated(macs):
        yield f"{number} NICs have the MAC address {mac}"
    for (where, ip), number in _repeated(addresses):
        yield f"{number} NICs have the address {ip} on {where}"
    hosts = [config.cluster.master_ip]
    for node in config.nodes.values():
        hosts.extend({node.primary_ip, node.secondary_ip})
    for ip, _ in _repeated(hosts):
        yield f"address {ip} is used by more than one node, or by a node and the master address"


def _duplicate_storage(config: Config) -> Iterator[str]:
    minors: list[tuple[str, int]] = []
    ports: list[int] = [i.network_port for i in config.instances.values() if i.network_port is not None]
    volumes: list[tuple[str, Any]] = []
    for disk in _with_children(config.disks.values()):
        if disk.dev_type == "drbd" and len(disk.logical_id) >= 5:
            a, b, port, minor_a, minor_b = disk.logical_id[:5]
            minors += [(a, minor_a), (b, minor_b)]
            ports.append(port)
        elif disk.dev_type == "plain":
            volumes += [(node, disk.logical_id) for node in disk.nodes]
    ports += config.cluster.tcpudp_port_pool
    for (node, minor), number in _repeated(minors):
        yield f"DRBD minor {minor} of node {_name(config, node)} is used by {number} disks"
    for port, _ in _repeated(ports):
        yield f"port {port} is used more than once, or used and in the pool of free ports"
    for (node, volume), number in _repeated(volumes):
        yield f"volume {'/'.join(map(str, volume))} of node {_name(config, node)} is used by {number} disks"
    owners = _repeated(uuid for i in config.instances.values() for uuid in i.disks)
    for uuid, number in owners:
        yield f"disk {uuid} belongs to {number} instances"


def _with_children(disks: Iterable[Disk]) -> Iterator[Disk]:
    for disk in disks:
        yield disk
        yield from _with_children(disk.children)


def _repeated(items: Iterable[Hashable]) -> list[tuple[Any, int]]:
    counts: dict[Hashable, int] = defaultdict(int)
    for item in items:
        counts[item] += 1
    return [(item, number) for item, number in counts.items() if number > 1]


def _name(config: Config, node_uuid: str) -> str:
    node = config.nodes.get(node_uuid)
    return node.name if node is not None else node_uuid


def _dangling_nodes(config: Config) -> Iterator[Finding]:
    for node in config.nodes.values():
        if node.group not in config.groups:
            yield Finding(DANGLING_NODES, "node", node.name, f"its group {node.group} does not exist")


def _dangling_instances(config: Config) -> Iterator[Finding]:
    for instance in config.instances.values():
        if instance.primary_node not in config.nodes and not (instance.forthcoming and not instance.primary_node):
            text = f"instance {instance.name} has this node as primary, but it does not exist"
            yield Finding(DANGLING_INSTANCES, "node", instance.primary_node, text)
