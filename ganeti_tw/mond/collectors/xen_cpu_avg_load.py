"""Average number of virtual CPUs that Xen's domains use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from ganeti_tw.mond.families import Family
from ganeti_tw.mond.registry import BadReport, Host, Kind, figures, sampling_collector

WINDOW = 600.0  # seconds
RECENT = 100.0  # seconds; older ones are not there any more, and less history says nothing
KEEP = 150  # samples
COMMAND = ("xentop", "-f", "-b", "-i", "1")
HYPERVISORS = frozenset({"xen-pvm", "xen-hvm"})


@frozen
class Sample:
    """CPU seconds since its start, by domain."""

    time: float
    seconds: Mapping[str, int]


async def sample(host: Host) -> Sample:
    """The counters now; none where Xen is not in use."""
    if not HYPERVISORS & host.hypervisors:
        return Sample(host.now(), {})
    return Sample(host.now(), parse(await host.run(*COMMAND)))


@sampling_collector("xen-cpu-avg-load", category=None, kind=Kind.PERFORMANCE, sample=sample, keep=KEEP)
async def xen_cpu_avg_load(host: Host, samples: Sequence[Sample]) -> dict[str, float]:
    """Virtual CPUs used by domain, over at most ten minutes; only those seen for 100 s."""
    return average(samples, host.now())


def parse(text: str) -> dict[str, int]:
    """CPU seconds by domain, without Domain-0; the columns are found by the heading."""
    heading, *lines = [line for line in text.splitlines() if line.strip()] or [""]
    columns = heading.split()
    if "NAME" not in columns or "CPU(sec)" not in columns:
        raise BadReport(f"xentop: the heading is {heading!r}")
    name, seconds = columns.index("NAME"), columns.index("CPU(sec)")
    found = {}
    for line in lines:
        words = line.split()
        try:
            if words[name] != "Domain-0":
                found[words[name]] = int(words[seconds])
        except (IndexError, ValueError):
            raise BadReport(f"xentop: {line!r}") from None
    return found


def average(samples: Sequence[Sample], now: float) -> dict[str, float]:
    """From the oldest sample in the window since the counter last went back, to the newest."""
    history: dict[str, list[tuple[float, int]]] = {}
    for s in samples:
        if s.time < now - WINDOW:
            continue
        for domain, seconds in s.seconds.items():
            seen = history.setdefault(domain, [])
            if seen and seconds < seen[-1][1]:
                seen.clear()
            seen.append((s.time, seconds))
    return {
        domain: (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])
        for domain, seen in sorted(history.items())
        if seen[-1][0] >= now - RECENT and seen[-1][0] - seen[0][0] >= RECENT
    }


@figures("xen-cpu-avg-load")
def families(data: dict[str, float]) -> Iterable[Family]:
    """Per domain."""
    busy = Family("ganeti_xen_busy_vcpus", "Virtual CPUs the domain used, over ten minutes.", ("instance_name",))
    for domain, load in data.items():
        busy.add(load, domain)
    return (busy,)
