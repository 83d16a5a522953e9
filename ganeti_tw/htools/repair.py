"""Automatic repairs: which are allowed, what was tried, what is broken and how to mend it.

Tags of clusters, groups and instances allow repairs; tags of instances remember them
(``reference/behaviour.md``, *Auto-repair*).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from ganeti_tw.htools.cluster import BadData
from ganeti_tw.htools.templates import DRBD

PREFIX = "ganeti:watcher:autorepair:"
SUSPEND = PREFIX + "suspend"
PENDING = PREFIX + "pending:"
RESULT = PREFIX + "result:"

# From the weakest to the strongest; each allows those before it.
FIX_STORAGE, MIGRATE, FAILOVER, REINSTALL = TYPES = ("fix-storage", "migrate", "failover", "reinstall")
SUCCESS, FAILURE, ENOPERM = RESULTS = ("success", "failure", "enoperm")

HEALTHY, PENDING_REPAIR, FAILED, NEEDS_REPAIR = "Healthy", "Pending repair", "Failure", "Needs repair"

_ALLOCATOR = "hail"
Opcode = dict[str, Any]


class Repair(NamedTuple):
    """One repair as a tag remembers it; ``result`` is None while it goes on.  ``time``: seconds since the epoch."""

    kind: str
    uuid: str
    time: int
    jobs: tuple[int, ...]
    result: str | None = None

    @property
    def tag(self) -> str:
        jobs = "+".join(map(str, self.jobs))
        if self.result is None:
            return f"{PENDING}{self.kind}:{self.uuid}:{self.time}:{jobs}"
        return f"{RESULT}{self.kind}:{self.uuid}:{self.time}:{self.result}:{jobs}"


class State(NamedTuple):
    """One of the four names, and the repair that led to it, if any."""

    name: str
    repair: Repair | None = None


class Remedy(NamedTuple):
    """What a broken instance needs: the type of the repair, and the operations of its job."""

    kind: str
    ops: list[Opcode]


def is_memory(tag: str) -> bool:
    """Whether a tag is about a repair that was begun."""
    return tag.startswith((PENDING, RESULT))


def remembered(tag: str) -> Repair | None:
    """The repair of a tag; None when it is about none or cannot be read."""
    if tag.startswith(PENDING):
        return _read(tag[len(PENDING) :].split(":"), None)
    if tag.startswith(RESULT):
        fields = tag[len(RESULT) :].split(":")
        if len(fields) == 5 and fields[3] in RESULTS:
            return _read([*fields[:3], fields[4]], fields[3])
    return None


def _read(fields: Sequence[str], result: str | None) -> Repair | None:
    if len(fields) != 4 or fields[0] not in TYPES:
        return None
    kind, uuid, time, jobs = fields
    numbers = jobs.split("+") if jobs else []
    if not all(each.isascii() and each.isdigit() and len(each) <= 18 for each in [time, *numbers]):
        return None
    return Repair(kind, uuid, int(time), tuple(map(int, numbers)), result)


def state_of(name: str, tags: Iterable[str]) -> State:
    """What an instance's tags say of it: the earliest failure, else the latest repair.

    BadData when a repair was begun while another was going on.
    """
    by_uuid: dict[str, list[Repair]] = {}
    for repair in filter(None, map(remembered, tags)):
        by_uuid.setdefault(repair.uuid, []).append(repair)
    state = State(HEALTHY)
    for repairs in sorted(by_uuid.values(), key=lambda each: min(one.time for one in each)):
        latest = max(repairs, key=lambda one: (one.result is not None, one.time))
        if state.name == PENDING_REPAIR and state.repair is not None:
            raise BadData(
                f"instance {name} has the tag {latest.tag} although the repair of {state.repair.tag} has not ended:"
                " remove one of them"
            )
        if state.name != FAILED:
            state = State({None: PENDING_REPAIR, FAILURE: FAILED}.get(latest.result, HEALTHY), latest)
    return state


def limit_of(objects: Iterable[Collection[str]], now: float) -> str | None:
    """The strongest repair allowed, None for none; the objects' tags from the nearest to the farthest.

    The first object that says anything counts.
    """
    for tags in objects:
        suspended = [
            tag[len(SUSPEND) :].removeprefix(":") for tag in tags if tag == SUSPEND or tag.startswith(SUSPEND + ":")
        ]
        if "" in suspended or any(each.isascii() and each.isdigit() and int(each) > now for each in suspended):
            return None
        enabled = [kind for kind in TYPES if PREFIX + kind in tags]
        if enabled:
            return enabled[0]
    return None


def exceeds(kind: str, limit: str) -> bool:
    return TYPES.index(kind) > TYPES.index(limit)


def remedy(name: str, template: str, *, primary_offline: bool, secondary_offline: bool) -> Remedy | None:
    """What a broken instance needs; None for one that is whole, or that nothing is known for."""
    if template == DRBD and primary_offline and not secondary_offline:
        return Remedy(FAILOVER, [_failover(name)])
    if template == DRBD and secondary_offline and not primary_offline:
        return Remedy(FIX_STORAGE, [_replace_disks(name)])
    if template in (DRBD, "plain") and primary_offline:
        return Remedy(REINSTALL, [_recreate_disks(name), _reinstall(name)])
    return None


def _failover(name: str) -> Opcode:
    return {
        "OP_ID": "OP_INSTANCE_FAILOVER",
        "instance_name": name,
        "shutdown_timeout": 120,
        "ignore_consistency": False,
        "ignore_ipolicy": False,
        "cleanup": False,
    }


def _replace_disks(name: str) -> Opcode:
    return {
        "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
        "instance_name": name,
        "early_release": False,
        "ignore_ipolicy": False,
        "mode": "replace_new_secondary",
        "disks": [],
        "iallocator": _ALLOCATOR,
    }


def _recreate_disks(name: str) -> Opcode:
    return {
        "OP_ID": "OP_INSTANCE_RECREATE_DISKS",
        "instance_name": name,
        "disks": [],
        "nodes": [],
        "iallocator": _ALLOCATOR,
    }


def _reinstall(name: str) -> Opcode:
    return {"OP_ID": "OP_INSTANCE_REINSTALL", "instance_name": name, "force_variant": False}


def delay(seconds: float) -> Opcode:
    """Time for the tag to be set before the repair locks the instance."""
    return {
        "OP_ID": "OP_TEST_DELAY",
        "duration": seconds,
        "on_master": True,
        "on_nodes": [],
        "repeat": 0,
        "interruptible": False,
        "no_locks": True,
    }
