"""What commands print, jobs and hooks show, beside what the original's did on the same cluster.

Values that differ from run to run (UUIDs, times, MACs, serial numbers) are
replaced by words on both sides; everything else, blanks included, must be the same.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.operations.registry import input_of, load_all, parse, summary_of
from ganeti_tw.protocol.node import OsStatus
from ganeti_tw.testing.cluster import Cluster, Command

DATA = Path(__file__).parents[1] / "data"
KINDS = load_all()
NODE = "ref1.ref.example"

NOT_HERE = {
    "gnt-node volumes": "reads logical volumes, which the control plane does not know yet",
    "gnt-node list-drbd ref1": "asks for DRBD minors, which there are none of yet",
}
"""Commands of the sample that do not work yet; the test fails when one of them does."""


def outputs() -> dict[str, str]:
    """What the commands printed, by command line."""
    text = (DATA / "cli_output.txt").read_text()
    blocks = re.split(r"^\+ ", text, flags=re.MULTILINE)[1:]
    return dict(block.split("\n", 1) for block in blocks)


def jobs() -> list[dict[str, Any]]:
    return list(json.loads((DATA / "jobs.json").read_text())["jobs"])


def normal(text: str) -> str:
    """Without what differs from run to run."""
    for pattern, word in (
        (r"/simulated/", "/srv/ganeti/file-storage/inst1.ref.example/"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(\.file\.disk0)?", "UUID"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"TIME\.\d{6}", "TIME"),
        (r"(delta |time: )\d+\.\d{6}", r"\1SECONDS"),
        (r"\b17\d{17}\b", "NANOSECONDS"),
        (r"job=\d+;", "job=N;"),
        (r"(Job ID|Serial number): \d+", r"\1: N"),
        (r"(MAC: aa:00:55):\S+", r"\1:MAC"),
    ):
        text = re.sub(pattern, word, text)
    return text


class SampleCase(SynchronousTestCase):
    maxDiff = None

    def setUp(self) -> None:
        before = os.environ.get("TZ")
        self.addCleanup(self.set_zone, before)
        self.set_zone("UTC")
        self.cluster = Cluster(
            1,
            name="refcl.ref.example",
            addresses={NODE: "10.88.1.11"},
            master_ip="10.88.1.10",
            master_netdev="eth0",
            enabled_disk_templates=("diskless", "file", "sharedfile"),
            modify_ssh_setup=False,
        )
        noop = OsStatus("noop", "/srv/ganeti/os/noop", True, "", ("default", "other"), (
            ("foo", "foo doc"), ("bar", "bar doc")), (20,), True)  # fmt: skip
        self.cluster.hosts[NODE].oses.statuses = (noop,)

    def set_zone(self, zone: str | None) -> None:
        if zone is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = zone
        time.tzset()

    def do(self, line: str, code: int = 0) -> Command:
        done = self.cluster.run(*line.split())
        self.assertEqual(done.code, code, (line, done))
        return done

    def build(self) -> None:
        """The cluster that the sample was taken of, made as that was."""
        quick = "--no-name-check --no-ip-check -n ref1"
        low = "cpu-count=1,disk-count=0,disk-size=0,memory-size=4,nic-count=0,spindle-use=0"
        high = "cpu-count=8,disk-count=16,disk-size=1048576,memory-size=32768,nic-count=8,spindle-use=12"
        for line in (
            "gnt-cluster modify -H fake:migration_mode=live",
            "gnt-group add --alloc-policy=last_resort g2",
            "gnt-group rename g2 g3",
            "gnt-group modify --alloc-policy=preferred g3",
            "gnt-network add --network=192.0.2.0/28 --gateway=192.0.2.1 --mac-prefix=aa:00:55 --tags=ntag net1",
            "gnt-network modify --add-reserved-ips=192.0.2.5,192.0.2.6 net1",
            "gnt-network connect -N mode=routed,link=main net1 default",
            f"gnt-cluster modify --ipolicy-bounds-specs min:{low}/max:{high}",
            "gnt-cluster modify --ipolicy-disk-templates sharedfile,diskless,file",
            "gnt-cluster modify -N mode=routed,link=main",
            f"gnt-instance add -t file --disk 0:size=24M,name=d0 -o noop+default -B minmem=8,maxmem=16 {quick}"
            " --net 0:ip=pool,network=net1,name=n0 inst1.ref.example",
            f"gnt-instance add -t diskless -o noop+other --no-start --no-nics {quick} inst2.ref.example",
            f"gnt-instance add -t sharedfile --disk 0:size=24M -o noop+default --no-nics {quick} inst3.ref.example",
            "gnt-cluster add-tags ctag",
            "gnt-node add-tags ref1 ntag2",
        ):
            self.do(line)


class OutputTests(SampleCase):
    LISTED = ("gnt-job list", "gnt-job info", "gnt-filter")
    CODES = {"gnt-node power status ref1": 1, "gnt-node health ref1": 1}

    def setUp(self) -> None:
        super().setUp()
        self.build()

    def test_every_command_prints_the_same(self) -> None:
        for line, wanted in outputs().items():
            if line in NOT_HERE or line.startswith((*self.LISTED, "gnt-cluster command")):
                continue
            code = 14 if " -o " in line else self.CODES.get(line, 0)
            self.assertEqual(normal(self.do(line, code).out), normal(wanted), line)

    def test_what_does_not_work_yet_is_refused(self) -> None:
        for line in NOT_HERE:
            self.assertIn(line, outputs())
            self.assertIn("does not work here yet", self.do(line, 1).err)

    def test_output_of_commands_stands_between_the_same_lines(self) -> None:
        (line,) = (line for line in outputs() if line.startswith("gnt-cluster command"))
        rule, node, _, code = outputs()[line].splitlines()
        shown = self.do(line).out.splitlines()
        self.assertEqual(shown, [rule, node, "true", code.replace("255", "0")])

    def test_jobs_are_listed_the_same(self) -> None:
        wanted = outputs()["gnt-job list -o id,status,summary"].splitlines()
        shown = self.do("gnt-job list -o id,status,summary").out.splitlines()
        self.assertEqual(shown[0], wanted[0])
        form = re.compile(r"(?: \d|\d\d) (?:success|error  ) [A-Z_]+(?:\(\S+\))?$")
        self.assertEqual([line for line in [*wanted[1:], *shown[1:]] if not form.match(line)], [])
        theirs = {line[11:] for line in wanted}
        ours = [line[11:] for line in shown[1:] if "inst1" in line or "net1" in line or "(g" in line]
        self.assertEqual([text for text in ours if text not in theirs], [])

    def test_a_job_is_described_the_same(self) -> None:
        """Our client leaves out the dictionaries that it has nothing to say in, theirs sends them empty."""
        (wanted,) = (text for line, text in outputs().items() if line.startswith("gnt-job info"))
        rows = self.do("gnt-job list --no-headers -o id,summary").out.splitlines()
        number = [row.split()[0] for row in rows if row.endswith("CLUSTER_SET_PARAMS")][-1]
        empty = re.compile(r"^ {8}\w+: $", re.MULTILINE)
        sent = set(empty.findall(wanted)) - {"        nicparams: ", "        reason: "}
        lines = [line for line in normal(wanted).splitlines() if line not in sent]
        self.assertEqual(normal(self.do(f"gnt-job info {number}").out).splitlines(), lines)

    def test_filters_are_shown_the_same(self) -> None:
        expected = outputs()
        uuid = self.do("gnt-filter add --priority=5 --action=REJECT --reason=testing "
                       '--predicates=[["jobid",[">","id",100000]]]').out.strip()  # fmt: skip
        listed, told = self.do("gnt-filter list").out, self.do(f"gnt-filter info {uuid}").out

        def plain(text: str) -> str:
            return re.sub(r"(Watermark: |UUID +)\d+", r"\1N", normal(text))

        (info,) = (text for line, text in expected.items() if line.startswith("gnt-filter info"))
        self.assertEqual(
            re.sub(r"'luxid', ''", "'x', 'y'", plain(told)), re.sub(r"'luxid', ''", "'x', 'y'", plain(info))
        )
        self.assertEqual(plain(listed).split("\n")[0], plain(expected["gnt-filter list"]).split("\n")[0])


class JobTests(SampleCase):
    """Job files of the original: inputs with every default, results, summaries."""

    def opcodes(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        found = [(job, op) for job in jobs() for op in job["ops"] if op["input"]["OP_ID"] in KINDS]
        self.assertGreater(len(found), 30)
        return found

    def test_inputs_have_the_same_fields_and_values(self) -> None:
        for _, op in self.opcodes():
            wanted = op["input"]
            kind, operation, common = parse(wanted)
            self.assertEqual({**wanted, **input_of(kind, operation, common)}.keys(), wanted.keys() | extra(wanted))
            ours = json.loads(json.dumps(input_of(kind, operation, common)))
            self.assertEqual({name: ours[name] for name in wanted}, wanted)

    def test_defaults_are_those_that_were_filled_in(self) -> None:
        for _, op in self.opcodes():
            wanted = op["input"]
            short = {name: value for name, value in wanted.items() if value not in (None, [], {})}
            ours = json.loads(json.dumps(input_of(*parse(short))))
            for name, value in wanted.items():
                if ours[name] is not None:
                    self.assertEqual(ours[name] or None, value or None, (wanted["OP_ID"], name))

    def test_summaries(self) -> None:
        listed = {int(line[:2]): line[11:] for line in
                  outputs()["gnt-job list -o id,status,summary"].splitlines()[1:]}  # fmt: skip
        compared = 0
        for job, op in self.opcodes():
            if job["id"] in listed:
                self.assertEqual(summary_of(op["input"]), listed[job["id"]])
                compared += 1
        self.assertGreater(compared, 25)

    def test_results_and_logs_have_the_same_form(self) -> None:
        """Those of the same operations, run here."""
        self.build()
        for line in (
            "gnt-instance modify --disk add:size=8M inst2.ref.example",
            "gnt-instance reboot inst1.ref.example",
            "gnt-instance shutdown inst1.ref.example",
            "gnt-instance reinstall -f inst1.ref.example",
            "gnt-instance startup inst1.ref.example",
            "gnt-cluster verify",
            "gnt-cluster verify-disks",
            "gnt-network disconnect net1 g3",
            "gnt-node power status ref1",
        ):
            self.cluster.run(*line.split())
        self.do("gnt-group remove g3")
        fields = ["ops", "opstatus", "opresult", "oplog", "opstart", "opexec", "opend", "oppriority"]
        ours: dict[str, list[Any]] = {}
        for row in self.cluster.call("query", {"what": "job", "fields": fields})["data"]:
            for op, *rest in zip(*(cell[1] for cell in row), strict=True):
                ours.setdefault(op["OP_ID"], []).append([op, *json.loads(json.dumps(rest))])
        compared = set()
        for _, op in self.opcodes():
            for input_, status, result, log, *stamps, _ in ours.get(op["input"]["OP_ID"], ()):
                if input_["OP_ID"] == "OP_GROUP_SET_PARAMS":
                    continue  # ours tells of the allocation policy too
                if op["status"] == status == "success":
                    self.assertEqual(form(result), form(op["result"]), (input_["OP_ID"], result, op["result"]))
                    self.assertEqual({form(e) for e in log} - {form(e) for e in op["log"]} - {LOG_ENTRY}, set())
                    compared.add(input_["OP_ID"])
                for stamp in stamps:
                    self.assertIn(form(stamp), ("[int,int]", "null"))
        self.assertGreater(len(compared), 15, compared)

    def test_errors_have_the_same_form(self) -> None:
        theirs = {form(op["result"]) for _, op in self.opcodes() if op["status"] == "error"}
        number = self.cluster.call("submit", {"ops": [{"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": "inst4"}]})
        self.cluster.settle(1)
        answer = self.cluster.call("query", {"what": "job", "fields": ["opresult"], "filter": ["=", "id", number]})
        (result,) = json.loads(json.dumps(answer["data"][0][0][1]))
        self.assertIn(form(result), theirs)
        self.assertEqual((result[0], result[1][1]), ("OpPrereqError", "unknown_entity"))


LOG_ENTRY = "[int,[int,int],text,text]"


def extra(opcode: dict[str, Any]) -> set[str]:
    """Parameters that only we have."""
    return {"token"} if opcode["OP_ID"] == "OP_NODE_ADD" else set()


def form(value: Any) -> str:
    """What a value is made of."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted({form(v) for v in value.values()})) + "}"
    if isinstance(value, list):
        return "[" + ",".join(form(v) for v in value) + "]"
    names: dict[type[Any], str] = {bool: "bool", int: "int", float: "float", str: "text", type(None): "null"}
    return names[type(value)]


class HookTests(SampleCase):
    """Environments of hooks, by name and phase."""

    def test_variables_are_those_of_the_original(self) -> None:
        self.build()
        for line in (
            "gnt-instance modify --disk add:size=8M inst3.ref.example",
            "gnt-instance reboot inst1.ref.example",
            "gnt-instance shutdown inst1.ref.example",
            "gnt-instance reinstall -f inst1.ref.example",
            "gnt-instance startup inst1.ref.example",
            "gnt-instance remove -f inst2.ref.example",
            "gnt-cluster verify",
            "gnt-network add --network=198.51.100.0/28 --gateway=198.51.100.1 --mac-prefix=aa:00:56 --tags=ntag net2",
            "gnt-network connect -N mode=routed,link=main net2 g3",
            "gnt-network disconnect net2 g3",
            "gnt-network remove net2",
            "gnt-group remove g3",
        ):
            self.do(line)
        ran = {f"{m.name}-{m.phase}": m for m in self.cluster.hosts[NODE].hooks.ran}
        theirs = json.loads((DATA / "hooks_env.json").read_text())
        compared = 0
        for name in sorted(set(ran) & set(theirs)):
            if name.startswith(("instance-modify", "config-update")):
                continue  # which variables these have depends on what was changed
            ours = set(ran[name].environment) | {"PATH", "PWD"}
            wanted = set(theirs[name])
            self.assertEqual(self.kinds(ours), self.kinds(wanted), name)
            compared += 1
        self.assertGreater(compared, 15)

    def kinds(self, names: set[str]) -> set[str]:
        """Without those that stand for single NICs, disks and nodes; how many there are is the cluster's."""
        objects = {re.sub(r"\d+", "N", name) for name in names}
        return {name for name in objects if not re.search(r"(NIC|DISK)N|NODE_TAGS_", name)}
