"""What every hypervisor must do, shown by each that can run here.

One suite, one class per hypervisor.  kvm needs libvirt-python and QEMU: where
one is missing its tests are skipped with a word about it, under CI they fail.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import time
from typing import Any
from uuid import uuid4

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.hypervisor import libvirt_host
from ganeti_tw.agent.hypervisor.base import HypervisorHost
from ganeti_tw.agent.hypervisor.fake import FakeHypervisor
from ganeti_tw.agent.hypervisor.kvm import KvmHypervisor
from ganeti_tw.agent.hypervisor.registry import hypervisors
from ganeti_tw.errors import WrongState
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NicSpec


class HypervisorContract:
    """Mixed into a test case that sets ``hypervisor``."""

    hypervisor: Any
    hvparams: dict[str, Any] = {}

    def spec(self, name: str) -> InstanceSpec:
        be = {"minmem": 64, "maxmem": 64, "vcpus": 1}
        spec = InstanceSpec(name, str(uuid4()), "none", self.hypervisor.name, self.hvparams, be, (), (), "node1")
        self.addCleanup(self.end, name)
        return spec

    def end(self, name: str) -> None:
        self.do(self.hypervisor.stop(name, force=True))
        self.do(self.hypervisor.forget(name))

    def do(self, work: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def names(self) -> list[str]:
        return [guest.name for guest in self.do(self.hypervisor.list())]

    def test_started_it_runs_and_is_listed_with_its_size(self) -> None:
        spec = self.spec("c1")
        self.do(self.hypervisor.start(spec, {}))
        self.assertTrue(self.do(self.hypervisor.is_running("c1")))
        guest = next(g for g in self.do(self.hypervisor.list()) if g.name == "c1")
        self.assertEqual((guest.hypervisor, guest.memory_mib, guest.vcpus), (self.hypervisor.name, 64, 1))
        self.assertEqual(guest.state, "running")
        self.assertLess(abs(time.time() - guest.started), 30)

    def test_guests_are_listed_in_the_order_of_their_names(self) -> None:
        for name in ("c3", "c2"):
            self.do(self.hypervisor.start(self.spec(name), {}))
        self.assertEqual([n for n in self.names() if n in ("c2", "c3")], ["c2", "c3"])

    def test_only_those_named_are_listed_and_one_that_does_not_run_is_not(self) -> None:
        for name in ("c9", "c7", "c8"):
            self.do(self.hypervisor.start(self.spec(name), {}))
        found = self.do(self.hypervisor.list(("c9", "nobody", "c7", "c9")))
        self.assertEqual([guest.name for guest in found], ["c7", "c9"])
        everything = {guest.name: guest for guest in self.do(self.hypervisor.list())}
        for guest in found:
            whole = everything[guest.name]
            again = evolve(guest, cpu_seconds=whole.cpu_seconds, resident_bytes=whole.resident_bytes)
            self.assertEqual(again, whole)
        self.assertEqual(self.do(self.hypervisor.list(("nobody",))), ())

    def test_one_that_never_was_does_not_run(self) -> None:
        self.assertFalse(self.do(self.hypervisor.is_running("c4")))

    def test_forced_it_is_gone_at_once(self) -> None:
        self.do(self.hypervisor.start(self.spec("c5"), {}))
        self.do(self.hypervisor.stop("c5", force=True))
        self.assertFalse(self.do(self.hypervisor.is_running("c5")))
        self.assertNotIn("c5", self.names())

    def test_stopping_or_forgetting_one_that_does_not_run_does_nothing(self) -> None:
        for force in (False, True):
            self.do(self.hypervisor.stop("c6", force=force))
        self.do(self.hypervisor.forget("c6"))

    def test_it_can_be_started_again_after_it_was_forgotten_and_without(self) -> None:
        spec = self.spec("c7")
        for forget in (True, False, False):
            self.do(self.hypervisor.start(spec, {}))
            self.do(self.hypervisor.stop("c7", force=True))
            if forget:
                self.do(self.hypervisor.forget("c7"))
        self.do(self.hypervisor.start(spec, {}))
        self.assertTrue(self.do(self.hypervisor.is_running("c7")))

    def test_the_console_of_a_stopped_guest_is_refused(self) -> None:
        work = self.hypervisor.console(self.spec("c8"))
        self.failureResultOf(Deferred.fromCoroutine(work), WrongState)

    def test_the_console_of_a_running_guest_names_it(self) -> None:
        spec = self.spec("c9")
        self.do(self.hypervisor.start(spec, {}))
        self.assertEqual(self.do(self.hypervisor.console(spec)).instance, "c9")

    def test_rebooting_a_stopped_guest_is_refused(self) -> None:
        self.failureResultOf(Deferred.fromCoroutine(self.hypervisor.reboot("c10")), WrongState)

    def test_memory_of_a_stopped_guest_is_not_changed(self) -> None:
        self.failureResultOf(Deferred.fromCoroutine(self.hypervisor.set_memory("c11", 64)), WrongState)

    def test_the_registry_knows_it(self) -> None:
        self.assertIs(hypervisors.get(self.hypervisor.name), type(self.hypervisor))


def host_at(root: str, uri: str = "") -> HypervisorHost:
    run = os.path.join(root, "var/run/ganeti")
    os.makedirs(run, exist_ok=True)
    return HypervisorHost("node1", run, Clock(), InlineBlocking(), lambda f, *a: None, uri)


class FakeHypervisorTests(HypervisorContract, SynchronousTestCase):
    def setUp(self) -> None:
        root = tempfile.mkdtemp(prefix="gtw")
        self.addCleanup(shutil.rmtree, root)
        self.hypervisor = FakeHypervisor(host_at(root))
        self.directory = os.path.join(root, "var/run/ganeti/fake-hypervisor")

    def test_memory_of_a_running_guest(self) -> None:
        self.do(self.hypervisor.start(self.spec("c12"), {}))
        self.do(self.hypervisor.set_memory("c12", 32))
        self.assertEqual([g.memory_mib for g in self.do(self.hypervisor.list())], [32])

    def test_devices_come_and_go(self) -> None:
        nic = NicSpec("n1", 0, "aa:00:00:00:00:01", "bridged", "br0")
        disk = DiskSpec("d1", 0, "file", 1, "rw", ("loop", "/d1"))
        spec = evolve(self.spec("c13"), nics=(nic,))
        self.do(self.hypervisor.start(spec, {}))
        self.assertEqual(self.devices("c13"), ["n1"])
        for _ in range(2):
            self.do(self.hypervisor.plug(spec, disk, "/d1"))
        self.assertEqual(self.devices("c13"), ["n1", "d1"])
        for _ in range(2):
            self.do(self.hypervisor.unplug(spec, nic))
        self.assertEqual((self.devices("c13"), self.names()), (["d1"], ["c13"]))
        self.do(self.hypervisor.stop("c13", force=True))
        self.assertEqual(os.listdir(self.directory), [])

    def devices(self, name: str) -> list[str]:
        with open(os.path.join(self.directory, name)) as f:
            return f.read().splitlines()[3].split()


def missing() -> str:
    """What kvm lacks here; empty when it can run."""
    if importlib.util.find_spec("libvirt") is None:
        return "Python package libvirt-python"
    if not os.path.exists(f"/usr/bin/qemu-system-{os.uname().machine}"):
        return "package qemu-system-x86"
    return ""


@pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=f"kvm needs: {missing()}")
class KvmHypervisorTests(HypervisorContract, SynchronousTestCase):
    """The guests have nothing to boot; their firmware is guest enough."""

    hvparams = {"disk_type": "paravirtual", "boot_order": "disk", "kernel_path": ""}
    root: str
    made: KvmHypervisor

    @classmethod
    def setUpClass(cls) -> None:
        # One connection for all: libvirt embeds one driver per process.
        assert not missing(), f"kvm needs: {missing()}"
        cls.root = tempfile.mkdtemp(prefix="gtw")
        uri = libvirt_host.prepare(cls.root)
        cls.made = KvmHypervisor(host_at(cls.root, uri))

    @classmethod
    def tearDownClass(cls) -> None:
        libvirt_host.cleanup(cls.root)
        shutil.rmtree(cls.root)

    def setUp(self) -> None:
        self.hypervisor = self.made

    def test_a_paused_start_is_listed_as_paused(self) -> None:
        self.do(self.hypervisor.start(self.spec("k1"), {}, paused=True))
        self.assertEqual([g.state for g in self.do(self.hypervisor.list()) if g.name == "k1"], ["paused"])

    def test_devices_are_plugged_in(self) -> None:
        path = os.path.join(self.root, "k4.disk")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        spec = self.spec("k4")
        self.do(self.hypervisor.start(spec, {}))
        disk = DiskSpec(str(uuid4()), 0, "file", 1, "rw", ("loop", path))
        nic = NicSpec(str(uuid4()), 0, "aa:00:00:00:00:01", "bridged", "user")
        for device in (disk, nic, disk, nic):  # those it has are left alone
            self.do(self.hypervisor.plug(spec, device, path))
        domain = self.made._libvirt.description("k4")
        self.assertEqual((domain.count(path), domain.count(nic.mac)), (1, 1))

    def test_memory_of_a_running_guest(self) -> None:
        self.do(self.hypervisor.start(self.spec("k3"), {}))
        self.do(self.hypervisor.set_memory("k3", 48))  # its balloon has nobody to blow it up; it was asked

    def test_the_console_is_a_socket(self) -> None:
        spec = self.spec("k2")
        self.do(self.hypervisor.start(spec, {}))
        self.assertTrue(os.path.exists(self.made.serial_socket("k2")))
