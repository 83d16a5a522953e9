"""What an iallocator plans for instances, turned into jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NoRoom
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import find, parse
from ganeti_tw.operations.steps.allocator_requests import Plan

MIGRATE, FAILOVER, REPLACE_DISKS = "OP_INSTANCE_MIGRATE", "OP_INSTANCE_FAILOVER", "OP_INSTANCE_REPLACE_DISKS"
MOVES = (MIGRATE, FAILOVER, REPLACE_DISKS)
AFTER_THE_ONE_BEFORE = [[-1, []]]  # however that ended, unless it was canceled: then the rest is not wanted either

Job = list[dict[str, Any]]


def jobs_of(
    context: Context,
    name: str,
    plan: Plan,
    *,
    early_release: bool = False,
    force_failover: bool = False,
    sequential: bool = False,
) -> list[Job]:
    """One job for each instance; no job at all when some instance cannot be moved.

    NoRoom names those; DriverError, when the plan of allocator ``name`` is none that could be carried out.
    """
    if plan.failed:
        raise NoRoom(
            f"nothing is moved, iallocator {name} finds no place for "
            + "; ".join(f"{instance} ({reason})" for instance, reason in plan.failed)
        )
    moved = {instance for instance, _, _ in plan.moved}
    jobs = [[_adapted(op, early_release, force_failover) for op in job] for job in plan.jobs]
    for op in (op for job in jobs for op in job):
        _check(name, op, moved)
    for instance, group, nodes in plan.moved:
        context.inform(f"{instance} goes to {', '.join(nodes)} in group {group}")
    if sequential:
        for job in jobs[1:]:
            job[0] = {**job[0], "depends": AFTER_THE_ONE_BEFORE}
    return jobs


def replacing(instances: Iterable[str], secondary: str, *, early_release: bool) -> list[Job]:
    """Jobs that give instances this secondary node."""
    ops = [
        {
            "OP_ID": REPLACE_DISKS,
            "instance_name": instance,
            "mode": "replace_new_secondary",
            "disks": [],
            "remote_node": secondary,
            "early_release": early_release,
        }
        for instance in instances
    ]
    for op in ops:
        _supported(op)
    return [[op] for op in ops]


def _adapted(op: Mapping[str, Any], early_release: bool, force_failover: bool) -> dict[str, Any]:
    found = dict(op)
    if found["OP_ID"] == REPLACE_DISKS:
        found["early_release"] = early_release
    if found["OP_ID"] == MIGRATE and force_failover:
        known = {a.name for a in attrs.fields(find(FAILOVER).cls)}
        found = {"OP_ID": FAILOVER, **{key: value for key, value in found.items() if key in known}}
    return found


def _check(name: str, op: Mapping[str, Any], moved: set[str]) -> None:
    if op["OP_ID"] not in MOVES or op.get("instance_name") not in moved:
        raise DriverError(
            f"iallocator {name} plans {op['OP_ID']} of {op.get('instance_name')}, which moves none of its instances"
        )
    _supported(op)


def _supported(op: Mapping[str, Any]) -> None:
    """BadRequest when the job would be refused: then none is submitted."""
    try:
        parse(dict(op))
    except GanetiError as e:
        instance, op_id = op["instance_name"], op["OP_ID"]
        raise BadRequest(f"nothing is moved: {instance} would need {op_id}, which is refused: {e.text}") from None
