from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError
from ganeti_tw.mond import collectors  # noqa: F401, importing registers
from ganeti_tw.mond.guests import Guest
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.registry import all_collectors
from ganeti_tw.mond.web import site

DISK = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n"


class FakeHost:
    """A host with one CPU, always busy, and one disk; what is in ``broken`` raises."""

    ticks_per_second = 100

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.broken: dict[str, Exception] = {}
        self.hang = False

    async def read_text(self, path: str) -> str:
        if path in self.broken:
            raise self.broken[path]
        busy = int(self.now() * 100)
        return DISK if path == "/proc/diskstats" else f"cpu {busy} 0 0 9\ncpu0 {busy} 0 0 9\n"

    async def guests(self) -> Sequence[Guest]:
        if self.hang:
            await Deferred()
        if "guests" in self.broken:
            raise self.broken["guests"]
        return (Guest("web1", "u1", "up", "running"),)

    def now(self) -> float:
        return 1_700_000_000.25 + self.clock.seconds()


class WebTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.host = FakeHost(self.clock)
        self.inactive: set[str] = set()
        self.monitor = Monitor(self.clock, self.host, all_collectors(), lambda name: name not in self.inactive)
        self.monitor.start()
        self.site = site(self.monitor, self.clock)
        self.transport = StringTransport()

    def send(self, path: str, method: str = "GET") -> None:
        channel: Any = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.transport = StringTransport()
        channel.makeConnection(self.transport)
        channel.dataReceived(f"{method} {path} HTTP/1.0\r\nHost: h\r\n\r\n".encode())
        self.channel = channel

    def fetch(self, path: str, method: str = "GET") -> tuple[str, str]:
        """Status line without the protocol, and body."""
        self.send(path, method)
        head, _, body = self.transport.value().decode().partition("\r\n\r\n")
        return head.split("\r\n")[0].partition(" ")[2], body

    def get(self, path: str) -> Any:
        status, body = self.fetch(path)
        self.assertEqual(status, "200 OK")
        return json.loads(body)

    def test_fixed_answers(self) -> None:
        self.assertEqual([self.get(path) for path in ("/", "/1", "/1/")], [[1], None, None])

    def test_list_of_collectors(self) -> None:
        wanted = [["cpu-avg-load", "default", 0], ["diskstats", "storage", 0], ["inst-status", "instance", 1]]
        for path in ("/1/list/collectors", "/1/list/collectors/"):
            self.assertEqual(self.get(path), wanted)

    def test_a_report_has_ganetis_envelope(self) -> None:
        report = self.get("/1/report/storage/diskstats")
        self.assertEqual(
            [(k, v) for k, v in report.items() if k != "data"],
            [
                ("name", "diskstats"),
                ("version", "B"),
                ("format_version", 1),
                ("timestamp", 1_700_000_000_250_000_000),
                ("category", "storage"),
                ("kind", 0),
            ],
        )

    def test_load_is_known_after_two_samples(self) -> None:
        self.assertIn("error", self.get("/1/report/default/cpu-avg-load")["data"])
        self.clock.pump([5, 5])
        data = self.get("/1/report/default/cpu-avg-load")["data"]
        self.assertEqual(data, {"cpu_number": 1, "cpus": [1.0], "cpu_total": 1.0})

    def test_unknown_paths_and_methods_are_not_found(self) -> None:
        for path in ("/2/", "/1/list", "/1/report", "/1/report/storage", "/x", "/1/report/all/x/y", "/%ff"):
            self.assertEqual(self.fetch(path), ("404 Not found", "Resource not found"), path)
        self.assertEqual(self.fetch("/1/report/all", "PUT")[0], "404 Not found")

    def test_wrong_category_and_inactive_collectors_are_not_found(self) -> None:
        self.inactive.add("inst-status")
        for path in ("/1/report/instance/diskstats", "/1/report/instance/inst-status", "/1/report/default/x"):
            self.assertEqual(self.fetch(path)[0], "404 Not found")
        self.assertEqual([r["name"] for r in self.get("/1/report/all")], ["cpu-avg-load", "diskstats"])

    def test_one_collector_that_fails_spoils_only_itself(self) -> None:
        self.host.broken["/proc/diskstats"] = OSError("no such file")
        self.assertEqual(self.fetch("/1/report/storage/diskstats")[0], "500 Internal Server Error")
        data = {r["name"]: r["data"] for r in self.get("/1/report/all")}
        self.assertEqual(data["diskstats"], {"error": "OSError: no such file"})
        self.assertEqual(data["inst-status"]["status"]["code"], 0)

    def test_a_hypervisor_that_cannot_be_asked_is_bad(self) -> None:
        self.host.broken["guests"] = DriverError("no libvirt")
        data = self.get("/1/report/instance/inst-status")["data"]
        self.assertEqual(data, {"instances": [], "status": {"code": 4, "message": "no libvirt"}})

    def test_a_bug_is_logged_and_the_state_unknown(self) -> None:
        self.host.broken["guests"] = ZeroDivisionError("bug")
        data = {r["name"]: r["data"] for r in self.get("/1/report/all")}
        self.assertEqual(data["inst-status"], {"status": {"code": 2, "message": "ZeroDivisionError: bug"}})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_collector_that_hangs_is_given_up(self) -> None:
        self.host.hang = True
        self.send("/1/report/all")
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(10)
        reports = json.loads(self.transport.value().partition(b"\r\n\r\n")[2])
        self.assertEqual(reports[-1]["data"]["status"]["code"], 2)

    def test_a_client_that_went_away_is_forgotten(self) -> None:
        self.host.hang = True
        self.send("/1/report/all")
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(10)
        self.assertEqual(self.transport.value(), b"")

    def test_samples_that_fail_are_taken_again(self) -> None:
        self.host.broken["/proc/stat"] = OSError("busy")
        self.clock.pump([5, 5])
        del self.host.broken["/proc/stat"]
        self.clock.pump([5, 5])
        self.assertEqual(self.get("/1/report/default/cpu-avg-load")["data"]["cpu_total"], 1.0)
        self.monitor.stop()
