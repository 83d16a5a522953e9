"""Foreseen failures, told apart by what the caller may do about them.

Each carries the error code Ganeti's clients know (``constants`` group
*errors*).  The text says what, which and the remedy.  Anything that is not a
:class:`GanetiError` is a bug and crashes the actor it happens in.
"""

from __future__ import annotations

from typing import ClassVar


class GanetiError(Exception):
    """Something that can be foreseen went wrong."""

    code: ClassVar[str] = "internal_error"

    @property
    def text(self) -> str:
        """What an administrator reads."""
        return str(self)


class BadRequest(GanetiError):
    """Correct the request and send it again."""

    code = "wrong_input"


class NotFound(GanetiError):
    """There is nothing of that name: name another."""

    code = "unknown_entity"


class Exists(GanetiError):
    """The name is taken: name another."""

    code = "already_exists"


class NotUnique(GanetiError):
    """A resource that must be unique (address, MAC, port) is taken."""

    code = "resource_not_unique"


class WrongState(GanetiError):
    """Change the state of the object first, or force."""

    code = "wrong_state"


class NodeOffline(WrongState):
    """The node is marked offline and is not spoken to."""


class NoMajority(WrongState):
    """Too few nodes answer or agree, so that there might be another master: bring them back, or override."""


class NoRoom(GanetiError):
    """Free something first."""

    code = "insufficient_resources"


class ResolverError(GanetiError):
    """A host name has no address."""

    code = "resolver_error"


class TryLater(GanetiError):
    """Nothing was done; the same request may succeed later."""

    code = "temp_insufficient_resources"


class MailboxFull(TryLater):
    """The receiver has more waiting messages than it takes."""


class NotSent(TryLater):
    """The message did not leave this host: it may be sent again."""


class OutcomeUnknown(GanetiError):
    """It may or may not have been done: look before trying again."""

    code = "environment_error"


class Expired(OutcomeUnknown):
    """No answer came within the deadline."""


class DriverError(GanetiError):
    """A tool on the host failed: repair the host.

    The text holds the command, how it ended and its last lines of output.
    """

    code = "environment_error"


class ActorStopped(GanetiError):
    """The receiver is gone; the message was not handled, or not to its end."""


class ActorCrashed(GanetiError):
    """A bug: the receiver failed in a way nobody foresaw.  Report it."""


class WrongWay(GanetiError):
    """A bug: an actor asked one that does not rank below it."""


class Refused(GanetiError):
    """The peer is not who may say this: unknown, not a candidate, wrong token."""

    code = "wrong_input"


class NoMember(Refused):
    """Who asks is no node of the cluster, as far as the receiver was told."""


class StaleEpoch(Refused):
    """The sender was master once; a later master has been seen."""


class NotMaster(GanetiError):
    """This host is not the master; the text names who is, where known."""

    code = "wrong_state"


class NoCluster(GanetiError):
    """This host belongs to no cluster yet."""

    code = "wrong_state"


class Corrupt(GanetiError):
    """Stored data cannot be read; the text names the file or row."""

    code = "environment_error"


class Retry(GanetiError):
    """What the operation relied on changed while it waited; it starts over."""

    code = "temp_insufficient_resources"


class Cancelled(GanetiError):
    """The job was cancelled."""

    code = "wrong_state"


def _subclasses(cls: type[GanetiError]) -> dict[str, type[GanetiError]]:
    found = {cls.__name__: cls}
    for sub in cls.__subclasses__():
        found.update(_subclasses(sub))
    return found


def error_from(kind: str, text: str) -> GanetiError:
    """The error another process raised; kinds unknown here become GanetiError."""
    cls = _subclasses(GanetiError).get(kind)
    return cls(text) if cls is not None else GanetiError(f"{kind}: {text}")
