"""Instances, disks and hosts for the tests of the agent."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.hypervisor.base import HypervisorHost
from ganeti_tw.agent.processes import ProcessEnd
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NicSpec

BE = {"minmem": 96, "maxmem": 128, "vcpus": 1, "always_failover": False, "auto_balance": True, "spindle_use": 1}


def disk(path: str, size: int = 32, dev_type: str = "file", index: int = 0) -> DiskSpec:
    return DiskSpec(
        uuid=f"f1a626a9-c564-4f41-bdd2-baeb9f4e0a3{index}",
        index=index,
        dev_type=dev_type,
        size_mib=size,
        mode="rw",
        logical_id=("loop", path),
    )


def nic(**changes: Any) -> NicSpec:
    values: dict[str, Any] = {
        "uuid": "a18b3261-e726-47fd-bd7e-e932dc8fb800",
        "index": 0,
        "mac": "aa:00:00:f7:7b:b5",
        "mode": "bridged",
        "link": "br0",
    }
    return NicSpec(**{**values, **changes})


def spec(name: str = "web1", **changes: Any) -> InstanceSpec:
    values: dict[str, Any] = {
        "name": name,
        "uuid": "ea4bfa79-e083-4f7e-ade4-c9a37db66e68",
        "os": "noop+default",
        "hypervisor": "fake",
        "hvparams": {},
        "beparams": BE,
        "disks": (),
        "nics": (),
        "primary_node": "11ee9a30-eb12-4888-b565-1030518ef0d1",
    }
    return InstanceSpec(**{**values, **changes})


class RecordingSpawner:
    """Runs nothing; ends as told, or when told."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.end: ProcessEnd | None = ProcessEnd(0, None, ())
        self.pending: list[Deferred[ProcessEnd]] = []

    def run(self, argv: Any, **kw: Any) -> Deferred[ProcessEnd]:
        self.calls.append({"argv": list(argv), **kw})
        d: Deferred[ProcessEnd] = Deferred()
        self.pending.append(d)
        if self.end is not None:
            d.callback(self.end)
        return d


class HostTestCase(SynchronousTestCase):
    """A directory of its own and a clock that stands still."""

    def setUp(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="gtw")
        self.addCleanup(shutil.rmtree, self.directory)
        self.clock = Clock()
        self.blocking = InlineBlocking()

    def host(self) -> HypervisorHost:
        return HypervisorHost("node1", self.directory, self.clock, self.blocking, lambda f, *a: f(*a))

    def result(self, work: Any) -> Any:
        """What a coroutine gives, at once."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def failure(self, work: Any, *errors: Any) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(work), *errors).value
