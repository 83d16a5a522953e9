"""What the tests of jobs share: the master's actors around them, of which the ledger is a fake one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock, deferLater
from twisted.logger import Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.keeper import Published
from ganeti_tw.errors import GanetiError
from ganeti_tw.jobs.job import Accepted, Describe, Doubtful, Job, Start
from ganeti_tw.jobs.perform import Step
from ganeti_tw.jobs.places import Places
from ganeti_tw.jobs.queue import Queue
from ganeti_tw.jobs.record import JobRecord, OpRecord, decode
from ganeti_tw.kernel import Actor, ActorSystem, Rank, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.locks.manager import LockManager
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster
from ganeti_tw.nodes.patience import Patience
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import Common, Kind, load_all
from ganeti_tw.protocol.jobs import JobEnded, WaitForChange
from ganeti_tw.protocol.locks import Acquire, ListLocks, Release
from ganeti_tw.testing.allocators import SimulatedAllocators
from ganeti_tw.testing.bells import SimulatedBells
from ganeti_tw.wire.memory import MemoryNetwork

load_all()
TOLD = ("status", "opstatus", "opresult")


def config(**settings: Any) -> Config:
    numbers = iter(range(1, 50))
    begin = new_cluster(
        "cluster.example",
        now=1000.0,
        uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012x}",
        node_name="n1.example",
        node_ip="192.0.2.1",
        master_ip="192.0.2.10",
        **{"enabled_hypervisors": ("fake",), "enabled_disk_templates": ("diskless",), **settings},
    )
    return Config.from_rows({(p.kind, p.key): p.value for p in begin.rows()})


class FakeLedger(Actor):
    """Keeps rows; commits are answered at once, or by :meth:`go_on` while ``held``, or with ``error``."""

    rank = Rank.LEDGER

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.rows: dict[tuple[str, str], bytes] = {}
        self.commits: list[Commit] = []
        self.held = False
        self.error: GanetiError | None = None
        self._waiting: list[tuple[Commit, Deferred[int]]] = []

    @receive(Commit)
    def commit(self, m: Commit) -> Any:
        if self.error is not None:
            raise self.error
        if self.held:
            self._waiting.append((m, Deferred()))
            return self._waiting[-1][1]
        return self._store(m)

    def go_on(self) -> None:
        waiting, self._waiting, self.held = self._waiting, [], False
        for commit, answer in waiting:
            answer.callback(self._store(commit))

    def _store(self, m: Commit) -> int:
        self.commits.append(m)
        self.rows.update({(p.kind, p.key): p.value for p in m.puts})
        for delete in m.deletes:
            self.rows.pop((delete.kind, delete.key), None)
        return len(self.commits)

    def job(self, job_id: int) -> JobRecord:
        return decode(str(job_id), self.rows["job", str(job_id)])

    def read(self, wanted: str, keys: tuple[str, ...] | None) -> Deferred[Mapping[str, bytes]]:
        found = {k: v for (kind, k), v in self.rows.items() if kind == wanted and (keys is None or k in keys)}
        return deferLater(self.clock, 0, lambda: found)


class FakeQueue(Actor):
    """Hears of the ends of jobs."""

    rank = Rank.QUEUE

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.accepted: list[int] = []
        self.doubtful: list[int] = []

    @receive(Accepted)
    def job_accepted(self, m: Accepted) -> None:
        self.accepted.append(m.job_id)

    @receive(Doubtful)
    def job_doubtful(self, m: Doubtful) -> None:
        self.doubtful.append(m.job_id)

    @receive(JobEnded)
    def job_ended(self, m: JobEnded) -> None:
        self.ended.append(m.job_id)


class Op:
    """An operation made of parts."""

    def __init__(
        self,
        run: Callable[[Context], Awaitable[Any]] | None = None,
        locks: Callable[[Config], Mapping[str, int]] = lambda config: {},
        check: Callable[[Config], None] = lambda config: None,
        dry_run_result: Callable[[Config], Any] | None = None,
        choose: Callable[[Context], Awaitable[Any]] | None = None,
    ) -> None:
        self._run, self.locks, self.check = run, locks, check
        if dry_run_result is not None:
            self.dry_run_result = dry_run_result
        if choose is not None:
            self.choose = choose

    async def run(self, context: Context) -> Any:
        return await self._run(context) if self._run is not None else None


def step(run: Any = None, *, big_lock: bool = False, common: Common | None = None, **parts: Any) -> Step:
    return Step(Kind("OP_TEST", Op, None, big_lock, False, ()), Op(run, **parts), common or Common())  # type: ignore[arg-type]


@frozen
class Nobody:
    """Hosts outside the cluster."""

    certificates: Any = None

    join = leave = resolve = answers = None


class JobCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.started_at = 1000.0  # the time of day when it began
        self.events: list[Any] = []
        self.system = ActorSystem(self.clock, log=Logger(observer=self.events.append))
        self.addCleanup(self._end)
        self.ledger = FakeLedger(self.clock)
        self.published = Published(config())
        self.locks = self.system.spawn("locks", LockManager)
        network = MemoryNetwork(self.clock)
        network.attach("n1.example", self.system, lambda peer, epoch, name: None)
        directory: Any = None
        self.places = Places(
            ledger=self.system.spawn("ledger", lambda: self.ledger),
            locks=self.locks,
            keeper=self.locks,
            published=self.published,
            directory=directory,
            patience=Patience(directory, self.clock),
            hosts=Nobody(),  # type: ignore[arg-type]
            bells=SimulatedBells(),
            allocators=SimulatedAllocators(self.clock),
            spreader=self.locks,
            questions=Nobody(),  # type: ignore[arg-type]
            clock=self.clock,
            now=lambda: self.started_at + self.clock.seconds(),
            elapsed=self.clock.seconds,
            new_uuid=lambda: "",
            random_bytes=lambda n: b"\0" * n,
        )
        self.turn()

    def _end(self) -> None:
        self.system.stop()
        self.turn(6)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def turn(self, seconds: float = 0) -> None:
        for _ in range(20):
            self.clock.advance(0)
        if seconds:
            self.clock.advance(seconds)
            self.turn()

    def paused(self) -> None:
        """The queue lets others work."""

    def result(self, deferred: Deferred[Any]) -> Any:
        self.turn()
        return self.successResultOf(deferred)

    def log(self, level: str) -> list[str]:
        return [formatEvent(e) or "" for e in self.events if e["log_level"].name == level]

    # -- locks ---------------------------------------------------------------------------------------------------

    def held(self) -> dict[str, tuple[str, ...]]:
        return {lock.name: lock.owners for lock in self.result(self.locks.ask(ListLocks(), 1)) if lock.owners}

    def take(self, **wanted: int) -> None:
        """Hold locks in the name of somebody else."""
        wishes = {name.replace("__", "/"): mode for name, mode in wanted.items()}
        self.result(self.locks.ask(Acquire("else", wishes, self.locks), 1))

    def give_back(self) -> None:
        self.locks.tell(Release("else"))
        self.turn()

    # -- one job without a queue -------------------------------------------------------------------------------------

    def start(self, *steps: Step, begin: bool = True) -> None:
        self.queue = FakeQueue()
        queue = self.system.spawn("queue", lambda: self.queue)
        record = JobRecord(7, [OpRecord({"OP_ID": "OP_TEST"}) for _ in steps], (1000, 0))
        self.ledger.rows["job", "7"] = record.encode()
        self.ledger.rows["live", "7"] = b"true"
        self.job = self.system.spawn("job/7", lambda: Job(record, list(steps), self.places, queue))
        if begin:
            self.job.tell(Start())
        self.turn()

    @property
    def stored(self) -> JobRecord:
        return self.ledger.job(7)

    @property
    def shown(self) -> JobRecord:
        found: JobRecord = self.result(self.job.ask(Describe(), 1))
        return found

    def statuses(self, record: JobRecord) -> list[str]:
        return [op.status.value for op in record.ops]

    def wait(self, previous: Any = None, serial: int | None = None, seconds: float = 60.0) -> Deferred[Any]:
        return self.job.ask(WaitForChange(7, TOLD, previous, serial, seconds), seconds)

    # -- the queue ---------------------------------------------------------------------------------------------------

    def open_queue(
        self, last_id: int = 0, left: list[JobRecord] | None = None, kind: type[Queue] = Queue, **settings: Any
    ) -> Any:
        self.published.config = config(**settings)
        self.pauses = 0

        def pause() -> Deferred[None]:
            self.pauses += 1
            self.paused()
            return succeed(None)

        self.queue_ref = self.system.spawn(
            "queue", lambda: kind(self.system, self.places, self.ledger.read, last_id, left or [], pause)
        )
        self.turn()
        return self.queue_ref
