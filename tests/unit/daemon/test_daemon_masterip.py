"""The address of the cluster without a job: what fails is logged and stops nothing."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon import masterip
from ganeti_tw.errors import DriverError, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster
from ganeti_tw.protocol.masterip import MasterIpEnd, SetMasterIp


def config() -> Config:
    numbers = iter(range(100))
    begin = new_cluster(
        "cluster.example",
        now=1000.0,
        uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012x}",
        node_name="n1",
        node_ip="192.0.2.1",
        master_ip="192.0.2.10",
    )
    return Config.from_rows({(p.kind, p.key): p.value for p in begin.rows()})


class FakeDirectory:
    """All nodes answer the same."""

    def __init__(self, answer: MasterIpEnd | GanetiError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, bool, str]] = []
        self.node = ""

    def ref(self, node: str, path: str = "node") -> Any:
        self.node = node
        return self

    def ask(self, message: SetMasterIp, timeout: float) -> Deferred[Any]:
        self.asked.append((self.node, message.up, message.address.ip))
        return fail(self.answer) if isinstance(self.answer, GanetiError) else succeed(self.answer)


class MasterIpTests(SynchronousTestCase):
    def begin(self, directory: Any, node: str | None = None) -> tuple[bool, list[str]]:
        """Whether it went well, and what was logged as a warning."""
        with capturedLogs() as events:
            if node is None:
                work = Deferred.fromCoroutine(masterip.bring_up(directory, config()))
            else:
                work = Deferred.fromCoroutine(masterip.take_down(directory, config(), node))
            well = self.successResultOf(work)
        return well, [e["text"] for e in events if e["log_level"].name == "warn"]

    def test_up_on_the_master(self) -> None:
        directory = FakeDirectory(MasterIpEnd("done"))
        self.assertEqual(self.begin(directory), (True, []))
        self.assertEqual(directory.asked, [("n1", True, "192.0.2.10")])

    def test_down_on_another_node(self) -> None:
        directory = FakeDirectory(MasterIpEnd("done"))
        self.assertEqual(self.begin(directory, "n2"), (True, []))
        self.assertEqual(directory.asked, [("n2", False, "192.0.2.10")])

    def test_a_failure_is_logged_with_what_to_do(self) -> None:
        well, (text,) = self.begin(FakeDirectory(DriverError("Cannot find device xen-br0")))
        self.assertFalse(well)
        self.assertIn("Cannot find device xen-br0", text)
        self.assertIn("gnt-cluster activate-master-ip", text)
        well, (text,) = self.begin(FakeDirectory(DriverError("no route")), "n2")
        self.assertFalse(well)
        self.assertIn("could not be taken down on n2: no route", text)

    def test_warnings_are_logged(self) -> None:
        self.assertEqual(self.begin(FakeDirectory(MasterIpEnd("", ("a hook failed",)))), (True, ["n1: a hook failed"]))
