"""A job: the actor that owns its record and reports what happens to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError, MailboxFull, OutcomeUnknown
from ganeti_tw.jobs.joblog import Log
from ganeti_tw.jobs.perform import CANCELED, Advance, Say, Step, perform
from ganeti_tw.jobs.places import Places
from ganeti_tw.jobs.record import KIND, LIVE, JobRecord, OpRecord, Stamp, error_result, not_begun, stamp
from ganeti_tw.jobs.status import Status
from ganeti_tw.jobs.stop import Stop
from ganeti_tw.jobs.watchers import Watchers
from ganeti_tw.kernel import Actor, Later, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.jobs import CancelJob, ChangePriority, JobEnded, WaitForChange
from ganeti_tw.protocol.locks import ChangeUrgency

COMMIT_TIMEOUT = 60.0
PAUSE = 5.0  # seconds until something is stored again after that failed
URGENCY = 1800.0  # seconds of waiting for locks after which a job becomes more urgent, Ganeti's LOCK_ATTEMPTS_TIMEOUT
MOST_URGENT = -20

log = Logger()


@frozen
class Start:
    """A slot is free: begin."""


@frozen
class Hold:
    """No slot is free yet: only see that the job is stored."""


@frozen
class Accepted:
    """News to the queue: a new job is safely stored, or cannot be and is not going to run."""

    job_id: int
    failure: Failure | None


@frozen
class Doubtful:
    """News to the queue: nobody can say whether a new job is stored; it is going to be, and then to run."""

    job_id: int
    received: Stamp | None
    failure: Failure


@frozen
class _GoneFar:
    """The job has gone as far as it gets at once."""


@frozen
class _Urge:
    """An opcode has waited for its locks for long."""

    index: int


@frozen
class Describe:
    """Answer: a copy of the JobRecord, as others may see it."""


@frozen
class _Performed:
    """The work ended."""

    outcome: Outcome


@frozen
class _Saved:
    """A commit of the record ended."""

    record: JobRecord  # as it was stored, or not
    answer: Deferred[None]
    outcome: Outcome


@frozen
class _SaveEnd:
    """The end is yet to be stored."""


@frozen
class _TellEnd:
    """The queue is yet to hear of the end."""


class Job(Actor):
    """Runs its opcodes aside and stores each status before its effect.  Never restarted.

    ``admission`` gives the rows to be stored together with a new job, when it is.
    One that can begin at once is stored for the first time as running, so that its
    admission costs no wait of its own; only then the queue is told that it is accepted.

    Others see a status only once it is stored, so that nobody is told of an end
    that a crash could take back.  Waiting for locks and lines of the log are
    seen at once: losing them does no harm.

    When it is not known whether a new job was stored, it is stored again until it
    is: whoever finds it by its number may rely on it.
    """

    rank = Rank.JOB
    capacity = 10000

    def __init__(
        self,
        record: JobRecord,
        steps: list[Step],
        places: Places,
        queue: Ref,
        admission: Callable[[], tuple[Put, ...]] | None = None,
    ) -> None:
        self._newest = record
        self._shown = record.copy()
        self._steps = steps
        self._places = places
        self._queue = queue
        self._task: Any = None
        self._watchers = Watchers(places.clock)
        self._stop = Stop()
        self._urging: Later | None = None
        self._cancelling = self._killed = False
        self._ended = False
        self._complained = False
        self._admission = admission  # None once the job is accepted
        self._refused = self._doubtful = self._wanted = False
        self._saving = 0  # commits on their way

    @receive(Start)
    def start(self, m: Start) -> None:
        self._wanted = True
        if self._task is None and not self._newest.status.final and not self._doubtful:
            self._newest.start_timestamp = self._shown.start_timestamp = stamp(self._places.now())
            work = perform(self._steps, self._places, self.me, self._queue, self._stop)
            self._task = self.aside(work, then=_Performed)
            if self._admission:
                self.later(0, _GoneFar())

    @receive(Hold, _GoneFar)
    def store(self, m: Hold | _GoneFar) -> None:
        if self._admission and not self._saving:
            self._save().addErrback(lambda failure: None)  # the queue is told

    @receive(Advance)
    def advance(self, m: Advance) -> Deferred[None] | int:
        now = stamp(self._places.now())
        self._do_not_urge()
        if m.status is Status.WAITING:
            for record in (self._newest, self._shown):
                record.ops[m.index] = evolve(record.ops[m.index], status=m.status, start_timestamp=now)
            self._watchers.tell(self._shown)
            self._urging = self.later(URGENCY, _Urge(m.index))
            return self._newest.ops[m.index].priority
        if m.status is Status.RUNNING:
            op = self._newest.ops[m.index]
            self._newest.ops[m.index] = evolve(op, status=m.status, exec_timestamp=now)
        elif m.status is Status.SUCCESS:
            op = self._newest.ops[m.index]
            self._newest.ops[m.index] = evolve(op, status=m.status, end_timestamp=now, result=m.result)
        elif self._killed:
            self._mark_killed(now)
        else:
            self._end_rest(m.status, m.result)
        if self._newest.status.final:
            self._newest.end_timestamp = now
        return self._save()

    @receive(_Urge)
    def urge(self, m: _Urge) -> None:
        priority = self._newest.ops[m.index].priority - 1
        if priority < MOST_URGENT:
            return
        for record in (self._newest, self._shown):
            record.ops[m.index] = evolve(record.ops[m.index], priority=priority)
        self._places.locks.tell(ChangeUrgency(self.me.path, priority))
        self._watchers.tell(self._shown)
        self._urging = self.later(URGENCY, m)

    def _do_not_urge(self) -> None:
        if self._urging is not None:
            self._urging.cancel()
            self._urging = None

    @receive(Say)
    def say(self, m: Say) -> None:
        serial = self._newest.log_serial + 1
        entry = (serial, stamp(self._places.now()), m.kind, m.content)
        before = self._newest.ops[m.index].log
        log = (before if isinstance(before, Log) else Log(before)).plus(entry)
        for record in (self._newest, self._shown):
            record.log_serial = serial
            record.ops[m.index] = evolve(record.ops[m.index], log=log)
        self._watchers.tell(self._shown)

    @receive(_Saved)
    def saved(self, m: _Saved) -> None:
        self._saving -= 1
        if self._admission:
            self._admitted(m.outcome.failure)
        if m.outcome.failure is not None:
            m.answer.errback(m.outcome.failure)
            return
        ops = [_with_news(op, newest) for op, newest in zip(m.record.ops, self._newest.ops, strict=True)]
        self._shown = evolve(m.record, ops=ops, log_serial=self._newest.log_serial)
        self._watchers.tell(self._shown)
        m.answer.callback(None)
        if m.record.status.final and self._task is None:  # it had nothing to do, or was cancelled before it began
            self._end()

    def _admitted(self, failure: Failure | None) -> None:
        """A commit that would make this a job has ended."""
        if failure is None:
            self._admission = None
            self._queue.tell(Accepted(self._newest.id, None))
            if self._doubtful:
                self._doubtful = False
                if self._wanted:
                    self.later(0, Start())
            return
        if not self._doubtful and isinstance(failure.value, OutcomeUnknown):
            self._doubtful = True
            self._queue.tell(Doubtful(self._newest.id, self._newest.received_timestamp, failure))
        if self._saving:
            return
        if self._doubtful:
            self.later(PAUSE, _GoneFar())
        else:
            self._admission, self._refused = None, True
            self._queue.tell(Accepted(self._newest.id, failure))

    @receive(_Performed)
    def performed(self, m: _Performed) -> None:
        if self._refused:
            return  # it never was a job, and leaves no trace
        if self._doubtful and not self._newest.status.final:
            self._task = None  # it stopped before its work, and begins anew when it is stored
            self._newest = not_begun(self._newest)
            self._shown = self._newest.copy()
            self._watchers.tell(self._shown)
            return
        failure = m.outcome.failure
        if failure is None and self._newest.status.final:
            self._end()
            return
        if failure is None:
            text = "internal error, please report it: the job ended without a result"
        elif isinstance(failure.value, GanetiError):
            text = f"the progress of this job could not be recorded: {failure.value.text}"
        else:
            text = f"internal error, please report it: {type(failure.value).__name__}: {failure.getErrorMessage()}"
        self._end_rest(Status.ERROR, error_result(GanetiError(text), prerequisite=False))
        self.save_end(_SaveEnd())

    @receive(_SaveEnd)
    def save_end(self, m: _SaveEnd) -> None:
        self._save().addCallbacks(lambda _: self._end(), self._not_saved)

    @receive(CancelJob)
    def cancel(self, m: CancelJob) -> tuple[bool, str]:
        status = self._newest.status
        if status is Status.QUEUED and self._task is None:
            self._end_rest(Status.CANCELED, CANCELED)
            self.save_end(_SaveEnd())
            return True, f"Job {self._newest.id} canceled"
        if status is Status.WAITING:
            if not self._cancelling:
                self._cancelling = True
                self._task.cancel()
            return True, f"Job {self._newest.id} will be canceled"
        if status.final or self._task is None:
            return False, f"Job {self._newest.id} is {status.value} and cannot be canceled any more"
        if m.kill and status is not Status.QUEUED:
            if not self._killed:
                self._killed = True
                self._task.cancel()
            return True, f"Job {self._newest.id} will be killed"
        if not self._stop.wanted:
            for op in range(len(self._newest.ops)):
                for record in (self._newest, self._shown):
                    if record.ops[op].status is Status.RUNNING:
                        record.ops[op] = evolve(record.ops[op], status=Status.CANCELING)
            self._watchers.tell(self._shown)
            self._stop.want()
        return True, f"Job {self._newest.id} will be canceled at its next step, unless it is too far for that"

    @receive(ChangePriority)
    def change_priority(self, m: ChangePriority) -> Any:
        if self._newest.status.final:
            return False, f"Job {m.job_id} has ended, its priority cannot be changed any more"
        ops = self._newest.ops
        self._newest.ops = [op if op.status.final else evolve(op, priority=m.priority) for op in ops]
        self._places.locks.tell(ChangeUrgency(self.me.path, m.priority))
        text = f"Job {m.job_id} has priority {m.priority} now"
        return self._save().addCallback(lambda _: (True, text))

    @receive(WaitForChange)
    def wait_for_change(self, m: WaitForChange) -> Any:
        return self._watchers.ask(m, self._shown)

    @receive(Describe)
    def describe(self, m: Describe) -> JobRecord:
        return self._shown.copy()

    def _end_rest(self, status: Status, result: Any) -> None:
        """End all opcodes that have not ended, in the same way."""
        now = stamp(self._places.now())
        self._newest.ops = [
            op if op.status.final else evolve(op, status=status, result=result, end_timestamp=now)
            for op in self._newest.ops
        ]
        self._newest.end_timestamp = now

    def _mark_killed(self, now: Stamp) -> None:
        """Ganeti's mark of a job whose process has gone."""
        entry = ["gnt:daemon:luxid:deathdetection", "killed by request", now[0] * 10**9 + now[1] * 1000]
        self._newest.ops = [
            op if op.status.final else evolve(op, input={**op.input, "reason": [*op.input.get("reason", ()), entry]})
            for op in self._newest.ops
        ]
        self._end_rest(Status.ERROR, error_result(GanetiError("Job killed by request"), prerequisite=False))

    def _save(self) -> Deferred[None]:
        record = self._newest.copy()
        key = str(record.id)
        puts: tuple[Put, ...] = (Put(KIND, key, record.encode()), *(self._admission() if self._admission else ()))
        deletes: tuple[Delete, ...] = ()
        if not record.status.final:
            puts += (Put(LIVE, key, b"true"),) if self._admission else ()
        elif not self._admission or self._saving or self._doubtful:
            deletes = (Delete(LIVE, key),)
        self._saving += 1
        answer: Deferred[None] = Deferred()
        work = _commit(self.ask, self._places.ledger, Commit(puts, deletes))
        self.aside(work, then=partial(_Saved, record, answer))
        return answer

    def _not_saved(self, failure: Failure) -> None:
        if not self._complained:
            self._complained = True
            log.error(
                "{path} ended but that cannot be stored, trying on: {reason}",
                path=self.me.path,
                reason=failure.getErrorMessage(),
            )
        self.later(PAUSE, _SaveEnd())

    @receive(_TellEnd)
    def tell_end(self, m: _TellEnd) -> None:
        try:
            self._queue.tell(JobEnded(self._newest.id))
        except MailboxFull:
            self.later(PAUSE, m)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.tell_end(_TellEnd())


def _with_news(stored: OpRecord, newest: OpRecord) -> OpRecord:
    """An opcode as it was stored, with what is seen at once: lines of the log, and that it is to be canceled."""
    canceling = stored.status is Status.RUNNING and newest.status is Status.CANCELING
    return evolve(stored, log=newest.log, status=newest.status if canceling else stored.status)


async def _commit(ask: Callable[..., Deferred[Any]], ledger: Ref, commit: Commit) -> None:
    await ask(ledger, commit, COMMIT_TIMEOUT)
