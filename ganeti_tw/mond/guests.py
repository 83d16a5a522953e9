"""What a node says about one instance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve, frozen

from ganeti_tw.protocol.instance import RunningInstance


@frozen
class Guest:
    """An instance with this node as primary.

    ``admin_state``: up, down or offline.  ``actual_state``: running, blocked,
    paused, shutdown, crashed, dying, hung or unknown.  ``uptime`` as text, None
    where nobody knows.  ``state_reason``: the reason trail of the last change.
    """

    name: str
    uuid: str
    admin_state: str
    actual_state: str
    uptime: str | None = None
    mtime: float = 0.0
    state_reason: tuple[Any, ...] = ()


def compared(wanted: Iterable[Guest], found: Iterable[RunningInstance]) -> tuple[Guest, ...]:
    """Wish and reality side by side.

    What is wanted but not found is shut down; what is found but not wanted was
    started on somebody's order, so it counts as wanted up.
    """
    real = {instance.name: instance.state for instance in found}
    known = tuple(evolve(guest, actual_state=real.pop(guest.name, "shutdown")) for guest in wanted)
    return known + tuple(Guest(name, "", "up", state) for name, state in real.items())
