"""Guests under QEMU go from one libvirtd to another, each an ordinary user's on an address of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import TestCase

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ganeti_tw.agent.hypervisor.base import HypervisorHost
from ganeti_tw.agent.hypervisor.kvm import KvmHypervisor
from ganeti_tw.errors import DriverError
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec
from ganeti_tw.protocol.migration import Doorway

NOBODY = 65534
PORT = 18102
PATIENCE = 60.0
MIB = 2**20


def missing() -> str:
    """What is not here; empty when guests can run."""
    if importlib.util.find_spec("libvirt") is None:
        return "Python package libvirt-python"
    for program, package in (
        (f"qemu-system-{os.uname().machine}", "qemu-system-x86"),
        ("libvirtd", "libvirt-daemon"),
        ("setpriv", "util-linux"),
    ):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            return f"package {package}"
    return ""


def until(true: Callable[[], Any]) -> Any:
    """What it gives, once that is true."""
    end = time.monotonic() + PATIENCE
    while True:
        found = true()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"did not become true in {PATIENCE:g} s")
        time.sleep(0.05)


class LibvirtHost:
    """A libvirtd, and our hypervisor that uses it."""

    def __init__(self, top: Path, number: int, address: str) -> None:
        self.address, self.uri = address, f"qemu+tcp://{address}:{16500 + number}/session"
        self.home = top / f"h{number}"
        run = self.home / "var/run/ganeti"
        for folder in ("cfg/libvirt", "run", "data", "var/run/ganeti/kvm-hypervisor/ctrl",
                       "var/run/ganeti/kvm-hypervisor/console"):  # fmt: skip
            (self.home / folder).mkdir(parents=True)
        (self.home / "cfg/libvirt/libvirtd.conf").write_text(
            f'host_uuid = "{uuid.uuid4()}"\nlisten_tcp = 1\nlisten_tls = 0\nlisten_addr = "{address}"\n'
            f'tcp_port = "{16500 + number}"\nauth_tcp = "none"\n'
        )
        (self.home / "cfg/libvirt/qemu.conf").write_text(
            f'migration_address = "{address}"\nmigration_host = "{address}"\nstdio_handler = "file"\n'
        )
        (self.home / "run").chmod(0o700)
        drop = []
        if os.geteuid() == 0:  # the session's driver is for ordinary users
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(self.home)], check=True)
            drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "LIBVIRT_"))}
        self.log = open(self.home / "log", "wb")  # noqa: SIM115 - as long as the daemon
        self.daemon = subprocess.Popen(
            [*drop, shutil.which("libvirtd", path=f"{os.environ['PATH']}:/usr/sbin") or "", "--listen",
             "--pid-file", str(self.home / "run/libvirtd.pid")],
            env={**kept, "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "cfg"),
                 "XDG_RUNTIME_DIR": str(self.home / "run"), "XDG_DATA_HOME": str(self.home / "data"),
                 "XDG_CACHE_HOME": str(top / "cache"), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        host = HypervisorHost(
            f"node{number}", str(run), Clock(), InlineBlocking(), lambda f, *a: None, self.uri, self.uri
        )
        self.kvm = KvmHypervisor(host)

    def guests(self) -> Iterator[int]:
        """Processes of its guests."""
        for file in (self.home / "run/libvirt/qemu/run").glob("*.pid"):
            with suppress(ValueError, OSError):
                yield int(file.read_text())

    def close(self) -> None:
        with suppress(DriverError):
            done(self.kvm.close())
        for pid in self.guests():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.daemon.kill()
        self.daemon.wait()
        self.log.close()


def done(work: Any) -> Any:
    """The value of a coroutine that waits for nobody but its thread."""
    ended: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(ended.append)
    if hasattr(ended[0], "raiseException"):
        ended[0].raiseException()
    return ended[0]


@pytest.mark.guest
@pytest.mark.slow
@pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=f"guests need: {missing()}")
class KvmMigrationTests(TestCase):
    """The guests have nothing to boot; their firmware is guest enough."""

    @classmethod
    def setUpClass(cls) -> None:
        assert not missing(), f"guests need: {missing()}"
        cls.top = Path(tempfile.mkdtemp(prefix="gtw"))
        cls.addClassCleanup(shutil.rmtree, cls.top)
        cls.top.chmod(0o755)
        (cls.top / "cache").mkdir()
        (cls.top / "cache").chmod(0o777)
        cls.hosts = []
        for number in (1, 2):
            host = LibvirtHost(cls.top, number, f"127.77.3.{number}")
            cls.addClassCleanup(host.close)
            cls.hosts.append(host)
        for host in cls.hosts:
            until(lambda host=host: reached(host))

    top: Path
    hosts: list[LibvirtHost]

    def setUp(self) -> None:
        self.one, self.two = (host.kvm for host in self.hosts)

    def spec(self, name: str, **hvparams: Any) -> InstanceSpec:
        disk = self.top / f"{name}.disk0"
        disk.write_bytes(bytes(MIB))
        disk.chmod(0o666)
        self.addCleanup(self.end, name)
        params = {
            **{p.name: p.default for p in HYPERVISORS["kvm"].values()},
            "kernel_path": "", "boot_order": "disk", "migration_port": PORT, **hvparams,
        }  # fmt: skip
        be = {"minmem": 64, "maxmem": 64, "vcpus": 1}
        disks = (DiskSpec(str(uuid.uuid4()), 0, "sharedfile", 1, "rw", ("loop", str(disk))),)
        return InstanceSpec(name, str(uuid.uuid4()), "none", "kvm", params, be, disks, (), "node1")

    def end(self, name: str) -> None:
        for kvm in (self.one, self.two):
            done(kvm.end_migration(name))
            done(kvm.stop(name, force=True))
            done(kvm.forget(name))

    def start(self, name: str, **hvparams: Any) -> tuple[InstanceSpec, dict[int, str]]:
        spec = self.spec(name, **hvparams)
        disks = {0: str(spec.disks[0].logical_id[1])}
        done(self.one.start(spec, disks))
        return spec, disks

    def where(self, name: str) -> tuple[bool, bool]:
        return done(self.one.is_running(name)), done(self.two.is_running(name))

    def accept(self, spec: InstanceSpec, disks: dict[int, str]) -> Doorway:
        door: Doorway = done(self.two.accept(spec, disks, self.hosts[1].address))
        return door

    def test_nothing_is_in_the_way(self) -> None:
        self.assertEqual((done(self.one.obstacle()), done(self.two.obstacle())), ("", ""))

    def test_it_goes_and_has_its_console_there(self) -> None:
        spec, disks = self.start("m1")
        done(self.one.send(spec, disks, self.accept(spec, disks), True))
        self.assertEqual(self.where("m1"), (False, True))
        self.assertEqual([g.name for g in done(self.one.list())], [])
        (guest,) = done(self.two.list())
        self.assertEqual((guest.name, guest.state, guest.memory_mib), ("m1", "running", 64))
        self.assertFalse(os.path.exists(self.one.serial_socket("m1")))
        self.assertTrue(os.path.exists(self.two.serial_socket("m1")))
        self.assertTrue(done(self.two.console(spec)).command)
        done(self.two.send(spec, disks, done(self.one.accept(spec, disks, self.hosts[0].address)), False))
        self.assertEqual(self.where("m1"), (True, False))

    def test_aborted_it_stays(self) -> None:
        sending = self.sending("m2")
        done(self.one.end_migration("m2"))
        failures = sending()
        done(self.two.end_migration("m2"))
        self.found("m2", failures)

    def test_the_target_can_refuse_it_half_way(self) -> None:
        sending = self.sending("m3")
        done(self.two.end_migration("m3"))
        there = done(self.two.is_running("m3"))
        failures = sending()
        done(self.one.end_migration("m3"))
        self.assertEqual(there, not failures)
        self.found("m3", failures)

    def sending(self, name: str) -> Callable[[], list[str]]:
        """Start one and begin to send it, slowly; waits for the end and tells why it failed, if it did."""
        spec, disks = self.start(name, migration_bandwidth=1)
        door = self.accept(spec, disks)
        failures: list[str] = []

        def send() -> None:
            try:
                done(self.one.send(spec, disks, door, True))
            except DriverError as e:
                failures.append(e.text)

        def ended() -> list[str]:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
            return failures

        thread = threading.Thread(target=send)
        thread.start()
        until(lambda: done(self.one.sent(name))[0] or not thread.is_alive())
        return ended

    def found(self, name: str, failures: list[str]) -> None:
        """It stayed, or on a machine with much else to do was there before it could be held back."""
        self.assertEqual(self.where(name), (True, False) if failures else (False, True))
        running = [g.state for kvm in (self.one, self.two) for g in done(kvm.list()) if g.name == name]
        self.assertEqual(running, ["running"])

    def test_one_that_does_not_run_goes_nowhere(self) -> None:
        spec = self.spec("m4")
        disks = {0: str(spec.disks[0].logical_id[1])}
        with self.assertRaises(Exception) as caught:
            done(self.one.send(spec, disks, self.accept(spec, disks), True))
        self.assertIn("m4", str(caught.exception))

    def test_memory_is_taken(self) -> None:
        self.start("m5")
        done(self.one.set_memory("m5", 48))


def reached(host: LibvirtHost) -> bool:
    try:
        done(host.kvm.list())
    except DriverError:
        return False
    return True
