"""How unevenly a set of nodes is used: 0 is perfect, lower is better.

Additions are made one after the other in node order, so that the last digits, and
with them ties between moves, come out as in Ganeti's htools.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

from ganeti_tw.htools.node import Node

# Where each of Node.metrics goes among the components.
SPREAD = (0, 1, 3, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16)

# So many spreads are kept: what is tried one after the other differs in few metrics, and some are always alike.
_KEPT = 1024

COMPONENTS: tuple[tuple[str, float], ...] = (
    ("free_mem_cv", 0.5),
    ("free_disk_cv", 0.5),
    ("n1_cnt", 1.0),
    ("reserved_mem_cv", 1.0),
    ("offline_all_cnt", 4.0),
    ("offline_pri_cnt", 16.0),
    ("vcpu_ratio_cv", 0.5),
    ("cpu_load_cv", 1.0),
    ("mem_load_cv", 1.0),
    ("disk_load_cv", 1.0),
    ("net_load_cv", 1.0),
    ("pri_tags_score", 2.0),
    ("spindles_cv", 0.5),
    ("free_mem_cv_forth", 0.5),
    ("free_disk_cv_forth", 0.5),
    ("vcpu_ratio_cv_forth", 0.5),
    ("spindles_cv_forth", 0.5),
    ("location_score", 1.0),
    ("location_exclusion_score", 1.0),
    ("reserved_mem_rtotal", 0.25),
)
N1, OFFLINE_ALL, OFFLINE_PRIMARY, TAGS, LOCATION, LOCATION_EXCLUSION, RESERVED_TOTAL = 2, 4, 5, 11, 17, 18, 19
WEIGHTS = tuple(weight for _, weight in COMPONENTS)
# What each of Node.metrics weighs.
SPREAD_WEIGHTS = tuple(WEIGHTS[position] for position in SPREAD)
_RESERVED = 2


def total(values: Sequence[float]) -> float:
    """The weighted sum of the components."""
    result = 0.0
    for weight, value in zip(WEIGHTS, values, strict=True):
        result += weight * value
    return result


def score(nodes: Sequence[Node]) -> float:
    return total(components(nodes))


def components(nodes: Sequence[Node]) -> list[float]:
    """The value of each of ``COMPONENTS``; all are 0 where no node is online."""
    values = [0.0] * len(COMPONENTS)
    rows = []
    tagged = []
    reserved = 0.0
    for node in nodes:
        if node.hardware.offline:
            primaries = len(node.primaries)
            values[OFFLINE_ALL] += primaries + len(node.secondaries)
            values[OFFLINE_PRIMARY] += primaries
            continue
        row = node.metrics()
        rows.append(row)
        reserved += row[_RESERVED]
        values[N1] += endangered(node)
        if node.location_score:
            values[LOCATION] += node.location_score
        if node.exclusion:
            values[TAGS] += clashes(node)
            tagged.append(node)
    if not rows:
        return [0.0] * len(COMPONENTS)
    for position, column in zip(SPREAD, zip(*rows, strict=True), strict=True):
        values[position] = spread(column)
    values[RESERVED_TOTAL] = reserved
    if tagged:
        values[LOCATION_EXCLUSION] = location_clashes(tagged)
    return values


def without_spreads(nodes: Sequence[Node]) -> float:
    """The part of the score that simply adds up."""
    values = components(nodes)
    for position in SPREAD:
        values[position] = 0.0
    return total(values)


@lru_cache(_KEPT)
def spread(values: tuple[float, ...]) -> float:
    """The standard deviation of the whole population."""
    count = len(values)
    amount = 0.0
    for value in values:
        amount += value
    mean = amount / count
    squares = 0.0
    for value in values:
        distance = value - mean
        squares += distance * distance
    return sqrt(squares / count)


def endangered(node: Node) -> int:
    """How many instances are on a node that could not take over what is reserved on it."""
    return len(node.primaries) + len(node.secondaries) if node.n1_failure else 0


def clashes(node: Node) -> int:
    """How many instances too many share an exclusion tag on this node."""
    return sum(node.exclusion.values()) - len(node.exclusion)


def location_counts(nodes: Sequence[Node]) -> dict[tuple[str, str], int]:
    """How often each exclusion tag occurs at each location, over all these nodes, forthcoming instances apart."""
    counts: dict[tuple[str, str], int] = {}
    for node in nodes:
        for location in node.hardware.location_tags if node.present_exclusion else ():
            for tag, count in node.present_exclusion.items():
                counts[location, tag] = counts.get((location, tag), 0) + count
    return counts


def location_clashes(online: Sequence[Node]) -> float:
    counts = location_counts(online)
    return float(sum(counts.values()) - len(counts))


def lower_bound(nodes: Sequence[Node]) -> float:
    """What memory reserved for failing nodes costs however well it is spread."""
    if len(nodes) <= 1:
        return 0.0
    memory = 0.0
    reserved = 0
    for node in nodes:
        memory += node.hardware.memory
        reserved += sum(node.peers.values())
    without_largest = memory - max(node.hardware.memory for node in nodes)
    if without_largest <= 0:
        return 0.0
    return 0.25 * (reserved / without_largest - reserved / memory)
