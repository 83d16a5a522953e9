"""The job queue: accepts jobs, stores them, starts them when a slot is free."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ganeti_tw.errors import BadRequest, NotFound, OutcomeUnknown, TryLater, WrongState
from ganeti_tw.jobs.admission import depended_on, first_record, placed
from ganeti_tw.jobs.archive import ReadRows, Rows, archive, archive_old, stored_rows
from ganeti_tw.jobs.figures import EndedJobs, JobFigures, counted
from ganeti_tw.jobs.filters import Rule, check, rules_of
from ganeti_tw.jobs.job import Accepted, Describe, Doubtful, Hold, Job, Start
from ganeti_tw.jobs.line import Line
from ganeti_tw.jobs.lookup import ends, found, listed, what_became
from ganeti_tw.jobs.perform import Step
from ganeti_tw.jobs.places import Places
from ganeti_tw.jobs.record import KIND, LIVE, SERIAL, JobRecord, decode, text_of
from ganeti_tw.jobs.recovery import crashed, taken_over
from ganeti_tw.jobs.retention import Limits, Round, put_away
from ganeti_tw.kernel import Actor, ActorSystem, Gone, Later, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.config import Config
from ganeti_tw.model.filter import Filter
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.operations.registry import parse
from ganeti_tw.protocol.config import Changes, Edit
from ganeti_tw.protocol.jobs import (
    ArchiveJob,
    ArchiveOld,
    Behind,
    CancelJob,
    ChangePriority,
    CheckRoom,
    DeleteFilter,
    GetJobFigures,
    GetStatuses,
    JobEnded,
    ListJobs,
    ReplaceFilter,
    SubmitJob,
    WaitForChange,
    WhyJobsWait,
)

COMMIT_TIMEOUT = 60.0
EDIT_TIMEOUT = 70.0
JOB_TIMEOUT = 30.0
PAUSE = 5.0  # seconds until something is stored again after that failed
JUDGED_AT_ONCE = 100  # jobs, by all rules: some milliseconds
FIRST_ROUND = 60.0  # seconds from the beginning until jobs that ended long ago are archived
NEXT_TRY = 600.0  # the same after that failed

log = Logger()


@frozen
class _Examine:
    """It is to be seen how far a job came whose actor crashed."""

    job_id: int


@frozen
class _Crashed:
    """What the ledger knows of such a job."""

    job_id: int
    outcome: Outcome


@frozen
class _Settle:
    """Store the ends of jobs that nobody runs any more."""


@frozen
class _Settled:
    """They are stored, or not."""

    records: list[JobRecord]
    outcome: Outcome


@frozen
class _Judge:
    """There are jobs that have not been judged by the rules."""


@frozen
class _Retire:
    """Put away the jobs that ended long ago."""


@frozen
class _Retired:
    """That was done, or not."""

    outcome: Outcome


class Queue(Actor):
    """Owns the list of live jobs and the slots they run in.

    ``read`` gives stored rows of a kind; ``left`` are the jobs that a former
    process has not ended; ``pause`` lets others work.
    """

    rank = Rank.QUEUE
    capacity = 10000
    largest = 5000  # unfinished jobs, Ganeti's JOB_QUEUE_SIZE_HARD_LIMIT
    remembered = 200  # ended jobs kept at hand for those who still watch them
    decoded_at_once = 200  # a few milliseconds of work; more holds up everybody else
    limits = Limits()

    def __init__(
        self,
        system: ActorSystem,
        places: Places,
        read: ReadRows,
        last_id: int,
        left: list[JobRecord],
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        self._system = system
        self._places = places
        self._read = read
        self._last_id = last_id
        self._left = left
        self._pause = pause
        self._live: dict[int, Ref] = {}
        self._running: set[int] = set()
        self._line = Line()
        self._answers: dict[int, Deferred[int]] = {}
        # Jobs whose actors crashed, until it is known how far they came; with those who ask for them meanwhile.
        self._crashed: dict[int, list[tuple[WaitForChange, Deferred[Any]]]] = {}
        self._unsettled: dict[int, JobRecord] = {}  # ended, but not in the ledger
        self._ended: OrderedDict[int, JobRecord] = OrderedDict()
        self._figures = EndedJobs()
        self._judging = False
        self._kept = 0  # jobs that have ended and are not in the archive, as far as is known
        self._round: Later | None = None  # None while one is under way

    def started(self) -> None:
        """Jobs nobody began go on; those that were running are said to have been interrupted."""
        left, self._left = self._left, []
        self._line.set_rules(_rules(self._places.published.config))
        for record in left:
            after = taken_over(record, self._places.published.config, self._places.now())
            if after.steps is not None:
                self._admit(after.record, after.steps, None)
            else:
                self._unsettled[record.id] = after.record
        self.settle(_Settle())
        self._start_jobs()
        self._round = self.later(FIRST_ROUND, _Retire())

    # -- new jobs ------------------------------------------------------------------------------------------------------

    @receive(CheckRoom)
    def check_room(self, m: CheckRoom) -> None:
        if self._places.switches.positions.drained:
            raise WrongState("the job queue is drained and takes no jobs; 'gnt-cluster queue undrain' opens it again")
        if len(self._live) + m.jobs > self.largest:
            raise TryLater(f"the job queue is full ({self.largest} unfinished jobs); wait for some to end")

    @receive(SubmitJob)
    def submit(self, m: SubmitJob) -> Deferred[int]:
        own = self._last_id + 1
        m.earlier.append(None)  # until it is known to be accepted
        steps = [placed(Step(*parse(opcode)), own, m.earlier[:-1]) for opcode in m.ops]
        self.check_room(CheckRoom(1))
        self._last_id = m.earlier[-1] = own
        record = first_record(own, steps, self._places.now())
        answer = self._answers[record.id] = Deferred()
        self._admit(record, steps, self._serial_row)
        if steps:
            self._start_jobs()
        if record.id not in self._running:
            self._live[record.id].tell(Hold())
        return answer

    @receive(Accepted)
    def accepted(self, m: Accepted) -> None:
        answer = self._answers.pop(m.job_id, None)
        if m.failure is None or answer is None:  # without an answer it was doubtful for a while
            if answer is not None:
                answer.callback(m.job_id)
            return
        ref = self._live[m.job_id]
        self._leave(m.job_id)
        ref.stop()
        self._start_jobs()
        answer.errback(m.failure)

    @receive(Doubtful)
    def doubtful(self, m: Doubtful) -> None:
        self._answers.pop(m.job_id).errback(
            OutcomeUnknown(
                f"it is not known yet whether job {m.job_id} is safely stored ({m.failure.getErrorMessage()}); "
                f"do not submit it again before 'gnt-job info {m.job_id}' says that there is no such job, or shows one "
                f"that was not received at {text_of(m.received)}: after a failover another job may have its number"
            )
        )

    # -- ends ----------------------------------------------------------------------------------------------------------

    @receive(JobEnded)
    def job_ended(self, m: JobEnded) -> Any:
        ref = self._live[m.job_id]
        self._leave(m.job_id)
        self._one_more_ended()
        self._start_jobs()
        # Its answer comes after those to all who asked it before: nobody is left waiting when it stops.
        return self.ask(ref, Describe(), JOB_TIMEOUT).addCallback(self._bury, ref)

    @receive(Gone)
    def job_gone(self, m: Gone) -> None:
        job_id = int(m.path.rpartition("/")[2])
        if job_id not in self._live:
            return
        self._vacate(job_id)
        if job_id in self._answers:
            self._answers.pop(job_id).errback(OutcomeUnknown(f"job {job_id} crashed while it was being accepted"))
        self._crashed[job_id] = []
        self.examine(_Examine(job_id))
        self._start_jobs()

    @receive(_Examine)
    def examine(self, m: _Examine) -> None:
        # What the job had sent to the ledger last may still be on its way: this change comes after it.
        behind = Commit(self._serial_row())
        work = _stored_after(self._commit(behind), lambda: self._read_jobs((str(m.job_id),)))
        self.aside(work, then=partial(_Crashed, m.job_id))

    @receive(_Crashed)
    def crashed(self, m: _Crashed) -> None:
        if m.outcome.failure is not None:
            log.error(
                "it cannot be seen how far the crashed job {id} came, trying on: {reason}",
                id=m.job_id,
                reason=m.outcome.failure.getErrorMessage(),
            )
            self.later(PAUSE, _Examine(m.job_id))
            return
        record: JobRecord | None = m.outcome.value
        asked = self._crashed.pop(m.job_id)
        if record is not None and not record.status.final:
            record = self._unsettled[m.job_id] = crashed(record, self._places.published.config, self._places.now())
            self.settle(_Settle())
        for question, answer in asked:
            if record is not None:
                answer.callback(what_became(record, question))
            else:
                answer.errback(NotFound(f"there is no job {m.job_id}"))
        self._line.ended(m.job_id)
        self._start_jobs()

    @receive(_Settle)
    def settle(self, m: _Settle) -> None:
        records = list(self._unsettled.values())
        if records:
            work = _store_ended(self.ask, self._places.ledger, records)
            self.aside(work, then=partial(_Settled, records))

    @receive(_Settled)
    def settled(self, m: _Settled) -> None:
        if m.outcome.failure is not None:
            log.error(
                "interrupted jobs cannot be stored as such, trying on: {reason}",
                reason=m.outcome.failure.getErrorMessage(),
            )
            self.later(PAUSE, _Settle())
            return
        for record in m.records:
            self._unsettled.pop(record.id, None)
            self._remember(record)

    # -- what concerns one job -----------------------------------------------------------------------------------------

    @receive(CancelJob)
    def cancel(self, m: CancelJob) -> Any:
        ref = self._live.get(m.job_id)
        if ref is None:
            return False, f"Job {m.job_id} is not in the queue or has ended"
        return self.ask(ref, m, JOB_TIMEOUT)

    @receive(ChangePriority)
    def change_priority(self, m: ChangePriority) -> Any:
        ref = self._live.get(m.job_id)
        if ref is None:
            return False, f"Job {m.job_id} is not in the queue or has ended"
        self._line.change_priority(m.job_id, m.priority)
        return self.ask(ref, m, JOB_TIMEOUT)

    @receive(WaitForChange)
    def wait_for_change(self, m: WaitForChange) -> Any:
        ref = self._live.get(m.job_id)
        if ref is not None:
            return self.ask(ref, m, m.seconds)
        if m.job_id in self._crashed:
            answer: Deferred[Any] = Deferred()
            self._crashed[m.job_id].append((m, answer))
            return answer
        ended = self._unsettled.get(m.job_id) or self._ended.get(m.job_id)
        if ended is not None:
            return what_became(ended, m)
        return self._read_jobs((str(m.job_id),)).addCallback(found, m)

    # -- filters -------------------------------------------------------------------------------------------------------

    @receive(ReplaceFilter)
    def replace_filter(self, m: ReplaceFilter) -> Deferred[str]:
        check(m.predicates, m.action)
        places = self._places
        if m.uuid is not None:
            places.published.config.filter(m.uuid)
        rule = Filter(
            uuid=m.uuid or places.new_uuid(),
            watermark=self._last_id,
            priority=m.priority,
            predicates=tuple(m.predicates),
            action=m.action,
            reason_trail=(*m.reason, ["luxid", "", int(places.now() * 1e9)]),
        )
        return self._edit(lambda config: Changes((rule,))).addCallback(lambda _: rule.uuid)

    @receive(DeleteFilter)
    def delete_filter(self, m: DeleteFilter) -> Deferred[None]:
        return self._edit(lambda config: Changes((), (config.filter(m.uuid),)))

    def _edit(self, change: Callable[[Config], Changes]) -> Deferred[Any]:
        return self.ask(self._places.keeper, Edit(change), EDIT_TIMEOUT).addCallback(self._apply_rules)

    def _apply_rules(self, config: Config) -> None:
        self._line.set_rules(_rules(config))
        if not self._judging:
            self.judge_some(_Judge())

    @receive(_Judge)
    def judge_some(self, m: _Judge) -> None:
        self._judging = self._line.judge_some(JUDGED_AT_ONCE)
        if self._judging:
            self.later(0, m)
        self._start_jobs()

    # -- questions about several ---------------------------------------------------------------------------------------

    @receive(GetStatuses)
    def get_statuses(self, m: GetStatuses) -> Any:
        known = {i: r.status for i in m.ids if (r := self._unsettled.get(i) or self._ended.get(i)) is not None}
        missing = tuple(str(i) for i in sorted(m.ids - known.keys()))
        if not missing:
            return known
        return self._read_jobs(missing).addCallback(lambda rows: {**known, **ends(rows)})

    @receive(GetJobFigures)
    def get_figures(self, m: GetJobFigures) -> Deferred[JobFigures]:
        running = [self.ask(self._live[i], Describe(), JOB_TIMEOUT) for i in self._running]
        return Deferred.fromCoroutine(counted(running, len(self._live) - len(running), self._figures))

    @receive(WhyJobsWait)
    def why_jobs_wait(self, m: WhyJobsWait) -> dict[int, Behind]:
        waiting = [i for i in m.ids if i in self._live and i not in self._running]
        behind = {i: Behind(self._line.before(i), self._line.because(i)) for i in waiting}
        slots = self._places.published.config.cluster.max_running_jobs
        if len(self._running) >= slots:
            ready = [i for i, b in behind.items() if not b.jobs and not b.reason]
            for i, ahead in self._line.ahead(ready).items():
                places = f"one of the {slots} places for running jobs (max_running_jobs)"
                behind[i] = Behind([], f"{places}; {ahead} jobs are to begin earlier")
        return behind

    @receive(ListJobs)
    def list_jobs(self, m: ListJobs) -> Deferred[list[JobRecord]]:
        wanted = None if m.ids is None else tuple(str(i) for i in m.ids)
        ids = None if m.ids is None else set(m.ids)
        live = [self.ask(ref, Describe(), JOB_TIMEOUT) for i, ref in self._live.items() if ids is None or i in ids]
        ended = [record for i, record in self._unsettled.items() if ids is None or i in ids]
        archived = m.archived or ids is not None
        return Deferred.fromCoroutine(
            listed(live, ended, lambda: self._read_jobs(wanted, archived), self._pause, self.decoded_at_once)
        )

    # -- the archive ---------------------------------------------------------------------------------------------------

    @receive(ArchiveJob)
    def archive_job(self, m: ArchiveJob) -> Any:
        if m.job_id in self._live or m.job_id in self._unsettled:
            return False
        self._ended.pop(m.job_id, None)
        return Deferred.fromCoroutine(archive(self._read, self._commit, m.job_id))

    @receive(ArchiveOld)
    def archive_old(self, m: ArchiveOld) -> Any:
        self._ended.clear()
        parts = self._read, self._commit, self._pause, self._places.now(), self._places.elapsed
        return Deferred.fromCoroutine(archive_old(*parts, m.age, m.seconds))

    @receive(_Retire)
    def retire(self, m: _Retire) -> None:
        self._round = None
        parts = self._read, self._commit, self._pause, self._places.now(), self.limits
        self.aside(put_away(*parts, min(self._live, default=self._last_id + 1) - 1), then=_Retired)

    @receive(_Retired)
    def retired(self, m: _Retired) -> None:
        seconds = NEXT_TRY
        if m.outcome.failure is None:
            ended: Round = m.outcome.value
            self._kept = ended.kept
            seconds = max(self.limits.age if ended.seconds is None else ended.seconds, self.limits.shortest)
        else:
            log.warn(
                "old jobs cannot be archived, trying on in {seconds:.0f} s: {reason}",
                seconds=NEXT_TRY,
                reason=m.outcome.failure.getErrorMessage(),
            )
        self._round = self.later(seconds, _Retire())

    def _one_more_ended(self) -> None:
        self._kept += 1
        if self._kept > self.limits.most and self._round is not None:
            self._round.cancel()
            self.retire(_Retire())

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _read_jobs(self, keys: tuple[str, ...] | None, archived: bool = True) -> Deferred[Rows]:
        return Deferred.fromCoroutine(stored_rows(self._read, keys, archived=archived))

    def _commit(self, commit: Commit) -> Deferred[Any]:
        return self.ask(self._places.ledger, commit, COMMIT_TIMEOUT)

    def _serial_row(self) -> tuple[Put, ...]:
        """As it is when a job is stored: of two jobs the one that came later may be stored earlier."""
        return (Put(*SERIAL, msgspec.json.encode(self._last_id)),)

    # -- places for running jobs ---------------------------------------------------------------------------------------

    def _admit(self, record: JobRecord, steps: list[Step], admission: Callable[[], tuple[Put, ...]] | None) -> None:
        ref = self._system.spawn(f"job/{record.id}", lambda: Job(record, steps, self._places, self.me, admission))
        ref.watch(self.me)
        self._live[record.id] = ref
        if steps:
            others = depended_on(steps) & (self._live.keys() | self._crashed.keys()) - {record.id}
            self._line.add(record.id, record.priority, others, [op.input for op in record.ops])

    def _start_jobs(self) -> None:
        for rejected in self._line.rejected():
            self._live[rejected].tell(CancelJob(rejected))
        slots = self._places.published.config.cluster.max_running_jobs
        while len(self._running) < slots and (job_id := self._line.next()) is not None:
            self._running.add(job_id)
            self._live[job_id].tell(Start())

    def _leave(self, job_id: int) -> None:
        """It is not unfinished any more; what waited for that goes on at the next start of jobs."""
        self._vacate(job_id)
        self._line.ended(job_id)

    def _vacate(self, job_id: int) -> None:
        """Nobody runs it any more; what waited for its end goes on waiting."""
        del self._live[job_id]
        self._running.discard(job_id)

    def _bury(self, record: JobRecord, ref: Ref) -> None:
        self._remember(record)
        ref.stop()

    def _remember(self, record: JobRecord) -> None:
        self._figures.add(record)
        self._ended[record.id] = record
        while len(self._ended) > self.remembered:
            self._ended.popitem(last=False)


def _rules(config: Config) -> list[Rule]:
    """Those of the configuration, without any that this version does not understand."""
    good = []
    for f in config.filters.values():
        try:
            check(f.predicates, f.action)
        except BadRequest as e:
            log.warn("job filter {uuid} is not applied: {reason}", uuid=f.uuid, reason=e.text)
        else:
            good.append(f)
    return rules_of(good)


async def _stored_after(written: Awaitable[Any], read: Callable[[], Awaitable[Rows]]) -> JobRecord | None:
    """The one job there is among the rows that are read once something was written."""
    await written
    for key, row in (await read()).items():
        return decode(key, *row)
    return None


async def _store_ended(ask: Callable[..., Deferred[Any]], ledger: Ref, records: list[JobRecord]) -> None:
    puts = tuple(Put(KIND, str(r.id), r.encode()) for r in records)
    deletes = tuple(Delete(LIVE, str(r.id)) for r in records)
    await ask(ledger, Commit(puts, deletes), COMMIT_TIMEOUT)
