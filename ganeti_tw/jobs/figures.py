"""How many jobs there are and how long they take, for whoever measures."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import GanetiError
from ganeti_tw.jobs.record import JobRecord, seconds_of
from ganeti_tw.jobs.status import Status

# Upper bounds in seconds: a start takes milliseconds, moving a disk hours.
STARTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
RUNS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)


@frozen
class Times:
    """How often something took at most so long: pairs of upper bound and count, the last bound infinite."""

    buckets: tuple[tuple[float, int], ...]
    sum: float  # seconds


class Clocked:
    """Durations, sorted into classes."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*bounds, float("inf"))
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """One more; clocks that were set back count as no time."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def times(self) -> Times:
        """All so far."""
        total, buckets = 0, []
        for bound, count in zip(self._bounds, self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        return Times(tuple(buckets), self._sum)


@frozen
class JobFigures:
    """``now``: unfinished jobs by status; ``ended``: jobs by final status.

    ``starts``: seconds from submission to start; ``runs``: from start to end,
    by the operation a job begins with.
    """

    now: dict[Status, int]
    ended: dict[Status, int]
    starts: Times
    runs: dict[str, Times]


class EndedJobs:
    """The jobs that ended in this process."""

    def __init__(self) -> None:
        self.ended: Counter[Status] = Counter()
        self.starts = Clocked(STARTS)
        self.runs: dict[str, Clocked] = {}

    def add(self, record: JobRecord) -> None:
        """A job with a final status."""
        self.ended[record.status] += 1
        if record.start_timestamp is None:
            return
        start = seconds_of(record.start_timestamp)
        if record.received_timestamp is not None:
            self.starts.add(start - seconds_of(record.received_timestamp))
        if record.end_timestamp is not None:
            operation = str(record.ops[0].input.get("OP_ID", "")) if record.ops else ""
            self.runs.setdefault(operation, Clocked(RUNS)).add(seconds_of(record.end_timestamp) - start)


async def counted(running: Sequence[Deferred[JobRecord]], queued: int, ended: EndedJobs) -> JobFigures:
    """All together, once the ``running`` jobs have said how they are; one that has just ended is left out."""
    now = Counter({Status.QUEUED: queued, Status.WAITING: 0, Status.RUNNING: 0})
    for answer in running:
        try:
            record = await answer
        except GanetiError:
            continue
        if not record.status.final:
            now[record.status] += 1
    runs = {operation: clocked.times() for operation, clocked in sorted(ended.runs.items())}
    final = {status: ended.ended[status] for status in Status if status.final}
    return JobFigures(dict(now), final, ended.starts.times(), runs)
