"""What an actor's author writes: a class with handlers."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from ganeti_tw.errors import WrongWay
from ganeti_tw.kernel.aside import Aside, Later, Outcome
from ganeti_tw.kernel.mailbox import Overflow
from ganeti_tw.kernel.ref import Ref

if TYPE_CHECKING:
    from ganeti_tw.kernel.life import Life

Handler = TypeVar("Handler", bound=Callable[..., Any])
P = ParamSpec("P")
T = TypeVar("T")

_MARK = "_receives"


class Rank(enum.IntEnum):
    """Who may ask whom: only the higher the lower, so that two never wait for each other."""

    QUEUE = 50
    JOB = 40
    LOCKS = 30
    CONFIG = 30
    LEDGER = 26
    REPLICATOR = 24
    NODE = 20
    INSTANCE = 10
    DISK = 10
    DEVICE = 5


def receive(*messages: type[Any]) -> Callable[[Handler], Handler]:
    """Mark the method that handles messages of exactly these classes.

    What the method returns is the answer.  An ``async`` method keeps all other
    messages waiting until it ends; a method that returns a Deferred does not.
    A GanetiError is an answer too; any other error crashes the actor.
    """

    def mark(method: Handler) -> Handler:
        setattr(method, _MARK, messages)
        return method

    return mark


class Actor:
    """Owns some state; only its own handlers touch it, one message at a time.

    ``__init__`` builds one incarnation and must not wait, look at the world or
    use ``me``.
    """

    rank: int = 0
    """Asks go to lower ranks only."""
    capacity: int = 1000
    """Messages that may wait."""
    overflow: Overflow = Overflow.REFUSE
    restarts: int = 0
    """Crashes forgiven per minute; with the next one it ends."""

    me: Ref
    """Its own address: give this to others, never ``self``."""

    __slots__ = ("__weakref__", "_life", "me")

    _handlers: ClassVar[dict[type[Any], Callable[[Any, Any], Any]]] = {}
    """Handler by class of message; made from the :func:`receive` marks."""

    _life: Life

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # By name, so that a subclass replaces a handler by overriding its method.
        names: dict[type[Any], str] = {}
        for base in reversed(cls.__mro__):
            here: dict[type[Any], str] = {}
            for name, method in vars(base).items():
                for message in getattr(method, _MARK, ()):
                    if message in here:
                        raise TypeError(f"{base.__name__}: both {here[message]} and {name} receive {message.__name__}")
                    here[message] = name
            names.update(here)
        cls._handlers = {message: getattr(cls, name) for message, name in names.items()}

    def started(self) -> Awaitable[None] | None:
        """Messages come next: look at the world, trust nothing.  May be ``async``; an error is a crash."""
        return None

    def stopped(self) -> None:
        """No message comes any more, after a crash too: let go of what is held.  Must not wait."""

    def ask(self, ref: Ref, message: Any, timeout: float) -> Deferred[Any]:
        """``ref.ask``; raises WrongWay unless ``ref`` ranks below this actor."""
        if ref.rank >= self.rank:
            raise WrongWay(
                f"{self.me.path} (rank {int(self.rank)}) may not ask {ref.path} (rank {int(ref.rank)}); tell it instead"
            )
        return ref.ask(message, timeout)

    def aside(self, work: Coroutine[Any, Any, Any] | Deferred[Any], then: Callable[[Outcome], Any]) -> Aside:
        """Start long work; its end arrives as the message ``then(outcome)``, which no full mailbox refuses.

        The work must not touch ``self``.  It is interrupted when the actor
        crashes or stops, and then nothing arrives.
        """
        return self._life.aside(self, work, then)

    def guarded(self, whose: str, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value of a call made for another, whose bugs are then not this actor's.

        An error that nobody foresaw is logged and raised as ActorCrashed: pass it
        on.  Only for calls that change nothing of this actor before they return.
        """
        return self._life.guarded(whose, call, *args, **kwargs)

    def later(self, seconds: float, message: Any) -> Later:
        """Tell ``message`` to this actor in ``seconds``, unless cancelled, crashed or stopped by then."""
        return self._life.later(self, seconds, message)
