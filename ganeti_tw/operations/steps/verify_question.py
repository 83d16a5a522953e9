"""What nodes are asked about themselves, and the shape of their answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from attrs import frozen

from ganeti_tw.model.ancillary import MASTER_IP_SCRIPT, ancillary_files, files_of
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import Parameter
from ganeti_tw.model.filled import cluster_hvparams
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.node import Node
from ganeti_tw.operations.steps.disks import holders
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.node import InstanceDisk, NodeReport, VerifyNode

PEERS = 3  # nodes that each node tries to reach


@frozen
class Answer:
    """What a node reported, and the times of day between which it did."""

    node: Node
    report: NodeReport
    asked: float
    answered: float


@frozen
class PathUse:
    """A path that a parameter names."""

    path: str
    kind: str
    what: str  # for the finding
    code: str


def question(config: Config, node: Node) -> VerifyNode:
    """All that is asked of a node."""
    cluster = config.cluster
    directories = {"file": cluster.file_storage_dir, "sharedfile": cluster.shared_file_storage_dir}
    return VerifyNode(
        hypervisors=tuple(cluster.enabled_hypervisors) if node.vm_capable else (),
        storage={
            template: directory
            for template, directory in directories.items()
            if node.vm_capable and template in cluster.enabled_disk_templates
        },
        disks=tuple(disks_on(config, node)),
        paths={use.path: use.kind for use in path_uses(config, node)},
        files=ancillary_paths(config),
        peers=dict(_peers(config, node)),
        addresses=dict(_cluster_address(config)),
    )


def ancillary_paths(config: Config) -> tuple[str, ...]:
    """Files beside the configuration that are the same everywhere."""
    return tuple(f.path for f in ancillary_files(config.cluster))


def _peers(config: Config, node: Node) -> Iterator[tuple[str, str]]:
    """What to call them and addresses of the next few nodes of the group: together they try every node."""
    group = [n for n in config.nodes_of(node.group) if not n.offline]
    here = next((index for index, n in enumerate(group) if n.uuid == node.uuid), 0)
    for other in (group[here + 1 :] + group[:here])[:PEERS]:
        for address in dict.fromkeys((other.primary_ip, other.secondary_ip)):
            yield f"{other.name} ({address})", address


def _cluster_address(config: Config) -> Iterator[tuple[str, str]]:
    """What to call it, and the address; none when every host reaches only its own under it."""
    address = config.cluster.master_ip
    if not ipaddress.ip_address(address).is_loopback:
        yield cluster_address(config), address


def cluster_address(config: Config) -> str:
    """What it is called in a finding."""
    return f"the address of the cluster ({config.cluster.master_ip})"


def disks_on(config: Config, node: Node) -> Iterator[InstanceDisk]:
    """The disks that a node should have."""
    for instance in config.instances_on(node.uuid):
        if instance.forthcoming:
            continue
        for index, disk in enumerate(config.disks_of(instance)):
            if node.uuid in holders(config, instance, disk):
                yield InstanceDisk(instance.name, disk_spec(index, disk))


def path_uses(config: Config, node: Node) -> Iterator[PathUse]:
    """Files and directories that must be on a node.

    Of the cluster's parameters only those that somebody chose: the defaults
    count where an instance uses them.
    """
    if node.vm_capable:
        for hypervisor in config.cluster.enabled_hypervisors:
            values = cluster_hvparams(config.cluster, hypervisor)
            for parameter in _path_parameters(hypervisor):
                if values.get(parameter.name) != parameter.default:
                    yield from _use(hypervisor, parameter, values.get(parameter.name), "the cluster")
        for instance in config.instances_on(node.uuid):
            if instance.forthcoming:
                continue
            values = config.filled_hvparams(instance)
            for parameter in _path_parameters(instance.hypervisor):
                yield from _use(instance.hypervisor, parameter, values.get(parameter.name), f"instance {instance.name}")
    if node.master_candidate:
        programs = {config.filled_ndparams(n).get("oob_program") for n in config.nodes_of(node.group)}
        for program in sorted(p for p in programs if p):
            yield PathUse(program, "program", "out-of-band program", "ENODEOOBPATH")
    if MASTER_IP_SCRIPT in files_of(ancillary_files(config.cluster), node):
        yield PathUse(MASTER_IP_SCRIPT.path, "program", "script for the cluster's address", "ENODEUSERSCRIPTS")


def _path_parameters(hypervisor: str) -> list[Parameter]:
    return [p for p in HYPERVISORS.get(hypervisor, {}).values() if p.on_nodes]


def _use(hypervisor: str, parameter: Parameter, value: object, owner: str) -> Iterator[PathUse]:
    # The default of kvm_path stands for whatever QEMU the node has.
    if not isinstance(value, str) or not value.startswith("/"):
        return
    if (hypervisor, parameter.name, value) != ("kvm", "kvm_path", parameter.default):
        yield PathUse(value, parameter.on_nodes, f"{hypervisor} parameter {parameter.name} of {owner}", "ENODEHV")
