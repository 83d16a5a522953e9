"""Memory that instances under KVM really take."""

from __future__ import annotations

from typing import Any

from ganeti_tw.mond.registry import Host, Kind, collector


@collector("kvm-inst-rss", category=None, kind=Kind.PERFORMANCE)
async def kvm_inst_rss(host: Host) -> dict[str, Any]:
    """Resident set size in pages by instance; those whose size nobody knows are left out."""
    if "kvm" not in host.hypervisors:
        return {}
    return {
        guest.name: guest.resident_bytes // host.page_size
        for guest in await host.guests()
        if guest.hypervisor == "kvm" and guest.resident_bytes is not None
    }
