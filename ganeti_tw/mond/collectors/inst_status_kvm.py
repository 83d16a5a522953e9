"""Whether each instance is in the state it should be in, for KVM."""

from __future__ import annotations

from typing import Any

from ganeti_tw.errors import GanetiError
from ganeti_tw.mond.guests import not_listed, status_report
from ganeti_tw.mond.registry import Category, Host, Kind, collector

HYPERVISORS = frozenset({"kvm"})


@collector("inst-status-kvm", category=Category.INSTANCE, kind=Kind.STATUS, hypervisors=HYPERVISORS)
async def inst_status_kvm(host: Host) -> dict[str, Any]:
    """The same as ``inst-status-xen`` for instances under KVM."""
    try:
        guests = await host.guests()
    except GanetiError as e:
        return not_listed(str(e))
    return status_report([guest for guest in guests if guest.hypervisor in HYPERVISORS])
