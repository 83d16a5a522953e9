"""Whether each instance is in the state it should be in, for every hypervisor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti_tw.errors import GanetiError
from ganeti_tw.mond.guests import Guest
from ganeti_tw.mond.registry import Category, Host, Kind, collector
from ganeti_tw.mond.status import Code, Status, merge

WANTED = {
    "up": ("running", "blocked"),
    "down": ("shutdown", "dying"),
}


@collector("inst-status", category=Category.INSTANCE, kind=Kind.STATUS)
async def inst_status(host: Host) -> dict[str, Any]:
    """Instances of this node with wish and reality; the shape is that of Ganeti's ``inst-status-xen``.

    No instances and a bad status when the hypervisor cannot be asked.
    """
    try:
        guests = await host.guests()
    except GanetiError as e:
        return {"instances": [], "status": Status(Code.BAD, str(e)).to_json()}
    return report(guests)


def report(guests: Sequence[Guest]) -> dict[str, Any]:
    """By name; the status of all is the worst of each."""
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


def judge(guest: Guest) -> Status:
    """What to think of wish and reality."""
    found = f"{guest.name} should be {guest.admin_state} and is {guest.actual_state}"
    if guest.admin_state not in WANTED or (guest.admin_state == "up" and guest.actual_state == "hung"):
        return Status(Code.UNKNOWN, found)
    if guest.actual_state in WANTED[guest.admin_state]:
        return Status(Code.OK)
    return Status(Code.BAD, found)
