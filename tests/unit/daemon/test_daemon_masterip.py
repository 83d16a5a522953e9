"""The address of the cluster without a job: it comes as soon as it can, and goes for sure."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.masterip import ClusterAddress
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import DriverError, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster
from ganeti_tw.protocol.masterip import MasterIpEnd, SetMasterIp

RECORD = HostRecord("cluster", "cu", "n1", "u1", 4, "n1", ("n1",), address_epoch=4)


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


class FakeHost:
    """Its directory, its master and what is outside are itself; its node answers what a test says."""

    name = "n1"

    def __init__(self) -> None:
        self.clock = Clock()
        self.outside = self.directory = self.published = self
        self.master: FakeHost | None = self
        self.config = config()
        self.record: HostRecord | None = RECORD
        self.answer: MasterIpEnd | GanetiError | Deferred[Any] = MasterIpEnd("done")
        self.asked: list[tuple[str, bool, str]] = []
        self.node = ""

    def keep(self, record: HostRecord) -> None:
        self.record = record

    def ref(self, node: str, path: str = "node") -> Any:
        self.node = node
        return self

    def ask(self, message: SetMasterIp, timeout: float) -> Deferred[Any]:
        self.asked.append((self.node, message.up, message.address.ip))
        if isinstance(self.answer, Deferred):
            return self.answer
        return fail(self.answer) if isinstance(self.answer, GanetiError) else succeed(self.answer)


class ClusterAddressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.host: Any = FakeHost()
        self.address = ClusterAddress(self.host)
        logged = capturedLogs()
        self.events = logged.__enter__()
        self.addCleanup(logged.__exit__, None, None, None)

    def warnings(self) -> list[str]:
        return [e.get("reason") or e["text"] for e in self.events if e["log_level"].name == "warn"]

    def test_up_on_the_master(self) -> None:
        self.address.bring_up()
        self.assertEqual((self.host.asked, self.warnings()), ([("n1", True, "192.0.2.10")], []))
        self.assertEqual(self.host.clock.getDelayedCalls(), [])

    def test_what_is_in_the_way_is_told_once_and_waited_for(self) -> None:
        self.host.answer = DriverError("192.0.2.10 answers, so another host has it")
        self.address.bring_up()
        for _ in range(100):
            self.host.clock.advance(1)
        self.assertEqual(self.warnings(), ["192.0.2.10 answers, so another host has it"])
        self.assertTrue(3 <= len(self.host.asked) <= 10, self.host.asked)
        self.host.answer = MasterIpEnd("done")
        self.host.clock.advance(60)
        tries = len(self.host.asked)
        self.host.clock.advance(600)
        self.assertEqual(len(self.host.asked), tries)

    def test_when_the_reign_ends_it_is_tried_no_more(self) -> None:
        self.host.answer = DriverError("not now")
        self.address.bring_up()
        self.host.master = None
        self.address.end_reign()
        self.assertEqual(self.host.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def take_off(self) -> None:
        self.host.master = None
        self.address.take_off()

    def test_off_when_a_reign_may_have_left_it_and_then_no_more(self) -> None:
        for _ in range(2):
            self.take_off()
        self.assertEqual(self.host.asked, [("n1", False, "192.0.2.10")])
        self.assertEqual(self.host.record, evolve(RECORD, address_epoch=0))

    def test_what_could_not_be_taken_off_is_told_once_and_tried_until_it_is(self) -> None:
        self.host.answer = DriverError("no ip here")
        self.take_off()
        for _ in range(100):
            self.take_off()
            self.host.clock.advance(1)
        self.assertEqual((self.warnings(), self.host.record), (["no ip here"], RECORD))
        self.assertTrue(3 <= len(self.host.asked) <= 10, self.host.asked)
        self.host.answer = MasterIpEnd("done")
        self.host.clock.advance(60)
        self.assertEqual(self.host.record, evolve(RECORD, address_epoch=0))
        self.assertEqual(self.host.clock.getDelayedCalls(), [])

    def test_a_new_reign_brings_it_up_and_takes_it_off_no_more(self) -> None:
        self.host.answer = DriverError("no ip here")
        self.take_off()
        self.host.master, self.host.answer = self.host, MasterIpEnd("done")
        self.address.bring_up()
        self.host.clock.advance(600)
        self.assertEqual([up for _, up, _ in self.host.asked], [False, True])

    def test_a_host_that_stops_tries_nothing_more(self) -> None:
        self.host.answer = DriverError("no ip here")
        self.take_off()
        self.address.stop()
        self.assertEqual(self.host.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_who_is_master_again_keeps_it(self) -> None:
        self.address.take_off()
        self.assertEqual((self.host.asked, self.host.record), ([], RECORD))

    def test_that_of_a_later_reign_is_not_forgotten(self) -> None:
        self.host.answer = Deferred()
        self.take_off()
        self.host.record = evolve(RECORD, address_epoch=6)
        answer, self.host.answer = self.host.answer, MasterIpEnd("done")
        self.take_off()
        self.assertEqual(len(self.host.asked), 1)
        answer.callback(MasterIpEnd("done"))
        self.assertEqual(len(self.host.asked), 2)
        self.assertEqual(self.host.record.address_epoch, 0)

    def test_a_record_that_cannot_be_written_keeps_it(self) -> None:
        def full(record: HostRecord) -> None:
            raise DriverError("disk full")

        self.host.keep = full
        self.take_off()
        self.assertEqual(self.warnings(), ["disk full"])

    def test_warnings_of_the_node_are_logged(self) -> None:
        self.host.answer = MasterIpEnd("", ("a hook failed",))
        self.address.bring_up()
        self.assertEqual(self.warnings(), ["n1: a hook failed"])
