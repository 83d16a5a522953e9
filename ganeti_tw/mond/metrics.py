"""Figures in the formats of Prometheus.

The only module that loads its library, which takes a while: only the daemon
imports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from attrs import evolve, frozen
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client import exposition as plain
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import BadRequest, Exists, GanetiError
from ganeti_tw.mond.families import Family, Sort
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.registry import Kind
from ganeti_tw.mond.watch import Watch

AT_ONCE = 1000  # samples made or written before others get a turn: some 10 ms of work
END = b"# EOF\n"
SOURCE_DEADLINE = 2.0
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

log = Logger()

Source = Callable[[], Coroutine[Any, Any, Iterable[Family]]]


@frozen
class Format:
    """How figures are written.  ``end``: what the library puts after each text, and belongs after the last only."""

    content_type: str
    write: Callable[[Any], bytes]
    end: bytes = b""


TEXT = Format("text/plain; version=0.0.4; charset=utf-8", plain.generate_latest)
OPENMETRICS = Format(
    "application/openmetrics-text; version=1.0.0; charset=utf-8", partial(openmetrics.generate_latest), END
)


def format_for(accept: str) -> Format:
    """OpenMetrics for who prefers it to plain text; plain text for everybody else.  ``accept``: the HTTP header."""
    wanted: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        wanted[kind] = max(wanted.get(kind, 0.0), _quality(parameters))
    ours = wanted.get("application/openmetrics-text", 0.0)
    return OPENMETRICS if ours and ours >= wanted.get("text/plain", 0.0) else TEXT


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


class _Collectable(Protocol):
    def collect(self) -> Iterable[Metric]: ...


@frozen
class _Some:
    """Metrics where the library takes a registry."""

    metrics: tuple[Metric, ...]

    def collect(self) -> Iterator[Metric]:
        return iter(self.metrics)


class Exposition:
    """All figures of a host.

    ``sources`` by name: each gives families, or fails alone; then
    ``ganeti_metrics_source_up`` of that name is 0.
    """

    def __init__(self, clock: IReactorTime, monitor: Monitor, sources: Mapping[str, Source] | None = None) -> None:
        self._clock, self._monitor = clock, monitor
        self._sources = dict(sources or {})
        self._complained: set[str] = set()
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    def render(self, wanted: Format) -> Deferred[bytes]:
        """The whole text; others get their turn while it is made."""
        return Deferred.fromCoroutine(self._render(wanted))

    async def _render(self, wanted: Format) -> bytes:
        text = _Text(wanted, self._clock)
        text.parts.append(_written(wanted, self._process))
        up = Family("ganeti_metrics_source_up", "Whether this part of the process told its figures.", ("source",))
        known: set[str] = set()
        await text.add(fare_families(self._monitor), known)
        for name, source in self._sources.items():
            try:
                limited = Deferred.fromCoroutine(source()).addTimeout(SOURCE_DEADLINE, self._clock)
                families = await limited
            except (GanetiError, TimeoutError) as e:
                log.debug("no figures of {source}: {reason}", source=name, reason=str(e))
                up.add(0, name)
            else:
                up.add(1, name)
                await text.add(families, known)
        await text.add([up], known)
        for watch in self._monitor.watches():
            # Whatever a collector of somebody else does: its figures are missing, and only they.
            added = Deferred.fromCoroutine(_add_from(watch, text, known))
            await added.addErrback(self._unusable, watch.collector.name)
        return text.whole()

    def _unusable(self, failure: Failure, name: str) -> Failure | None:
        if failure.check(CancelledError):  # nobody waits any more
            return failure
        if name not in self._complained:
            self._complained.add(name)
            log.failure("no figures of collector {collector}", failure, collector=name)
        return None


class _Text:
    """Grows by some samples at a time; others get their turn in between."""

    def __init__(self, wanted: Format, clock: IReactorTime) -> None:
        self._wanted, self._clock = wanted, clock
        self.parts: list[bytes] = []
        self._batch: list[Metric] = []
        self._size = 0
        self._continues = False  # the batch begins amid a metric

    async def add(self, families: Iterable[Family], known: set[str]) -> None:
        """All of them, or none when one cannot be used; their names join ``known``.  Exists when one is there."""
        made: list[tuple[bool, Metric]] = []
        size = 0
        for family in families:
            for number, piece in enumerate(_pieces(family)):
                if size + len(piece.samples) > AT_ONCE:
                    await self._give_way()
                    size = 0
                size += len(piece.samples)
                made.append((number > 0, metric(piece)))
        names = [m.name for continues, m in made if not continues]
        taken = known.intersection(names)
        if taken or len(set(names)) < len(names):
            raise Exists(f"two figures are called {', '.join(sorted(taken)) or 'the same'}")
        known.update(names)
        for continues, m in made:
            await self._put(m, continues)

    async def _put(self, m: Metric, continues: bool) -> None:
        if not m.samples:
            return
        if not self._batch:
            self._continues = continues
        self._batch.append(m)
        self._size += len(m.samples)
        if self._size >= AT_ONCE:  # so what continues a metric is always the first of its batch
            self._write()
            await self._give_way()

    def whole(self) -> bytes:
        self._write()
        return b"".join(self.parts) + self._wanted.end

    def _write(self) -> None:
        text = _written(self._wanted, _Some(tuple(self._batch)))
        self.parts.append(_without_head(text) if self._continues else text)
        self._batch, self._size, self._continues = [], 0, False

    async def _give_way(self) -> None:
        await deferLater(self._clock, 0)


async def _add_from(watch: Watch, text: _Text, known: set[str]) -> None:
    """Figures made of a collector's last report."""
    report = watch.report
    if watch.collector.families is not None and report is not None and not report.failure:
        await text.add(watch.collector.families(report.data), known)


def _pieces(family: Family) -> Iterator[Family]:
    """The family as several with some of its samples each; the library's metrics cannot grow while they are written."""
    if len(family.samples) <= AT_ONCE:
        yield family
        return
    for start in range(0, len(family.samples), AT_ONCE):
        yield evolve(family, samples=family.samples[start : start + AT_ONCE])


def _without_head(text: bytes) -> bytes:
    """Without the comments that tell what the first metric is."""
    while text.startswith(b"# "):
        text = text.partition(b"\n")[2]
    return text


def _written(wanted: Format, registry: _Collectable) -> bytes:
    return wanted.write(registry).removesuffix(wanted.end)


def metric(family: Family) -> Metric:
    """A family as the library has it; BadRequest when its name cannot be used."""
    if not NAME.fullmatch(family.name):
        raise BadRequest(f"{family.name!r} cannot be the name of a metric")
    if family.sort is Sort.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.text, labels=family.labels)
        for labels, d in family.samples:
            buckets = [(_bound(bound), count) for bound, count in d.buckets]
            histogram.add_metric(labels, buckets, d.sum)
        return histogram
    made: Any = CounterMetricFamily if family.sort is Sort.COUNTER else GaugeMetricFamily
    result = made(family.name, family.text, labels=family.labels)
    for labels, value in family.samples:
        result.add_metric(labels, float(value))
    return result  # type: ignore[no-any-return]


def _bound(value: float) -> str:
    return "+Inf" if value == float("inf") else repr(float(value))


def fare_families(monitor: Monitor) -> list[Family]:
    """How the collectors fare."""
    labels = ("collector",)
    success = Family("ganeti_collector_success", "Whether the collector's last run went well.", labels)
    took = Family("ganeti_collector_duration_seconds", "How long the collector's last run took.", labels)
    at = Family("ganeti_collector_timestamp_seconds", "When the collector's last run ended.", labels)
    text = "Status code of the collector's report: 0 good, 1 being repaired, 2 unknown, 4 bad."
    status = Family("ganeti_collector_status", text, labels)
    runs = Family("ganeti_collector_runs", "Runs of the collector.", labels, Sort.COUNTER)
    failures = Family("ganeti_collector_failures", "Runs of the collector that failed.", labels, Sort.COUNTER)
    for watch in monitor.watches():
        name, report = watch.collector.name, watch.report
        runs.add(watch.runs, name)
        failures.add(watch.failures, name)
        if report is not None:
            success.add(0 if report.failure else 1, name)
            took.add(report.took, name)
            at.add(report.time, name)
            if watch.collector.kind is Kind.STATUS:
                status.add(2 if report.failure else report.data["status"]["code"], name)
    return [success, took, at, status, runs, failures]
