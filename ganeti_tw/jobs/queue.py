"""The job queue: accepts jobs, stores them, starts them when a slot is free."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from attrs import evolve, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError, NotFound, TryLater
from ganeti_tw.jobs.fields import log_after, values
from ganeti_tw.jobs.job import Describe, Job, Start
from ganeti_tw.jobs.perform import Step
from ganeti_tw.jobs.places import Places
from ganeti_tw.jobs.record import KIND, LIVE, JobRecord, OpRecord, decode, error_result, stamp
from ganeti_tw.jobs.status import Status
from ganeti_tw.kernel import Actor, ActorSystem, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.operations.registry import input_of, is_whole, parse
from ganeti_tw.protocol.jobs import CancelJob, JobEnded, ListJobs, SubmitJob, WaitForChange

COMMIT_TIMEOUT = 60.0
JOB_TIMEOUT = 30.0
LARGEST_QUEUE = 5000  # unfinished jobs, Ganeti's JOB_QUEUE_SIZE_HARD_LIMIT
REMEMBERED = 200  # ended jobs kept at hand for those who still watch them
SERIAL = ("queue", "serial")  # ledger row with the last job id given out

log = Logger()


@frozen
class _Stored:
    """New jobs are on the ledger, or not."""

    outcome: Outcome


@frozen
class _Recovered:
    """What became of the jobs a former process left is on the ledger."""

    outcome: Outcome


@frozen
class _New:
    record: JobRecord
    steps: list[Step]


class Queue(Actor):
    """Owns the list of live jobs and the slots they run in."""

    rank = Rank.QUEUE
    capacity = 10000

    def __init__(
        self,
        system: ActorSystem,
        places: Places,
        read_jobs: Callable[[tuple[str, ...] | None], Deferred[Mapping[str, bytes]]],
        last_id: int,
        left: list[JobRecord],
    ) -> None:
        self._system = system
        self._places = places
        self._read_jobs = read_jobs
        self._last_id = last_id
        self._left = left
        self._live: dict[int, Ref] = {}
        self._running: set[int] = set()
        self._waiting: list[tuple[int, int]] = []  # heap of (priority, id)
        self._unstored = 0
        self._answers: dict[int, Deferred[int]] = {}
        self._ended: OrderedDict[int, JobRecord] = OrderedDict()

    def started(self) -> None:
        """Jobs nobody began go on; those that were running are said to have been interrupted."""
        again, interrupted = [], []
        for record in self._left:
            if all(op.status is Status.QUEUED and is_whole(op.input) for op in record.ops):
                again.append(record)
            else:
                interrupted.append(_examined(record, self._places))
        for record in again:
            self._admit(record)
        if interrupted:
            self.aside(_store_ended(self.ask, self._places.ledger, interrupted), then=_Recovered)
        self._left = []
        self._start_jobs()

    @receive(_Recovered)
    def recovered(self, m: _Recovered) -> None:
        if m.outcome.failure is not None:
            log.error("interrupted jobs cannot be stored as such: {reason}", reason=m.outcome.failure.getErrorMessage())

    @receive(SubmitJob)
    def submit(self, m: SubmitJob) -> Deferred[int]:
        steps = [Step(*parse(opcode)) for opcode in m.ops]
        if len(self._live) + self._unstored >= LARGEST_QUEUE:
            raise TryLater(f"the job queue is full ({LARGEST_QUEUE} unfinished jobs); wait for some to end")
        self._last_id += 1
        new = _New(_record(self._last_id, steps, self._places), steps)
        self._unstored += 1
        answer: Deferred[int] = Deferred()
        self._answers[self._last_id] = answer
        self.aside(_store_new(self.ask, self._places.ledger, new, self._last_id), then=_Stored)
        return answer

    @receive(_Stored)
    def stored(self, m: _Stored) -> None:
        self._unstored -= 1
        new, failure = m.outcome.value
        answer = self._answers.pop(new.record.id)
        if failure is not None:
            answer.errback(failure)
            return
        if new.record.status.final:  # a job without opcodes is done already
            self._remember(new.record)
        else:
            self._admit(new.record, new.steps)
            self._start_jobs()
        answer.callback(new.record.id)

    @receive(JobEnded)
    def job_ended(self, m: JobEnded) -> Any:
        ref = self._live.pop(m.job_id)
        self._running.discard(m.job_id)
        self._start_jobs()
        return self.ask(ref, Describe(), JOB_TIMEOUT).addCallback(self._bury, ref)

    @receive(CancelJob)
    def cancel(self, m: CancelJob) -> Any:
        ref = self._live.get(m.job_id)
        if ref is None:
            return False, f"Job {m.job_id} is not in the queue or has ended"
        return self.ask(ref, m, JOB_TIMEOUT)

    @receive(WaitForChange)
    def wait_for_change(self, m: WaitForChange) -> Any:
        ref = self._live.get(m.job_id)
        if ref is not None:
            return self.ask(ref, m, 100.0)
        if m.job_id in self._ended:
            return _what_became(self._ended[m.job_id], m)
        return self._read_jobs((str(m.job_id),)).addCallback(_found, m)

    @receive(ListJobs)
    def list_jobs(self, m: ListJobs) -> Deferred[list[JobRecord]]:
        wanted = None if m.ids is None else tuple(str(i) for i in m.ids)
        live = [ref for i, ref in self._live.items() if m.ids is None or i in m.ids]
        asked: Deferred[list[JobRecord]] = gatherResults([self.ask(r, Describe(), JOB_TIMEOUT) for r in live])
        stored = self._read_jobs(wanted)
        both: list[Deferred[Any]] = [stored, asked]
        return gatherResults(both).addCallback(_merged)

    def _admit(self, record: JobRecord, steps: list[Step] | None = None) -> None:
        steps = [Step(*parse(op.input)) for op in record.ops] if steps is None else steps
        self._live[record.id] = self._system.spawn(
            f"job/{record.id}", lambda: Job(record, steps, self._places, self.me)
        )
        heapq.heappush(self._waiting, (record.priority, record.id))

    def _start_jobs(self) -> None:
        slots = self._places.published.config.cluster.max_running_jobs
        while self._waiting and len(self._running) < slots:
            _, job_id = heapq.heappop(self._waiting)
            ref = self._live.get(job_id)
            if ref is not None:  # else it was cancelled
                self._running.add(job_id)
                ref.tell(Start())

    def _bury(self, record: JobRecord, ref: Ref) -> None:
        self._remember(record)
        ref.stop()

    def _remember(self, record: JobRecord) -> None:
        self._ended[record.id] = record
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)


def _record(job_id: int, steps: list[Step], places: Places) -> JobRecord:
    now = places.now()
    ops = []
    for index, step in enumerate(steps):
        opcode = input_of(step.kind, step.op, step.common)
        entry = [f"gnt:opcode:{step.kind.op_id.removeprefix('OP_').lower()}", f"job={job_id};index={index}", int(now * 1e9)]
        opcode["reason"] = [*step.common.reason, entry]
        ops.append(OpRecord(opcode, priority=step.common.priority))
    return JobRecord(job_id, ops, stamp(now))


def _examined(record: JobRecord, places: Places) -> JobRecord:
    """What is known of a job that was running when the master process ended."""
    now = stamp(places.now())
    ops = []
    for op in record.ops:
        if op.status.final:
            ops.append(op)
            continue
        text = (
            "not begun: the master process ended before this operation; submit it again"
            if op.status is Status.QUEUED
            else "interrupted: the master process ended while this operation was running; "
            "what it had begun may be half done, look at the objects it names before submitting it again"
        )
        ops.append(evolve(op, status=Status.ERROR, result=error_result(GanetiError(text), False), end_timestamp=now))
    return evolve(record, ops=ops, end_timestamp=now)


async def _store_ended(ask: Callable[..., Deferred[Any]], ledger: Ref, records: list[JobRecord]) -> None:
    puts = tuple(Put(KIND, str(r.id), r.encode()) for r in records)
    deletes = tuple(Delete(LIVE, str(r.id)) for r in records)
    await ask(ledger, Commit(puts, deletes), COMMIT_TIMEOUT)


async def _store_new(
    ask: Callable[..., Deferred[Any]], ledger: Ref, new: _New, last_id: int
) -> tuple[_New, GanetiError | None]:
    key = str(new.record.id)
    puts = [Put(KIND, key, new.record.encode()), Put(*SERIAL, msgspec.json.encode(last_id))]
    if not new.record.status.final:
        puts.append(Put(LIVE, key, b"true"))
    try:
        await ask(ledger, Commit(tuple(puts), ()), COMMIT_TIMEOUT)
    except GanetiError as e:
        return new, e
    return new, None


def _what_became(record: JobRecord, m: WaitForChange) -> tuple[list[Any], list[Any]]:
    return values(record, m.fields), log_after(record, m.log_serial)


def _found(rows: Mapping[str, bytes], m: WaitForChange) -> tuple[list[Any], list[Any]]:
    key = str(m.job_id)
    if key not in rows:
        raise NotFound(f"there is no job {m.job_id}")
    return _what_became(decode(key, rows[key]), m)


def _merged(found: list[Any]) -> list[JobRecord]:
    rows, live = found
    jobs = {int(key): decode(key, value) for key, value in rows.items()}
    jobs.update((record.id, record) for record in live)
    return [jobs[i] for i in sorted(jobs)]
