"""A link between two hosts of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError, OutcomeUnknown, error_from
from ganeti_tw.kernel import Gone, Rank, Ref
from ganeti_tw.wire.boxes import check_size
from ganeti_tw.wire.calls import REFUSED, STRANGER, UNTRUSTED, foreseen
from ganeti_tw.wire.envelope import Envelope, Sender
from ganeti_tw.wire.link import ATTEMPT, CLOSED, SILENT, LinkState
from ganeti_tw.wire.remote import RemoteRef
from ganeti_tw.wire.request import Request

if TYPE_CHECKING:
    from ganeti_tw.wire.memory import MemoryNetwork


class MemoryLink:
    """One connection from ``owner`` to ``peer``: a :class:`~ganeti_tw.wire.remote.Carrier`."""

    log: ClassVar[Logger] = Logger()

    def __init__(
        self, network: MemoryNetwork, owner: str, peer: str, epoch: Callable[[], int], pin: str | None = None
    ) -> None:
        self.owner, self.peer, self.pair = owner, peer, frozenset((owner, peer))
        self._network, self._clock, self._epoch, self._pin = network, network.clock, epoch, pin
        self._up = self._closed = False
        self._error = ""
        self._generation = 0  # of the connection: what belongs to a lost one arrives no more
        self._pending: set[Request] = set()
        self._handled: dict[Deferred[bytes], None] = {}  # cancelled in the order they came
        self._held: list[_Step] = []
        self._last = {True: 0.0, False: 0.0}
        self._watchers: dict[tuple[str, Ref], None] = {}
        network.add(self)

    def ref(self, path: str, rank: int = Rank.NODE) -> RemoteRef:
        """The actor at ``path`` of this peer."""
        return RemoteRef(path, rank, self)

    def ask(self, path: str, name: str, body: bytes, timeout: float) -> Deferred[bytes]:
        request = Request(self.peer, path, name, body, self._clock, timeout, self._withdraw)
        assert request.answer is not None
        answer = request.answer
        self._pending.add(request)
        self._send(request)
        return answer

    def tell(self, path: str, name: str, body: bytes) -> None:
        self._send(Request(self.peer, path, name, body, self._clock, None, self._withdraw))

    def watch(self, path: str, watcher: Ref) -> None:
        self._watchers[path, watcher] = None

    def state(self) -> LinkState:
        """How it is doing now."""
        return LinkState(self.peer, "up" if self._up else "idle", 0.0, 0, len(self._pending), self._error)

    def close(self) -> Deferred[None]:
        """Nothing passes any more."""
        self._closed = True
        self._watchers.clear()
        self.lose(CLOSED)
        return succeed(None)

    def lose(self, why: str) -> None:
        """The connection breaks, and both sides know."""
        if self._up:
            self._up, self._error = False, why
            self._generation += 1
            self._held.clear()
            for handled in tuple(self._handled):
                handled.cancel()
            self._handled.clear()
            for request in self._take():
                request.lost(why)
            self._tell_watchers(why)
            self._network.ended(self.owner, self.peer)

    def vanish(self) -> None:
        """The owner dies: nobody of it is told anything, no timer is left."""
        self._closed, self._up = True, False
        self._generation += 1
        self._watchers.clear()
        for handled in tuple(self._handled):
            handled.cancel()
        for request in self._take():
            request.drop()

    def flow(self) -> None:
        """What was held by a cut arrives now."""
        held, self._held = self._held, []
        for step in held:
            self._pass(step)

    def _send(self, request: Request) -> None:
        obstacle, after = self._obstacle()
        if obstacle:
            if self._error:
                request.again()
            self._clock.callLater(after, self._not_sent, request, obstacle)
            return
        self._up, self._error = True, ""
        left, body = request.left(), request.body
        envelope = Envelope(request.path, request.name, body, self._epoch(), left)
        request.sent()
        generation = self._generation
        self._later(_Step(generation, True, lambda: self._arrive(request, envelope, generation)))

    def _obstacle(self) -> tuple[str, float]:
        # Why it cannot be sent, and after how many seconds that is known.
        if self._closed:
            return CLOSED, 0.0
        if self._up:
            return "", 0.0
        if self._network.is_cut(self.owner, self.peer) or self._network.is_cut(self.peer, self.owner):
            return SILENT, ATTEMPT
        owner, host = self._network.hosts.get(self.owner), self._network.hosts.get(self.peer)
        if host is None:
            return REFUSED, 0.0
        if self._pin is not None:
            return ("", 0.0) if host.fingerprint == self._pin else (UNTRUSTED, 0.0)
        if owner is not None and not owner.joined():
            return "this host belongs to no cluster", 0.0
        return ("", 0.0) if host.joined() else (STRANGER, 0.0)

    def _later(self, step: _Step) -> None:
        ends = self._ends(step)
        now = self._clock.seconds()
        # What is sent later does not arrive earlier.
        when = self._last[step.there] = max(self._last[step.there], now + self._network.delay(*ends))
        self._clock.callLater(when - now, self._pass, step)

    def _pass(self, step: _Step) -> None:
        cut = self._network.is_cut(*self._ends(step))
        if step.generation != self._generation:
            if step.there and not cut and self._network.late():
                step.then()
        elif cut:
            self._held.append(step)
        else:
            step.then()

    def _ends(self, step: _Step) -> tuple[str, str]:
        return (self.owner, self.peer) if step.there else (self.peer, self.owner)

    def _arrive(self, request: Request, envelope: Envelope, generation: int) -> None:
        host, owner = self._network.hosts.get(self.peer), self._network.hosts.get(self.owner)
        if host is None:
            return  # it died, and the other side has not noticed yet
        fingerprint = owner.fingerprint if owner is not None else ""
        sender = Sender(self.owner if host.joined() else None, fingerprint)
        answer = maybeDeferred(host.delivery.deliver, sender, envelope)
        if generation == self._generation:
            self._handled[answer] = None
        answer.addBoth(self._answered, answer, request, generation)

    def _answered(self, result: bytes | Failure, answer: Deferred[bytes], request: Request, generation: int) -> None:
        self._handled.pop(answer, None)
        if request.timeout is None or generation != self._generation:
            return
        if isinstance(result, Failure):
            error = foreseen(result, self.log)
            self._later(_Step(generation, False, lambda: self._fail(request, error)))
        else:
            body = result
            self._later(_Step(generation, False, lambda: self._succeed(request, body)))

    def _succeed(self, request: Request, body: bytes) -> None:
        self._pending.discard(request)
        try:
            check_size("body", body)
        except GanetiError as e:
            request.fail(e)
        else:
            request.succeed(body)

    def _not_sent(self, request: Request, why: str) -> None:
        self._pending.discard(request)
        if not self._up:
            self._error = why
        request.not_sent(why)

    def _fail(self, request: Request, error: GanetiError) -> None:
        self._pending.discard(request)
        # As it would be rebuilt from what travels.
        request.fail(error_from(type(error).__name__, error.text))

    def _withdraw(self, request: Request) -> str:
        self._pending.discard(request)
        return self._error

    def _take(self) -> list[Request]:
        pending = sorted(self._pending, key=lambda request: request.number)
        self._pending.clear()
        return pending

    def _tell_watchers(self, why: str) -> None:
        watchers, self._watchers = self._watchers, {}
        for path, watcher in watchers:
            try:
                watcher.tell(Gone(path, Failure(OutcomeUnknown(f"no connection with {self.peer}: {why}"))))
            except GanetiError as e:
                self.log.debug("{watcher} was not told of {peer}: {error}", watcher=watcher, peer=self.peer, error=e)


@frozen
class _Step:
    generation: int
    there: bool  # to the peer, or back
    then: Callable[[], None] = field(eq=False)
