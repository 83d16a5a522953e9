"""The node's actor and those of its instances, on the fake hypervisor."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred

from agent_samples import HostTestCase, RecordingSpawner, disk, spec
from ganeti_tw.agent.figures import Figures
from ganeti_tw.agent.hypervisor.base import GuestNews
from ganeti_tw.agent.hypervisor.fake import FakeHypervisor
from ganeti_tw.agent.instance import LINGER, Describe, Phase
from ganeti_tw.agent.node import NodeAgent, SetEnabled, WorkEnded
from ganeti_tw.agent.osdef.definition import OsDefinitions
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.processes import ProcessEnd
from ganeti_tw.agent.storage.base import StorageHost
from ganeti_tw.agent.storage.registry import build_storages
from ganeti_tw.errors import BadRequest, DriverError, Expired, NotFound, TryLater, WrongState
from ganeti_tw.kernel import ActorSystem, Outcome
from ganeti_tw.protocol.instance import (
    CreateDisk,
    FindDisk,
    FindDisks,
    GetConsole,
    InstallOs,
    ListInstances,
    RebootInstance,
    RemoveDisk,
    RenameDisk,
    RenameOs,
    StartInstance,
    StopInstance,
)
from ganeti_tw.protocol.migration import WatchSending
from ganeti_tw.protocol.node import GetFigures, ListOses, ListStorage, Ping


class NodeAgentTestCase(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = FakeHypervisor(self.host())
        self.spawner = RecordingSpawner()
        self.system = ActorSystem(self.clock)
        self.disks = os.path.join(self.directory, "disks")
        self.node = self.spawn()

    def spawn(self, enabled: tuple[str, ...] = ("fake",)) -> Any:
        storages = build_storages(StorageHost(self.blocking, lambda: [self.disks]))
        definitions = OsDefinitions([os.path.join(self.directory, "os")], self.blocking)
        scripts = OsScripts(definitions, self.spawner, os.path.join(self.directory, "log"), lambda: 0.0)
        files = {"/proc/meminfo": MEMINFO, "/proc/cpuinfo": "processor : 0\n", "/proc/sys/kernel/random/boot_id": "b\n"}
        figures = Figures(self.blocking, files.__getitem__, lambda path: (100 << 20, 40 << 20))
        node = self.system.spawn(
            "node",
            lambda: NodeAgent(self.system, {"fake": self.fake}, storages, scripts, figures, self.clock, enabled),
        )
        self.settle()
        return node

    def settle(self, seconds: float = 0) -> None:
        for _ in range(20):
            self.clock.advance(0)
        for _ in range(int(seconds)):
            self.clock.advance(1)
            for _ in range(10):
                self.clock.advance(0)

    def ask(self, message: Any, seconds: float = 0) -> Any:
        d = self.node.ask(message, 1000)
        self.settle(seconds)
        return self.successResultOf(d)

    def ask_badly(self, message: Any, *errors: Any, seconds: float = 0) -> Any:
        d = self.node.ask(message, 1000)
        self.settle(seconds)
        return self.failureResultOf(d, *errors).value

    def faults(self, **faults: dict[str, str]) -> None:
        os.makedirs(os.path.join(self.directory, "fake-hypervisor"), exist_ok=True)
        with open(os.path.join(self.directory, "fake-hypervisor", ".faults"), "w") as f:
            json.dump(faults, f)

    def phase(self, name: str = "web1") -> Phase:
        d = self.system.find(f"node/instance/{name}").ask(Describe(), 5)
        self.settle()
        return self.successResultOf(d)

    def guests(self) -> list[str]:
        return [guest.name for guest in self.ask(ListInstances(("fake",)))]


MEMINFO = """MemTotal:        2048 kB
MemFree:         1024 kB
Buffers:            0 kB
Cached:             0 kB
Active:          1024 kB
"""


class InstanceTests(NodeAgentTestCase):
    def test_started_it_is_listed_and_running(self) -> None:
        self.ask(StartInstance(spec()))
        self.assertEqual((self.guests(), self.phase()), (["web1"], Phase.RUNNING))

    def test_starting_the_running_succeeds(self) -> None:
        self.ask(StartInstance(spec()))
        self.assertIsNone(self.ask(StartInstance(spec())))

    def test_stopping_the_stopped_succeeds(self) -> None:
        self.assertIsNone(self.ask(StopInstance("web1", "fake", 120)))

    def test_stopped_it_is_gone(self) -> None:
        self.ask(StartInstance(spec()))
        self.ask(StopInstance("web1", "fake", 120))
        self.assertEqual((self.guests(), self.phase()), ([], Phase.STOPPED))

    def test_a_deaf_guest_is_forced_at_the_timeout_and_meanwhile_says_stopping(self) -> None:
        self.ask(StartInstance(spec()))
        self.faults(stop={"web1": "deaf"})
        stopped = self.node.ask(StopInstance("web1", "fake", 12), 1000)
        self.settle(11)
        self.assertNoResult(stopped)
        self.assertEqual((self.guests(), self.phase()), (["web1"], Phase.STOPPING))
        self.settle(2)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(self.guests(), [])

    def test_who_asks_for_the_same_shares_its_end_and_others_wait(self) -> None:
        self.faults(start={"web1": "stall"})
        first, second = (self.node.ask(StartInstance(spec()), 1000) for _ in range(2))
        self.settle()
        self.ask_badly(StopInstance("web1", "fake", 1), TryLater)
        self.settle(70)
        for d in (first, second):
            self.failureResultOf(d, Expired)
        self.assertEqual(self.phase(), Phase.UNKNOWN)

    def test_a_start_that_fails_says_why_and_can_be_tried_again(self) -> None:
        self.faults(start={"web1": "fail"})
        self.ask_badly(StartInstance(spec()), DriverError)
        self.faults()
        self.ask(StartInstance(spec()))
        self.assertEqual(self.guests(), ["web1"])

    def test_a_start_without_its_disk_names_the_disk(self) -> None:
        wanted = spec(disks=(disk(self.disks + "/web1/d0"),))
        self.assertIn("disk 0 of web1", str(self.ask_badly(StartInstance(wanted), DriverError)))

    def test_a_list_of_named_ones_is_of_these_only(self) -> None:
        self.ask(StartInstance(spec()))
        self.assertEqual(self.ask(ListInstances(("fake",), ("web2",))), ())
        self.assertEqual([guest.name for guest in self.ask(ListInstances(("fake",), ("web1", "web2")))], ["web1"])

    def test_hard_reboot_starts_the_stopped(self) -> None:
        self.ask(RebootInstance(spec(), "hard"))
        self.assertEqual(self.guests(), ["web1"])

    def test_reboot_of_another_kind_is_refused(self) -> None:
        self.ask_badly(RebootInstance(spec(), "gentle"), BadRequest)

    def test_console_of_the_running_and_of_the_stopped(self) -> None:
        self.ask_badly(GetConsole(spec()), WrongState)
        self.ask(StartInstance(spec()))
        self.assertEqual(self.ask(GetConsole(spec())).kind, "msg")

    def test_an_unknown_hypervisor_is_named(self) -> None:
        self.assertIn("'xen-pvm'", str(self.ask_badly(ListInstances(("xen-pvm",)), BadRequest)))


class AdoptionTests(NodeAgentTestCase):
    def test_guests_of_an_earlier_process_are_adopted(self) -> None:
        self.ask(StartInstance(spec()))
        self.system = ActorSystem(self.clock)
        self.node = self.spawn()
        self.assertEqual(self.phase(), Phase.RUNNING)

    def test_guests_of_a_hypervisor_enabled_later_are_adopted(self) -> None:
        self.ask(StartInstance(spec()))
        self.system = ActorSystem(self.clock)
        self.node = self.spawn(enabled=())
        self.assertIsNone(self.system.find("node/instance/web1"))
        self.node.tell(SetEnabled(("fake",)))
        self.settle()
        self.assertEqual(self.phase(), Phase.RUNNING)

    def test_a_hypervisor_that_does_not_answer_is_no_reason_to_die(self) -> None:
        self.faults(list={"*": "fail"})
        self.system = ActorSystem(self.clock)
        self.node = self.spawn()
        self.assertEqual(self.ask(Ping("still here")), "still here")

    def test_news_of_a_guest_change_its_phase(self) -> None:
        told: list[Any] = []

        class Newsy(FakeHypervisor):
            def watch(self, tell: Any) -> None:
                told.append(tell)

        self.fake = Newsy(self.host())
        self.system = ActorSystem(self.clock)
        self.node = self.spawn()
        self.ask(StartInstance(spec()))
        told[0](GuestNews("web1", False))
        self.settle()
        self.assertEqual(self.phase(), Phase.STOPPED)


class RestTests(NodeAgentTestCase):
    """Actors of instances that are not here any more."""

    def paths(self) -> list[str]:
        return [actor.path for actor in self.system.list()]

    def test_they_leave_nothing(self) -> None:
        for number in range(50):
            self.ask(StartInstance(spec(name=f"web{number}")))
            self.ask(StopInstance(f"web{number}", "fake", 120))
        self.ask_badly(WatchSending("other", "fake", 1.0), BadRequest, NotFound)
        self.settle(LINGER)
        self.assertEqual(self.paths(), ["node"])
        node: Any = self.system._cells["node"]
        self.assertEqual((node._actor.instances, node._watched), ({}, {}))

    def test_of_what_runs_they_stay(self) -> None:
        self.ask(StartInstance(spec()))
        self.settle(3 * LINGER)
        self.assertEqual(self.phase(), Phase.RUNNING)

    def test_who_asks_at_that_moment_is_answered(self) -> None:
        self.ask(StartInstance(spec()))
        self.ask(StopInstance("web1", "fake", 120))
        self.settle(LINGER - 1)
        for _ in range(40):  # turns of the reactor around the end
            self.clock.advance(0.05)
            self.assertIsNone(self.ask(StopInstance("web1", "fake", 0)))
        self.settle(2 * LINGER)
        self.assertEqual(self.paths(), ["node"])

    def test_one_that_is_asked_for_anew_is_there_again(self) -> None:
        self.ask(StopInstance("web1", "fake", 120))
        self.settle(LINGER)
        self.ask(StartInstance(spec()))
        self.settle(2 * LINGER)
        self.assertEqual(self.phase(), Phase.RUNNING)

    def test_those_a_crashed_node_left_are_found_again(self) -> None:
        self.ask(StopInstance("web1", "fake", 120))
        self.node.tell(WorkEnded(99, Outcome()))  # a bug
        self.settle(2 * LINGER)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.paths(), ["node"])


class DiskTests(NodeAgentTestCase):
    def test_created_found_removed_and_removed_again(self) -> None:
        wanted = disk(self.disks + "/web1/d0")
        path = self.ask(CreateDisk("web1", wanted))
        self.assertEqual(self.ask(FindDisk("web1", wanted)), path)
        for _ in range(2):
            self.ask(RemoveDisk("web1", wanted))
        self.assertIsNone(self.ask(FindDisk("web1", wanted)))

    def test_many_are_found_at_once(self) -> None:
        here, gone = (disk(f"{self.disks}/web1/d{n}") for n in range(2))
        nowhere = disk("/etc/passwd")
        path = self.ask(CreateDisk("web1", here))
        found = self.ask(FindDisks((("web1", gone), ("web1", here), ("web1", nowhere))))
        self.assertEqual([f.path for f in found], [None, path, None])
        self.assertEqual([bool(f.error) for f in found], [False, False, True])
        self.assertIn("/etc/passwd", found[2].error)

    def test_diskless_disks_are_not_created(self) -> None:
        self.ask_badly(CreateDisk("web1", disk("/x", dev_type="diskless")), BadRequest)

    def test_only_disks_with_places_are_renamed(self) -> None:
        one = disk("/x", dev_type="diskless")
        self.assertIn("diskless", str(self.ask_badly(RenameDisk("web1", one, one), BadRequest)))

    def test_an_unknown_template_is_named(self) -> None:
        self.assertIn("'drbd'", str(self.ask_badly(CreateDisk("web1", disk("/x", dev_type="drbd")), BadRequest)))


class OsInstallTests(NodeAgentTestCase):
    def setUp(self) -> None:
        super().setUp()
        path = os.path.join(self.directory, "os", "noop")
        os.makedirs(path)
        for name in ("create", "import", "export", "rename"):
            with open(os.path.join(path, name), "w") as f:
                f.write("#!/bin/sh\n")
            os.chmod(f.name, 0o755)
        with open(os.path.join(path, "ganeti_api_version"), "w") as f:
            f.write("15\n")

    def test_the_script_runs_in_its_directory(self) -> None:
        self.ask(InstallOs(spec()))
        call = self.spawner.calls[0]
        self.assertEqual(call["argv"], [call["cwd"] + "/create"])
        self.assertEqual(call["env"]["INSTANCE_NAME"], "web1")

    def test_a_failing_script_is_quoted(self) -> None:
        self.spawner.end = ProcessEnd(3, None, ("no mirror",))
        error = self.ask_badly(InstallOs(spec()), DriverError)
        self.assertIn("exit status 3", str(error))
        self.assertIn("no mirror", str(error))

    def test_a_running_instance_is_not_installed(self) -> None:
        self.ask(StartInstance(spec()))
        self.ask_badly(InstallOs(spec()), WrongState)

    def test_questions_are_answered_while_it_runs(self) -> None:
        self.spawner.end = None
        installed = self.node.ask(InstallOs(spec()), 1000)
        self.settle(30)
        self.assertEqual((self.guests(), self.phase()), ([], Phase.INSTALLING))
        self.spawner.pending[0].callback(ProcessEnd(0, None, ()))
        self.settle()
        self.successResultOf(installed)

    def test_stopping_the_actor_cancels_the_script(self) -> None:
        self.spawner.end = None
        cancelled: list[Deferred[Any]] = []
        installed = self.node.ask(InstallOs(spec()), 1000)
        self.settle()
        self.spawner.pending[0]._canceller = cancelled.append
        self.system.stop()
        self.settle()
        self.failureResultOf(installed)
        self.assertEqual(len(cancelled), 1)

    def test_reinstalling_and_renaming(self) -> None:
        self.ask(InstallOs(spec(), reinstall=True))
        self.assertEqual(self.spawner.calls[0]["env"]["INSTANCE_REINSTALL"], "1")
        self.ask(RenameOs(spec(), "old1"))
        call = self.spawner.calls[1]
        self.assertEqual(call["argv"], [call["cwd"] + "/rename"])
        self.assertEqual((call["env"]["OLD_INSTANCE_NAME"], call["env"]["INSTANCE_NAME"]), ("old1", "web1"))
        self.assertNotIn("INSTANCE_REINSTALL", call["env"])
        self.assertIn("rename-", call["output"])
        self.spawner.end = ProcessEnd(3, None, ("no hostname",))
        self.assertIn("OS rename script", str(self.ask_badly(RenameOs(spec(), "old1"), DriverError)))
        self.ask(StartInstance(spec()))
        self.ask_badly(RenameOs(spec(), "old1"), WrongState)

    def test_definitions_are_listed(self) -> None:
        self.assertEqual([(o.name, o.valid) for o in self.ask(ListOses())], [("noop", True)])


class FiguresTests(NodeAgentTestCase):
    def test_memory_and_disk_in_mib(self) -> None:
        figures = self.ask(GetFigures("fake", "file", self.disks))
        self.assertEqual((figures.memory_total, figures.memory_free, figures.disk_free), (2, 1, 40))
        self.assertEqual((figures.cpu_total, figures.boot_id), (1, "b"))

    def test_storage_that_is_no_directory_is_unknown(self) -> None:
        self.assertIsNone(self.ask(GetFigures("fake", "lvm-vg", "xenvg")).disk_total)

    def test_how_full_directories_are(self) -> None:
        place = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(place, "web1"))
        with open(os.path.join(place, "web1", "disk0"), "wb") as disk:
            disk.write(bytes(3 << 20))
            disk.truncate(50 << 20)  # a hole takes nothing
            disk.flush()
            os.fsync(disk.fileno())
        os.symlink("/nowhere", os.path.join(place, "link"))
        (one, other) = self.ask(ListStorage("file", (place, place + "/nothing")))
        self.assertEqual((one.name, one.size_mib, one.free_mib, one.allocatable), (place, 100, 40, True))
        self.assertIn(one.used_mib, (3, 4))
        self.assertEqual((other.name, other.used_mib), (place + "/nothing", 0))

    def test_storage_of_other_types_cannot_be_listed(self) -> None:
        self.assertIn("'lvm-vg'", str(self.ask_badly(ListStorage("lvm-vg", ("xenvg",)), BadRequest)))


class ManyInstancesTests(NodeAgentTestCase):
    def test_a_thousand_are_listed(self) -> None:
        os.makedirs(os.path.join(self.directory, "fake-hypervisor"))
        for number in range(1000):
            with open(os.path.join(self.directory, "fake-hypervisor", f"i{number:04}"), "w") as f:
                f.write("0\n128\n1\n")
        self.assertEqual(len(self.guests()), 1000)
        self.assertEqual(self.guests()[-1], "i0999")
