"""A job: the actor that owns its record and reports what happens to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError
from ganeti_tw.jobs.fields import log_after, values
from ganeti_tw.jobs.perform import Advance, Say, Step, perform
from ganeti_tw.jobs.places import Places
from ganeti_tw.jobs.record import KIND, LIVE, JobRecord, error_result, stamp
from ganeti_tw.jobs.status import Status
from ganeti_tw.kernel import Actor, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.jobs import CancelJob, JobEnded, WaitForChange

COMMIT_TIMEOUT = 60.0
log = Logger()


@frozen
class Start:
    """A slot is free: begin."""


@frozen
class Describe:
    """Answer: a copy of the JobRecord."""


@frozen
class _Performed:
    """The work ended."""

    outcome: Outcome


@frozen
class _Saved:
    """A commit of the record ended."""

    outcome: Outcome


class Job(Actor):
    """Runs its opcodes aside and stores each status before its effect.  Never restarted."""

    rank = Rank.JOB
    capacity = 10000

    def __init__(self, record: JobRecord, steps: list[Step], places: Places, queue: Ref) -> None:
        self.record = record
        self._steps = steps
        self._places = places
        self._queue = queue
        self._task: Any = None
        self._waiters: list[tuple[WaitForChange, Deferred[Any]]] = []
        self._saving: list[Deferred[None]] = []  # one per commit on its way, in order
        self._ended = False

    @receive(Start)
    def start(self, m: Start) -> None:
        if self._task is None and not self.record.status.final:
            self.record.start_timestamp = stamp(self._places.now())
            self._task = self.aside(perform(self._steps, self._places, self.me), then=_Performed)

    @receive(Advance)
    def advance(self, m: Advance) -> Deferred[None] | None:
        now = stamp(self._places.now())
        op = self.record.ops[m.index]
        if m.status is Status.WAITING:
            self.record.ops[m.index] = evolve(op, status=m.status, start_timestamp=now)
            self._notify()
            return None
        if m.status is Status.RUNNING:
            self.record.ops[m.index] = evolve(op, status=m.status, exec_timestamp=now)
        else:
            self.record.ops[m.index] = evolve(op, status=m.status, end_timestamp=now, result=m.result)
        if self.record.status.final:
            self.record.end_timestamp = now
        return self._save()

    @receive(Say)
    def say(self, m: Say) -> None:
        self.record.log_serial += 1
        op = self.record.ops[m.index]
        entry = (self.record.log_serial, stamp(self._places.now()), m.kind, m.content)
        self.record.ops[m.index] = evolve(op, log=(*op.log, entry))
        self._notify()

    @receive(_Saved)
    def saved(self, m: _Saved) -> None:
        answer = self._saving.pop(0)
        if m.outcome.failure is not None:
            answer.errback(m.outcome.failure)
            return
        self._notify()
        answer.callback(None)

    @receive(_Performed)
    def performed(self, m: _Performed) -> Deferred[None] | None:
        failure = m.outcome.failure
        if failure is None and self.record.status.final:
            self._end()
            return None
        if failure is not None and not isinstance(failure.value, (GanetiError, CancelledError)):
            log.failure("{path} failed in a way nobody foresaw", failure=failure, path=self.me.path)
        text = failure.getErrorMessage() if failure is not None else "the job ended without a result"
        self._fail_rest(f"internal error, please report it: {text}")
        self._end_when_saved()
        return None

    @receive(CancelJob)
    def cancel(self, m: CancelJob) -> tuple[bool, str]:
        status = self.record.status
        if status is Status.QUEUED and self._task is None:
            now = stamp(self._places.now())
            self.record.ops = [
                evolve(op, status=Status.CANCELED, result="Job canceled by request", end_timestamp=now)
                for op in self.record.ops
            ]
            self.record.end_timestamp = now
            self._end_when_saved()
            return True, f"Job {self.record.id} canceled"
        if status is Status.WAITING and not self._at_work():
            self._task.cancel()
            return True, f"Job {self.record.id} will be canceled"
        return False, f"Job {self.record.id} is {status.value} and cannot be canceled any more"

    @receive(WaitForChange)
    def wait_for_change(self, m: WaitForChange) -> Any:
        change = self._change(m)
        if change is not None:
            return change
        answer: Deferred[Any] = Deferred()
        self._waiters.append((m, answer))
        return answer

    @receive(Describe)
    def describe(self, m: Describe) -> JobRecord:
        return evolve(self.record, ops=list(self.record.ops))

    def _at_work(self) -> bool:
        return any(op.status is Status.RUNNING for op in self.record.ops)

    def _change(self, m: WaitForChange) -> Any:
        current = values(self.record, m.fields)
        entries = log_after(self.record, m.log_serial)
        if entries or current != m.previous:
            return current, entries
        return None

    def _notify(self) -> None:
        waiting, self._waiters = self._waiters, []
        for question, answer in waiting:
            change = self._change(question)
            if answer.called:  # whoever waited gave up
                continue
            if change is None:
                self._waiters.append((question, answer))
            else:
                answer.callback(change)

    def _save(self) -> Deferred[None]:
        key = str(self.record.id)
        row = Put(KIND, key, self.record.encode())
        deletes = (Delete(LIVE, key),) if self.record.status.final else ()
        answer: Deferred[None] = Deferred()
        self._saving.append(answer)
        self.aside(_commit(self.ask, self._places.ledger, Commit((row,), deletes)), then=_Saved)
        return answer

    def _fail_rest(self, text: str) -> None:
        now = stamp(self._places.now())
        result = error_result(GanetiError(text), prerequisite=False)
        self.record.ops = [
            op if op.status.final else evolve(op, status=Status.ERROR, result=result, end_timestamp=now)
            for op in self.record.ops
        ]
        self.record.end_timestamp = now

    def _end_when_saved(self) -> None:
        saved = self._save()
        saved.addErrback(
            lambda failure: log.error(
                "{path} ended but that could not be stored, after a restart it will be examined: {reason}",
                path=self.me.path,
                reason=failure.getErrorMessage(),
            )
        )
        saved.addCallback(lambda _: self._end())

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._queue.tell(JobEnded(self.record.id))


async def _commit(ask: Callable[..., Deferred[Any]], ledger: Ref, commit: Commit) -> None:
    await ask(ledger, commit, COMMIT_TIMEOUT)

