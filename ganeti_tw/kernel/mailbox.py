"""Messages that wait: what is done when there are too many."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ganeti_tw.kernel.asking import Ask

T = TypeVar("T")


class Overflow(enum.Enum):
    """What a full mailbox does with one more message.

    Asks are dropped by no policy: those that find no room get MailboxFull.
    """

    REFUSE = "refuse"
    """The sender gets MailboxFull."""
    DROP_OLDEST = "drop oldest"
    """The tell that waited longest is forgotten; for samples."""
    KEEP_LATEST = "keep latest"
    """All waiting tells of the class of the new one are forgotten; for news.

    With ``capacity = 1`` only the latest piece of news ever waits.
    """


class Sure(Generic[T]):
    """A message that is never refused nor dropped: the end of work aside, Gone, a timer.

    Built when its turn comes, and only for the incarnation it was meant for
    (``owner`` None: for any).
    """

    __slots__ = ("build", "owner", "value")

    def __init__(self, build: Callable[[T], Any], value: T, owner: object) -> None:
        self.build, self.value, self.owner = build, value, owner


def make_room(waiting: deque[Any], policy: Overflow, message: Any) -> list[Any]:
    """Take from ``waiting`` what gives way to ``message``; the removed ones, none when there is no room.

    Asks that were settled while they waited go first, whatever the policy.
    """
    gone = _take_out(waiting, lambda item: item.__class__ is Ask and item.called)
    if gone:
        return gone
    if policy is Overflow.DROP_OLDEST:
        for place, item in enumerate(waiting):
            if not isinstance(item, (Ask, Sure)):
                del waiting[place]
                return [item]
    elif policy is Overflow.KEEP_LATEST and not isinstance(message, Ask):
        return _take_out(waiting, lambda item: item.__class__ is message.__class__)
    return []


def _take_out(waiting: deque[Any], unwanted: Callable[[Any], bool]) -> list[Any]:
    gone = [item for item in waiting if unwanted(item)]
    if gone:
        kept = [item for item in waiting if not unwanted(item)]
        waiting.clear()
        waiting.extend(kept)
    return gone
