"""Why new instances of each size went where they went, and why no more fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from ganeti_tw.htools.allocate import Found, with_instance
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.space import Filled, Room
from ganeti_tw.htools.why import Comparison, Placing


class SizeWhy(NamedTuple):
    """Some instances of one size in a row: how the first found its place, and why there was not one more."""

    placed: int
    instance: Instance
    first: Comparison | None
    end: Comparison


def why_filled(cluster: Cluster, room: Room, size: Size, filled: Filled) -> Iterator[SizeWhy]:
    """For each size, in the order of allocation; when nothing was placed, for ``size``."""
    view = cluster.copy()
    new = filled.cluster.instances[filled.first :]
    runs = [list(each) for _, each in groupby(new, key=lambda i: (i.memory, i.disk, i.vcpus, i.disk_spindles))]
    for run in runs:
        place = filled.cluster.places[run[0].index]
        placing = _placing(room, view, run[0])
        first = placing.compare(placing.at(place))
        for instance in run:
            found = _found(room, view, instance, filled)
            view = with_instance(view, instance, found.place, found.nodes)
        yield SizeWhy(len(run), run[0], first, _end(room, view, _like(run[0]), filled.first))
    if not runs:
        yield SizeWhy(0, room.instance(view, size, filled.first), None, _end(room, view, size, filled.first))


def _found(room: Room, view: Cluster, instance: Instance, filled: Filled) -> Found:
    found = _placing(room, view, instance).at(filled.cluster.places[instance.index])
    assert found is not None, "it was placed there"
    return found


def _like(instance: Instance) -> Size:
    return Size(instance.memory, instance.disk, instance.vcpus, instance.disk_spindles or 0)


def _end(room: Room, view: Cluster, size: Size, first: int) -> Comparison:
    return _placing(room, view, room.instance(view, size, first)).compare(None)


def _placing(room: Room, view: Cluster, instance: Instance) -> Placing:
    """All nodes as places for the instance, to be compared."""
    everything = range(len(view.nodes))
    return Placing(view, instance, everything, everything, room.rules, pairs=room.pairs)
