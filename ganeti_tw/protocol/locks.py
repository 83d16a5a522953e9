"""What the lock manager is asked.  Stays in the master's process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class Acquire:
    """All locks an owner needs, in one request.

    Answer: what is held, once all of it is.  ``wanted``: lock name -> mode (0
    shared, 1 exclusive).  Of ``some`` (likewise, each taken whole or not at all) it
    gets those that are free then, and at least ``least``.  ``ref``: the owning
    actor; its end releases what it had.
    """

    owner: str
    wanted: Mapping[str, int]
    ref: Any
    priority: int = 0
    some: tuple[Mapping[str, int], ...] = ()
    least: int = 0


@frozen
class Keep:
    """Give back what an owner holds besides these.  Answer: what it holds then; nothing is waited for."""

    owner: str
    names: frozenset[str]


@frozen
class Release:
    """Give up everything an owner holds or waits for.  Answer: None."""

    owner: str


@frozen
class ChangeUrgency:
    """What an actor waits for, it waits for with another priority.  Answer: None."""

    path: str
    priority: int


@frozen
class ListLocks:
    """Answer: list of LockState."""


@frozen
class WhyWaiting:
    """Answer: list of (lock, owners in front) for what an owner waits for, or all those an actor stands for."""

    owner: str
