"""What a node says about one instance, and what to think of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen

from ganeti_tw.mond.status import Code, Status, merge
from ganeti_tw.protocol.instance import RunningInstance

WANTED = {
    "up": ("running", "blocked"),
    "down": ("shutdown", "dying"),
}

GOOD = Status(Code.OK)


@frozen
class Guest:
    """An instance with this node as primary.

    ``admin_state``: up, down or offline.  ``actual_state``: running, blocked,
    paused, shutdown, crashed, dying, hung or unknown.  ``uptime`` as text, None
    where nobody knows.  ``state_reason``: the reason trail of the last change.
    ``resident_bytes``: memory its process has; None where nobody knows.
    """

    name: str
    uuid: str
    admin_state: str
    actual_state: str
    uptime: str | None = None
    mtime: float = 0.0
    state_reason: tuple[Any, ...] = ()
    hypervisor: str = ""
    memory_mib: int = 0
    vcpus: int = 0
    cpu_seconds: float = 0.0
    resident_bytes: int | None = None


def compared(wanted: Iterable[Guest], found: Iterable[RunningInstance], now: float) -> tuple[Guest, ...]:
    """Wish and reality side by side, by name; ``now`` in seconds since the epoch."""
    return tuple(sorted(comparisons(wanted, found, now), key=lambda guest: guest.name))


def comparisons(wanted: Iterable[Guest], found: Iterable[RunningInstance], now: float) -> Iterator[Guest]:
    """The same one by one, in no order.

    What is wanted but not found is shut down; what is found but not wanted was
    started on somebody's order, so it counts as wanted up.
    """
    real = {instance.name: instance for instance in found}
    for guest in wanted:
        yield _with(guest, real.pop(guest.name, None), now)
    for i in real.values():
        yield _with(Guest(i.name, "", "up", i.state), i, now)


def _with(guest: Guest, found: RunningInstance | None, now: float) -> Guest:
    # Not by evolve: thousands of guests are compared every few seconds, and this takes a third of the time.
    wanted = guest.name, guest.uuid, guest.admin_state
    if found is None:
        return Guest(*wanted, "shutdown", None, guest.mtime, guest.state_reason, guest.hypervisor)
    return Guest(
        *wanted,
        found.state,
        None if found.started is None else uptime_text(now - found.started),
        guest.mtime,
        guest.state_reason,
        found.hypervisor,
        found.memory_mib,
        found.vcpus,
        found.cpu_seconds,
        found.resident_bytes,
    )


def uptime_text(seconds: float) -> str:
    """A time as ``xl uptime`` writes it: ``3:01:01``, ``1 day, 0:00:00``."""
    return str(timedelta(seconds=int(max(0.0, seconds))))


def status_report(guests: Sequence[Guest]) -> dict[str, Any]:
    """The data of Ganeti's ``inst-status-xen``: by name; the status of all is the worst of each."""
    in_order = sorted(guests, key=lambda guest: guest.name)
    statuses = [judge(guest) for guest in in_order]
    return {
        "instances": [
            {
                "name": guest.name,
                "uuid": guest.uuid,
                "adminState": guest.admin_state,
                "actualState": guest.actual_state,
                "uptime": guest.uptime,
                "mtime": guest.mtime,
                "state_reason": list(guest.state_reason),
                "status": status.to_json(),
            }
            for guest, status in zip(in_order, statuses, strict=True)
        ],
        "status": merge(statuses).to_json(),
    }


def not_listed(reason: str) -> dict[str, Any]:
    """The same when the hypervisor cannot be asked."""
    return {"instances": [], "status": Status(Code.BAD, reason).to_json()}


def judge(guest: Guest) -> Status:
    """What to think of wish and reality."""
    wished, actual = guest.admin_state, guest.actual_state
    if actual in WANTED.get(wished, ()):
        return GOOD
    unknown = wished not in WANTED or (wished == "up" and actual == "hung")
    return Status(Code.UNKNOWN if unknown else Code.BAD, f"{guest.name} should be {wished} and is {actual}")
