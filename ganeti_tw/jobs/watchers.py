"""Who is to be told of the next change of a job."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.jobs.fields import log_after, same, values
from ganeti_tw.jobs.record import JobRecord
from ganeti_tw.protocol.jobs import WaitForChange


@frozen
class _Watcher:
    question: WaitForChange
    answer: Deferred[Any]
    until: float


class Watchers:
    """Those of one job.  Whoever gave up is forgotten when the next one asks."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[_Watcher] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, question: WaitForChange, shown: JobRecord) -> Any:
        """What has changed already, or a Deferred of what will."""
        change = _change(question, shown)
        if change is not None:
            return change
        now = self._clock.seconds()
        self._waiting = [w for w in self._waiting if w.until > now]
        answer: Deferred[Any] = Deferred()
        self._waiting.append(_Watcher(question, answer, now + question.seconds))
        return answer

    def tell(self, shown: JobRecord) -> None:
        """The job is like this now."""
        waiting, self._waiting = self._waiting, []
        for watcher in waiting:
            change = _change(watcher.question, shown)
            if change is None:
                self._waiting.append(watcher)
            else:
                watcher.answer.callback(change)


def _change(question: WaitForChange, shown: JobRecord) -> tuple[list[Any], list[list[Any]]] | None:
    current = values(shown, question.fields)
    entries = log_after(shown, question.log_serial)
    if entries or shown.status.final or not same(current, question.previous):
        return current, entries
    return None
