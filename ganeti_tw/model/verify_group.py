"""What the configuration says against the instances of a group, without a look at any node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ganeti_tw.model import policy
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.index import placed_disks
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.model.verify import Finding


def verify_group(config: Config, group: Group) -> list[Finding]:
    """What the configuration says against the instances whose primary node is in the group.

    For a configuration without dangling nodes and instances.
    """
    return [finding for node in config.nodes_of(group.uuid) for finding in verify_node(config, group, node)]


def verify_node(config: Config, group: Group, node: Node) -> list[Finding]:
    """The same for the instances of one node of the group."""
    findings: list[Finding] = []
    instances = config.primaries(node.uuid)
    for instance in instances:
        findings.extend(_placement(config, instance, node, group))
    findings.extend(_exclusion_tags(config, node, instances))
    return findings


def _placement(config: Config, instance: Instance, node: Node, group: Group) -> Iterator[Finding]:
    def finding(code: str, text: str) -> Finding:
        return Finding(code, "instance", instance.name, text)

    if instance.forthcoming:
        return
    if instance.migrating_to is not None:
        other = config.nodes.get(instance.migrating_to)
        yield finding(
            "EINSTANCEWRONGNODE",
            f"it may run on {other.name if other is not None else instance.migrating_to}, a migration to there was "
            f"interrupted: find out with gnt-instance migrate --cleanup {instance.name}",
        )
    secondaries = [config.nodes[u] for u in config.secondary_nodes(instance) if u in config.nodes]
    if len(secondaries) > 1:
        yield finding("EINSTANCELAYOUT", f"it has several secondary nodes: {', '.join(n.name for n in secondaries)}")
    elsewhere = [n.name for n in secondaries if n.group != group.uuid]
    if elsewhere:
        names = ", ".join(elsewhere)
        yield finding("EINSTANCESPLITGROUPS", f"its secondary {names} is in another group than its primary")
    if instance.admin_up and node.offline:
        yield finding("EINSTANCEBADNODE", f"it should run, but its primary node {node.name} is offline")
    template = config.disk_template(instance)
    for n in (node, *secondaries):
        if not n.vm_capable:
            yield finding("EINSTANCEBADNODE", f"it is on node {n.name}, which may not hold instances")
        if config.filled_ndparams(n)["exclusive_storage"] and template not in ("plain", "diskless"):
            yield finding("EINSTANCEUNSUITABLENODE", f"template {template} does not fit exclusive storage of {n.name}")
    if config.filled_ndparams(node)["exclusive_storage"]:
        for disk in placed_disks(instance, config.disks):
            if disk.spindles is None:
                text = f"{disk.iv_name} has no spindles, which exclusive storage needs"
                yield finding("EINSTANCEMISSINGCFGPARAMETER", text)
    if all(uuid in config.disks for uuid in instance.disks):
        for text in policy.instance_violations(config, instance):
            yield finding("EINSTANCEPOLICY", text)


def _exclusion_tags(config: Config, node: Node, instances: Iterable[Instance]) -> Iterator[Finding]:
    start = "htools:iextags:"
    prefixes = [tag[len(start) :] + ":" for tag in config.cluster.tags if tag.startswith(start)]
    holders: dict[str, list[str]] = defaultdict(list)
    for instance in instances:
        for tag in instance.tags:
            if any(tag.startswith(prefix) for prefix in prefixes):
                holders[tag].append(instance.name)
    for tag, names in sorted(holders.items()):
        if len(names) > 1:
            yield Finding("EEXTAGS", "node", node.name, f"{', '.join(names)} share the exclusion tag {tag}")
