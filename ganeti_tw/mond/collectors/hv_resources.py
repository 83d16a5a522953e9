"""What the guests of each hypervisor take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ganeti_tw.mond.families import Family, Sort, columns
from ganeti_tw.mond.guests import Guest
from ganeti_tw.mond.registry import Category, Host, Kind, collector, figures

MIB = 1024 * 1024
OFF = ("shutdown", "crashed", "unknown")


@collector("hv-resources", category=Category.HYPERVISOR, kind=Kind.PERFORMANCE)
async def hv_resources(host: Host) -> dict[str, Any]:
    """Sums by enabled hypervisor, and each instance that runs; memory in MiB."""
    return report(await host.guests(), host.hypervisors)


def report(guests: Sequence[Guest], hypervisors: Iterable[str]) -> dict[str, Any]:
    """By name."""
    running = [guest for guest in guests if guest.actual_state not in OFF and guest.hypervisor]
    names = sorted({*hypervisors, *(guest.hypervisor for guest in running)})
    return {
        "hypervisors": [_sum(name, [guest for guest in running if guest.hypervisor == name]) for name in names],
        "instances": [
            {
                "name": guest.name,
                "hypervisor": guest.hypervisor,
                "memory": guest.memory_mib,
                "resident_memory": guest.resident_bytes // MIB if guest.resident_bytes is not None else None,
                "vcpus": guest.vcpus,
                "cpu_seconds": guest.cpu_seconds,
            }
            for guest in sorted(running, key=lambda guest: guest.name)
        ],
    }


def _sum(name: str, guests: Sequence[Guest]) -> dict[str, Any]:
    return {
        "name": name,
        "running": len(guests),
        "memory": sum(guest.memory_mib for guest in guests),
        "vcpus": sum(guest.vcpus for guest in guests),
        "cpu_seconds": sum(guest.cpu_seconds for guest in guests),
    }


@figures("hv-resources")
def families(data: dict[str, Any]) -> Iterable[Family]:
    """Per hypervisor and per instance that runs."""
    yield from columns(
        data["hypervisors"],
        {"hypervisor": "name"},
        {
            "running": (Family("ganeti_hypervisor_running_instances", "Instances that run."), 1),
            "memory": (Family("ganeti_hypervisor_memory_bytes", "Memory given to instances that run."), MIB),
            "vcpus": (Family("ganeti_hypervisor_vcpus", "Virtual CPUs of instances that run."), 1),
        },
    )
    cpu = Family("ganeti_instance_cpu_seconds", "CPU time the instance used since its start.", sort=Sort.COUNTER)
    resident = Family("ganeti_instance_resident_memory_bytes", "Memory that the process of the instance really has.")
    yield from columns(
        data["instances"],
        {"instance_name": "name", "hypervisor": "hypervisor"},
        {
            "memory": (Family("ganeti_instance_memory_bytes", "Memory given to the instance."), MIB),
            "resident_memory": (resident, MIB),
            "vcpus": (Family("ganeti_instance_vcpus", "Virtual CPUs of the instance."), 1),
            "cpu_seconds": (cpu, 1),
        },
    )
