"""One collector at work: run in time, its last report kept as it is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import Expired
from ganeti_tw.mond.complaints import Complaints, describe
from ganeti_tw.mond.registry import Collector, Host
from ganeti_tw.mond.report import checked, envelope, unknown

INTEREST = 600.0  # seconds a costly collector goes on after somebody asked
FRESH = 2.0  # a report so many intervals old is not given to one who asked for it alone

log = Logger()


@frozen
class Report:
    """What a collector said last.  ``failure``: why it could not, then the data say the same."""

    body: bytes
    data: Any
    time: float  # since the epoch
    at: float  # of the monitor's clock
    took: float  # seconds
    failure: str = ""


class Watch:
    """Runs a collector at its interval, never twice at a time; whatever it does ends here.

    ``tell`` gets a line when it begins to fail and when it works again.
    """

    def __init__(
        self,
        clock: IReactorTime,
        host: Host,
        collector: Collector,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._clock, self._host = clock, host
        self._complaints = Complaints(collector.name, clock.seconds, tell)
        self.collector = collector
        self.interval = collector.interval
        self.runs = self.failures = 0
        self.report: Report | None = None
        self._samples: deque[Any] = deque(maxlen=collector.keep)
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        self._begun = 0.0
        self._work: Deferred[Any] | None = None
        self._limit: IDelayedCall | None = None
        self._waiters: list[Deferred[Report]] = []
        self._asked = clock.seconds()

    @property
    def active(self) -> bool:
        return self._timer is not None

    def start(self, interval: float) -> None:
        """Run now and every ``interval`` seconds; if it does so already, at that interval from now on."""
        if self.active and interval == self.interval:
            return
        was_active, self.interval = self.active, interval
        self._disarm()
        self._due = self._clock.seconds()
        if was_active:
            self._arm()
        else:
            self._tick()

    def stop(self) -> None:
        """Run no more and forget what was said."""
        self._disarm()
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
        self.report = None
        self._samples.clear()
        self._tell(self._failed_report("the collector was switched off"))

    def body(self) -> bytes:
        """The last report as it is sent, at once; one that says so before there is any."""
        self._interest()
        return (self.report or self._failed_report("nothing was collected yet")).body

    def fresh(self) -> Deferred[Report]:
        """A report not much older than the interval: the last, or else the next."""
        self._interest()
        if self.report is not None and (self._stuck or self._age(self.report) <= FRESH * self.interval):
            return succeed(self.report)
        waiter: Deferred[Report] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        self._run()
        return waiter

    def _age(self, report: Report) -> float:
        return self._clock.seconds() - report.at

    @property
    def _stuck(self) -> bool:
        """Whether it went on although its time was up."""
        return self._work is not None and self._limit is None

    def _interest(self) -> None:
        resting = self.resting
        self._asked = self._clock.seconds()
        if resting:
            self._run()

    @property
    def resting(self) -> bool:
        """Whether it costs too much to be run while nobody asks."""
        return self.collector.costly and self._clock.seconds() - self._asked > INTEREST

    # -- in time --------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        now = self._clock.seconds()
        missed = max(0, int((now - self._due) // self.interval))
        self._due += (missed + 1) * self.interval
        self._timer = self._clock.callLater(max(0.0, self._due - now), self._tick)

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _tick(self) -> None:
        self._arm()
        if not self.resting:
            self._run()

    def _run(self) -> None:
        if self._work is not None or not self.active:
            return
        self._begun = self._clock.seconds()
        self.runs += 1
        work = self._work = Deferred.fromCoroutine(self._collect())
        if self._work is work and not work.called:
            self._limit = self._clock.callLater(self.collector.deadline, self._give_up, work)
        work.addCallback(self._collected).addErrback(self._failed).addBoth(self._ended, work)

    async def _collect(self) -> Any:
        c = self.collector
        if c.sample is not None:
            self._samples.append(await c.sample(self._host))
        return await c.collect(self._host, tuple(self._samples))

    def _give_up(self, work: Deferred[Any]) -> None:
        """The deadline passed; one that does not even end when told so is not begun again until it does."""
        self._limit = None
        work.cancel()
        if self._work is work:
            self._failed(Failure(CancelledError()))

    # -- what came of it ------------------------------------------------------------------------------------------

    def _collected(self, data: Any) -> None:
        if self.active:
            self._keep(self._made(checked(self.collector, data), data))
            self._complaints.worked()

    def _failed(self, failure: Failure) -> None:
        if not self.active:
            return
        if failure.check(CancelledError):
            failure = Failure(Expired(f"the collector was not done within {self.collector.deadline:g} s"))
        self.failures += 1
        self._complaints.failed(failure)
        self._keep(self._failed_report(describe(failure)))

    def _ended(self, result: object, work: Deferred[Any]) -> None:
        if isinstance(result, Failure):  # a bug of this class, not of the collector
            log.failure("the report of {collector} was lost", result, collector=self.collector.name)
        if self._work is work:
            self._work = None
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

    def _failed_report(self, why: str) -> Report:
        return self._made(unknown(self.collector, why), None, why)

    def _made(self, said: Any, data: Any, failure: str = "") -> Report:
        now, at = self._host.now(), self._clock.seconds()
        body = msgspec.json.encode(envelope(self.collector, said, now))
        return Report(body, data, now, at, at - self._begun, failure)

    def _keep(self, report: Report) -> None:
        self.report = report
        self._tell(report)

    def _tell(self, report: Report) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(report)
