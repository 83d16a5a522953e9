"""Guests that go from one node's actor to another's, on the fake hypervisor."""

from __future__ import annotations

import json
import os
from typing import Any

from agent_samples import HostTestCase, RecordingSpawner, disk, spec
from ganeti_tw.agent.figures import Figures
from ganeti_tw.agent.hypervisor.base import HypervisorHost
from ganeti_tw.agent.hypervisor.fake import FakeHypervisor
from ganeti_tw.agent.node import NodeAgent
from ganeti_tw.agent.osdef.definition import OsDefinitions
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.storage.base import StorageHost
from ganeti_tw.agent.storage.registry import build_storages
from ganeti_tw.errors import BadRequest, DriverError, NotFound, TryLater, WrongState
from ganeti_tw.kernel import ActorSystem
from ganeti_tw.protocol.instance import ListInstances, StartInstance, StopInstance
from ganeti_tw.protocol.migration import (
    AcceptGuest,
    AskMigration,
    Doorway,
    EndMigration,
    SendGuest,
    Sending,
    SetGuestMemory,
    WatchSending,
)

MIB = 2**20


class Node:
    """The agent of one host; its guests outlive it."""

    def __init__(self, case: MigrationTests, name: str) -> None:
        self.case, self.run = case, os.path.join(case.directory, name)
        self.boot()

    def boot(self) -> None:
        """With nothing in mind of what was before."""
        case = self.case
        host = HypervisorHost("node1", self.run, case.clock, case.blocking, lambda f, *a: f(*a))
        self.fake: Any = FakeHypervisor(host)
        system = ActorSystem(case.clock)
        storages = build_storages(StorageHost(case.blocking, lambda: [os.path.join(case.directory, "disks")]))
        scripts = OsScripts(OsDefinitions([], case.blocking), RecordingSpawner(), case.directory, lambda: 0.0)
        figures = Figures(case.blocking, {}.__getitem__, lambda path: (0, 0))
        hypervisors: dict[str, Any] = {"fake": self.fake, "plain": Plain()}
        self.agent = system.spawn(
            "node", lambda: NodeAgent(system, hypervisors, storages, scripts, figures, case.clock, ("fake",))
        )
        case.settle()

    def faults(self, **faults: dict[str, str]) -> None:
        os.makedirs(os.path.join(self.run, "fake-hypervisor"), exist_ok=True)
        with open(os.path.join(self.run, "fake-hypervisor/.faults"), "w", encoding="utf-8") as f:
            json.dump(faults, f)

    def begin(self, message: Any) -> Any:
        answer = self.agent.ask(message, 1000)
        self.case.settle()
        return answer

    def ask(self, message: Any) -> Any:
        return self.case.successResultOf(self.begin(message))

    def refuses(self, message: Any, *errors: Any) -> str:
        error: Exception = self.case.failureResultOf(self.begin(message), *errors).value
        return str(error)

    def guests(self) -> list[str]:
        return [guest.name for guest in self.ask(ListInstances(("fake",)))]

    def files(self) -> list[str]:
        """Of guests and doors."""
        return sorted(n for n in os.listdir(os.path.join(self.run, "fake-hypervisor")) if n != ".faults")


class Plain:
    """A hypervisor that can do no more than any."""

    name = "plain"


class MigrationTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.here, self.there = Node(self, "here"), Node(self, "there")
        self.here.ask(StartInstance(spec()))

    def settle(self, seconds: int = 0) -> None:
        for _ in range(20):
            self.clock.advance(0)
        for _ in range(seconds):
            self.clock.advance(1)
            for _ in range(10):
                self.clock.advance(0)

    def open(self) -> Doorway:
        door = self.there.ask(AcceptGuest(spec(), "192.0.2.2"))
        assert isinstance(door, Doorway)
        return door

    def watch(self) -> Sending:
        sending = self.here.ask(WatchSending("web1", "fake", 2.0))
        assert isinstance(sending, Sending)
        return sending

    def send_slowly(self) -> None:
        self.here.faults(send={"web1": "slow"})
        self.here.ask(SendGuest(spec(), self.open(), True))

    def ends(self) -> tuple[bool, bool]:
        """Where it runs, once that is certain."""
        return tuple(node.ask(EndMigration("web1", "fake")) for node in (self.here, self.there))  # type: ignore[return-value]

    def test_it_goes(self) -> None:
        self.assertEqual((self.here.ask(AskMigration("fake")), self.there.ask(AskMigration("fake"))), ("", ""))
        self.assertIsNone(self.here.ask(SendGuest(spec(), self.open(), True)))
        self.assertEqual(self.watch(), Sending(ended=True))
        self.assertEqual((self.here.guests(), self.there.guests()), ([], ["web1"]))
        self.assertEqual((self.here.files(), self.there.files()), ([], ["web1"]))
        self.there.ask(StopInstance("web1", "fake", 0))
        self.assertEqual(self.there.guests(), [])

    def test_how_far_it_is(self) -> None:
        self.send_slowly()
        self.settle(15)
        asked = self.here.begin(WatchSending("web1", "fake", 2.0))
        self.assertNoResult(asked)
        self.settle(2)
        self.assertEqual(self.successResultOf(asked), Sending(128 * MIB * 17 // 30, 128 * MIB))
        last = self.here.begin(WatchSending("web1", "fake", 60.0))
        self.assertEqual(self.here.guests(), ["web1"])
        self.settle(13)
        self.assertEqual(self.successResultOf(last), Sending(ended=True))
        self.assertEqual((self.here.guests(), self.there.guests()), ([], ["web1"]))

    def test_meanwhile_nothing_else_is_done_with_it(self) -> None:
        self.send_slowly()
        self.here.refuses(StopInstance("web1", "fake", 0), TryLater)
        self.assertIsNone(self.here.ask(SendGuest(spec(), Doorway("/elsewhere"), True)))  # it is on its way
        self.settle(30)
        self.assertEqual(self.there.guests(), ["web1"])

    def test_aborted_it_stays(self) -> None:
        self.send_slowly()
        self.settle(10)
        self.assertEqual(self.ends(), (True, False))
        self.assertIn("aborted", self.watch().error)
        self.settle(60)
        self.assertEqual((self.here.files(), self.there.files()), (["web1"], []))
        self.here.ask(StopInstance("web1", "fake", 0))

    def test_a_door_that_was_closed_lets_nobody_in(self) -> None:
        self.send_slowly()
        self.settle(10)
        self.assertIs(self.there.ask(EndMigration("web1", "fake")), False)
        self.settle(30)
        self.assertIn("cannot go to", self.watch().error)
        self.assertEqual(self.ends(), (True, False))

    def test_the_process_that_sends_it_dies(self) -> None:
        self.send_slowly()
        self.settle(10)
        self.here.boot()
        self.here.refuses(WatchSending("web1", "fake", 2.0), NotFound)
        self.assertEqual(self.ends(), (True, False))

    def test_one_that_stands_in_the_door_is_let_in(self) -> None:
        door = self.open().to
        os.rename(os.path.join(self.here.run, "fake-hypervisor/web1"), os.path.join(door, "guest"))
        self.assertEqual((self.here.guests(), self.there.guests()), ([], []))
        self.assertEqual(self.ends(), (False, True))
        self.assertEqual((self.there.guests(), self.there.files()), (["web1"], ["web1"]))

    def test_faults(self) -> None:
        self.there.faults(accept={"web1": "fail"})
        self.there.refuses(AcceptGuest(spec(), "192.0.2.2"), DriverError)
        self.there.faults()
        self.here.faults(send={"web1": "fail"})
        self.here.ask(SendGuest(spec(), self.open(), True))
        self.assertIn("was told to fail", self.watch().error)
        self.assertEqual(self.ends(), (True, False))

    def test_refusals(self) -> None:
        self.assertIn("runs on this node already", self.here.refuses(AcceptGuest(spec(), "192.0.2.1"), WrongState))
        lacking = spec(disks=(disk(os.path.join(self.directory, "disks/web1/d0")),))
        self.assertIn("disk 0 of web1", self.there.refuses(AcceptGuest(lacking, "192.0.2.2"), DriverError))
        self.there.ask(SendGuest(spec(), Doorway("/nowhere"), True))
        ended = self.there.ask(WatchSending("web1", "fake", 2.0))
        self.assertIn("web1 does not run", ended.error)
        self.here.ask(SendGuest(spec(), Doorway("/nowhere"), True))
        self.assertIn("cannot go to /nowhere", self.watch().error)
        self.assertEqual(self.ends(), (True, False))

    def test_a_hypervisor_that_cannot_do_it(self) -> None:
        self.assertIn("plain cannot", self.here.ask(AskMigration("plain")))
        for message in (
            AcceptGuest(spec(hypervisor="plain"), "192.0.2.1"),
            SendGuest(spec(hypervisor="plain"), Doorway(""), True),
            WatchSending("web1", "plain", 2.0),
            EndMigration("web1", "plain"),
        ):
            self.assertIn("gnt-instance failover", self.here.refuses(message, BadRequest))
        self.here.refuses(SetGuestMemory("web1", "plain", 64), BadRequest)

    def test_memory(self) -> None:
        self.here.ask(SetGuestMemory("web1", "fake", 64))
        self.assertEqual([g.memory_mib for g in self.here.ask(ListInstances(("fake",)))], [64])
        self.there.refuses(SetGuestMemory("web1", "fake", 64), WrongState)
