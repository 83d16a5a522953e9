"""What libvirt is told when guests go from host to host; the real one is in the system tests."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from agent_samples import HostTestCase, spec
from ganeti_tw.agent.hypervisor import kvm_migration
from ganeti_tw.agent.hypervisor.kvm import KvmHypervisor
from ganeti_tw.agent.hypervisor.kvm_migration import Speed, moved
from ganeti_tw.errors import DriverError, NotFound
from ganeti_tw.protocol.migration import Doorway

XML = """<domain><devices><emulator>/q</emulator><serial><source path="/a/web1.serial" mode="bind"/></serial>\
<disk><source file="/srv/one/d0"/></disk></devices></domain>"""


class Domain:
    """A domain that does what a test says."""

    def __init__(self) -> None:
        self.jobs: list[Any] = [{"type": 0}]
        self.paused: tuple[int, int] | Exception = (1, 0)
        self.refused: Exception | None = None
        self.called: list[Any] = []

    def jobStats(self) -> dict[str, Any]:
        job = self.jobs.pop(0) if len(self.jobs) > 1 else self.jobs[0]
        if isinstance(job, Exception):
            raise job
        return dict(job)

    def state(self) -> list[int]:
        if isinstance(self.paused, Exception):
            raise self.paused
        return list(self.paused)

    def abortJob(self) -> None:
        self.called.append("abort")

    def XMLDesc(self, flags: int) -> str:
        return XML

    def migrateSetMaxDowntime(self, milliseconds: int, flags: int) -> None:
        self.called.append(("downtime", milliseconds))

    def migrateToURI3(self, to: str, parameters: dict[str, Any], flags: int) -> None:
        if self.refused is not None:
            raise self.refused
        self.called.append((to, parameters, flags))


class Libvirt:
    """One domain, or none."""

    def __init__(self, uri: Any = None, news: Any = None) -> None:
        self.domain: Domain | None = Domain()
        self.now: str | None = "running"
        self.called: list[Any] = []

    def on(self, name: str, what: str, call: Any) -> Any:
        if self.domain is None:
            raise NotFound(f"no {name}")
        return call(self.domain)

    def state(self, name: str) -> str | None:
        return self.now

    def destroy(self, name: str) -> None:
        self.called.append("destroy")

    def undefine(self, name: str) -> None:
        self.called.append("undefine")

    def expect(self, uuid: str, name: str) -> None:
        self.called.append(("expect", uuid, name))


class SendTests(SynchronousTestCase):
    def test_paths_of_the_other_host_take_the_place_of_our_own(self) -> None:
        here = {"serial": "/a/web1.serial", "disk/0": "/srv/one/d0", "emulator": "/q", "log": "/a/log"}
        there = {"serial": "/b/web1.serial", "disk/0": "/srv/two/d0", "emulator": "/q2", "log": "/b/log"}
        text = moved(XML, here, there)
        for path in ("/b/web1.serial", "/srv/two/d0", ">/q2<"):
            self.assertIn(path, text)
        self.assertNotIn("/a/", text)

    def test_where_they_are_the_same_nothing_changes(self) -> None:
        self.assertIn('path="/a/web1.serial"', moved(XML, {"serial": "/a/web1.serial"}, {"serial": "/a/web1.serial"}))

    def test_what_libvirt_is_told(self) -> None:
        libvirt: Any = Libvirt()
        for live, address, uri in (
            (True, "192.0.2.2", "tcp://192.0.2.2:8102"),
            (False, "2001:db8::2", "tcp://[2001:db8::2]:8102"),
        ):
            door = Doorway("qemu+tls://node2/system", address)
            kvm_migration.send(libvirt, "web1", door, {}, 8102, live, Speed(32, 30))
            to, parameters, flags = libvirt.domain.called[-1]
            self.assertEqual((to, parameters["migrate_uri"], parameters["bandwidth"]), (door.to, uri, 32))
            self.assertEqual((flags & 1, flags & ~1), (int(live), 2 | 8 | 16 | 512))
            self.assertIn(("downtime", 30), libvirt.domain.called)

    def test_one_that_the_target_forgets_on_the_way_stays(self) -> None:
        libvirt: Any = Libvirt()
        libvirt.domain.refused = NotFound("libvirt knows no such domain")
        door = Doorway("qemu+tls://node2/system", "192.0.2.2")
        with self.assertRaisesRegex(DriverError, "web1 was refused by qemu.tls://node2/system on its way"):
            kvm_migration.send(libvirt, "web1", door, {}, 8102, True, Speed(32, 30))

    def test_one_that_is_not_here_cannot_be_sent(self) -> None:
        libvirt: Any = Libvirt()
        libvirt.domain, libvirt.now = None, None
        with self.assertRaises(NotFound):
            kvm_migration.send(
                libvirt, "web1", Doorway("qemu+tls://node2/system", "192.0.2.2"), {}, 8102, True, Speed(32, 30)
            )

    def test_how_far_it_is(self) -> None:
        libvirt: Any = Libvirt()
        self.assertEqual(kvm_migration.sent(libvirt, "web1"), (0, 0))
        libvirt.domain.jobs = [{"type": 2, "memory_total": 100, "memory_remaining": 30}]
        self.assertEqual(kvm_migration.sent(libvirt, "web1"), (70, 100))
        libvirt.domain = None
        self.assertEqual(kvm_migration.sent(libvirt, "web1"), (0, 0))

    def test_one_that_leaves_between_two_looks_is_not_being_sent(self) -> None:
        libvirt: Any = Libvirt()
        libvirt.domain.jobs = [DriverError("no job information")]
        libvirt.domain.paused = NotFound("it has just left")
        self.assertEqual(kvm_migration.sent(libvirt, "web1"), (0, 0))


class EndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.libvirt: Any = Libvirt()
        self.domain = self.libvirt.domain
        self.patch(kvm_migration, "_LOOK", 0.01)

    def end(self) -> None:
        kvm_migration.end(self.libvirt, "web1")

    def test_one_that_does_not_move_is_left_alone(self) -> None:
        self.end()
        self.libvirt.now = None
        self.end()
        self.assertEqual((self.domain.called, self.libvirt.called), ([], []))

    def test_one_that_leaves_is_held_back(self) -> None:
        self.domain.jobs = [{"type": 2}, {"type": 2}, {"type": 0}]
        self.end()
        self.assertEqual(self.domain.called, ["abort", "abort"])

    def test_one_that_has_just_begun_to_leave_is_not_held_back_yet(self) -> None:
        self.domain.jobs = [
            {"type": 2, "time_elapsed": 3},
            {"type": 2, "time_elapsed": 990},
            {"type": 2, "time_elapsed": 1000},
            {"type": 0},
        ]
        self.end()
        self.assertEqual((self.domain.called, len(self.domain.jobs)), (["abort"], 1))

    def test_one_that_cannot_be_held_back_says_what_helps(self) -> None:
        self.patch(kvm_migration, "_END", 0.05)
        self.domain.jobs = [{"type": 2, "time_elapsed": 5000}]
        with self.assertRaisesRegex(DriverError, "still sending web1.*restart libvirtd"):
            self.end()

    def test_one_that_comes_is_refused(self) -> None:
        self.domain.jobs = [DriverError("migration statistics are available only on the source host")]
        self.domain.paused = (3, 2)
        self.end()
        self.assertEqual(self.libvirt.called, ["destroy", "undefine"])

    def test_other_errors_are_not_taken_for_that(self) -> None:
        self.domain.jobs = [DriverError("timed out")]
        self.assertRaises(DriverError, self.end)
        self.assertEqual(self.libvirt.called, [])


class DoorTests(HostTestCase):
    def kvm(self, **changes: Any) -> KvmHypervisor:
        connect: Any = Libvirt
        return KvmHypervisor(evolve(self.host(), **changes), connect, lambda: "", "x86_64")

    def test_whose_guests_can_travel(self) -> None:
        self.assertEqual(self.result(self.kvm().obstacle()), "")
        uri = "qemu+tcp://node1/session"
        self.assertEqual(self.result(self.kvm(libvirt_uri=uri, migration_uri=uri).obstacle()), "")
        self.assertIn("migration_uri is not set", self.result(self.kvm(libvirt_uri=uri).obstacle()))
        self.assertIn("a part of this program", self.result(self.kvm(root=self.directory).obstacle()))

    def test_the_door(self) -> None:
        guest = spec(hypervisor="kvm", hvparams={"kvm_path": "/bin/true"})
        kvm = self.kvm()
        door = self.result(kvm.accept(guest, {0: "/srv/d0"}, "192.0.2.1"))
        self.assertEqual((door.to, door.address), ("qemu+tls://node1/system", "192.0.2.1"))
        self.assertEqual((door.places["disk/0"], door.places["serial"]), ("/srv/d0", kvm.serial_socket("web1")))
        libvirt: Any = kvm._libvirt
        self.assertEqual(libvirt.called, [("expect", guest.uuid, "web1")])
