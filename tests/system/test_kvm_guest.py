"""Real guests under QEMU, their OS installed by our own and by Debian's definitions.

Needs libvirt-python, qemu-system-x86 and, the first time, a Debian mirror.
``GANETI_TINY_CACHE`` names a directory that keeps the guest's image between runs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any

import pytest

from ganeti_tw.agent.hypervisor import libvirt_host

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
OS_DIRECTORY = os.path.join(TREE, "etc/os")
INSTANCE = "web1.example.com"
BOOT = 90.0  # seconds a guest may take; about 7 on an idle machine without KVM


def missing() -> str:
    """What is not here; empty when guests can run."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "a Linux host with an x86_64 processor"
    if importlib.util.find_spec("libvirt") is None:
        return "Python package libvirt-python"
    for program, package in (
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("apt-get", "apt"),
        ("dpkg-deb", "dpkg"),
        ("flock", "util-linux"),
    ):
        if shutil.which(program) is None:
            return f"package {package}"
    return ""


def wait_for(what: str, condition: Any, seconds: float = BOOT) -> Any:
    """What the condition gives once that is true."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"no {what} within {seconds:g} s")
        time.sleep(0.1)


@pytest.mark.guest
@pytest.mark.slow
@pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=f"guests need: {missing()}")
class HostTestCase(unittest.TestCase):
    """A virtual host in a directory; its processes end before their directory."""

    own_cache: str = ""
    cache: str

    @classmethod
    def setUpClass(cls) -> None:
        assert not missing(), f"guests need: {missing()}"
        cls.cache = os.environ.get("GANETI_TINY_CACHE", "")
        if not cls.cache:
            cls.cache = cls.own_cache = tempfile.mkdtemp(prefix="gtwc")

    @classmethod
    def tearDownClass(cls) -> None:
        if cls.own_cache:
            shutil.rmtree(cls.own_cache)

    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="gtw")
        self.addCleanup(shutil.rmtree, self.root)
        self.addCleanup(libvirt_host.cleanup, self.root)
        self.os_directory = OS_DIRECTORY
        self.os_name = "tiny+ticking"

    def host(self, *verbs: str) -> subprocess.Popen[str]:
        """A host process that does these things; killed at the latest when the test ends."""
        command = [sys.executable, os.path.join(HERE, "agent_host.py"), self.root, self.os_directory, self.cache]
        with open(os.path.join(self.root, "host.log"), "ab") as log:
            process = subprocess.Popen(
                [*command, f"{self.os_name}@{INSTANCE}", *verbs],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": TREE},
            )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def answers(self, process: subprocess.Popen[str], count: int) -> list[Any]:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        if "" in lines:
            with open(os.path.join(self.root, "host.log"), errors="replace") as log:
                self.fail(f"the host process ended early: {lines}\n{log.read()}")
        return [json.loads(line) for line in lines]

    def do(self, *verbs: str) -> list[Any]:
        """Answers of a host process that does these things and ends."""
        process = self.host(*verbs)
        found = self.answers(process, len(verbs))
        process.wait(30)
        return found


class GuestTests(HostTestCase):
    def console(self) -> str:
        path = os.path.join(self.root, "var/run/ganeti/kvm-hypervisor/console", INSTANCE + ".log")
        try:
            with open(path, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def type(self, command: str, wanted: str) -> None:
        """Type a command at the serial console until it answers."""
        path = os.path.join(self.root, "var/run/ganeti/kvm-hypervisor/ctrl", INSTANCE + ".serial")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(command.encode() + b"\n")
            s.settimeout(20)
            seen = b""
            while wanted.encode() not in seen:
                seen += s.recv(4096)

    def booted(self) -> subprocess.Popen[str]:
        process = self.host("disk", "install", "start", "wait")
        disk, installed, started = self.answers(process, 3)
        self.assertTrue(disk.startswith(self.root))
        self.assertEqual((installed, started), (None, None))
        wait_for("guest", lambda: f"ganeti-tiny ready {INSTANCE}" in self.console())
        return process

    def test_a_guest_outlives_the_host_process_and_is_adopted_and_shut_down(self) -> None:
        process = self.booted()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        before = self.console().count("tick")
        wait_for("tick without a host process", lambda: self.console().count("tick") > before)
        process = self.host("settle", "list", "phase", "stop", "list", "phase")
        guests, phase, stopped, after, phase_after = self.answers(process, 5)
        self.assertEqual([(g["name"], g["state"]) for g in guests], [(INSTANCE, "running")])
        self.assertEqual(phase, "running")
        self.assertIsNone(stopped)
        self.assertEqual((after, phase_after), ([], "stopped"))
        self.assertIn("ganeti-tiny going down", self.console())
        self.assertEqual(self.console().count("ganeti-tiny ready"), 1)

    def test_a_guest_that_shuts_itself_down_is_known_to_have(self) -> None:
        process = self.booted()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        # A host process sees the guest go: several look at the list until it has.
        process = self.host(*(["list", "settle"] * 8), "phase", "stop", "list")
        self.assertEqual(self.answers(process, 1)[0][0]["state"], "running")
        self.type("poweroff -f", "Power down")
        answers = self.answers(process, 10)
        self.assertEqual([g["state"] for g in answers[6]], ["shutdown"])
        self.assertEqual(answers[-3:], ["stopped", None, []])

    def test_asked_to_reboot_it_boots_again(self) -> None:
        process = self.booted()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        rebooting = self.host("reboot", "wait")
        self.assertEqual(self.answers(rebooting, 1), [None])
        wait_for("second boot", lambda: self.console().count("ganeti-tiny ready") == 2)

    def test_cleanup_ends_the_guests_of_its_root_only(self) -> None:
        process = self.booted()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        other = tempfile.mkdtemp(prefix="gtw")
        self.addCleanup(shutil.rmtree, other)
        self.assertEqual(libvirt_host.cleanup(other), ())
        self.assertEqual(libvirt_host.cleanup(self.root), (INSTANCE,))
        self.assertEqual(list(libvirt_host.guests(self.root)), [])


class DebianOsTests(HostTestCase):
    """``ganeti-os-noop`` as Debian ships it."""

    def setUp(self) -> None:
        super().setUp()
        packages = os.path.join(self.root, "packages")
        os.mkdir(packages)
        subprocess.run(["apt-get", "-qq", "download", "ganeti-os-noop"], cwd=packages, check=True, capture_output=True)
        for name in os.listdir(packages):
            subprocess.run(["dpkg-deb", "-x", name, "tree"], cwd=packages, check=True)
        self.os_directory = os.path.join(packages, "tree/usr/share/ganeti/os")
        self.os_name = "noop+default"

    def test_it_is_valid_and_runs(self) -> None:
        oses, _, installed = self.do("oses", "disk", "install")
        self.assertEqual([(o["name"], o["valid"], o["problem"]) for o in oses], [("noop", True, "")])
        self.assertIsNone(installed)
        self.assertEqual(len(os.listdir(os.path.join(self.root, "var/log/ganeti/os"))), 1)


class ScriptTests(HostTestCase):
    """A definition whose ``create`` is written by the test."""

    def definition(self, create: str) -> None:
        path = os.path.join(self.root, "os/test")
        os.makedirs(path)
        for name in ("create", "import", "export", "rename"):
            with open(os.path.join(path, name), "w") as f:
                f.write("#!/bin/sh\n" + create)
            os.chmod(f.name, 0o755)
        with open(os.path.join(path, "ganeti_api_version"), "w") as f:
            f.write("15\n")
        self.os_directory = os.path.dirname(path)
        self.os_name = "test"

    def test_the_environment_is_ours_alone_and_the_place_its_own(self) -> None:
        self.definition("pwd; env | cut -d= -f1 | sort; exit 7\n")
        error = self.do("disk", "install")[1]
        self.assertEqual(error["error"], "DriverError")
        self.assertIn("ended with exit status 7", error["text"])
        with open(os.path.join(self.root, "var/log/ganeti/os", os.listdir(self.root + "/var/log/ganeti/os")[0])) as f:
            lines = f.read().splitlines()
        self.assertEqual(lines[0], self.os_directory + "/test")
        self.assertNotIn("PYTHONPATH", lines)
        self.assertIn("DISK_0_PATH", lines)

    def test_a_script_whose_time_is_up_is_killed_with_its_children(self) -> None:
        self.definition(f"trap '' TERM; sleep 77 & echo $! > {self.root}/child; wait; wait\n")
        error = self.do("disk", "install-briefly")[1]
        self.assertIn("its time was up", error["text"])
        with open(os.path.join(self.root, "child")) as f:
            child = int(f.read())
        wait_for("end of the child", lambda: not alive(child), 5)


def alive(pid: int) -> bool:
    """Whether a process exists and is no corpse."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
