"""The whole configuration at one serial number.

A value: a change gives a new one that shares all that did not change, so readers
may keep the one they have as long as they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from attrs import frozen

from ganeti_tw.errors import BadRequest, NoCluster, NotFound, NotUnique
from ganeti_tw.model import filled, index
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.cluster import Cluster, Top
from ganeti_tw.model.codec import CLASSES, SECTIONS, decode, key_of
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.filter import Filter
from ganeti_tw.model.group import Group
from ganeti_tw.model.index import Index
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.network import Network
from ganeti_tw.model.node import Node
from ganeti_tw.model.rows import CLUSTER, TOP, Delete, Put

_ATTRIBUTES = {
    "node": "nodes",
    "nodegroup": "groups",
    "instance": "instances",
    "network": "networks",
    "disk": "disks",
    "filter": "filters",
}
_NAMED = ("node", "nodegroup", "instance", "network")
_CALLED = {"nodegroup": "group"}

_Changes = dict[str, dict[str, Any]]
"""Kind -> key -> the new object, None when it is no more."""


@frozen(weakref_slot=False, eq=False, repr=False)
class Config:
    """Mappings go from UUID to object.

    Lookups take a full name, a UUID or, for nodes and instances, an unambiguous
    start of the name that ends before a dot (ignoring case); they raise NotFound
    naming what was asked for.  The ``find_`` forms give None instead.
    """

    top: Top
    cluster: Cluster
    nodes: Mapping[str, Node]
    groups: Mapping[str, Group]
    instances: Mapping[str, Instance]
    disks: Mapping[str, Disk]
    networks: Mapping[str, Network]
    filters: Mapping[str, Filter]
    _names: Mapping[str, Index]  # kind -> name -> UUIDs
    _owners: Index  # disk -> instances
    _primaries: Index  # node -> instances
    _secondaries: Index  # node -> instances
    _macs: Index  # MAC -> instances
    _order: tuple[str, ...]  # instances by name

    @classmethod
    def from_rows(cls, rows: Mapping[tuple[str, str], bytes]) -> Config:
        """From all rows of a ledger; kinds that are no configuration are ignored.

        NoCluster when there is none yet; Corrupt names the row that is wrong.
        """
        missing = [kind for kind, key in (TOP, CLUSTER) if (kind, key) not in rows]
        if missing:
            raise NoCluster(f"the ledger has no {' and no '.join(missing)} row: no cluster was made here")
        things: _Changes = {kind: {} for kind in CLASSES}
        for (kind, key), value in rows.items():
            if kind in CLASSES:
                thing = decode(kind, key, value)
                things[kind][_key(kind, key, thing)] = thing
        instances: dict[str, Instance] = things["instance"]
        disks: dict[str, Disk] = things["disk"]
        return cls(
            top=things[TOP[0]][TOP[1]],
            cluster=things[CLUSTER[0]][CLUSTER[1]],
            nodes=things["node"],
            groups=things["nodegroup"],
            instances=instances,
            disks=disks,
            networks=things["network"],
            filters=things["filter"],
            names={k: index.built(index.name_entry(k, t) for t in things[k].values()) for k in _NAMED},
            owners=index.built(e for i in instances.values() for e in index.owner_entries(i)),
            primaries=index.built(e for i in instances.values() for e in index.primary_entries(i)),
            secondaries=index.built(e for i in instances.values() for e in index.secondary_entries(i, disks)),
            macs=index.built(e for i in instances.values() for e in index.mac_entries(i)),
            order=index.ordered(instances),
        )

    @property
    def serial(self) -> int:
        """Raised by each change."""
        return self.top.serial_no

    @property
    def ctime(self) -> float:
        return self.top.ctime

    @property
    def mtime(self) -> float:
        return self.top.mtime

    @property
    def version(self) -> int:
        """3000000 for 3.0."""
        return self.top.version

    # Lookups

    def instance(self, name: str, uuid: str | None = None) -> Instance:
        """The instance of that name or UUID; with ``uuid`` too it must have both, an empty name does not count."""
        return self.instances[self._uuid("instance", name, uuid)]

    def node(self, name: str, uuid: str | None = None) -> Node:
        """The node, in the same way."""
        return self.nodes[self._uuid("node", name, uuid)]

    def nodes_named(self, names: Sequence[str], uuids: Sequence[str] | None = None) -> list[Node]:
        """A node for each name or UUID; with both, as many and in the same order, each must have both."""
        if not names or uuids is None:
            return [self.node(name) for name in names or uuids or ()]
        if len(names) != len(uuids):
            raise BadRequest(f"{len(names)} names and {len(uuids)} UUIDs of nodes: one is needed for each, or none")
        return [self.node(name, uuid) for name, uuid in zip(names, uuids, strict=True)]

    def group(self, name: str) -> Group:
        return self.groups[self._uuid("nodegroup", name)]

    def network(self, name: str) -> Network:
        return self.networks[self._uuid("network", name)]

    def disk(self, uuid: str) -> Disk:
        if uuid not in self.disks:
            raise NotFound(f"there is no disk {uuid}")
        return self.disks[uuid]

    def filter(self, uuid: str) -> Filter:
        if uuid not in self.filters:
            raise NotFound(f"there is no job filter {uuid}")
        return self.filters[uuid]

    def current(self, thing: Any) -> Any:
        """The object that ``thing`` is an edit of, None when there is none yet."""
        kind, key = key_of(thing)
        if (kind, key) == CLUSTER:
            return self.cluster
        return self._things(kind).get(key)

    def find_instance(self, name: str) -> Instance | None:
        found = self._matches("instance", name)
        return self.instances[found[0]] if len(found) == 1 else None

    def find_node(self, name: str) -> Node | None:
        found = self._matches("node", name)
        return self.nodes[found[0]] if len(found) == 1 else None

    def find_group(self, name: str) -> Group | None:
        found = self._matches("nodegroup", name)
        return self.groups[found[0]] if len(found) == 1 else None

    def find_network(self, name: str) -> Network | None:
        found = self._matches("network", name)
        return self.networks[found[0]] if len(found) == 1 else None

    def _uuid(self, kind: str, name: str, uuid: str | None = None) -> str:
        called = _CALLED.get(kind, kind)
        if uuid is not None and not name:
            if uuid not in self._things(kind):
                raise NotFound(f"there is no {called} with UUID {uuid!r}")
            return uuid
        found = self._matches(kind, name)
        if len(found) == 1:
            if uuid not in (None, found[0]):
                raise NotUnique(f"{called} {name} has UUID {found[0]}, not {uuid}: it may be another one by now")
            return found[0]
        if found:
            things = self._things(kind)
            meant = ", ".join(sorted(things[uuid].name for uuid in found))
            raise NotFound(f"{called} {name!r} is ambiguous: {meant}")
        raise NotFound(f"there is no {called} {name!r}")

    def _things(self, kind: str) -> Mapping[str, Any]:
        things: Mapping[str, Any] = getattr(self, _ATTRIBUTES[kind])
        return things

    def _matches(self, kind: str, name: str) -> tuple[str, ...]:
        things = self._things(kind)
        if name in things:
            return (name,)
        filed = self._names[kind].get(index.name_key(kind, name), ())
        exact = tuple(uuid for uuid in filed if things[uuid].name == name)
        if exact or kind not in index.SHORT_NAMES:
            return exact
        folded = name.lower()
        start = folded + "."
        return tuple(u for u in filed if (n := things[u].name.lower()) == folded or n.startswith(start))

    # What belongs together

    @property
    def master(self) -> Node:
        """The node the configuration names as master."""
        return self.node(self.cluster.master_node)

    @property
    def candidates(self) -> tuple[Node, ...]:
        """All master candidates, the master among them, by name."""
        return tuple(sorted((n for n in self.nodes.values() if n.master_candidate), key=lambda n: n.name))

    def nodes_of(self, group_uuid: str) -> tuple[Node, ...]:
        """The nodes of a group, by name."""
        return tuple(sorted((n for n in self.nodes.values() if n.group == group_uuid), key=lambda n: n.name))

    def primaries(self, node_uuid: str) -> tuple[Instance, ...]:
        """Instances whose primary node this is, by name."""
        return self._sorted(self._primaries.get(node_uuid, ()))

    def secondaries_on(self, node_uuid: str) -> tuple[Instance, ...]:
        """Instances that have disks here and their primary node elsewhere, by name."""
        return self._sorted(self._secondaries.get(node_uuid, ()))

    def instances_on(self, node_uuid: str) -> tuple[Instance, ...]:
        """All of the two kinds above, those whose primary node it is first."""
        return (*self.primaries(node_uuid), *self.secondaries_on(node_uuid))

    def primary_count(self, node_uuid: str) -> int:
        return len(self._primaries.get(node_uuid, ()))

    def secondary_count(self, node_uuid: str) -> int:
        return len(self._secondaries.get(node_uuid, ()))

    def _sorted(self, uuids: Iterable[str]) -> tuple[Instance, ...]:
        return tuple(sorted((self.instances[u] for u in uuids), key=lambda i: i.name))

    def instances_by_name(self) -> Iterator[Instance]:
        """All instances, digits in names compared as numbers."""
        return (self.instances[uuid] for uuid in self._order)

    def mac_users(self, mac: str) -> tuple[str, ...]:
        """UUIDs of the instances that have a NIC with this MAC."""
        return self._macs.get(mac, ())

    def owner_of(self, disk_uuid: str) -> Instance | None:
        """The instance a disk belongs to, None when it is detached."""
        owners = self._owners.get(disk_uuid)
        return self.instances[owners[0]] if owners else None

    def disks_of(self, instance: Instance) -> tuple[Disk, ...]:
        """Its disks in order.  NotFound when the configuration lacks one of them."""
        return tuple(self.disk(uuid) for uuid in instance.disks)

    def secondary_nodes(self, instance: Instance) -> tuple[str, ...]:
        """UUIDs of the nodes beside the primary that hold its disks."""
        return index.secondary_nodes(instance, self.disks)

    def nodes_holding(self, instance: Instance) -> tuple[str, ...]:
        """UUIDs of all its nodes, the primary first."""
        return (instance.primary_node, *self.secondary_nodes(instance))

    def disk_template(self, instance: Instance) -> str:
        """The template all its disks have; ``diskless`` without disks, ``mixed`` when they differ."""
        kinds = {disk.dev_type for disk in index.placed_disks(instance, self.disks)}
        if len(kinds) > 1:
            return "mixed"
        return kinds.pop() if kinds else "diskless"

    # Parameters with what they inherit

    def filled_hvparams(self, instance: Instance) -> dict[str, Any]:
        return filled.hvparams(self.cluster, instance.hypervisor, instance.os, instance.hvparams)

    def filled_beparams(self, instance: Instance) -> dict[str, Any]:
        return filled.beparams(self.cluster, instance.beparams)

    def filled_nicparams(self, instance: Instance, nic: Nic) -> dict[str, Any]:
        """Mode, link and vlan; a NIC in a network has those of the primary node's group."""
        return filled.nicparams(self.cluster, self._group_of(instance.primary_node), nic)

    def filled_ndparams(self, node: Node) -> dict[str, Any]:
        return filled.ndparams(self.cluster, self.groups.get(node.group), node.ndparams)

    def filled_osparams(self, instance: Instance) -> dict[str, Any]:
        """Public ones only."""
        return filled.osparams(self.cluster.osparams, instance.os, instance.osparams)

    def filled_osparams_private(self, instance: Instance) -> dict[str, Any]:
        """Not to be shown to anybody but the OS scripts."""
        return filled.osparams(self.cluster.osparams_private_cluster, instance.os, instance.osparams_private)

    def filled_diskparams(self, group: Group) -> dict[str, dict[str, Any]]:
        """By template; those of an instance are those of its primary node's group."""
        return filled.diskparams(self.cluster, group)

    def filled_ipolicy(self, group: Group) -> dict[str, Any]:
        return filled.ipolicy(self.cluster, group)

    def _group_of(self, node_uuid: str) -> Group | None:
        node = self.nodes.get(node_uuid)
        return self.groups.get(node.group) if node is not None else None

    # Changes

    def apply(self, puts: Iterable[Put] = (), deletes: Iterable[Delete] = ()) -> Config:
        """The configuration after a change; rows of other kinds are ignored.

        NoCluster when the change removes the cluster itself.
        """
        changes: _Changes = {}
        for put in puts:
            if put.kind in CLASSES:
                thing = decode(put.kind, put.key, put.value)
                changes.setdefault(put.kind, {})[_key(put.kind, put.key, thing)] = thing
        for delete in deletes:
            if delete.kind in CLASSES:
                changes.setdefault(delete.kind, {})[delete.key] = None
        if not changes:
            return self
        top = changes.get(TOP[0], {}).get(TOP[1], self.top)
        cluster = changes.get(CLUSTER[0], {}).get(CLUSTER[1], self.cluster)
        if top is None or cluster is None:
            raise NoCluster("the change removes the cluster")
        parts: dict[str, Any] = {
            attribute: _merged(self._things(kind), changes[kind])
            for kind, attribute in _ATTRIBUTES.items()
            if kind in changes
        }
        return attrs.evolve(self, top=top, cluster=cluster, **parts, **self._moved_indexes(changes, parts))

    def _moved_indexes(self, changes: _Changes, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        names = dict(self._names)
        for kind in _NAMED:
            if kind in changes:
                before = [t for key in changes[kind] if (t := self._things(kind).get(key)) is not None]
                after = [t for t in changes[kind].values() if t is not None]
                names[kind] = index.moved(
                    names[kind],
                    (index.name_entry(kind, t) for t in before),
                    (index.name_entry(kind, t) for t in after),
                )
        if "instance" not in changes and "disk" not in changes:
            return {"names": names}
        disks: Mapping[str, Disk] = parts.get("disks", self.disks)
        instances: Mapping[str, Instance] = parts.get("instances", self.instances)
        affected = set(changes.get("instance", EMPTY))
        for disk in changes.get("disk", EMPTY):
            affected.update(self._owners.get(disk, ()))  # an instance that gains a disk is changed itself
        before = [self.instances[u] for u in affected if u in self.instances]
        after = [instances[u] for u in affected if u in instances]
        return {
            "names": names,
            "owners": index.moved(
                self._owners,
                (e for i in before for e in index.owner_entries(i)),
                (e for i in after for e in index.owner_entries(i)),
            ),
            "primaries": index.moved(
                self._primaries,
                (e for i in before for e in index.primary_entries(i)),
                (e for i in after for e in index.primary_entries(i)),
            ),
            "secondaries": index.moved(
                self._secondaries,
                (e for i in before for e in index.secondary_entries(i, self.disks)),
                (e for i in after for e in index.secondary_entries(i, disks)),
            ),
            "macs": index.moved(
                self._macs,
                (e for i in before for e in index.mac_entries(i)),
                (e for i in after for e in index.mac_entries(i)),
            ),
            "order": index.reordered(self._order, before, after, instances),
        }


def _key(kind: str, key: str, thing: Any) -> str:
    """The same text as the object holds, so that it is in memory once."""
    own: str = thing.uuid if kind in SECTIONS else key
    return own


def _merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> Mapping[str, Any]:
    new = dict(old)
    for key, thing in changes.items():
        if thing is None:
            new.pop(key, None)
        else:
            new[key] = thing
    return new
