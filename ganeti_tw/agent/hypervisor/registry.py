"""All hypervisors there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ganeti_tw.agent.drivers import Drivers
from ganeti_tw.agent.hypervisor.base import Hypervisor, HypervisorHost

hypervisors: Drivers[Callable[[HypervisorHost], Hypervisor]] = Drivers(
    "ganeti_tw.agent.hypervisor", "ganeti_tw.hypervisors"
)


def build_hypervisors(host: HypervisorHost, names: Iterable[str] | None = None) -> dict[str, Hypervisor]:
    """The hypervisors named, or all, by name.  NotFound for a name that is none.  Nothing is connected yet."""
    wanted = list(hypervisors.load()) if names is None else list(names)
    return {name: hypervisors.get(name)(host) for name in wanted}
