"""``gnt-instance info``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field, frozen

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.codec import to_json
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.group import Group
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.instance import FindDisks, ListInstances

NODE_TIMEOUT = 10.0
FEW = 50  # instances that are named when their node is asked; of more it tells everything
SHOWN_AT_ONCE = 100  # some milliseconds of work; more holds up everybody else
DISKS_AT_ONCE = 100  # that a node is asked for in one message
DISK_OK = 1  # Ganeti's code for the state of a local disk


@define
class _Found:
    """What the nodes said: ``states`` by name of the instance, ``paths`` by UUID of the disk."""

    states: dict[str, str] = field(factory=dict)
    paths: dict[str, str] = field(factory=dict)


@operation("OP_INSTANCE_QUERY_DATA", read_only=True)
@frozen
class InstanceQueryData:
    """Everything about some instances, or all, with what their primary nodes say of them.

    Result: name -> object.  ``run_state`` and ``pstatus`` are null where the node
    was not asked or did not answer.  ``pstatus``: path, major, minor, percent in
    sync, seconds left, degraded, state of the local disk.  ``migrating_to`` is
    there while a migration has begun and not ended: the node to which.
    """

    use_locking: bool = False
    instances: list[Filled] = field(factory=list)
    static: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        if not self.use_locking:
            return {}
        wanted: dict[str, int] = {}
        for instance in self._instances(config):
            nodes = [n for uuid in config.nodes_holding(instance) if (n := config.nodes.get(uuid)) is not None]
            wanted[f"instance/{instance.name}"] = SHARED
            wanted.update((f"node/{node.uuid}", SHARED) for node in nodes)
            wanted.update((f"nodegroup/{node.group}", SHARED) for node in nodes)
            wanted.update((f"network/{nic.network}", SHARED) for nic in instance.nics if nic.network is not None)
        return wanted

    def check(self, config: Config) -> None:
        self._instances(config)

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        instances = self._instances(config)
        found = _Found() if self.static else await _ask_nodes(context, config, instances)
        shown: dict[str, Any] = {}
        for number, instance in enumerate(instances, 1):
            shown[instance.name] = _shown(config, instance, found)
            if not number % SHOWN_AT_ONCE:
                await context.sleep(0)
        return shown

    def _instances(self, config: Config) -> list[Instance]:
        if not self.instances:
            return list(config.instances_by_name())
        return list({i.uuid: i for i in map(config.instance, self.instances)}.values())


async def _ask_nodes(context: Context, config: Config, instances: Iterable[Instance]) -> _Found:
    """All nodes at once; those that are offline are not asked, those that fail are left out."""
    by_node: dict[str, list[Instance]] = {}
    for instance in instances:
        node = config.nodes.get(instance.primary_node)
        if node is not None and not node.offline and not instance.forthcoming:
            by_node.setdefault(node.uuid, []).append(instance)
    found = _Found()
    work = [_ask_node(context, config, config.nodes[uuid], here, found) for uuid, here in by_node.items()]
    await context.together(work)
    return found


async def _ask_node(context: Context, config: Config, node: Node, instances: list[Instance], found: _Found) -> None:
    hypervisors = tuple(sorted({i.hypervisor for i in instances}))
    names = tuple(i.name for i in instances) if len(instances) <= FEW else ()
    try:
        guests = await context.on_node(node, ListInstances(hypervisors, names), NODE_TIMEOUT)
    except GanetiError as e:
        context.warn(f"{node.name} does not say what it runs: {e.text}")
        return
    running = {guest.name for guest in guests if guest.state != "shutdown"}
    for instance in instances:
        found.states[instance.name] = "up" if instance.name in running else "down"
    disks = [(i, index, disk) for i in instances for index, disk in enumerate(_disks(config, i))]
    for start in range(0, len(disks), DISKS_AT_ONCE):
        part = disks[start : start + DISKS_AT_ONCE]
        wanted = tuple((instance.name, disk_spec(index, disk)) for instance, index, disk in part)
        try:
            places = await context.on_node(node, FindDisks(wanted), NODE_TIMEOUT)
        except GanetiError as e:
            context.warn(f"{node.name} does not say where disks are: {e.text}")
            return
        for (instance, index, disk), place in zip(part, places, strict=True):
            if place.error:
                context.warn(f"{node.name} cannot find disk/{index} of {instance.name}: {place.error}")
            elif place.path is not None:
                found.paths[disk.uuid] = place.path


def _disks(config: Config, instance: Instance) -> list[Disk]:
    return [disk for uuid in instance.disks if (disk := config.disks.get(uuid)) is not None]


def _shown(config: Config, i: Instance, found: _Found) -> dict[str, Any]:
    primary = config.nodes.get(i.primary_node)
    group = config.groups.get(primary.group) if primary is not None else None
    secondaries = [n for uuid in config.secondary_nodes(i) if (n := config.nodes.get(uuid)) is not None]
    groups: list[Group] = [g for n in secondaries if (g := config.groups.get(n.group)) is not None]
    return {
        "name": i.name,
        "config_state": i.admin_state,
        "run_state": found.states.get(i.name),
        "pnode": primary.name if primary is not None else None,
        "pnode_group_uuid": group.uuid if group is not None else None,
        "pnode_group_name": group.name if group is not None else None,
        "snodes": [n.name for n in secondaries],
        "snodes_group_uuids": [g.uuid for g in groups],
        "snodes_group_names": [g.name for g in groups],
        "os": i.os,
        "nics": [_nic(config, i, nic) for nic in i.nics],
        "disk_template": config.disk_template(i),
        "disks": [_disk(config, disk, found) for disk in _disks(config, i)],
        "hypervisor": i.hypervisor,
        "network_port": i.network_port,
        "hv_instance": dict(i.hvparams),
        "hv_actual": _hvparams(config, i),
        "be_instance": dict(i.beparams),
        "be_actual": config.filled_beparams(i),
        "os_instance": dict(i.osparams),
        "os_actual": config.filled_osparams(i),
        "serial_no": i.serial_no,
        "mtime": i.mtime,
        "ctime": i.ctime,
        "uuid": i.uuid,
        **_on_its_way(config, i),
    }


def _on_its_way(config: Config, i: Instance) -> dict[str, Any]:
    """A key that Ganeti does not know, as in ``config.data``."""
    if i.migrating_to is None:
        return {}
    node = config.nodes.get(i.migrating_to)
    return {"migrating_to": node.name if node is not None else i.migrating_to}


def _hvparams(config: Config, i: Instance) -> dict[str, Any]:
    """Without those that belong to the cluster."""
    declared = HYPERVISORS.get(i.hypervisor, {})
    filled = config.filled_hvparams(i)
    return {k: v for k, v in filled.items() if k not in declared or not declared[k].cluster_only}


def _nic(config: Config, i: Instance, nic: Nic) -> list[Any]:
    filled = config.filled_nicparams(i, nic)
    network = config.networks.get(nic.network) if nic.network is not None else None
    return [
        nic.name,
        nic.uuid,
        nic.ip,
        nic.mac,
        filled["mode"],
        filled["link"],
        filled["vlan"],
        nic.network,
        to_json(network) if network is not None else None,
    ]


def _disk(config: Config, disk: Disk, found: _Found) -> dict[str, Any]:
    path = found.paths.get(disk.uuid)
    return {
        "iv_name": disk.iv_name,
        "dev_type": disk.dev_type,
        "logical_id": list(disk.logical_id),
        "drbd_info": _drbd(config, disk),
        "pstatus": [path, None, None, None, None, False, DISK_OK] if path is not None else None,
        "sstatus": None,
        "children": [_disk(config, child, found) for child in disk.children],
        "mode": disk.mode,
        "size": disk.size,
        "spindles": disk.spindles,
        "name": disk.name,
        "uuid": disk.uuid,
    }


def _drbd(config: Config, disk: Disk) -> dict[str, Any] | None:
    if disk.dev_type != "drbd" or len(disk.logical_id) < 5:
        return None
    node_a, node_b, port, minor_a, minor_b = disk.logical_id[:5]
    names = [n.name if (n := config.nodes.get(uuid)) is not None else None for uuid in (node_a, node_b)]
    return {
        "primary_node": names[0],
        "primary_minor": minor_a,
        "secondary_node": names[1],
        "secondary_minor": minor_b,
        "port": port,
    }
