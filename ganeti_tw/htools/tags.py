"""What tags of clusters, nodes and instances say about placement."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.instance import Instance

_EXCLUSION = "htools:iextags:"
_DESIRED = "htools:desiredlocation:"
_LOCATION = "htools:nlocation:"
_MIGRATION = "htools:migration:"
_ALLOW_MIGRATION = "htools:allowmigration:"

STANDBY = "htools:standby:"
STANDBY_AUTO = "htools:standby:auto"


def apply_tags(cluster: Cluster, exclusion: Sequence[str] = ()) -> None:
    """Evaluate the cluster's placement tags; ``exclusion`` names more exclusion tags, without their colon."""
    conflicting = tuple(_named_by(cluster.tags, _EXCLUSION)) + tuple(f"{name}:" for name in exclusion)
    desired = tuple(_named_by(cluster.tags, _DESIRED))
    for instance in cluster.instances:
        _tag(instance, conflicting, desired)
    location = tuple(f"{name}:" for name in _named_by(cluster.tags, _LOCATION))
    migration = tuple(f"{name}:" for name in _named_by(cluster.tags, _MIGRATION))
    allowed = [rest.split("::") for rest in _named_by(cluster.tags, _ALLOW_MIGRATION)]
    sources = [(pair[0], pair[1]) for pair in allowed if len(pair) == 2]
    for node in cluster.nodes:
        hardware = node.hardware
        hardware.location_tags = frozenset(_starting(hardware.tags, location))
        hardware.migration_tags = frozenset(_starting(hardware.tags, migration))
        hardware.accepted_migrations = frozenset(source for source, here in sources if here in hardware.tags)
    if location:
        cluster.places = [
            place._replace(location=cluster.common_locations(place.primary, place.secondary))
            if place.secondary != NOWHERE
            else place
            for place in cluster.places
        ]


def tag_instance(cluster: Cluster, instance: Instance) -> None:
    """Evaluate the tags of an instance that is new to the cluster."""
    _tag(instance, tuple(_named_by(cluster.tags, _EXCLUSION)), tuple(_named_by(cluster.tags, _DESIRED)))


def _tag(instance: Instance, conflicting: tuple[str, ...], desired: tuple[str, ...]) -> None:
    instance.exclusion = tuple(_starting(instance.tags, conflicting))
    instance.desired = frozenset(_starting(instance.tags, desired))


def _named_by(tags: Collection[str], start: str) -> list[str]:
    return [tag[len(start) :] for tag in tags if tag.startswith(start)]


def _starting(tags: Collection[str], starts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(tag for tag in tags if tag.startswith(starts))) if starts else []
