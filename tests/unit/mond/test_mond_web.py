from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from attrs import evolve
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fake_host import FakeHost
from ganeti_tw.errors import DriverError
from ganeti_tw.mond import collectors  # noqa: F401, importing registers
from ganeti_tw.mond.families import Family, Sort, gauge
from ganeti_tw.mond.metrics import Exposition
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.registry import Collector, Kind, all_collectors
from ganeti_tw.mond.web import Door, ReportSite

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


class TurnCounter(Clock):
    """Counts how often somebody gave way to others."""

    turns = 0

    def callLater(self, delay: float, *args: Any, **kwargs: Any) -> Any:
        self.turns += delay == 0
        return super().callLater(delay, *args, **kwargs)


class FrontDoor(SynchronousTestCase):
    """Requests as bytes, answers as bytes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.host = FakeHost(self.clock)
        self.begin()

    def begin(self, *more: Collector, sources: Any = None) -> None:
        self.monitor = Monitor(self.clock, self.host, (*all_collectors(), *more))
        self.monitor.start()
        exposition = Exposition(self.clock, self.monitor, sources)
        self.site = ReportSite(self.monitor, exposition, self.clock)
        self.transport = StringTransport()

    def send(self, path: str, method: str = "GET", head: str = "") -> None:
        channel: Any = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.transport = StringTransport()
        channel.makeConnection(self.transport)
        channel.dataReceived(f"{method} {path} HTTP/1.0\r\nHost: h\r\n{head}\r\n".encode())
        self.channel = channel

    def fetch(self, path: str, method: str = "GET", head: str = "") -> tuple[str, str]:
        """Status line without the protocol, and body."""
        self.send(path, method, head)
        self.head, _, body = self.transport.value().decode().partition("\r\n\r\n")
        return self.head.split("\r\n")[0].partition(" ")[2], body

    def get(self, path: str) -> Any:
        status, body = self.fetch(path)
        self.assertEqual(status, "200 OK")
        return json.loads(body)

    def all(self) -> dict[str, Any]:
        return {report["name"]: report["data"] for report in self.get("/1/report/all")}


class WebTests(FrontDoor):
    def test_fixed_answers(self) -> None:
        self.assertEqual([self.get(path) for path in ("/", "/1", "/1/")], [[1], None, None])

    def test_list_of_collectors(self) -> None:
        wanted = [
            ["cpu-avg-load", "default", 0],
            ["kvm-inst-rss", "default", 0],
            ["node-resources", "default", 0],
            ["xen-cpu-avg-load", "default", 0],
            ["daemon-status", "daemon", 1],
            ["diskstats", "storage", 0],
            ["drbd", "storage", 1],
            ["hv-resources", "hypervisor", 0],
            ["inst-status", "instance", 1],
            ["inst-status-kvm", "instance", 1],
            ["lv", "storage", 0],
        ]
        for path in ("/1/list/collectors", "/1/list/collectors/"):
            self.assertEqual(self.get(path), wanted)

    def test_every_collector_is_found_where_the_list_says(self) -> None:
        for name, category, kind in self.get("/1/list/collectors"):
            report = self.get(f"/1/report/{category}/{name}")
            self.assertEqual((report["name"], report["kind"]), (name, kind))

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
        for path in (
            "/2/",
            "/1/list",
            "/1/report",
            "/1/report/storage",
            "/x",
            "/1/report/all/x/y",
            "/%ff",
            "/metrics/x",
        ):
            self.assertEqual(self.fetch(path), ("404 Not found", "Resource not found"), path)
        for method in ("PUT", "DELETE", "HEAD", "OPTIONS", "X"):
            self.assertEqual(self.fetch("/1/report/all", method)[0], "404 Not found", method)

    def test_a_post_must_tell_its_length(self) -> None:
        self.assertEqual(self.fetch("/1/report/all", "POST")[0], "411 Length Required")
        self.assertEqual(self.fetch("/1/report/all", "POST", "Content-Length: 0\r\n")[0], "404 Not found")

    def test_wrong_category_and_inactive_collectors_are_not_found(self) -> None:
        self.monitor.configure({"inst-status": {"active": False}})
        for path in ("/1/report/instance/diskstats", "/1/report/instance/inst-status", "/1/report/default/x"):
            self.assertEqual(self.fetch(path)[0], "404 Not found")
        self.assertNotIn("inst-status", self.all())

    def test_one_collector_that_fails_spoils_only_itself(self) -> None:
        self.host.broken["/proc/diskstats"] = OSError("no such file")
        self.clock.advance(5)
        self.assertEqual(
            self.fetch("/1/report/storage/diskstats"), ("500 Internal Server Error", "OSError: no such file")
        )
        data = self.all()
        self.assertEqual(data["diskstats"], {"error": "OSError: no such file"})
        self.assertEqual(data["inst-status"]["status"]["code"], 0)

    def test_a_hypervisor_that_cannot_be_asked_is_bad(self) -> None:
        self.host.broken["guests"] = DriverError("no libvirt")
        self.clock.advance(5)
        data = self.get("/1/report/instance/inst-status")["data"]
        self.assertEqual(data, {"instances": [], "status": {"code": 4, "message": "no libvirt"}})

    def test_a_bug_is_logged_once_and_the_state_unknown(self) -> None:
        self.monitor.configure(
            {name: {"active": False} for name in ("inst-status-kvm", "hv-resources", "kvm-inst-rss")}
        )
        self.host.broken["guests"] = ZeroDivisionError("bug")
        self.clock.pump([5, 5, 5])
        self.assertEqual(self.all()["inst-status"], {"status": {"code": 2, "message": "ZeroDivisionError: bug"}})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_all_is_answered_at_once_whatever_collectors_do(self) -> None:
        self.host.hang = True
        self.begin()
        data = self.all()
        self.assertEqual(data["inst-status"]["status"], {"code": 2, "message": "nothing was collected yet"})
        self.assertEqual(data["diskstats"][0]["name"], "sda")

    def test_a_collector_that_hangs_is_given_up(self) -> None:
        self.host.hang = True
        self.begin()
        self.send("/1/report/instance/inst-status")
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(10)
        self.assertIn(b"500 Internal", self.transport.value())
        self.assertEqual(self.all()["inst-status"]["status"]["code"], 2)

    def test_a_client_that_went_away_is_forgotten(self) -> None:
        self.host.hang = True
        self.begin()
        self.send("/1/report/instance/inst-status")
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(10)
        self.assertEqual(self.transport.value(), b"")

    def test_the_body_of_a_request_is_not_kept(self) -> None:
        piece = b"a=" + b"b" * 65_534
        form = "application/x-www-form-urlencoded"
        for kind in ("application/octet-stream", form, "multipart/form-data; boundary=b"):
            self.send("/", "POST", f"Content-Type: {kind}\r\nContent-Length: {16 * len(piece)}\r\n")
            (request,) = self.channel._channel.requests
            for _ in range(15):
                self.channel.dataReceived(piece)
            self.assertEqual(request.content.seek(0, 2), 0)
            self.channel.dataReceived(piece)
            self.assertIn(b"404 Not found", self.transport.value())
            self.assertEqual(request.args, {})

    def test_more_connections_than_the_process_can_spare_are_closed(self) -> None:
        door = Door(self.site, most=2)
        address = IPv4Address("TCP", "127.0.0.1", 1)
        opened = []
        for _ in range(3):
            channel: Any = door.buildProtocol(address)
            channel.makeConnection(StringTransport())
            opened.append(channel)
        self.assertEqual([c.transport.disconnected for c in opened], [False, False, True])
        opened[0].connectionLost(Failure(ConnectionLost()))
        channel = door.buildProtocol(address)
        self.transport = StringTransport()
        channel.makeConnection(self.transport)
        channel.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIn(b"200 OK", self.transport.value())

    def test_requests_on_one_connection(self) -> None:
        channel: Any = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        self.clock.advance(0)
        self.assertEqual(transport.value().count(b"HTTP/1.1 200 OK"), 2)


class MetricsTests(FrontDoor):
    def metrics(self, accept: str = "") -> str:
        self.send("/metrics", head=f"Accept: {accept}\r\n" if accept else "")
        self.clock.pump([0] * 10)
        self.head, _, body = self.transport.value().decode().partition("\r\n\r\n")
        self.assertIn("200 OK", self.head)
        return body

    def value(self, body: str, name: str, **labels: str) -> float:
        for family in parse_text(body):
            for sample in family.samples:
                if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items()):
                    return sample.value
        raise AssertionError(f"no {name} {labels}")

    def test_plain_text_unless_openmetrics_is_asked_for(self) -> None:
        for accept in ("", "*/*", "text/plain", "application/openmetrics-text;q=0", "application/openmetrics-text;q=x"):
            self.metrics(accept)
            self.assertIn("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n", self.head, accept)
        for accept in (OPENMETRICS, "application/openmetrics-text", "Application/OpenMetrics-Text; version=0.0.1"):
            self.metrics(accept)
            self.assertIn("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n", self.head)

    def test_both_formats_are_read_by_the_library_and_say_the_same(self) -> None:
        self.clock.pump([5, 5])
        text = {f.name: len(f.samples) for f in parse_text(self.metrics()) if not f.name.startswith("process_")}
        body = self.metrics(OPENMETRICS)
        self.assertEqual(body.count("# EOF"), 1)
        other = {f.name: len(f.samples) for f in parse_openmetrics(body) if not f.name.startswith("process_")}
        self.assertEqual(text, other)
        self.assertGreater(len(text), 30)

    def test_figures_of_very_many_things_are_made_and_written_in_several_turns(self) -> None:
        async def collect(host: Any, samples: Any) -> Any:
            return 2500

        def many(count: int) -> list[Family]:
            things, events = Family("site_things", "x", ("n",)), Family("site_events", "x", ("n",), Sort.COUNTER)
            for n in range(count):
                things.add(n, n)
                events.add(n, n)
            return [things, gauge("site_one", "x", 1), events]

        self.clock = clock = TurnCounter()
        self.begin(Collector("site-many", None, Kind.PERFORMANCE, 5, collect, families=many))
        for accept, parse in (("", parse_text), (OPENMETRICS, parse_openmetrics)):
            clock.turns = 0
            body = self.metrics(accept)
            self.assertGreaterEqual(clock.turns, 8)
            found = {family.name: family for family in parse(body)}
            for name, sample in (("site_things", "site_things"), ("site_events", "site_events_total")):
                self.assertEqual(body.count(f"# HELP {name}"), 1)
                values = {s.labels["n"]: s.value for s in found[name].samples if s.name == sample}
                self.assertEqual(values, {str(n): n for n in range(2500)})
            self.assertEqual(found["site_one"].samples[0].value, 1)

    def test_every_figure_is_in_the_reference(self) -> None:
        root = Path(__file__).resolve().parents[3]
        text = (root / "docs/reference/monitoring.rst").read_text()
        files = [*(root / "ganeti_tw/mond").rglob("*.py"), root / "ganeti_tw/daemon/measures.py"]
        names = {name for file in files for name in re.findall(r'"(ganeti_[a-z0-9_]+)"', file.read_text())}
        self.assertEqual([name for name in sorted(names) if name not in text], [])
        self.assertGreater(len(names), 40)

    def test_what_the_collectors_know(self) -> None:
        self.clock.pump([5, 5])
        body = self.metrics()
        self.assertEqual(self.value(body, "ganeti_node_busy_cpus"), 1)
        self.assertEqual(self.value(body, "ganeti_disk_read_bytes_total", device="sda"), 3 * 512)
        self.assertEqual(self.value(body, "ganeti_instance_status", instance_name="web1"), 0)
        self.assertEqual(
            self.value(body, "ganeti_instance_cpu_seconds_total", instance_name="web1", hypervisor="kvm"), 2.5
        )
        self.assertEqual(self.value(body, "ganeti_collector_runs_total", collector="lv"), 3)
        self.assertGreater(self.value(body, "process_resident_memory_bytes"), 0)

    def test_a_collector_that_fails_is_seen(self) -> None:
        self.host.broken["/proc/diskstats"] = OSError("x")
        self.clock.advance(5)
        body = self.metrics()
        self.assertEqual(self.value(body, "ganeti_collector_success", collector="diskstats"), 0)
        self.assertEqual(self.value(body, "ganeti_collector_failures_total", collector="diskstats"), 1)
        self.assertEqual(self.value(body, "ganeti_collector_success", collector="inst-status"), 1)

    def test_figures_of_a_collector_that_cannot_be_used_are_left_out(self) -> None:
        async def collect(host: Any, samples: Any) -> Any:
            return 1

        def bad_name(data: Any) -> Any:
            return [gauge("no name", "x", 1)]

        def taken(data: Any) -> Any:
            return [gauge("ganeti_node_load1", "x", 1)]

        def crash(data: Any) -> Any:
            raise ZeroDivisionError

        def text(data: Any) -> Any:
            return [gauge("site_x", "x", "many")]  # type: ignore[arg-type]

        more = [
            Collector(f"site-{f.__name__}", None, Kind.PERFORMANCE, 5, collect, families=f)
            for f in (bad_name, taken, crash, text)
        ]
        self.begin(*more)
        for _ in range(2):
            body = self.metrics()
            self.assertEqual(self.value(body, "ganeti_node_load1"), 0.5)
            self.assertNotIn("site_x", body)
        self.assertEqual(len(self.flushLoggedErrors()), 4)

    def test_a_part_of_the_process_that_does_not_answer_is_left_out(self) -> None:
        async def hangs() -> Any:
            await Deferred()

        async def fails() -> Any:
            raise DriverError("x")

        async def works() -> Any:
            return [gauge("ganeti_x", "x", 1)]

        self.begin(sources={"hangs": hangs, "fails": fails, "works": works})
        self.send("/metrics")
        self.assertEqual(self.transport.value(), b"")
        self.clock.advance(2)
        body = self.transport.value().decode().partition("\r\n\r\n")[2]
        up = {s: self.value(body, "ganeti_metrics_source_up", source=s) for s in ("hangs", "fails", "works")}
        self.assertEqual(up, {"hangs": 0, "fails": 0, "works": 1})
        self.assertEqual(self.value(body, "ganeti_x"), 1)

    def test_a_scraper_that_went_away_is_forgotten(self) -> None:
        async def hangs() -> Any:
            await Deferred()

        self.begin(sources={"hangs": hangs})
        self.send("/metrics")
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(2)
        self.assertEqual(self.transport.value(), b"")

    def test_many_instances_are_written_in_turns(self) -> None:
        guest = self.host.list[0]
        self.host.list = [evolve(guest, name=f"i{i}") for i in range(1500)]
        self.clock.advance(5)
        self.send("/metrics")
        self.assertEqual(self.transport.value(), b"")
        body = self.metrics(OPENMETRICS)
        found = [f for f in parse_openmetrics(body) if f.name == "ganeti_instance_status"]
        self.assertEqual(len(found[0].samples), 1500)
