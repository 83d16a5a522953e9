"""The disks of an instance after changes: what is to be made, and what is to be removed."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, NotFound, NotUnique, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.names import device_name
from ganeti_tw.operations.steps import newdisks
from ganeti_tw.operations.steps.devices import (
    ADD,
    ATTACH,
    DETACH,
    REMOVE,
    DeviceChange,
    different_names,
    index_of,
    place_for,
)

MODIFIABLE = ("mode", "name")


@frozen
class ChangedDisks:
    """``disks`` in their order; ``report``: pairs of what changed and its new value."""

    disks: tuple[Disk, ...]
    added: tuple[Disk, ...]
    removed: tuple[Disk, ...]
    report: tuple[tuple[str, Any], ...]


def with_changes(
    config: Config, instance: Instance, changes: Sequence[DeviceChange], uuids: Sequence[tuple[str, str]]
) -> ChangedDisks:
    """One after the other, each seeing the indices as those before it left them.

    ``uuids`` has one pair per change, for a new disk and its file.  Raises errors that name the disk.
    """
    disks = list(config.disks_of(instance))
    added: dict[str, Disk] = {}
    new: set[str] = set()
    removed: list[Disk] = []
    report: list[tuple[str, Any]] = []
    for change, pair in zip(changes, uuids, strict=True):
        if change.action in (ADD, ATTACH):
            index = place_for("disk", disks, change.identifier)
            if change.action == ADD:
                disk = _new(config, instance, disks, change, index, pair)
                added[disk.uuid] = disk
            else:
                disk = _detached(config, instance, disks, change)
            new.add(disk.uuid)
            disks.insert(index, disk)
            report.append((f"disk/{index}", f"{change.action}:size={disk.size},mode={disk.mode}"))
            continue
        index = index_of("disk", disks, change.identifier)
        if change.action in (REMOVE, DETACH):
            disk = disks.pop(index)
            if disk.uuid in new:
                raise BadRequest(f"disk/{index} would be put there and taken away at once")
            if change.action == REMOVE:
                removed.append(disk)
            report.append((f"disk/{index}", change.action))
        else:
            disks[index] = _modified(index, disks[index], change)
            report += [(f"disk.{key}/{index}", getattr(disks[index], key)) for key in change.parameters]
    if len(disks) > newdisks.LIMIT:
        raise BadRequest(f"{len(disks)} disks are too many, at most {newdisks.LIMIT} are possible")
    different_names("disk", disks)
    numbered = tuple(evolve(disk, iv_name=f"disk/{index}") for index, disk in enumerate(disks))
    return ChangedDisks(numbered, tuple(d for d in numbered if d.uuid in added), tuple(removed), tuple(report))


def _new(
    config: Config, instance: Instance, present: list[Disk], change: DeviceChange, index: int, pair: tuple[str, str]
) -> Disk:
    if not present:
        raise WrongState(f"{instance.name} is diskless: a disk can be attached to it, but not added")
    sibling = present[0]
    wanted = [dict(change.parameters)]
    newdisks.check(wanted, sibling.dev_type, first=index)
    (disk,) = newdisks.build(
        config,
        wanted,
        template=sibling.dev_type,
        instance=instance.name,
        node=instance.primary_node,
        directory=None,
        driver=sibling.logical_id[0],
        uuids=[pair],
        first=index,
    )
    # Beside the others, wherever below the cluster's directory they were put.
    directory, name = os.path.dirname(sibling.logical_id[1]), os.path.basename(disk.logical_id[1])
    return evolve(disk, logical_id=(sibling.logical_id[0], f"{directory}/{name}"))


def _detached(config: Config, instance: Instance, present: list[Disk], change: DeviceChange) -> Disk:
    """The disk that is meant, which belongs to nobody."""
    given = {key: value for key, value in change.parameters.items() if value is not None}
    if len(given) != 1 or set(given) - {"uuid", "name"}:
        raise BadRequest("a disk to attach is named by either uuid or name, and nothing else")
    (value,) = given.values()
    found = [disk for disk in config.disks.values() if value in (disk.uuid if "uuid" in given else disk.name,)]
    free = [d for d in found if config.owner_of(d.uuid) is None or d.uuid in instance.disks]
    free = [d for d in free if all(d.uuid != other.uuid for other in present)]
    if not found:
        raise NotFound(f"there is no disk {value!r} to attach")
    if not free:
        owner = config.owner_of(found[0].uuid) or instance
        raise WrongState(f"disk {value!r} belongs to {owner.name}: detach it there first")
    if len(free) > 1:
        raise NotUnique(f"{len(free)} disks are called {value!r}: name the one you mean by its UUID")
    (disk,) = free
    nodes = disk.all_nodes()
    if nodes and instance.primary_node not in nodes:
        there = ", ".join(config.node(uuid).name for uuid in nodes)
        here = config.node(instance.primary_node).name
        raise WrongState(f"disk {value!r} is on {there}, {instance.name} on {here}: they must be on the same node")
    return disk


def _modified(index: int, disk: Disk, change: DeviceChange) -> Disk:
    values: dict[str, Any] = {}
    for key, value in change.parameters.items():
        if key not in MODIFIABLE:
            hint = "; sizes are changed with gnt-instance grow-disk" if key == "size" else ""
            raise BadRequest(f"disk/{index}: {key} cannot be modified, only {', '.join(MODIFIABLE)}{hint}")
        if key == "mode" and value not in ("rw", "ro"):
            raise BadRequest(f"disk/{index}: mode {value!r} is neither rw nor ro")
        if key == "name":
            if value is not None and not isinstance(value, str):
                raise BadRequest(f"disk/{index}: name {value!r} is no text")
            value = None if value is None or value.lower() == "none" else device_name(value)
        values[key] = value
    return evolve(disk, **values)
