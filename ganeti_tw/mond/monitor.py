"""Takes samples in time and makes reports when asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import Expired, GanetiError, NotFound
from ganeti_tw.mond.registry import Collector, Host, Kind
from ganeti_tw.mond.status import Code, Status

DEADLINE = 10.0  # seconds a collector may take


class Monitor:
    """The collectors of one host.  ``active`` tells by name which of them the cluster wants."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        host: Host,
        collectors: Sequence[Collector],
        active: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self._clock, self._host, self._active = clock, host, active
        self._collectors = {c.name: c for c in collectors}
        self._samples: dict[str, deque[Any]] = {c.name: deque(maxlen=c.keep) for c in collectors if c.sample}
        self._loops: list[LoopingCall] = []
        self._failing: set[str] = set()

    def start(self) -> None:
        """Begin to take samples."""
        for c in self._collectors.values():
            if c.sample is not None:
                loop = LoopingCall(self._take_sample, c)
                loop.clock = self._clock
                loop.start(c.interval)
                self._loops.append(loop)

    def stop(self) -> None:
        """Take no more; the ones there are are kept."""
        for loop in self._loops:
            loop.stop()
        self._loops.clear()

    def listed(self) -> list[Collector]:
        """The active collectors, in order."""
        return [c for c in self._collectors.values() if self._active(c.name)]

    def report(self, category: str, name: str) -> Deferred[dict[str, Any]]:
        """A report, or what the collector failed with.  NotFound at once when no such collector is active."""
        c = self._collectors.get(name)
        if c is None or c.category_word != category or not self._active(name):
            raise NotFound(f"no active collector {name!r} in category {category!r}")
        return self._run(c)

    def report_all(self) -> Deferred[list[dict[str, Any]]]:
        """All reports, in order; one that fails says so in its data and spoils no other."""
        return gatherResults([self._run(c).addErrback(self._unknown, c) for c in self.listed()])

    def _run(self, c: Collector) -> Deferred[dict[str, Any]]:
        work = Deferred.fromCoroutine(self._collect(c))
        work.addTimeout(DEADLINE, self._clock, onTimeoutCancel=_expired)
        return work.addCallbacks(self._envelope, self._note, callbackArgs=(c,), errbackArgs=(c,))

    async def _collect(self, c: Collector) -> Any:
        return await c.collect(self._host, tuple(self._samples.get(c.name, ())))

    def _envelope(self, data: Any, c: Collector) -> dict[str, Any]:
        self._failing.discard(c.name)
        return self._written(c, data)

    def _written(self, c: Collector, data: Any) -> dict[str, Any]:
        return {
            "name": c.name,
            "version": "B",
            "format_version": 1,
            "timestamp": int(self._host.now() * 1_000_000) * 1000,
            "category": c.category.value if c.category else None,
            "kind": int(c.kind),
            "data": data,
        }

    def _unknown(self, failure: Failure, c: Collector) -> dict[str, Any]:
        text = describe(failure)
        if c.kind is Kind.STATUS:
            return self._written(c, {"status": Status(Code.UNKNOWN, text).to_json()})
        return self._written(c, {"error": text})

    def _take_sample(self, c: Collector) -> Deferred[None]:
        assert c.sample is not None

        async def take(sample: Callable[[Host], Any]) -> None:
            self._samples[c.name].append(await sample(self._host))

        def skip(failure: Failure) -> None:
            """Without this sample; the next is due after the interval."""
            self._note(failure, c)

        return Deferred.fromCoroutine(take(c.sample)).addErrback(skip)

    def _note(self, failure: Failure, c: Collector) -> Failure:
        """Log the first failure of a collector, a bug with its traceback."""
        if c.name not in self._failing:
            self._failing.add(c.name)
            if failure.check(GanetiError, OSError):
                self.log.warn("collector {collector} fails: {reason}", collector=c.name, reason=describe(failure))
            else:
                self.log.failure("bug in collector {collector}", failure, collector=c.name)
        return failure


def _expired(result: object, timeout: float) -> object:
    """Instead of the CancelledError that stopping a collector leaves."""
    if isinstance(result, Failure) and result.check(CancelledError):
        raise Expired(f"the collector was not done within {timeout:g} s")
    return result


def describe(failure: Failure) -> str:
    """One line for people: what failed and how."""
    return f"{failure.type.__name__ if failure.type else 'error'}: {failure.getErrorMessage()}"
