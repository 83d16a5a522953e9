"""The ways an instance can change its nodes, and what each does to them."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ganeti_tw.htools.cluster import Cluster, Place
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node


class Kind(Enum):
    """Each but the first takes a target node.  The value shows it, ``{}`` being the target."""

    FAILOVER = "f"
    FAILOVER_TO = "fa:{}"
    REPLACE_SECONDARY = "r:{}"
    REPLACE_AND_FAILOVER = "r:{} f"
    REPLACE_PRIMARY = "f r:{} f"
    FAILOVER_AND_REPLACE = "f r:{}"


# The parts of each move: M for migrating to the other node, T to a chosen one, R for replacing the secondary.
PARTS = {
    Kind.FAILOVER: "M",
    Kind.FAILOVER_TO: "T",
    Kind.REPLACE_SECONDARY: "R",
    Kind.REPLACE_AND_FAILOVER: "RM",
    Kind.REPLACE_PRIMARY: "MRM",
    Kind.FAILOVER_AND_REPLACE: "MR",
}


class Move(NamedTuple):
    """``target`` is a node's index, unused by a plain failover."""

    kind: Kind
    target: int = -1


class Outcome(NamedTuple):
    """The nodes as a move leaves them, by index, and the instance's new place."""

    nodes: dict[int, Node]
    place: Place


def attempt(cluster: Cluster, instance: Instance, move: Move, force: bool = False) -> Outcome | Fail:
    """What the move would lead to; ``force`` waives all soft checks.

    Leaving an offline node waives them too, as far as that node is the reason.
    """
    return _ATTEMPTS[move.kind](cluster, instance, move.target, force)


def _failover(cluster: Cluster, instance: Instance, target: int, force: bool) -> Outcome | Fail:
    p, s, location = cluster.places[instance.index]
    old_p, old_s = cluster.nodes[p], cluster.nodes[s]
    if not old_p.hardware.admits_migration_to(old_s.hardware):
        return Fail.MIG
    force = force or old_p.offline
    new_s = old_s.without_secondary(instance, p).with_primary(instance, location, force)
    if isinstance(new_s, Fail):
        return new_s
    left = old_p.without_primary(instance, location)
    new_p = left.with_secondary(instance, s, force, waive_disk=old_p.offline)
    if isinstance(new_p, Fail):
        return new_p
    return Outcome({p: new_p, s: new_s}, Place(s, p, location))


def _failover_to(cluster: Cluster, instance: Instance, target: int, force: bool) -> Outcome | Fail:
    p, s, location = cluster.places[instance.index]
    old_p, old_t = cluster.nodes[p], cluster.nodes[target]
    if not old_p.hardware.admits_migration_to(old_t.hardware):
        return Fail.MIG
    new_t = old_t.with_primary(instance, location, force or old_p.offline)
    if isinstance(new_t, Fail):
        return new_t
    return Outcome({p: old_p.without_primary(instance, location), target: new_t}, Place(target, s, location))


def _replace_secondary(cluster: Cluster, instance: Instance, target: int, force: bool) -> Outcome | Fail:
    p, s, old_location = cluster.places[instance.index]
    location = cluster.common_locations(p, target)
    old_s = cluster.nodes[s]
    new_t = cluster.nodes[target].with_secondary(instance, p, force or old_s.offline)
    if isinstance(new_t, Fail):
        return new_t
    new_p = cluster.nodes[p].without_primary(instance, old_location).with_primary(instance, location, True)
    if isinstance(new_p, Fail):
        return new_p
    new_s = old_s.without_secondary(instance, p)
    return Outcome({p: new_p, s: new_s, target: new_t}, Place(p, target, location))


def _replace_and_failover(cluster: Cluster, instance: Instance, target: int, force: bool) -> Outcome | Fail:
    p, s, old_location = cluster.places[instance.index]
    old_p, old_s, old_t = cluster.nodes[p], cluster.nodes[s], cluster.nodes[target]
    if not old_p.hardware.admits_migration_to(old_t.hardware):
        return Fail.MIG
    location = cluster.common_locations(target, p)
    new_t = old_t.with_primary(instance, location, force)
    if isinstance(new_t, Fail):
        return new_t
    left = old_p.without_primary(instance, old_location)
    new_p = left.with_secondary(instance, target, force or old_s.offline)
    if isinstance(new_p, Fail):
        return new_p
    new_s = old_s.without_secondary(instance, p)
    return Outcome({p: new_p, s: new_s, target: new_t}, Place(target, p, location))


def _replace_primary(cluster: Cluster, instance: Instance, target: int, force: bool) -> Outcome | Fail:
    p, s, old_location = cluster.places[instance.index]
    old_p, old_s, old_t = cluster.nodes[p], cluster.nodes[s], cluster.nodes[target]
    if not (old_p.hardware.admits_migration_to(old_s.hardware) and old_s.hardware.admits_migration_to(old_t.hardware)):
        return Fail.MIG
    force = force or old_p.offline
    location = cluster.common_locations(target, s)
    left = old_s.without_secondary(instance, p)
    # It runs on the secondary while its disks are copied to the target.
    meanwhile = left.with_primary(instance, location, force)
    if isinstance(meanwhile, Fail):
        return meanwhile
    new_t = old_t.with_primary(instance, location, force)
    if isinstance(new_t, Fail):
        return new_t
    new_s = left.with_secondary(instance, target, force)
    if isinstance(new_s, Fail):
        return new_s
    new_p = old_p.without_primary(instance, old_location)
    return Outcome({p: new_p, s: new_s, target: new_t}, Place(target, s, location))


def _failover_and_replace(cluster: Cluster, instance: Instance, target: int, force: bool) -> Outcome | Fail:
    p, s, old_location = cluster.places[instance.index]
    old_p, old_s, old_t = cluster.nodes[p], cluster.nodes[s], cluster.nodes[target]
    if not old_p.hardware.admits_migration_to(old_s.hardware):
        return Fail.MIG
    force = force or old_p.offline
    location = cluster.common_locations(s, target)
    new_s = old_s.without_secondary(instance, p).with_primary(instance, location, force)
    if isinstance(new_s, Fail):
        return new_s
    new_t = old_t.with_secondary(instance, s, force)
    if isinstance(new_t, Fail):
        return new_t
    new_p = old_p.without_primary(instance, old_location)
    return Outcome({p: new_p, s: new_s, target: new_t}, Place(s, target, location))


_ATTEMPTS = {
    Kind.FAILOVER: _failover,
    Kind.FAILOVER_TO: _failover_to,
    Kind.REPLACE_SECONDARY: _replace_secondary,
    Kind.REPLACE_AND_FAILOVER: _replace_and_failover,
    Kind.REPLACE_PRIMARY: _replace_primary,
    Kind.FAILOVER_AND_REPLACE: _failover_and_replace,
}
