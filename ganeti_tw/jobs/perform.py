"""The life of every operation: locks, checks, work, taking back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ganeti_tw.errors import (
    ActorStopped,
    BadRequest,
    Exists,
    GanetiError,
    NotFound,
    ResolverError,
    Retry,
    TryLater,
    WrongState,
)
from ganeti_tw.jobs.dependencies import DependencyCanceled, judge
from ganeti_tw.jobs.hooks import HookRunner
from ganeti_tw.jobs.places import Places
from ganeti_tw.jobs.record import error_result
from ganeti_tw.jobs.status import Status
from ganeti_tw.jobs.stop import Stop
from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.messages import GetLedgerState, LedgerState
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.updater import Joined
from ganeti_tw.operations.context import Context, Stopped
from ganeti_tw.operations.hooks import HooksAbort
from ganeti_tw.operations.registry import BGL, EXCLUSIVE, SHARED, Common, Kind, Operation, Opportunistic
from ganeti_tw.protocol.config import Changes, Edit
from ganeti_tw.protocol.jobs import GetStatuses, SubmitJob
from ganeti_tw.protocol.locks import Acquire, Keep, Release

LOCK_TIMEOUT = 86400.0  # a job may wait for a day; then something is very wrong
EDIT_TIMEOUT = 70.0
SAVE_TIMEOUT = 70.0
LEDGER_TIMEOUT = 10.0
CANCELED = "Job canceled by request"
# What only a node or a name server can tell is told in the work: a check all the same, as long as that changed nothing.
ASKED_WRONGLY = (BadRequest, NotFound, Exists, ResolverError, WrongState)
TRIES = 5  # how often an operation starts over when what it needs changed while it waited, or is not free
CHOICE_PAUSE = 30.0  # until what there was no room for is tried again

T = TypeVar("T")

log = Logger()


@frozen
class Step:
    """One opcode, ready to be performed."""

    kind: Kind
    op: Operation
    common: Common


@frozen
class Advance:
    """An opcode of a job reached a status.  Answer: None once that is safely stored.

    Waiting is not stored; the answer to it is the priority that the opcode has by now.

    With one that ends badly all that follow end in the same way.
    """

    index: int
    status: Status
    result: Any = None


@frozen
class Say:
    """A line for the log of a job."""

    index: int
    kind: str
    content: Any


class JobHands:
    """What a context may do, in the name of one opcode of one job."""

    def __init__(self, places: Places, job: Ref, index: int, stop: Stop | None = None) -> None:
        self._places = places
        self._job = job
        self._index = index
        self._stop = stop or Stop()
        self.now = places.now
        self.elapsed = places.elapsed
        self.new_uuid = places.new_uuid
        self.random_bytes = places.random_bytes
        self.leave = places.hosts.leave
        self.resolve = places.hosts.resolve
        self.answers = places.hosts.answers
        self.open_bell = places.bells.open
        self.allocators = places.allocators
        self.certificates = places.hosts.certificates
        self.questions = places.questions
        self.hooks: HookRunner | None = None  # of the opcode, when it has any
        self.held: Mapping[str, int] = {}
        self.changed = False  # whether it changed the configuration

    def config(self) -> Config:
        return self._places.published.config

    def edit(self, change: Callable[[Config], Changes]) -> Awaitable[Config]:
        def watched(config: Config) -> Changes:
            changes = change(config)
            self.changed = self.changed or bool(changes.puts or changes.deletes)
            return changes

        return self._places.keeper.ask(Edit(watched), EDIT_TIMEOUT)

    async def join(self, name: str, token: str, uuid: str) -> dict[str, Any]:
        said = await self._places.hosts.join(name, token, uuid)
        self._places.spreader.tell(Joined(name))
        return said

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Awaitable[Any]:
        return self._places.directory.ref(node, path).ask(message, timeout)

    async def leaving_hooks(self, node: str) -> None:
        if self.hooks is not None:
            await self.hooks.leaving(node)

    def sleep(self, seconds: float, *, stoppable: bool, until: Deferred[None] | None = None) -> Awaitable[None]:
        return self._stop.sleep(self._places.clock, seconds, stoppable=stoppable, until=until)

    def stopping(self) -> bool:
        return self._stop.wanted

    def interrupted(self, waiting: Deferred[T]) -> Deferred[T]:
        return self._stop.interrupts(waiting)

    def ledger_state(self) -> Awaitable[LedgerState]:
        return self._places.ledger.ask(GetLedgerState(), LEDGER_TIMEOUT)

    def say(self, kind: str, text: Any) -> None:
        try:
            self._job.tell(Say(self._index, kind, text))
        except GanetiError as e:  # a line of the log is not worth the work
            log.warn("{path} could not say: {text} ({reason})", path=self._job.path, text=text, reason=e.text)


async def perform(steps: list[Step], places: Places, job: Ref, queue: Ref, stop: Stop) -> None:
    """All opcodes of a job in order; after one that fails the others fail too.

    Jobs that an opcode returns are submitted to the queue, and in its result stand
    as ``[true, id]`` or ``[false, reason]``.
    Every change of status is reported to the job; RUNNING is stored before the
    work begins, so that after a crash it is known what may have been touched.
    Once ``stop`` is wanted the job is canceled at the next step that leaves nothing half done.
    """
    for index, step in enumerate(steps):
        if stop.wanted:
            await job.ask(Advance(index, Status.CANCELED, CANCELED), SAVE_TIMEOUT)
            return
        owner = f"{job.path}/{index}"
        try:
            result = await _perform_one(step, index, places, job, queue, owner, stop)
            result = await _with_jobs(result, step, index, places, job, queue)
        except (CancelledError, Stopped):
            await job.ask(Advance(index, Status.CANCELED, CANCELED), SAVE_TIMEOUT)
            return
        except DependencyCanceled as e:
            await job.ask(Advance(index, Status.CANCELED, str(e)), SAVE_TIMEOUT)
            return
        except _Failed as e:
            await job.ask(Advance(index, Status.ERROR, e.result), SAVE_TIMEOUT)
            return
        finally:
            _release(places.locks, owner)
        await job.ask(Advance(index, Status.SUCCESS, result), SAVE_TIMEOUT)


def trail(step: Step, job_id: int, index: int, now: float) -> list[Any]:
    """The reasons given for an opcode, and the opcode itself."""
    source = f"gnt:opcode:{step.kind.op_id.removeprefix('OP_').lower()}"
    return [*step.common.reason, [source, f"job={job_id};index={index}", int(now * 1e9)]]


async def _with_jobs(result: Any, step: Step, index: int, places: Places, job: Ref, queue: Ref) -> Any:
    """The result with the jobs in it submitted; they inherit what is common to all opcodes."""
    if not isinstance(result, dict) or "jobs" not in result:
        return result
    common = step.common
    inherited = {
        "reason": trail(step, _id_of(job), index, places.now()),
        "priority": common.priority,
        "debug_level": common.debug_level,
        "comment": f"Submitted by {step.kind.op_id}",
    }
    submitted: list[tuple[bool, Any]] = []
    earlier: list[int | None] = []
    for opcodes in result["jobs"]:
        try:
            # The queue never waits for this job: asking upwards cannot lock up.
            job_ops = [{**inherited, **opcode} for opcode in opcodes]
            number = await queue.ask(SubmitJob(job_ops, earlier), SAVE_TIMEOUT)
        except GanetiError as e:
            submitted.append((False, e.text))
        else:
            submitted.append((True, number))
    return {**result, "jobs": submitted}


class _Failed(Exception):
    """An operation ended with a foreseen error, in its checks or in its work."""

    def __init__(self, error: GanetiError, prerequisite: bool) -> None:
        super().__init__(error.text)
        self.result = error_result(error, prerequisite)
        if isinstance(error, HooksAbort):
            self.result = ["HooksAbort", [[[f.node, f.script, f.output] for f in error.failures]]]


def _release(locks: Ref, owner: str) -> None:
    try:
        locks.tell(Release(owner))
    except ActorStopped:
        pass  # all locks went with their manager; why it stopped is told once, and not by each job
    except GanetiError as e:  # what the manager is not told now it learns from the end of the job
        log.warn("{owner} could not give back its locks: {reason}", owner=owner, reason=e.text)


async def _perform_one(step: Step, index: int, places: Places, job: Ref, queue: Ref, owner: str, stop: Stop) -> Any:
    hands = JobHands(places, job, index, stop)
    priority = await job.ask(Advance(index, Status.WAITING), SAVE_TIMEOUT)
    try:
        await _wait_for_others(step, job, queue)
        before_locks = getattr(step.op, "before_locks", None)
        if before_locks is not None:
            await before_locks(Context(hands))
        op = await _ready(step, hands, places, job, owner, priority)
        hooks = hands.hooks = _hooks(step.kind, op, hands)
        if hooks is not None and step.common.dry_run:
            await hooks.before()
    except GanetiError as e:
        raise _Failed(e, prerequisite=True) from None
    if step.common.dry_run:
        prepared = getattr(op, "dry_run_result", None)
        return prepared(places.published.config) if prepared is not None else None
    await job.ask(Advance(index, Status.RUNNING), SAVE_TIMEOUT)
    try:
        if hooks is not None:
            await hooks.before()
        if stop.wanted:
            raise Stopped
        async with Context(hands, debug_level=step.common.debug_level or 0) as context:
            result = await op.run(context)
        if hooks is not None:
            result = await _with_hooks(result, op, hooks, context)
    except GanetiError as e:
        await _config_update(hands)
        raise _Failed(e, prerequisite=not hands.changed and isinstance(e, ASKED_WRONGLY)) from None
    except Stopped:
        await _config_update(hands)
        raise
    await _config_update(hands)
    return result


def _hooks(kind: Kind, op: Operation, hands: JobHands) -> HookRunner | None:
    declared = getattr(op, "hooks", None)
    return None if declared is None else HookRunner(kind.op_id, declared(hands.config()), hands)


async def _config_update(hands: JobHands) -> None:
    """A change of the configuration stays when the work fails later, so its hook runs then too."""
    if hands.hooks is not None and hands.changed:
        await hands.hooks.config_update()


async def _with_hooks(result: Any, op: Operation, hooks: HookRunner, context: Context) -> Any:
    """The result after the hooks that follow the work: some operations change it by how they ended."""
    failures = await hooks.after()
    hooked = getattr(op, "hooked", None)
    if hooked is not None:
        return await hooked(context, result, failures)
    hooks.warn(failures)
    return result


async def _wait_for_others(step: Step, job: Ref, queue: Ref) -> None:
    """The jobs it depends on have ended before this one began; see how."""
    depends = step.common.depends
    if depends:
        own = _id_of(job)
        asked = GetStatuses(frozenset(number for number, _ in depends if number < own))
        judge(depends, await queue.ask(asked, SAVE_TIMEOUT), own)


def _id_of(job: Ref) -> int:
    return int(job.path.rpartition("/")[2])


async def _ready(step: Step, hands: JobHands, places: Places, job: Ref, owner: str, priority: int) -> Operation:
    """The operation with nothing left to choose, checked and with its locks held."""
    choose = getattr(step.op, "choose", None)
    for left in reversed(range(TRIES)):
        hands.held = await _acquire(step, places, job, owner, priority)
        step.op.check(hands.config())
        if choose is None:
            break
        try:
            chosen: Operation = await choose(Context(hands))
        except TryLater as e:
            if not left:
                raise
            hands.say("message", f" - INFO: trying again in {CHOICE_PAUSE:.0f} s: {e.text}")
            await places.locks.ask(Release(owner), SAVE_TIMEOUT)
            await hands.sleep(CHOICE_PAUSE, stoppable=True)
            continue
        await _settle(step, chosen, hands, places, owner)
        return chosen
    return step.op


async def _settle(step: Step, chosen: Operation, hands: JobHands, places: Places, owner: str) -> None:
    """Hold no more than the locks of what was chosen; Retry when some of them are not held."""
    needed = {BGL: SHARED, **chosen.locks(hands.config())}
    if any(mode > hands.held.get(name, -1) for name, mode in needed.items()):
        raise Retry(f"{step.kind.op_id}: what was chosen needs locks that are not held; submit the job again")
    chosen.check(hands.config())
    hands.held = await places.locks.ask(Keep(owner, frozenset(needed)), SAVE_TIMEOUT)


async def _acquire(step: Step, places: Places, job: Ref, owner: str, priority: int) -> Mapping[str, int]:
    """The locks that the operation needs by the configuration at that moment, held; with what was free of others."""
    for _ in range(TRIES):
        wanted, some = _wanted(step, places.published.config)
        request = Acquire(owner, wanted, job, priority, some.some, some.least)
        held: Mapping[str, int] = await places.locks.ask(request, LOCK_TIMEOUT)
        if _wanted(step, places.published.config) == (wanted, some):
            return held
        await places.locks.ask(Release(owner), SAVE_TIMEOUT)
    raise Retry("the locks needed changed again and again while waiting for them; submit the job again")


def _wanted(step: Step, config: Config) -> tuple[dict[str, int], Opportunistic]:
    opportunistic = getattr(step.op, "opportunistic", None)
    some = opportunistic(config) if opportunistic is not None else None
    return {BGL: EXCLUSIVE if step.kind.big_lock else SHARED, **step.op.locks(config)}, some or Opportunistic((), 0)
