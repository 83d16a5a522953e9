from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from fake_host import FILES, FakeHost
from ganeti_tw.errors import BadRequest, DriverError, Exists
from ganeti_tw.model import defaults
from ganeti_tw.mond import collectors, placement
from ganeti_tw.mond.collectors import (
    cpu_avg_load,
    daemon_status,
    diskstats,
    drbd,
    hv_resources,
    kvm_inst_rss,
    lv,
    node_resources,
    xen_cpu_avg_load,
)
from ganeti_tw.mond.guests import Guest, compared, judge, status_report
from ganeti_tw.mond.registry import BadReport, all_collectors, collector
from ganeti_tw.mond.report import envelope
from ganeti_tw.mond.status import Code, Status, merge
from ganeti_tw.protocol.instance import RunningInstance

DATA = Path(__file__).resolve().parents[2] / "data"
DRBD = DATA / "drbd.txt"
CONSTANTS = DATA / "reference" / "constants.json"
SAMPLES = json.loads((Path(__file__).resolve().parents[2] / "data" / "mond.json").read_text())["reports"]

STAT = """cpu  {0} 0 100 5000 50 0 0 0 0 0
cpu0 {0} 0 50 2500 25 0 0 0 0 0
cpu1 0 0 50 2500 25 0 0 0 0 0
intr 1 2 3
"""


class RegistryTests(TestCase):
    def test_every_file_is_a_collector(self) -> None:
        files = [p.stem for p in Path(collectors.__file__).parent.glob("[a-z]*.py")]
        self.assertEqual(len(all_collectors()), len(files))

    def test_all_of_ganetis_are_there_in_its_order(self) -> None:
        names = json.loads(CONSTANTS.read_text())["mond_and_data_collectors"]["DATA_COLLECTOR_NAMES"]
        ours = [c.name for c in all_collectors() if c.name in names]
        order = ["cpu-avg-load", "xen-cpu-avg-load", "diskstats", "drbd", "inst-status-xen", "lv"]
        self.assertEqual((sorted(ours), ours), (sorted(names), order))

    def test_the_cluster_can_set_each_of_them(self) -> None:
        known = {*defaults.COLLECTORS, *defaults.OWN_COLLECTORS}
        self.assertEqual({c.name for c in all_collectors()}, known)

    def test_category_and_kind_are_those_recorded(self) -> None:
        ours = {c.name: (c.name, c.category_word, int(c.kind)) for c in all_collectors()}
        for row in SAMPLES["list/collectors"]:
            self.assertEqual(ours[row[0]], tuple(row))

    def test_a_name_cannot_be_taken_twice(self) -> None:
        taken = all_collectors()[0]
        with self.assertRaises(Exists):
            collector(taken.name, category=None, kind=taken.kind)(diskstats.diskstats)


class SampleTests(TestCase):
    """Every collector of Ganeti, on recorded input or a pretended host, against its recorded report."""

    def setUp(self) -> None:
        self.host = FakeHost(Clock(), ["xen-pvm"])

    def report(self, name: str) -> Any:
        watch = next(c for c in all_collectors() if c.name == name)
        work = Deferred.fromCoroutine(watch.collect(self.host, ()))
        found: list[Any] = []
        work.addCallback(found.append)
        return envelope(watch, found[0], self.host.now())

    def shape(self, value: Any) -> Any:
        """Keys in order and types of values; of a list its first element."""
        if isinstance(value, dict):
            return [(key, self.shape(v)) for key, v in value.items()]
        if isinstance(value, list):
            return [self.shape(v) for v in value[:1]]
        return type(value).__name__

    def check(self, name: str) -> Any:
        report = self.report(name)
        self.assertEqual(self.shape(report), self.shape(SAMPLES[name]))
        return report["data"]

    def test_diskstats(self) -> None:
        self.check("diskstats")

    def test_drbd(self) -> None:
        self.host.files["/proc/drbd"] = DRBD.read_text()
        self.host.minors = {0: "inst1.ref.example"}
        data, wanted = self.check("drbd"), SAMPLES["drbd"]["data"]
        self.assertEqual(data["versionInfo"], wanted["versionInfo"])
        self.assertEqual(data["deviceInfos"][0], wanted["deviceInfos"][0])
        self.assertIn({"minor": 3, "connectionState": "Unconfigured"}, data["deviceInfos"])
        self.assertEqual(data["deviceInfos"][-1], wanted["deviceInfos"][-1])
        self.assertEqual(data["status"]["code"], wanted["status"]["code"])

    def test_inst_status_xen_without_tools(self) -> None:
        self.host.broken["guests"] = DriverError("no xl")
        self.check("inst-status-xen")

    def test_xen_cpu_avg_load_without_xen(self) -> None:
        self.assertEqual(self.check("xen-cpu-avg-load"), {})

    def test_cpu_avg_load(self) -> None:
        samples = [cpu_avg_load.parse(STAT.format(t * 100), t) for t in (980, 1000)]
        self.assertEqual(
            [(k, type(v)) for k, v in cpu_avg_load.average(samples, 1000, 100).items()],
            [(k, type(v)) for k, v in SAMPLES["cpu-avg-load"]["data"].items()],
        )


class DrbdTests(TestCase):
    head = "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: 0B\n"
    rest = "    ns:1 nr:2 dw:3 dr:4 al:5 bm:6 lo:7 pe:8 ua:9 ap:10"

    def device(self, first: str, *rest: str, owners: Any = None) -> Any:
        return drbd.report("\n".join([self.head + first, *rest]) + "\n", owners or {})["deviceInfos"][0]

    def test_no_drbd_is_no_fault(self) -> None:
        self.assertEqual(drbd.missing({}), {"status": {"code": 0, "message": ""}, "versionInfo": {}, "deviceInfos": []})

    def test_unless_instances_need_it(self) -> None:
        status = drbd.missing({0: "web1", 1: "web1"})["status"]
        self.assertEqual((status["code"], status["message"].count("web1")), (4, 1))

    def test_version_9_lists_no_devices(self) -> None:
        text = (
            "version: 9.1.4 (api:2/proto:110-121)\nGIT-hash: 31 build by x@y, 2022\nTransports (api:17): tcp (9.1.4)\n"
        )
        report = drbd.report(text, {})
        self.assertEqual((report["deviceInfos"], report["status"]["code"]), ([], 0))
        self.assertEqual(report["versionInfo"]["buildBy"], "x@y, 2022")

    def test_old_versions_lack_some_indicators_and_say_st_for_ro(self) -> None:
        found = self.device(" 1: cs:Connected st:Primary/Secondary ds:UpToDate/UpToDate C r---", self.rest)
        self.assertEqual((found["localRole"], found["replicationProtocol"], found["ioFlags"]), ("Primary", "C", "r---"))
        self.assertNotIn("epochs", found["perfIndicators"])
        self.assertIsNone(found["instance"])

    def test_a_sync_with_a_wish_and_large_numbers(self) -> None:
        found = self.device(
            " 0: cs:SyncTarget ro:Secondary/Primary ds:Inconsistent/UpToDate C r-----",
            self.rest,
            "\t[>....................] sync'ed:  0.2% (102400/102500)M",
            "\tfinish: 26:01:05 speed: 1,234,567 (60,000) want: 61,440 K/sec",
        )
        self.assertEqual(
            found["syncStatus"],
            {
                "percentage": 0.2,
                "progress": "102400/102500",
                "progressUnit": "MegaByte",
                "timeToFinish": "26:01:05",
                "speed": 1234567,
                "want": 61440,
                "speedUnit": "KiloByte/Second",
            },
        )

    def test_verdicts(self) -> None:
        table = {
            4: "StandAlone Disconnecting TearDown",
            1: "Unconnected Timeout BrokenPipe NetworkFailure ProtocolError WFConnection WFReportParams",
            0: "Connected StartingSyncS StartingSyncT WFBitMapS WFBitMapT WFSyncUUID SyncSource SyncTarget PausedSyncS "
            "PausedSyncT VerifyS VerifyT Unconfigured",
            2: "SomethingNew",
        }
        for code, states in table.items():
            for state in states.split():
                status = drbd.judge({"minor": 7, "connectionState": state})
                self.assertEqual((int(status.code), status.message.startswith("7: ")), (code, code != 0), state)

    def test_what_does_not_fit_is_named(self) -> None:
        good = " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----"
        for text, said in (
            ("", "version"),
            ("nonsense\n", "nonsense"),
            (self.head + " 0: cs:Connected\n" + self.rest, "cs:Connected"),
            (self.head + good + "\n", good),
            (self.head + good + "\n    ns:1 nr:x\n", "nr:x"),
        ):
            with self.assertRaises(BadReport) as caught:
                drbd.report(text, {})
            self.assertIn(said, str(caught.exception))

    @given(st.text(), st.integers(0, 900))
    def test_garbage_in_the_file_is_a_report_or_a_bad_report(self, text: str, at: int) -> None:
        whole = DRBD.read_text()
        try:
            drbd.report(whole[:at] + text + whole[at:], {})
        except BadReport:
            pass

    def test_figures(self) -> None:
        data = drbd.report(DRBD.read_text(), {0: "a"})
        found = {f.name: f.samples for f in drbd.families(data)}
        self.assertEqual(found["ganeti_drbd_synced_ratio"], [(("5", ""), 0.685)])
        self.assertIn((("0", "a"), 4), found["ganeti_drbd_status"])


class LvTests(TestCase):
    line = (
        "  uu;root;-wi-ao----;-1;-1;254;0;4294967296;1;t;;vu;xenvg;linear;0;0;4294967296;;/dev/sda5:0-1023;/dev/sda5(0)"
    )

    def test_a_volume(self) -> None:
        (found,) = lv.report(self.line + "\n\n", {"xenvg/root": "web1"})
        self.assertEqual((found["size"], found["major"], found["attr"]), (4294967296, -1, "-wi-ao----"))
        self.assertEqual(list(found), [*(key for key, _, _ in lv.COLUMNS), "instance"])
        self.assertEqual(found["instance"], "web1")

    def test_keys_are_ganetis(self) -> None:
        words = (
            "uuid name attr major minor kernel_major kernel_minor size seg_count tags modules vg_uuid vg_name segtype "
            "seg_start seg_start_pe seg_size seg_tags seg_pe_ranges devices"
        )
        self.assertEqual([key for key, _, _ in lv.COLUMNS], words.split())

    def test_a_line_that_does_not_fit_is_named(self) -> None:
        for bad in ("x;y", self.line + ";more", self.line.replace("254", "x")):
            with self.assertRaises(BadReport) as caught:
                lv.report(bad, {})
            self.assertIn(bad.strip()[:20], str(caught.exception))

    def test_a_saved_output_of_ganeti_has_units(self) -> None:
        words = "uu;root;-wi-ao----;-1;-1;254;0;4294967296B;1;;;vu;xenvg;linear;512B;0;4096B;;/dev/a:0-1;/dev/a(0)"
        (volume,) = lv.report(words, {})
        self.assertEqual([volume[key] for key in ("size", "seg_start", "seg_size")], [4294967296, 512, 4096])

    def test_without_lvm_there_are_none(self) -> None:
        host = FakeHost(Clock())
        found: list[Any] = []
        Deferred.fromCoroutine(lv.lv(host)).addCallback(found.append)
        self.assertEqual((found, host.ran), ([[]], [lv.COMMAND]))

    def test_a_volume_of_two_segments_is_one_figure(self) -> None:
        (family,) = lv.families(lv.report(self.line + "\n" + self.line, {}))
        self.assertEqual(family.samples, [(("xenvg", "root", ""), 4294967296)])


XENTOP = """      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS
  Domain-0 -----r      14320    2.1    1048576    3.1   no limit       n/a     4
      web1 --b---        {0}    0.5     524288    1.6     524288       1.6     1
"""


class XenLoadTests(TestCase):
    def average(self, *points: tuple[float, int], now: float = 1000) -> Any:
        samples = [xen_cpu_avg_load.Sample(t, xen_cpu_avg_load.parse(XENTOP.format(s))) for t, s in points]
        return xen_cpu_avg_load.average(samples, now)

    def test_the_domains_without_the_first(self) -> None:
        self.assertEqual(xen_cpu_avg_load.parse(XENTOP.format(7)), {"web1": 7})

    def test_half_a_cpu(self) -> None:
        self.assertEqual(self.average((800, 100), (1000, 200)), {"web1": 0.5})

    def test_too_little_history_says_nothing(self) -> None:
        self.assertEqual(self.average((950, 100), (1000, 200)), {})

    def test_one_not_seen_lately_vanishes(self) -> None:
        self.assertEqual(self.average((500, 100), (800, 200)), {})

    def test_old_samples_do_not_count(self) -> None:
        self.assertEqual(self.average((100, 0), (500, 100), (1000, 600)), {"web1": 1.0})

    def test_a_counter_that_went_back_begins_anew(self) -> None:
        self.assertEqual(self.average((500, 900), (700, 10), (1000, 310)), {"web1": 1.0})

    def test_what_does_not_fit_is_named(self) -> None:
        for bad in ("", "a b c\n", XENTOP.format("x")):
            with self.assertRaises(BadReport):
                xen_cpu_avg_load.parse(bad)


class NodeTests(TestCase):
    def test_what_is_read(self) -> None:
        self.assertEqual(node_resources.parse_memory(FILES["/proc/meminfo"])["available"], 400 * 1024)
        self.assertEqual(node_resources.parse_load("0.5 1 2 1/2 3\n"), [0.5, 1, 2])
        (eth0,) = node_resources.parse_network(FILES["/proc/net/dev"])
        self.assertEqual((eth0["name"], eth0["receive_bytes"], eth0["transmit_errors"]), ("eth0", 1, 6))

    def test_bad_input_is_a_bad_report(self) -> None:
        for parse in (
            node_resources.parse_memory,
            node_resources.parse_load,
            node_resources.parse_uptime,
            lambda text: node_resources.parse_network("a\nb\n" + text),
        ):
            for text in ("x", "x: y"):
                with self.assertRaises(BadReport):
                    parse(text)


class DaemonTests(TestCase):
    def test_a_name_with_spaces_and_brackets(self) -> None:
        found = daemon_status.parse(FILES["/proc/self/stat"], "1000.00 1\n", 100, 4096)
        wanted = {"pid": 77, "cpu_seconds": 2.0, "uptime": 100.0, "cpu_usage": 0.02, "memory": 409600, "threads": 9}
        self.assertEqual({key: found[key] for key in wanted}, wanted)

    def test_bad_input_is_a_bad_report(self) -> None:
        for stat, uptime in (("", "1 1"), ("1 (x) S 1", "1 1"), (FILES["/proc/self/stat"], "")):
            with self.assertRaises(BadReport):
                daemon_status.parse(stat, uptime, 100, 4096)


class ResourceTests(TestCase):
    guests = (
        Guest("b", "2", "up", "running", hypervisor="kvm", memory_mib=64, vcpus=1, resident_bytes=2 << 20),
        Guest("a", "1", "up", "running", hypervisor="kvm", memory_mib=32, vcpus=2),
        Guest("c", "3", "down", "shutdown", hypervisor="kvm", memory_mib=32, vcpus=2),
    )

    def test_sums_are_of_those_that_run(self) -> None:
        data = hv_resources.report(self.guests, ["fake", "kvm"])
        self.assertEqual(
            [(h["name"], h["running"], h["memory"]) for h in data["hypervisors"]], [("fake", 0, 0), ("kvm", 2, 96)]
        )
        self.assertEqual([(i["name"], i["resident_memory"]) for i in data["instances"]], [("a", None), ("b", 2)])

    def test_resident_pages_where_they_are_known(self) -> None:
        host = FakeHost(Clock())
        host.list = list(self.guests)
        found: list[Any] = []
        Deferred.fromCoroutine(kvm_inst_rss.kvm_inst_rss(host)).addCallback(found.append)
        self.assertEqual(found, [{"b": 512}])


class PlacementTests(TestCase):
    def test_owners_of_all_that_a_disk_consists_of(self) -> None:
        data, meta = ({"dev_type": "plain", "logical_id": ["vg", name]} for name in ("d", "m"))
        disks = [{"dev_type": "drbd", "logical_id": [1], "children": [data, meta]}, {"dev_type": "file"}]
        self.assertEqual(placement.owners_of_volumes([[{"name": "a"}, disks]]), {"vg/d": "a", "vg/m": "a"})

    def test_minors(self) -> None:
        self.assertEqual(placement.owners_of_minors([["n", 0, "a", "disk/0", "primary", "m"]]), {0: "a"})

    def test_other_things_are_refused(self) -> None:
        for function in (placement.owners_of_volumes, placement.owners_of_minors, placement.wanted):
            for bad in ([1], ["x"], [["a"]], [{"name": 1}]):
                with self.assertRaises(BadRequest):
                    function(bad)


class CpuTests(TestCase):
    def average(self, *times: float, now: float = 1000.0) -> object:
        samples = [cpu_avg_load.parse(STAT.format(int(t) * 100), t) for t in times]
        return cpu_avg_load.average(samples, now, 100)

    def test_idle_is_not_counted(self) -> None:
        self.assertEqual(cpu_avg_load.parse(STAT.format(7), 1.0), cpu_avg_load.Sample(1.0, 157, (82, 75)))

    def test_one_of_two_cpus_busy(self) -> None:
        self.assertEqual(self.average(980, 990, 1000), {"cpu_number": 2, "cpus": [1.0, 0.0], "cpu_total": 1.0})

    def test_keys_are_those_that_were_recorded(self) -> None:
        self.assertEqual(list(self.average(980, 1000)), list(SAMPLES["cpu-avg-load"]["data"]))

    def test_one_sample_is_not_enough_nor_is_one_in_the_window(self) -> None:
        for times in ((), (1000,), (100, 1000), (1000, 1000)):
            self.assertIn("error", self.average(*times))

    def test_a_cpu_that_came_later_starts_anew(self) -> None:
        one = cpu_avg_load.parse("cpu 1 0 0 0\ncpu0 1 0 0 0\n", 990)
        two = cpu_avg_load.parse(STAT.format(1), 1000)
        self.assertIn("error", cpu_avg_load.average([one, two], 1000, 100))

    @given(st.text())
    def test_garbage_is_a_bad_report(self, text: str) -> None:
        with self.assertRaises(BadReport):
            cpu_avg_load.parse("cpu " + text.replace("cpu", "") + "x\n", 0)


class DiskTests(TestCase):
    line = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11"

    def test_columns_of_new_kernels_are_left_out(self) -> None:
        short, long = diskstats.parse(self.line + "\n"), diskstats.parse(self.line + " 12 13 14 15 16 17\n")
        self.assertEqual(short, long)
        self.assertEqual(list(short[0]), list(SAMPLES["diskstats"]["data"][0]))
        self.assertEqual((short[0]["name"], short[0]["wIOmillis"]), ("sda", 11))

    def test_the_line_that_does_not_fit_is_named(self) -> None:
        with self.assertRaises(BadReport) as caught:
            diskstats.parse(self.line + "\n8 1 sda1 1\n")
        self.assertIn("'8 1 sda1 1'", str(caught.exception))


class InstanceTests(TestCase):
    def code(self, admin: str, actual: str) -> Code:
        return judge(Guest("i", "u", admin, actual)).code

    def test_verdicts(self) -> None:
        table = {
            ("down", "shutdown"): 0,
            ("down", "dying"): 0,
            ("down", "running"): 4,
            ("down", "hung"): 4,
            ("up", "hung"): 2,
            ("up", "running"): 0,
            ("up", "blocked"): 0,
            ("up", "paused"): 4,
            ("up", "shutdown"): 4,
            ("offline", "running"): 2,
            ("offline", "shutdown"): 2,
        }
        self.assertEqual({pair: int(self.code(*pair)) for pair in table}, table)

    def test_the_worst_instance_decides(self) -> None:
        guests = [Guest("b", "2", "up", "running", "10"), Guest("a", "1", "up", "shutdown")]
        data = status_report(guests)
        self.assertEqual([i["name"] for i in data["instances"]], ["a", "b"])
        self.assertEqual(data["status"], {"code": 4, "message": "\na should be up and is shutdown"})
        self.assertEqual(
            list(data["instances"][0]),
            ["name", "uuid", "adminState", "actualState", "uptime", "mtime", "state_reason", "status"],
        )

    def test_wish_and_reality_are_brought_together(self) -> None:
        wanted = [Guest("a", "1", "up", "unknown"), Guest("b", "2", "down", "unknown")]
        found = [RunningInstance(name, "fake", "running", 128, 1) for name in ("a", "c")]
        states = [(g.name, g.admin_state, g.actual_state) for g in compared(wanted, found, 1000.0)]
        self.assertEqual(states, [("a", "up", "running"), ("b", "down", "shutdown"), ("c", "up", "running")])

    def test_the_uptime_is_as_xl_writes_it(self) -> None:
        starts = {"a": 999.5, "b": 940.0, "c": 1000.0 - 3 * 3600 - 61, "d": 1000.0 - 86400, "e": 1000.0 - 90061}
        found = [RunningInstance(name, "fake", "running", 128, 1, started=when) for name, when in starts.items()]
        found.append(RunningInstance("later", "fake", "running", 128, 1, started=1001.0))
        found.append(RunningInstance("nobody-knows", "fake", "running", 128, 1))
        uptimes = [i["uptime"] for i in status_report(compared([], found, 1000.0))["instances"]]
        self.assertEqual(
            uptimes, ["0:00:00", "0:01:00", "3:01:01", "1 day, 0:00:00", "1 day, 1:01:01", "0:00:00", None]
        )

    def test_messages_are_folded_from_the_end(self) -> None:
        merged = merge([Status(Code.OK, "0: x"), Status(Code.OK), Status(Code.BAD, "2: y")])
        self.assertEqual(merged, Status(Code.BAD, "\n2: y\n0: x"))
        self.assertEqual(merge([]), Status(Code.OK, ""))
