"""``gnt-instance modify``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, GanetiError, NodeOffline, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import beparams as be_input
from ganeti_tw.model.parameters import hvparams as hv_input
from ganeti_tw.model.parameters import osparams as os_input
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks
from ganeti_tw.operations.inputs import DISK_CHANGES, NIC_CHANGES, DiskTemplate, FileDriver, Filled, Positive
from ganeti_tw.operations.registry import EXCLUSIVE, PRIVATE, SHARED, operation
from ganeti_tw.operations.steps import changeddisks, changednics, communication, conversion, newnics, plugging
from ganeti_tw.operations.steps.balloon import check_memory, set_memory
from ganeti_tw.operations.steps.changeddisks import ChangedDisks
from ganeti_tw.operations.steps.changednics import ChangedNics, Fresh
from ganeti_tw.operations.steps.devices import ADD, DETACH, REMOVE, DeviceChange, changes_of
from ganeti_tw.operations.steps.disks import create_disk, remove_disk
from ganeti_tw.operations.steps.down import is_running, marked_down, really_down
from ganeti_tw.operations.steps.nodes import primary_of, primary_online, settled
from ganeti_tw.operations.steps.oses import check_os, not_blacklisted
from ganeti_tw.operations.steps.policy import check_policy
from ganeti_tw.protocol.config import Changes

TRIES_PER_MAC = 8
CHANGEABLE = (
    "nics",
    "disks",
    "beparams",
    "runtime_mem",
    "hvparams",
    "disk_template",
    "os_name",
    "osparams",
    "osparams_private",
    "offline",
    "pnode",
    "pnode_uuid",
    "instance_communication",
)
REDACTED = "<redacted>"


@frozen
class _Plan:
    """What the configuration shall be, and what is to be told of it."""

    instance: Instance
    disks: ChangedDisks
    nics: ChangedNics
    report: list[tuple[str, Any]]

    def changes(self, config: Config) -> Changes:
        changed = [disk for disk in self.disks.disks if config.disks.get(disk.uuid) != disk]
        return Changes(puts=(self.instance, *changed, *self.nics.networks), deletes=self.disks.removed)


@operation("OP_INSTANCE_SET_PARAMS", summary="instance_name")
@frozen
class InstanceSetParams:
    """Change what is configured of an instance; a running one mostly shows it after its next start.

    Disks are made before and removed after the configuration says so; it changes
    in one piece.  Result: pairs of what changed and its new value.
    """

    instance_name: str
    instance_uuid: Filled | None = None
    force: bool = False
    force_variant: bool = False
    ignore_ipolicy: bool = False
    nics: list[Any] = field(factory=list, validator=NIC_CHANGES)
    disks: list[Any] = field(factory=list, validator=DISK_CHANGES)
    beparams: dict[str, Any] = field(factory=dict)
    runtime_mem: Positive | None = None
    hvparams: dict[str, Any] = field(factory=dict)
    disk_template: DiskTemplate | None = None
    ext_params: dict[str, Any] = field(factory=dict)
    file_driver: FileDriver | None = None  # clients send it always; only other disk templates need it
    file_storage_dir: Filled | None = None
    pnode: Filled | None = None
    pnode_uuid: Filled | None = None
    remote_node: Filled | None = None
    remote_node_uuid: Filled | None = None
    iallocator: Filled | None = None
    os_name: Filled | None = None
    osparams: dict[str, Any] = field(factory=dict)
    osparams_private: dict[str, Any] | None = field(default=None, metadata=PRIVATE)
    wait_for_sync: bool = True
    offline: bool | None = None
    conflicts_check: bool = True
    hotplug: bool = False
    hotplug_if_possible: bool = False
    instance_communication: bool | None = None

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        primary, wanted = self._primary(config, instance), {f"instance/{instance.name}": EXCLUSIVE}
        wanted[f"nodegroup/{primary.group}"] = SHARED
        for uuid in (instance.primary_node, primary.uuid):
            wanted[f"node/{uuid}"] = SHARED
        if self.disks or self.disk_template:
            wanted[f"node-res/{instance.primary_node}"] = EXCLUSIVE
        return wanted

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        if all(getattr(self, name) in (None, [], {}) for name in CHANGEABLE):
            raise BadRequest(f"nothing to change is given; it could be {', '.join(CHANGEABLE)}")
        settled(config, instance)
        if instance.forthcoming:
            marked_down(instance, "")
        if self.offline is not None:
            marked_down(instance, "to mark it offline or online")
        if self.os_name:
            not_blacklisted(config, self.os_name)
        if self.runtime_mem is not None:
            check_memory(config, self._with_parameters(config, instance), self.runtime_mem, force=self.force)
        self._check_template(config, instance)
        self._check_disks(config, instance)
        self._check_primary(config, instance)
        self._plan(config, None)

    def hooks(self, config: Config) -> Hooks:
        """Before the change already with its values, but with the disks as they are."""
        before = config.instance(self.instance_name, self.instance_uuid)
        planned = evolve(self._plan(config, None).instance, disks=before.disks)
        own = {} if self.disk_template is None else {"NEW_DISK_TEMPLATE": self.disk_template}
        return instance_hooks(config, "instance-modify", planned, own)

    async def run(self, context: Context) -> list[tuple[str, Any]]:
        instance = context.config.instance(self.instance_name, self.instance_uuid)
        await self._check_on_nodes(context, instance)
        nic_changes, disk_changes = self._changes(context.config, instance)
        fresh = _Fresh(
            Fresh(
                [context.new_uuid() for _ in nic_changes],
                [context.random_bytes(3) for _ in range(TRIES_PER_MAC * len(nic_changes))],
            ),
            [(context.new_uuid(), context.new_uuid()) for _ in range(self._new_disks(instance, disk_changes))],
        )
        plugs = await self._can_plug(context, instance)
        if self.runtime_mem is not None:
            await set_memory(context, instance, self.runtime_mem)
        plan = self._plan(context.config, fresh)
        for disk in plan.disks.added:
            index = plan.disks.disks.index(disk)
            context.say(f"* creating disk/{index} of {instance.name}")
            await create_disk(context, instance, index, disk, needed=lambda d=disk: d.uuid in context.config.disks)  # type: ignore[misc]
        if self.disk_template:
            await conversion.copy_disks(context, instance, plan.disks.removed, plan.disks.added)
        made: list[_Plan] = []

        def change(config: Config) -> Changes:
            made[:] = [self._plan(config, fresh)]
            return made[0].changes(config)

        plugged: list[tuple[str, Any]] = []
        if plugs:
            plugged += await plugging.unplug(context, context.config, instance, plan.instance)
        config = await context.edit(change)
        context.keep()
        if plugs:
            plugged += await plugging.plug(context, config, instance, config.instance(instance.uuid))
        for disk in plan.disks.removed:
            index = instance.disks.index(disk.uuid)
            context.say(f"* removing disk/{index} of {instance.name}")
            await remove_disk(context, instance, index, disk, ignore_failures=True)
        return [*made[0].report, *plugged]

    async def _can_plug(self, context: Context, instance: Instance) -> bool:
        if not (self.hotplug or self.hotplug_if_possible) or not (self.nics or self.disks):
            return False
        possible = await plugging.can_plug(context, instance, needed=self.hotplug)
        if not possible and self._takes_disks():
            await really_down(context, instance, "to take disks away")
        return possible

    def _takes_disks(self) -> bool:
        return any(change.action in (REMOVE, DETACH) for change in changes_of("disk", self.disks))

    def _changes(self, config: Config, instance: Instance) -> tuple[tuple[DeviceChange, ...], tuple[DeviceChange, ...]]:
        own = communication.nic_changes(config, instance, self.instance_communication)
        return changes_of("nic", [*self.nics, *own]), changes_of("disk", self.disks)

    def _new_disks(self, instance: Instance, changes: Sequence[DeviceChange]) -> int:
        """For how many disks there must be UUIDs."""
        return len(instance.disks) if self.disk_template else len(changes)

    def _primary(self, config: Config, instance: Instance) -> Node:
        """The node it shall be on."""
        if self.pnode or self.pnode_uuid:
            return config.node(self.pnode or "", self.pnode_uuid)
        return config.node(instance.primary_node)

    def _check_template(self, config: Config, instance: Instance) -> None:
        if self.remote_node or self.remote_node_uuid or self.iallocator:
            raise BadRequest("a secondary node (-n, -I) is given when disks are converted to drbd, and only then")
        if self.ext_params:
            raise BadRequest("parameters of a storage provider (-e) are given when disks are converted to ext")
        if self.disk_template is None:
            if self.file_storage_dir:
                raise BadRequest("a directory for disks is given when they are converted (-t), and only then")
            return
        if self.disks:
            raise BadRequest("disks cannot be converted and changed at once")
        if self.pnode or self.pnode_uuid:
            raise BadRequest("disks cannot be converted and their node be changed at once")
        conversion.check(config, instance, self.disk_template)

    def _check_disks(self, config: Config, instance: Instance) -> None:
        actions = {change.action for change in changes_of("disk", self.disks)}
        if actions & {REMOVE, DETACH} and not (self.hotplug or self.hotplug_if_possible):
            marked_down(instance, "to take disks away, or use --hotplug")
        if actions & {ADD, REMOVE}:
            primary_online(config, instance)
        if ADD in actions and not self.wait_for_sync and not instance.disks_active:
            raise BadRequest(f"the disks of {instance.name} are not active: --no-wait-for-sync needs active disks")
        if actions and (self.pnode or self.pnode_uuid):
            raise BadRequest("disks and the primary node cannot be changed at once")

    def _check_primary(self, config: Config, instance: Instance) -> None:
        primary = self._primary(config, instance)
        if primary.uuid == instance.primary_node:
            return
        if self.force:
            return
        if primary.offline:
            raise NodeOffline(f"node {primary.name} is marked offline; use --force")
        if not primary.vm_capable:
            raise WrongState(f"node {primary.name} is not vm_capable: it cannot hold instances")

    async def _check_on_nodes(self, context: Context, instance: Instance) -> None:
        """Ask the nodes what only they know: whether it runs, and their OS definitions."""
        config = context.config
        before, after = primary_of(config, instance), self._primary(config, instance)
        if after.uuid != before.uuid and not self.force:
            await self._check_not_running(context, instance, before)
        taken_away = self._takes_disks() and not (self.hotplug or self.hotplug_if_possible)
        if (self.offline or taken_away or self.disk_template) and not before.offline:
            await really_down(context, instance, "for this change")
        if (self.os_name or self.osparams or self.osparams_private) and not self.force:
            changed = self._with_os(instance)
            if changed.os:
                names = {**changed.osparams, **changed.osparams_private}
                await check_os(context, after, changed.os, names, force_variant=self.force_variant)

    async def _check_not_running(self, context: Context, instance: Instance, node: Node) -> None:
        try:
            running = await is_running(context, instance)
        except GanetiError as e:
            context.warn(f"cannot see whether {instance.name} runs on {node.name}: {e.text}")
            return
        if running:
            raise WrongState(f"{instance.name} runs on {node.name}: shut it down before its primary node is changed")

    def _plan(self, config: Config, fresh: _Fresh | None) -> _Plan:
        """Everything as it shall be; raises for what is wrong.  Without ``fresh`` nothing new gets its UUID."""
        before = config.instance(self.instance_name, self.instance_uuid)
        primary = self._primary(config, before)
        group = config.groups[primary.group]
        nic_changes, disk_changes = self._changes(config, before)
        count = self._new_disks(before, disk_changes)
        pairs = fresh.disks if fresh is not None else [(f"new{n}", f"new{n}") for n in range(count)]
        if self.disk_template:
            disks = conversion.converted(
                config, before, self.disk_template, self.file_storage_dir, self.file_driver, pairs
            )
        else:
            disks = changeddisks.with_changes(config, before, disk_changes, pairs)
        moves = primary.uuid != before.primary_node
        moved = evolve(before, nics=_moved_nics(config, before, group)) if moves else before
        nics = changednics.with_changes(
            config,
            moved,
            group,
            nic_changes,
            fresh=fresh.nics if fresh is not None else None,
            conflicts_check=self.conflicts_check,
        )
        after = evolve(
            self._with_os(self._with_parameters(config, before)),
            primary_node=primary.uuid,
            nics=nics.nics,
            disks=tuple(disk.uuid for disk in disks.disks),
        )
        if moves:
            disks = evolve(disks, disks=tuple(_moved_disk(d, before.primary_node, primary.uuid) for d in disks.disks))
        if self.offline is not None:
            after = evolve(after, admin_state="offline" if self.offline else "down", admin_state_source="admin")
        sizes = [disk.size for disk in disks.disks]
        grown = (sizes, len(nics.nics), after.beparams) != (
            [disk.size for disk in config.disks_of(before)],
            len(before.nics),
            before.beparams,
        )
        if (grown or moves or self.disk_template) and not self.ignore_ipolicy:
            check_policy(config, after, primary, _template(disks.disks), sizes, with_minmem=True)
        report = [*disks.report, *nics.report, *self._report(config, before, after)]
        return _Plan(after, disks, nics, report)

    def _with_parameters(self, config: Config, instance: Instance) -> Instance:
        return evolve(
            instance,
            hvparams=hv_input(instance.hypervisor, instance.hvparams, self.hvparams),
            beparams=be_input(instance.beparams, self.beparams, config.cluster.beparams["default"]),
        )

    def _with_os(self, instance: Instance) -> Instance:
        return evolve(
            instance,
            os=self.os_name or instance.os,
            osparams=os_input(instance.osparams, self.osparams),
            osparams_private=os_input(instance.osparams_private, self.osparams_private or {}),
        )

    def _report(self, config: Config, before: Instance, after: Instance) -> list[tuple[str, Any]]:
        told: list[tuple[str, Any]] = [(f"hv/{name}", value) for name, value in self.hvparams.items()]
        names = [n for name in self.beparams for n in (("minmem", "maxmem") if name == "memory" else (name,))]
        told += [(f"be/{name}", after.beparams.get(name, "default")) for name in names]
        if self.runtime_mem is not None:
            told.append(("runtime_memory", self.runtime_mem))
        if self.os_name:
            told.append(("os", after.os))
        told += [(f"os/{name}", value) for name, value in self.osparams.items()]
        told += [(f"os_private/{name}", REDACTED) for name in self.osparams_private or {}]
        if self.offline is not None:
            told.append(("admin_state", after.admin_state))
        if after.primary_node != before.primary_node:
            told.append(("primary_node", config.node(after.primary_node).name))
        return told


@frozen
class _Fresh:
    """UUIDs and random bytes for what is new; of a disk one for itself and one for its file."""

    nics: Fresh
    disks: list[tuple[str, str]]


def _moved_nics(config: Config, instance: Instance, group: Group) -> tuple[Nic, ...]:
    """The NICs as they are in another group."""
    moved = []
    for index, nic in enumerate(instance.nics):
        if nic.network is not None:
            network = config.network(nic.network)
            params = newnics.connection(group, index, network)
            nic = evolve(nic, nicparams=params)
        moved.append(nic)
    return tuple(moved)


def _moved_disk(disk: Disk, before: str, after: str) -> Disk:
    """A disk that is on one node only is taken to be where the instance is said to be."""
    return evolve(disk, nodes=(after,)) if disk.nodes == (before,) and not disk.children else disk


def _template(disks: tuple[Disk, ...]) -> str:
    kinds = {disk.dev_type for disk in disks}
    return "mixed" if len(kinds) > 1 else kinds.pop() if kinds else "diskless"
