"""Whether each instance is in the state it should be in, for every hypervisor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganeti_tw.errors import GanetiError
from ganeti_tw.mond.families import Family
from ganeti_tw.mond.guests import not_listed, status_report
from ganeti_tw.mond.registry import Category, Host, Kind, collector, figures


@collector("inst-status", category=Category.INSTANCE, kind=Kind.STATUS)
async def inst_status(host: Host) -> dict[str, Any]:
    """Instances of this node with wish and reality; the shape is that of Ganeti's ``inst-status-xen``.

    No instances and a bad status when the hypervisor cannot be asked.
    """
    try:
        return status_report(await host.guests())
    except GanetiError as e:
        return not_listed(str(e))


@figures("inst-status")
def families(data: dict[str, Any]) -> Iterable[Family]:
    """Per instance."""
    status = Family(
        "ganeti_instance_status",
        "What to think of the instance: 0 as it should be, 2 unknown, 4 not as it should be.",
        ("instance_name",),
    )
    state = Family(
        "ganeti_instance_state",
        "Always 1; the labels tell the state that is wanted and the one that was found.",
        ("instance_name", "admin_state", "state"),
    )
    for instance in data["instances"]:
        status.add(instance["status"]["code"], instance["name"])
        state.add(1, instance["name"], instance["adminState"], instance["actualState"])
    return status, state
