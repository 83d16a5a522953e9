"""All actors of one process, and whose turn it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ganeti_tw.errors import ActorStopped, BadRequest, Exists
from ganeti_tw.kernel.actor import Actor
from ganeti_tw.kernel.cell import Cell, current_actor
from ganeti_tw.kernel.deadlines import Deadlines
from ganeti_tw.kernel.life import Life, Phase
from ganeti_tw.kernel.ref import Ref


@attrs.frozen
class ActorState:
    """What an administrator can see of an actor."""

    path: str
    actor: str
    """Name of its class."""
    rank: int
    phase: str
    depth: int
    """Messages that wait."""
    message: str
    """Name of the message in progress, or unanswered for longest; empty when idle."""
    age: float
    """Seconds since that message was taken up."""
    handled: int
    failed: int
    """Messages answered with an error, crashes included."""
    dropped: int
    """Messages a full mailbox forgot."""
    restarts: int


@attrs.define
class KindFigures:
    """All actors of one class together; the counts include those that have ended."""

    actors: int = 0
    waiting: int = 0
    """Messages that wait."""
    deepest: int = 0
    """Messages that wait for the busiest of them."""
    handled: int = 0
    failed: int = 0
    dropped: int = 0
    restarts: int = 0


class ActorSystem:
    """The actors of one process; one turn of the reactor handles messages for at most ``budget`` seconds.

    Actors with messages take turns in the order in which they got the first.
    """

    def __init__(self, clock: IReactorTime, log: Logger | None = None, budget: float = 0.01) -> None:
        self.clock = clock
        self.log = log if log is not None else Logger()
        self.deadlines = Deadlines(clock)
        self._budget = budget
        self._cells: dict[str, Cell] = {}
        self._past: dict[str, KindFigures] = {}  # of the actors that have ended
        self._ready: deque[Life] = deque()
        self._turning = False
        self._next_turn: IDelayedCall | None = None
        self._slowest, self._longest = "", 0.0
        self._stopped: Deferred[None] | None = None
        self._ended = False
        self._leaving: list[tuple[set[str], Deferred[None]]] = []

    def spawn(self, path: str, make: Callable[[], Actor]) -> Ref:
        """Start the actor that ``make()`` builds, now and after each crash that is forgiven.

        ``started`` runs in a later turn.  Exists when the path is taken,
        ActorStopped when the system is stopping; what the first ``make()``
        raises is raised here.
        """
        if not path:
            raise BadRequest("an actor needs a path")
        if self._ended or self._stopped is not None:
            raise ActorStopped(f"{path} cannot be started: this process is stopping")
        if path in self._cells:
            raise Exists(f"there is an actor {path} already")
        cell = Cell(self, path, make)
        self._cells[path] = cell
        return cell

    def find(self, path: str) -> Ref | None:
        """The actor at ``path``, if there is one."""
        return self._cells.get(path)

    def list(self) -> list[ActorState]:
        """The state of all actors, by path."""
        now = self.clock.seconds()
        states = []
        for path, cell in sorted(self._cells.items()):
            message, since = cell.in_progress()
            states.append(
                ActorState(
                    path=path,
                    actor=cell.kind,
                    rank=cell.rank,
                    phase=cell.phase.name.lower(),
                    depth=cell.depth,
                    message=message,
                    age=now - since if message else 0.0,
                    handled=cell.handled,
                    failed=cell.failed,
                    dropped=cell.dropped,
                    restarts=cell.restarts,
                )
            )
        return states

    def figures(self) -> dict[str, KindFigures]:
        """How the actors fare, by the name of their class."""
        found = {kind: attrs.evolve(past) for kind, past in self._past.items()}
        for cell in self._cells.values():
            figures = found.setdefault(cell.kind, KindFigures())
            depth = cell.depth
            figures.actors += 1
            figures.waiting += depth
            figures.deepest = max(figures.deepest, depth)
            _count(figures, cell)
        return found

    def slowest(self) -> tuple[str, float]:
        """Path and seconds of the longest visit to an actor since this was last asked."""
        found = self._slowest, self._longest
        self._slowest, self._longest = "", 0.0
        return found

    def stop(self) -> Deferred[None]:
        """Stop all actors, those of higher rank first; fires when the last is gone and no timer is left.

        A handler that holds its mailbox is given 5 s from its beginning.
        """
        if self._stopped is None:
            self._stopped = Deferred()
            for cell in sorted(self._cells.values(), key=lambda cell: -cell.rank):
                cell.stop()
            self._settle()
        if self._ended:
            return succeed(None)
        mine: Deferred[None] = Deferred()
        self._stopped.addCallback(mine.callback)
        return mine

    def end(self, *roots: str) -> Deferred[None]:
        """Stop the actors at these paths and below; fires when the last is gone, so that the paths are free.

        They handle nothing more from now on, but what holds a mailbox.
        """
        for cell in sorted(self._below(roots), key=lambda cell: -cell.rank):
            cell.stop()
        return self.vacated(*roots)

    def retire(self, path: str) -> bool:
        """End the actor at ``path`` at once if it is idle: nobody who asks can meet its end.  Whether the path is free.

        An actor cannot retire itself.
        """
        cell = self._cells.get(path)
        return cell is None or cell.retire()

    def vacated(self, *roots: str) -> Deferred[None]:
        """Fires when those of the actors at these paths and below that are being stopped now are gone."""
        left = {cell.path for cell in self._below(roots) if cell.phase >= Phase.STOPPING}
        if not left:
            return succeed(None)
        gone: Deferred[None] = Deferred()
        self._leaving.append((left, gone))
        return gone

    def vanish(self) -> None:
        """Cease at once, as when the power fails: nobody is told, nothing is cleaned up, no timer is left."""
        self._ended = True
        for cell in self._cells.values():
            cell.vanish()
        self._cells.clear()
        self._ready.clear()
        self._clear_timers()

    def _below(self, roots: tuple[str, ...]) -> tuple[Cell, ...]:
        places = tuple(root + "/" for root in roots)
        return tuple(cell for path, cell in self._cells.items() if path in roots or path.startswith(places))

    # -- for cells ------------------------------------------------------------------------------------------------

    def wake(self, cell: Life) -> None:
        """``cell`` has something to do."""
        self._ready.append(cell)
        if self._next_turn is None and not self._turning and not self._ended:
            self._next_turn = self.clock.callLater(0, self._turn)

    def gone(self, cell: Life) -> None:
        """``cell`` has ended; its path is free."""
        if self._cells.get(cell.path) is not cell:
            return
        del self._cells[cell.path]
        _count(self._past.setdefault(cell.kind, KindFigures()), cell)
        for entry in tuple(self._leaving):
            left, gone = entry
            left.discard(cell.path)
            if not left:
                self._leaving.remove(entry)
                gone.callback(None)

    def _turn(self) -> None:
        self._next_turn = None
        self._turning = self.deadlines.busy = True
        ready = self._ready
        now = self.clock.seconds()
        end = now + self._budget
        try:
            while ready:
                cell = ready.popleft()
                before = now
                now = cell.visit(now, end)
                if now - before > self._longest:
                    self._slowest, self._longest = cell.path, now - before
                if now >= end:
                    break
        finally:
            current_actor.set("")
            self._turning = False
            self.deadlines.rest()
            if ready and not self._ended:
                self._next_turn = self.clock.callLater(0, self._turn)
        self._settle()

    def _settle(self) -> None:
        if self._stopped is not None and not self._cells and not self._ended:
            self._ended = True
            self._ready.clear()
            self._clear_timers()
            self._stopped.callback(None)

    def _clear_timers(self) -> None:
        self.deadlines.clear()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None


def _count(figures: KindFigures, cell: Cell) -> None:
    """Add what a cell has counted."""
    figures.handled += cell.handled
    figures.failed += cell.failed
    figures.dropped += cell.dropped
    figures.restarts += cell.restarts
