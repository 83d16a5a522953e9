"""Average number of busy CPUs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from ganeti_tw.mond.families import Family, gauge
from ganeti_tw.mond.registry import BadReport, Host, Kind, figures, sampling_collector

WINDOW = 600  # seconds
KEEP = 150  # samples


@frozen
class Sample:
    """Busy ticks since boot: of all CPUs together, and of each."""

    time: float
    total: int
    each: tuple[int, ...]


async def sample(host: Host) -> Sample:
    """The counters now."""
    return parse(await host.read_text("/proc/stat"), host.now())


@sampling_collector("cpu-avg-load", category=None, kind=Kind.PERFORMANCE, sample=sample, keep=KEEP)
async def cpu_avg_load(host: Host, samples: Sequence[Sample]) -> dict[str, Any]:
    """Busy CPUs over the last ten minutes; ``error`` while there are less than two samples."""
    return average(samples, host.now(), host.ticks_per_second)


def parse(text: str, now: float) -> Sample:
    """A sample from ``/proc/stat`` (``proc(5)``): every column but idle counts as busy."""
    total: int | None = None
    each = []
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if not name.startswith("cpu"):
            continue
        try:
            ticks = [int(column) for column in rest.split()]
            busy = sum(ticks) - ticks[3]
        except (ValueError, IndexError):
            raise BadReport(f"/proc/stat: {line!r}") from None
        if name == "cpu":
            total = busy
        else:
            each.append(busy)
    if total is None:
        raise BadReport("/proc/stat: no line starts with cpu")
    return Sample(now, total, tuple(each))


def average(samples: Sequence[Sample], now: float, ticks_per_second: int) -> dict[str, Any]:
    """The load between the oldest and the newest sample that are in the window and count the same CPUs."""
    usable = [s for s in samples if s.time >= now - WINDOW and len(s.each) == len(samples[-1].each)]
    if len(usable) < 2 or usable[-1].time <= usable[0].time:
        return {"error": "not enough samples yet"}
    first, last = usable[0], usable[-1]
    ticks = (last.time - first.time) * ticks_per_second
    return {
        "cpu_number": len(last.each),
        "cpus": [(after - before) / ticks for before, after in zip(first.each, last.each, strict=True)],
        "cpu_total": (last.total - first.total) / ticks,
    }


@figures("cpu-avg-load")
def families(data: dict[str, Any]) -> Iterable[Family]:
    """Of all CPUs together and of each; none before the second sample."""
    if "error" in data:
        return ()
    each = Family("ganeti_node_cpu_busy_ratio", "How busy the CPU was over ten minutes, 0 to 1.", ("cpu",))
    for number, load in enumerate(data["cpus"]):
        each.add(load, number)
    return (
        gauge("ganeti_node_cpus", "CPUs of the node.", data["cpu_number"]),
        gauge("ganeti_node_busy_cpus", "CPUs that were busy, on average over ten minutes.", data["cpu_total"]),
        each,
    )
