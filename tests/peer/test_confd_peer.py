"""Ganeti's own confd library gets right answers from our daemon."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from debian_packages import missing, unpacked
from ganeti_tw.confd.actor import Confd
from ganeti_tw.kernel import ActorSystem, InlineBlocking
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data

PACKAGES = (
    "ganeti-3.0",
    "python3-bitarray",
    "python3-cffi-backend",
    "python3-cryptography",
    "python3-openssl",
    "python3-paramiko",
    "python3-psutil",
    "python3-pycurl",
    "python3-pyinotify",
    "python3-pyparsing",
    "python3-simplejson",
)
DATA = Path(__file__).resolve().parents[1] / "data"
PYTHON = "/usr/bin/python3"  # the packages are for Debian's own
KEY = b"0123456789012345678901234567890123456789\n"
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
reactor: Any = global_reactor


class PeerTests(TestCase):
    def setUp(self) -> None:
        root = unpacked(*PACKAGES)
        (library,) = root.glob("usr/share/ganeti/*.*/ganeti/confd/client.py")
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{library.parents[2]}:{root / 'usr/lib/python3/dist-packages'}",
        }
        tried = subprocess.run(
            [PYTHON, "-c", "import ganeti.confd.client"], env=self.environ, capture_output=True, text=True, timeout=60
        )
        if tried.returncode:
            raise missing(f"Ganeti's library does not load under {PYTHON}: {tried.stderr.strip().splitlines()[-1]}")
        self.key_file = self.mktemp()
        Path(self.key_file).write_bytes(KEY)
        rows = {(p.kind, p.key): p.value for p in rows_from_config_data((DATA / "config.data.json").read_bytes())}
        config = Config.from_rows(rows)
        system = ActorSystem(reactor)
        self.addCleanup(system.stop)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            self.port = udp.getsockname()[1]
        for address in ADDRESSES:
            made = Confd(
                address=address,
                port=self.port,
                reactor=reactor,
                key_file=self.key_file,
                config=lambda: config,
                blocking=InlineBlocking(),
                now=time.time,
                monotonic=time.monotonic,
            )
            system.spawn(f"confd {address}", lambda made=made: made)  # type: ignore[misc]

    def ask(self, questions: list[list[Any]]) -> Any:
        script = Path(__file__).with_name("confd_peer.py")
        done = subprocess.run(
            [PYTHON, str(script), str(self.port), os.path.abspath(self.key_file), *ADDRESSES],
            env=self.environ,
            input=json.dumps(questions),
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    async def test_every_type_of_request_and_every_form_of_query(self) -> None:
        await deferLater(reactor, 0.01)
        recorded = json.loads((DATA / "confd.json").read_text())["cases"]
        cases = [case for case in recorded if isinstance(case["reply"], dict)]
        self.assertEqual({case["type"] for case in cases}, set(range(12)))
        answers = await deferToThread(self.ask, [[case["type"], case["query"]] for case in cases])
        silent = [(case["type"], case["query"]) for case, answer in zip(cases, answers, strict=True) if answer is None]
        self.assertEqual(silent, [], "no answer to these")
        for case, answer in zip(cases, answers, strict=True):
            wanted = case["reply"]
            with self.subTest(type=case["type"], query=case["query"]):
                status, said, serial = answer
                self.assertEqual((status, serial), (wanted["status"], wanted["serial"]))
                if wanted["answer"] == "(error text)":
                    self.assertIsInstance(said, str)
                else:
                    self.assertEqual(said, wanted["answer"])
