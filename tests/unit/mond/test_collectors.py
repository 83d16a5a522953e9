from __future__ import annotations

import json
from pathlib import Path
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from ganeti_tw.errors import Exists
from ganeti_tw.mond import collectors
from ganeti_tw.mond.collectors import cpu_avg_load, diskstats, inst_status
from ganeti_tw.mond.guests import Guest, compared
from ganeti_tw.mond.registry import BadReport, all_collectors, collector
from ganeti_tw.mond.status import Code, Status, merge
from ganeti_tw.protocol.instance import RunningInstance

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

    def test_those_without_category_are_listed_first(self) -> None:
        self.assertEqual([c.name for c in all_collectors()], ["cpu-avg-load", "diskstats", "inst-status"])

    def test_a_name_cannot_be_taken_twice(self) -> None:
        taken = all_collectors()[0]
        with self.assertRaises(Exists):
            collector(taken.name, category=None, kind=taken.kind)(diskstats.diskstats)


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
        return inst_status.judge(Guest("i", "u", admin, actual)).code

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
        data = inst_status.report(guests)
        self.assertEqual([i["name"] for i in data["instances"]], ["a", "b"])
        self.assertEqual(data["status"], {"code": 4, "message": "\na should be up and is shutdown"})
        self.assertEqual(
            list(data["instances"][0]),
            ["name", "uuid", "adminState", "actualState", "uptime", "mtime", "state_reason", "status"],
        )

    def test_wish_and_reality_are_brought_together(self) -> None:
        wanted = [Guest("a", "1", "up", "unknown"), Guest("b", "2", "down", "unknown")]
        found = [RunningInstance(name, "fake", "running", 128, 1) for name in ("a", "c")]
        states = [(g.name, g.admin_state, g.actual_state) for g in compared(wanted, found)]
        self.assertEqual(states, [("a", "up", "running"), ("b", "down", "shutdown"), ("c", "up", "running")])

    def test_messages_are_folded_from_the_end(self) -> None:
        merged = merge([Status(Code.OK, "0: x"), Status(Code.OK), Status(Code.BAD, "2: y")])
        self.assertEqual(merged, Status(Code.BAD, "\n2: y\n0: x"))
        self.assertEqual(merge([]), Status(Code.OK, ""))
