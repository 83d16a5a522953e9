"""All that a running operation may touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from ganeti_tw.errors import GanetiError, NodeOffline, Retry
from ganeti_tw.kernel import Undo
from ganeti_tw.ledger.messages import LedgerState
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.operations.bell import Bell
from ganeti_tw.operations.certificates import Certificates
from ganeti_tw.operations.hands import Hands
from ganeti_tw.operations.progress import PROGRESS, Progress
from ganeti_tw.operations.questions import Questions
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.node import ProgramEnd
from ganeti_tw.protocol.registry import only_looks

T = TypeVar("T")


class Stopped(Exception):
    """The job was cancelled and ends at this step.

    No GanetiError, so that no operation takes it for an answer.
    """


class Context:
    """The cluster as an operation sees it while it runs.

    What must be taken back when a later step fails is registered with
    :meth:`undo` where it is done; undos run in reverse order when the ``async
    with`` block ends with an error.

    A cancelled job stops at the next step, which is every question and every
    change below, as long as that leaves nothing half done: before the first
    change, and then while there is something to undo and :meth:`keep` was not called.
    """

    def __init__(self, hands: Hands, *, debug_level: int = 0) -> None:
        self._hands = hands
        self._undo = Undo()
        self.debug_level = debug_level
        self._changed = self._kept = False

    async def __aenter__(self) -> Context:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Only the end of this process interrupts work: then nothing is undone half, the next process examines.
        if isinstance(error, Exception) and not isinstance(error, CancelledError):
            await self.roll_back()

    @property
    def config(self) -> Config:
        """The latest stored configuration."""
        return self._hands.config()

    @property
    def locks(self) -> Mapping[str, int]:
        """The locks it holds: name -> mode (0 shared, 1 exclusive)."""
        return self._hands.held

    async def edit(self, change: Callable[[Config], Changes]) -> Config:
        """Change the configuration by a function of the newest one."""
        self._step(changes=True)
        return await self._hands.edit(change)

    async def put(self, *objects: Any) -> Config:
        """Store changed objects; Retry when somebody else changed or removed one meanwhile."""

        def change(config: Config) -> Changes:
            for thing in objects:
                current = config.current(thing)
                name = getattr(thing, "name", "") or thing.uuid
                if current is None:
                    raise Retry(f"{name} was removed by somebody else meanwhile")
                if current.serial_no != thing.serial_no:
                    raise Retry(f"{name} was changed by somebody else meanwhile")
            return Changes(puts=objects)

        return await self.edit(change)

    async def delete(self, *objects: Any) -> Config:
        """Remove objects."""
        return await self.edit(lambda config: Changes(deletes=objects))

    async def on_node(self, node: Node | str, message: Any, timeout: float, path: str = "node") -> Any:
        """Ask a node; NodeOffline when it is marked so, else the errors of the wire and of the node."""
        if isinstance(node, str):
            node = self.config.node(node)
        if node.offline:
            raise NodeOffline(f"node {node.name} is marked offline; bring it back with gnt-node modify --offline=no")
        self._step(changes=not only_looks(message))
        return await self._hands.on_node(node.name, path, message, timeout)

    async def on_nodes(
        self, nodes: Iterable[Node], message: Any, timeout: float, what: str = ""
    ) -> list[tuple[Node, Any]]:
        """Ask all the same at once; an answer or a GanetiError for each, in order.

        With a word for ``what`` that is, it is told how many have answered.
        """
        return await self.on_each([(node, message) for node in nodes], timeout, what=what)

    async def on_each(
        self, messages: Iterable[tuple[Node, Any]], timeout: float, path: str = "node", what: str = ""
    ) -> list[tuple[Node, Any]]:
        """Ask each its own at once, as :meth:`on_nodes`."""
        self._step()
        each = list(messages)
        work = self.counted(what, "nodes", [self.on_node(node, m, timeout, path) for node, m in each])
        asked = list(zip((node for node, _ in each), work, strict=True))
        answers: list[tuple[Node, Any]] = []
        for node, answer in asked:
            try:
                answers.append((node, await answer))
            except GanetiError as e:
                answers.append((node, e))
        return answers

    def counted(self, what: str, unit: str, work: Sequence[Coroutine[Any, Any, T]]) -> list[Deferred[T]]:
        """Begin all at once; with a word for ``what`` it is, it is told how many have ended, in whatever way."""
        progress = self.progress(what, len(work), unit) if what and work else None
        ended = 0

        def one_more(result: Any) -> Any:
            nonlocal ended
            ended += 1
            if progress is not None:
                progress.at(ended)
            return result

        return [Deferred.fromCoroutine(w).addBoth(one_more) for w in work]

    async def together(self, work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
        """The values of what is done at the same time, in order; once all have ended the first error is raised."""
        ended = await DeferredList([Deferred.fromCoroutine(w) for w in work], consumeErrors=True)
        for good, value in ended:
            if not good:
                value.raiseException()
        return [value for _, value in ended]

    async def join(self, name: str, token: str, uuid: str) -> dict[str, Any]:
        """Bring the host that shows this token into the cluster; gives what it says of itself."""
        self._step(changes=True)
        return await self._hands.join(name, token, uuid)

    async def leave(self, name: str) -> None:
        """Tell a host to forget the cluster."""
        self._step(changes=True)
        await self._hands.leave(name)

    @property
    def certificates(self) -> Certificates:
        """Those of the nodes, as the master gives them out."""
        return self._hands.certificates

    @property
    def questions(self) -> Questions:
        """What clients may ask."""
        return self._hands.questions

    async def leaving_hooks(self, node: str) -> None:
        """Run the hooks that follow this operation on a node that is about to leave the cluster."""
        await self._hands.leaving_hooks(node)

    async def resolve(self, name: str) -> str:
        """The address of a host name; ResolverError."""
        self._step()
        return await self._hands.resolve(name)

    async def answers(self, address: str) -> bool:
        """Whether something at an address answers on the node daemon's port."""
        self._step()
        return await self._hands.answers(address)

    async def sleep(self, seconds: float, *, until: Deferred[None] | None = None) -> None:
        """Wait, at most until something happens."""
        self._step()
        await self._hands.sleep(seconds, stoppable=not self._past_return, until=until)
        self._step()

    def open_bell(self) -> Bell:
        """A socket by which somebody outside gives a sign; close it."""
        return self._hands.open_bell()

    async def find_allocator(self, name: str) -> None:
        """As :meth:`Allocators.find`."""
        self._step()
        await self._hands.allocators.find(name)

    async def compose(self, make: Callable[[], T]) -> T:
        """What ``make`` gives, made aside since it takes a while."""
        self._step()
        return await self._hands.allocators.compose(make)

    async def run_allocator(self, name: str, document: str, arguments: Sequence[str], timeout: float) -> ProgramEnd:
        """As :meth:`Allocators.run`; one that runs when the job is cancelled is killed."""
        self._step()
        running = self._hands.allocators.run(name, document, arguments, timeout)
        try:
            return await (running if self._past_return else self._hands.interrupted(running))
        except CancelledError:
            if self._hands.stopping():
                raise Stopped from None
            raise

    async def ledger_state(self) -> LedgerState:
        """How far the copies of the ledger on the master candidates are."""
        return await self._hands.ledger_state()

    def enter(self, kind: str, content: Any) -> None:
        """An entry of another kind in the log of the job, for programs."""
        self._hands.say(kind, content)

    def say(self, text: str) -> None:
        """A line for those who watch the job."""
        self._hands.say("message", text)

    def warn(self, text: str) -> None:
        """A line about something the administrator should look at."""
        self._hands.say("message", f" - WARNING: {text}")

    def inform(self, text: str) -> None:
        """A line about a detail."""
        self._hands.say("message", f" - INFO: {text}")

    def progress(self, what: str, total: float, unit: str) -> Progress:
        """To tell those who watch how far a long step is: ``total`` bytes, seconds or things, above 0."""
        return Progress(lambda content: self._hands.say(PROGRESS, content), self._hands.elapsed, what, total, unit)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._hands.now()

    def elapsed(self) -> float:
        """Seconds since some moment, by a clock that nobody sets."""
        return self._hands.elapsed()

    def new_uuid(self) -> str:
        """A fresh UUID."""
        return self._hands.new_uuid()

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes, for MAC addresses and secrets."""
        return self._hands.random_bytes(count)

    def undo(self, what: str, step: Callable[[], Awaitable[Any]]) -> None:
        """Register how to take back what was just done."""
        self._undo.push(what, step)

    def keep(self) -> None:
        """Nothing done so far is taken back any more."""
        self._kept = True
        self._undo.forget()

    async def roll_back(self) -> None:
        """Take back what was done, newest first; failures are reported and the rest goes on."""
        self._kept = True
        failed = await self._undo.run(self.inform)
        if failed:
            self.warn(f"left behind, see to it by hand: {', '.join(failed)}")

    @property
    def _past_return(self) -> bool:
        """Whether the operation goes on to its end, since what it changed cannot be taken back."""
        return self._kept or (self._changed and not len(self._undo))

    def _step(self, *, changes: bool = False) -> None:
        if self._hands.stopping() and not self._past_return:
            raise Stopped
        self._changed = self._changed or changes


def names(things: Iterable[Any]) -> str:
    """Names for a message."""
    return ", ".join(t.name for t in things)
