"""Figures for Prometheus as plain values: whoever knows them need not load its library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from attrs import Factory, define, frozen


class Sort(Enum):
    """What a figure does in time."""

    GAUGE = "gauge"  # goes up and down
    COUNTER = "counter"  # only up, until the process begins anew
    HISTOGRAM = "histogram"


@frozen
class Distribution:
    """How many observations were at most so large.

    ``buckets``: upper bound and number of observations up to it, rising; the
    last bound is infinite.
    """

    buckets: tuple[tuple[float, int], ...]
    sum: float


@define
class Family:
    """One metric with all its label values.

    ``name`` as Prometheus wants it: with the unit, a counter without ``_total``.
    A sample is its label values, in the order of ``labels``, and its value.
    """

    name: str
    text: str
    labels: tuple[str, ...] = ()
    sort: Sort = Sort.GAUGE
    samples: list[tuple[tuple[str, ...], Any]] = Factory(list)

    def add(self, value: Any, *labels: object) -> None:
        """One more sample."""
        self.samples.append((tuple(str(label) for label in labels), value))


def gauge(name: str, text: str, value: float) -> Family:
    """A gauge without labels."""
    return Family(name, text, samples=[((), value)])


def counter(name: str, text: str, value: float) -> Family:
    """A counter without labels."""
    return Family(name, text, sort=Sort.COUNTER, samples=[((), value)])


def columns(
    rows: Iterable[Mapping[str, Any]],
    labels: Mapping[str, str],
    families: Mapping[str, tuple[Family, float]],
) -> list[Family]:
    """Families filled from a table.

    ``labels``: key of the row by label, in order; ``families``: by key of the
    row, with what its value is multiplied by.  Values that are None are left out.
    """
    for row in rows:
        names = tuple("" if row[key] is None else str(row[key]) for key in labels.values())
        for key, (family, factor) in families.items():
            value = row.get(key)
            if value is not None:
                family.labels = tuple(labels)
                family.samples.append((names, value * factor))
    return [family for family, _ in families.values()]
