"""Starting, asking, stopping and killing the processes of virtual hosts, with a stand-in for the process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import TestCase

from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.daemon.vhosts import VirtualHost
from ganeti_tw.errors import WrongState

# Writes its number where twistd does, then answers everybody on the local socket with its name.
STAND_IN = """
import os, signal, socket, sys
root = os.environ["GANETI_ROOTDIR"]
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(root + "/var/run/ganeti/ganeti.pid", "w").write(str(os.getpid()))
s = socket.socket(socket.AF_UNIX)
s.bind(root + "/var/run/ganeti/socket/ganeti-amp")
s.listen()
while True:
    peer = s.accept()[0]
    peer.sendall(os.environ["GANETI_HOSTNAME"].encode())
    peer.close()
"""


def stand_in(*words: str) -> Any:
    return lambda host: [sys.executable, "-S", "-c", STAND_IN, *words]


def ask(host: VirtualHost) -> Mapping[str, Any]:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(host.paths.socket)
        return {"name": s.recv(100).decode(), "role": "none"}


def host_pid(host: VirtualHost) -> int:
    """What is in its file, whether it lives or not."""
    return int(Path(host.paths.pid).read_text())


class ProcessTests(TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.cluster = vhosts.create(Path(holder.name) / "c", 3)
        self.said: list[str] = []
        self.addCleanup(lambda: [vprocess.kill(h) for h in self.cluster.hosts if h.pid() is not None])

    def start(self, command: Any, *names: str, timeout: float = 20) -> None:
        starter = vprocess.Starter(ask, os.environ, 2, command)
        starter.start(self.cluster.select(names), timeout, self.said.append)

    def running(self) -> list[str]:
        return [host.name for host in self.cluster.hosts if host.pid() is not None]

    def test_all_are_started_and_stopped(self) -> None:
        self.start(stand_in())
        self.assertEqual((self.running(), len(self.said)), (["node1", "node2", "node3"], 3))
        self.assertEqual([ask(host)["name"] for host in self.cluster.hosts], self.running())
        vprocess.stop(self.cluster.hosts, 10, self.said.append)
        self.assertEqual((self.running(), [h.crashed() for h in self.cluster.hosts]), ([], [False] * 3))

    def test_the_running_are_left_alone(self) -> None:
        self.start(stand_in(), "node1")
        before = self.cluster.hosts[0].pid()
        self.start(stand_in(), "node1", "node2")
        self.assertEqual((self.cluster.hosts[0].pid(), self.running()), (before, ["node1", "node2"]))

    def test_a_killed_host_counts_as_crashed_and_starts_again(self) -> None:
        self.start(stand_in(), "node1")
        host = self.cluster.hosts[0]
        vprocess.kill(host)
        self.assertTrue(host.crashed())
        self.start(stand_in(), "node1")
        self.assertFalse(host.crashed())

    def test_all_that_runs_on_a_host_dies_with_it_and_nothing_else(self) -> None:
        self.start(stand_in(), "node1", "node2")
        host = self.cluster.hosts[0]
        command = subprocess.Popen(["sleep", "60"], env=host.environ(os.environ))
        self.addCleanup(command.wait)
        self.assertEqual(sorted(vprocess.kill_all(host)), sorted(filter(None, [host_pid(host), command.pid])))
        self.assertEqual((host.processes(), self.running()), ([], ["node2"]))

    def test_the_deaf_are_killed(self) -> None:
        self.start(stand_in("deaf"), "node1")
        vprocess.stop(self.cluster.hosts, 0.2, self.said.append)
        self.assertEqual(self.running(), [])
        self.assertIn("is killed", self.said[1])

    def test_who_dies_at_once_is_quoted(self) -> None:
        with self.assertRaisesRegex(WrongState, r"(?s)node1 ended with 3.*no such port"):
            self.start(lambda host: [sys.executable, "-S", "-c", "print('no such port'); raise SystemExit(3)"], "node1")

    def test_what_was_logged_before_is_not_quoted(self) -> None:
        host = self.cluster.hosts[0]
        Path(host.paths.log_file).write_text("an old sorrow\n")
        told = f"open({host.paths.log_file!r}, 'a').write('the new one'); raise SystemExit(3)"
        with self.assertRaises(WrongState) as caught:
            self.start(lambda host: [sys.executable, "-S", "-c", told], "node1")
        self.assertIn("the new one", str(caught.exception))
        self.assertNotIn("old", str(caught.exception))

    @unittest.skipUnless(os.geteuid() == 0, "needs root: the process of another user")
    def test_the_process_of_another_user_is_seen(self) -> None:
        self.start(lambda host: [*stand_in()(host), host.paths.pid], "node1")
        code = textwrap.dedent(f"""
            import os
            from pathlib import Path
            from ganeti_tw.daemon import vhosts
            host = vhosts.find(Path({str(self.cluster.directory)!r})).hosts[0]
            os.setuid(65534)
            print(host.pid())
        """)
        for place in (self.cluster.directory.parent, self.cluster.directory):
            place.chmod(0o755)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), str(host_pid(self.cluster.hosts[0])))

    def test_who_never_answers_is_killed(self) -> None:
        with self.assertRaisesRegex(WrongState, "no answer within 0.3 s"):
            self.start(lambda host: [sys.executable, "-S", "-c", "import time; time.sleep(60)"], "node1", timeout=0.3)

    def test_guests_with_files_of_the_cluster_are_ended(self) -> None:
        disk = self.cluster.hosts[0].root / "srv/ganeti/file-storage/disk0"
        for where, ended in ((disk, True), (Path("/elsewhere/disk0"), False)):
            words = ["qemu-system-fake", "-c", "echo up; read x", str(where)]
            guest = subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                assert guest.stdout is not None
                guest.stdout.readline()  # its words can be seen from now on
                self.assertEqual(vprocess.kill_guests(self.cluster), [guest.pid] if ended else [])
            finally:
                guest.kill()
                guest.communicate()
