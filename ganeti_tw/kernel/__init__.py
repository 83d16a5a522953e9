"""How actors live: mailboxes, answers, supervision, work aside, undo and blocking calls.

In come messages of any class, by ``Ref.tell`` and ``Ref.ask``; out go answers,
errors of :mod:`ganeti_tw.errors` and the news that an actor is :class:`Gone`.
The kernel knows no message but its own and nothing of networks or files; time
is the clock it is given.
"""

from __future__ import annotations

from ganeti_tw.kernel.actor import Actor, Rank, receive
from ganeti_tw.kernel.aside import Aside, Later, Outcome
from ganeti_tw.kernel.blocking import Blocking, InlineBlocking, ThreadBlocking
from ganeti_tw.kernel.cell import current_actor
from ganeti_tw.kernel.mailbox import Overflow
from ganeti_tw.kernel.ref import Gone, Ref
from ganeti_tw.kernel.system import ActorState, ActorSystem, KindFigures
from ganeti_tw.kernel.undo import Undo

__all__ = [
    "Actor",
    "ActorState",
    "ActorSystem",
    "Aside",
    "Blocking",
    "Gone",
    "InlineBlocking",
    "KindFigures",
    "Later",
    "Outcome",
    "Overflow",
    "Rank",
    "Ref",
    "ThreadBlocking",
    "Undo",
    "current_actor",
    "receive",
]
