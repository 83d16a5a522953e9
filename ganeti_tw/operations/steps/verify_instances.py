"""What the reports of nodes say of instances: where they run, their disks, whether other nodes could take them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.model.status import ERROR_DOWN, ERROR_UP, Seen, status
from ganeti_tw.model.verify import Finding
from ganeti_tw.operations.steps.verify_question import Answer, disks_on


def instance_findings(config: Config, answers: Iterable[Answer]) -> Iterator[Finding]:
    """Instances that do not run where and when they should, and guests that nobody knows."""
    for a in answers:
        running = {g.name: g.state for g in a.report.guests}
        for instance in config.primaries(a.node.uuid):
            if instance.forthcoming or a.report.hypervisors.get(instance.hypervisor) != "":
                continue
            state = running.get(instance.name)
            found = status(config, instance, True, None if state is None else Seen(a.node.uuid, state))
            if found == ERROR_DOWN:
                text = f"it should run, but does not on its primary node {a.node.name}"
                yield Finding("EINSTANCEDOWN", "instance", instance.name, text)
            elif found == ERROR_UP:
                text = f"it runs on {a.node.name} but should be {instance.admin_state}"
                yield Finding("EINSTANCEWRONGNODE", "instance", instance.name, text)
        for name, state in sorted(running.items()):
            if state != "shutdown":
                yield from _stranger(config, a.node, name)


def _stranger(config: Config, node: Node, name: str) -> Iterator[Finding]:
    found = config.find_instance(name)
    if found is None or found.name != name:
        yield Finding("ENODEORPHANINSTANCE", "node", node.name, f"it runs {name}, an instance that nobody knows")
    elif found.primary_node != node.uuid or found.forthcoming:
        yield Finding("EINSTANCEWRONGNODE", "instance", name, f"it should not run on {node.name}")


def disk_findings(config: Config, answers: Iterable[Answer], group: Group) -> Iterator[Finding]:
    """Disks, of instances whose primary node is in the group, that are not where they should be."""
    for a in answers:
        if not a.report.disks:
            continue
        for wanted in disks_on(config, a.node):
            instance = config.instance(wanted.instance)
            if wanted.disk.uuid not in a.report.disks or not _of_group(config, instance, group):
                continue
            problem = a.report.disks[wanted.disk.uuid]
            which = f"disk/{wanted.disk.index} ({wanted.disk.dev_type})"
            if problem is None:
                text = f"{which} is missing on {a.node.name}"
                yield Finding("EINSTANCEMISSINGDISK", "instance", wanted.instance, text)
            else:
                text = f"{which} on {a.node.name}: {problem}"
                yield Finding("EINSTANCEFAULTYDISK", "instance", wanted.instance, text)


def _of_group(config: Config, instance: Instance, group: Group) -> bool:
    primary = config.nodes.get(instance.primary_node)
    return primary is not None and primary.group == group.uuid


def memory_findings(config: Config, answers: Iterable[Answer]) -> Iterator[Finding]:
    """Nodes that could not take the instances of another node that fails."""
    for a in answers:
        free = a.report.memory_free
        if free is None or a.node.offline:
            continue
        needed: dict[str, int] = defaultdict(int)
        for instance in config.secondaries_on(a.node.uuid):
            be = config.filled_beparams(instance)
            if be["auto_balance"] and instance.admin_up:
                needed[instance.primary_node] += be["minmem"]
        for uuid, memory in sorted(needed.items()):
            if memory > free:
                failing = config.nodes[uuid].name if uuid in config.nodes else uuid
                text = f"it has {free} MiB free, if {failing} fails its instances need {memory}"
                yield Finding("ENODEN1", "node", a.node.name, text)
