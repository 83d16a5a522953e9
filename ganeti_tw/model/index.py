"""Ways to find objects of the configuration fast, kept up to date change by change.

An index maps a text to the sorted UUIDs found under it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.names import natural_key

Index: TypeAlias = Mapping[str, tuple[str, ...]]
Entry: TypeAlias = tuple[str, str]

SHORT_NAMES = ("node", "instance")
"""Kinds that are also found by the start of their name."""


_FEW = 50  # from here sorting anew is cheaper than inserting one by one


def name_key(kind: str, name: str) -> str:
    """Under what a name is filed: for host names the first label, so that short names are found too."""
    return name.partition(".")[0].lower() if kind in SHORT_NAMES else name


def name_entry(kind: str, thing: Any) -> Entry:
    """The entry of one object in the index of names of its kind."""
    return name_key(kind, thing.name), thing.uuid


def placed_disks(instance: Instance, disks: Mapping[str, Disk]) -> Iterator[Disk]:
    """Its disks in order, without those that are not in the configuration."""
    for uuid in instance.disks:
        disk = disks.get(uuid)
        if disk is not None:
            yield disk


def secondary_nodes(instance: Instance, disks: Mapping[str, Disk]) -> tuple[str, ...]:
    """UUIDs of the nodes beside the primary that hold its disks, in order of appearance."""
    found: dict[str, None] = {}
    for disk in placed_disks(instance, disks):
        found.update(dict.fromkeys(disk.all_nodes()))
    found.pop(instance.primary_node, None)
    return tuple(found)


def primary_entries(instance: Instance) -> Iterator[Entry]:
    """Under its primary node, if it has one."""
    if instance.primary_node:
        yield instance.primary_node, instance.uuid


def secondary_entries(instance: Instance, disks: Mapping[str, Disk]) -> Iterator[Entry]:
    """Under each of its secondary nodes."""
    return ((node, instance.uuid) for node in secondary_nodes(instance, disks))


def owner_entries(instance: Instance) -> Iterator[Entry]:
    """Under each of its disks."""
    return ((disk, instance.uuid) for disk in dict.fromkeys(instance.disks))


def mac_entries(instance: Instance) -> Iterator[Entry]:
    """Under each MAC of its NICs."""
    return ((nic.mac, instance.uuid) for nic in instance.nics)


def order(instance: Instance) -> tuple[str, str]:
    """By what instances are sorted wherever they are listed."""
    return natural_key(instance.name), instance.uuid


def ordered(instances: Mapping[str, Instance]) -> tuple[str, ...]:
    """The UUIDs of all instances in the order of their names."""
    return tuple(i.uuid for i in sorted(instances.values(), key=order))


def reordered(
    uuids: tuple[str, ...], gone: Iterable[Instance], come: Iterable[Instance], instances: Mapping[str, Instance]
) -> tuple[str, ...]:
    """The order after some instances went or lost their name and others came.

    ``instances``: all after the change.
    """
    old = {(i.uuid, i.name) for i in gone}
    new = {(i.uuid, i.name): i for i in come}
    if old == new.keys():
        return uuids
    left = {uuid for uuid, _ in old - new.keys()}
    changed = [u for u in uuids if u not in left]
    added = [new[pair] for pair in new.keys() - old]
    if len(added) > _FEW:
        return ordered(instances)
    for instance in added:
        at = bisect_left(changed, order(instance), key=lambda u: order(instances[u]))
        changed.insert(at, instance.uuid)
    return tuple(changed)


def built(entries: Iterable[Entry]) -> Index:
    """An index of all these."""
    gathered: dict[str, list[str]] = {}
    for key, uuid in entries:
        gathered.setdefault(key, []).append(uuid)
    return {key: tuple(sorted(uuids)) for key, uuids in gathered.items()}


def moved(index: Index, gone: Iterable[Entry], come: Iterable[Entry]) -> Index:
    """The index after some entries went and others came; the same one when nothing changes."""
    old, new = set(gone), set(come)
    if old == new:
        return index
    changed = dict(index)
    for key, uuid in old - new:
        rest = tuple(u for u in changed.get(key, ()) if u != uuid)
        if rest:
            changed[key] = rest
        else:
            changed.pop(key, None)
    for key, uuid in new - old:
        uuids = changed.get(key, ())
        at = bisect_left(uuids, uuid)
        if uuids[at : at + 1] != (uuid,):
            changed[key] = (*uuids[:at], uuid, *uuids[at:])
    return changed
