"""The ``info`` commands against output of the real ones."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_samples import CLUSTER_INFO, INSTANCE, JOB, NODE, OSES, expected
from cli_world import World
from ganeti_tw.cli.instance._device_info import disk_info, status_text
from ganeti_tw.cli.instance.info import describe, vnc_console
from ganeti_tw.cli.structured import Pair, lines, natural, parameters, roman, romanized


class InUtc(SynchronousTestCase):
    """Times in the samples are UTC."""

    def setUp(self) -> None:
        self.world = World()
        before = os.environ.get("TZ")
        self.addCleanup(self.set_zone, before)
        self.set_zone("UTC")

    def set_zone(self, zone: str | None) -> None:
        if zone is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = zone
        time.tzset()


class InstanceInfoTests(InUtc):
    def setUp(self) -> None:
        super().setUp()
        self.world.client.answers["look"] = {INSTANCE["name"]: INSTANCE}

    def test_as_the_real_one(self) -> None:
        self.assertEqual(self.world.run("gnt-instance", "info", "inst1.ref.example"), 0)
        self.assertEqual(self.world.out, expected("gnt-instance info inst1.ref.example"))
        op = self.world.client.asked("look")[0]["op"]
        self.assertEqual(
            (op["OP_ID"], op["instances"], op["static"]), ("OP_INSTANCE_QUERY_DATA", ["inst1.ref.example"], False)
        )

    def test_names_or_all(self) -> None:
        self.assertEqual(self.world.run("gnt-instance", "info"), 1)
        self.assertEqual(self.world.run("gnt-instance", "info", "--all", "inst1"), 1)
        self.assertEqual(self.world.client.calls, [])
        self.assertEqual(self.world.run("gnt-instance", "show", "-s", "--all"), 0)
        op = self.world.client.asked("look")[0]["op"]
        self.assertEqual((op["instances"], op["static"]), ([], True))

    def test_json(self) -> None:
        self.world.run("gnt-instance", "info", "--all", "--json")
        self.assertEqual(json.loads(self.world.out), [INSTANCE])

    def test_no_instances(self) -> None:
        self.world.client.answers["look"] = {}
        self.assertEqual((self.world.run("gnt-instance", "info", "--all"), self.world.out), (0, ""))

    def test_in_natural_order(self) -> None:
        self.world.client.answers["look"] = {n: {**INSTANCE, "name": n} for n in ("web10", "web9", "db")}
        self.world.run("gnt-instance", "info", "--all")
        names = [line for line in self.world.out.splitlines() if line.startswith("- Instance name")]
        self.assertEqual([name.split()[-1] for name in names], ["db", "web9", "web10"])

    def test_roman(self) -> None:
        self.world.run("gnt-instance", "info", "--roman", "--all")
        self.assertIn("  Serial number: XIII\n", self.world.out)

    def test_unknown_state_is_left_out(self) -> None:
        text = "\n".join(lines(describe({**INSTANCE, "run_state": None})))
        self.assertIn("\nState: configured to be up\n", text)

    def test_secondaries(self) -> None:
        mirrored = {**INSTANCE, "snodes": ["n2"], "snodes_group_names": ["g"], "snodes_group_uuids": ["u"]}
        self.assertIn("  - secondaries: n2 (group g, group UUID u)", lines(describe(mirrored)))

    def test_vnc(self) -> None:
        def console(bound: str, port: int | None) -> str | None:
            return vnc_console({"hv_actual": {"vnc_bind_address": bound}, "network_port": port, "pnode": "n1"})

        self.assertEqual(console("0.0.0.0", 11001), "vnc to n1:11001 (display 5101)")
        self.assertEqual(console("10.0.0.1", 11001), "vnc to 10.0.0.1:11001 (node n1) (display 5101)")
        self.assertEqual(console("/run/vnc", 11001), "vnc to n1:/run/vnc")
        self.assertIsNone(console("", 11001))
        self.assertIn("console connection: vnc to n1:5901 (display 1)", lines(describe({
            **INSTANCE, "pnode": "n1", "network_port": 5901, "hv_actual": {"vnc_bind_address": "0.0.0.0"}
        })))  # fmt: skip


class DiskInfoTests(SynchronousTestCase):
    DRBD: dict[str, Any] = {
        "iv_name": "disk/0", "dev_type": "drbd", "logical_id": ["u1", "u2", 11000, 0, 3, "secret"],
        "drbd_info": {
            "primary_node": "n1", "primary_minor": 0, "secondary_node": "n2", "secondary_minor": 3, "port": 11000,
        },
        "pstatus": ["/dev/drbd0", 147, 0, 42.5, 30, True, 2], "sstatus": ["/dev/drbd3", 147, 3, None, None, False, 1],
        "mode": "rw", "size": 1024, "spindles": 2, "name": None, "uuid": "u0",
        "children": [{
            "iv_name": None, "dev_type": "plain", "logical_id": ["vg", "lv"], "drbd_info": None, "pstatus": None,
            "sstatus": None, "children": [], "mode": "rw", "size": 1024, "spindles": None, "name": None, "uuid": "u7",
        }],
    }  # fmt: skip

    def test_mirrors(self) -> None:
        self.assertEqual(
            lines([disk_info(0, self.DRBD)]),
            [
                "- disk/0: drbd, size 1.0G",
                "  spindles: 2",
                "  access mode: rw",
                "  nodeA: n1, minor=0",
                "  nodeB: n2, minor=3",
                "  port: 11000",
                "  on primary: /dev/drbd0 (147:0) *RECOVERING* 42.50%, ETA 30s, status *DEGRADED*",
                "  on secondary: /dev/drbd3 (147:3) in sync, status ok",
                "  name: None",
                "  UUID: u0",
                "  child devices: ",
                "    - child 0: plain, size 1.0G",
                "      logical_id: vg/lv",
                "      name: None",
                "      UUID: u7",
            ],
        )

    def test_the_secret_of_a_mirror_is_not_shown(self) -> None:
        self.assertNotIn("secret", "".join(lines([disk_info(0, self.DRBD)])))

    def test_states(self) -> None:
        def text(kind: str, *status: Any) -> str:
            return status_text(kind, ["/d", 1, 2, *status])

        self.assertEqual(text("drbd", 5.0, None, False, 1), "/d (1:2) *RECOVERING*  5.00%, ETA unknown, status ok")
        self.assertEqual(text("drbd", None, None, True, 4), "/d (1:2) in sync, status *DEGRADED* *MISSING DISK*")
        self.assertEqual(text("drbd", None, None, False, 3), "/d (1:2) in sync, status ok *UNCERTAIN STATE*")
        self.assertEqual(text("plain", None, None, False, 4), "/d (1:2) *FAILED* (failed drive?)")
        self.assertEqual(text("plain", None, None, False, 1), "/d (1:2)")
        self.assertEqual(text("file", None, None, False, 4), "/d (1:2)")

    def test_size_and_name_may_be_unknown(self) -> None:
        disk = {
            **self.DRBD,
            "dev_type": "blockdev",
            "size": "unknown",
            "iv_name": None,
            "children": [],
            "logical_id": None,
        }
        self.assertEqual(lines([disk_info(3, disk)])[0], "- disk 3: blockdev, size unknown")


class NodeInfoTests(InUtc):
    def setUp(self) -> None:
        super().setUp()
        self.world.answer_query([NODE])

    def test_as_the_real_one(self) -> None:
        self.assertEqual(self.world.run("gnt-node", "info", "ref1"), 0)
        self.assertEqual(self.world.out, expected("gnt-node info ref1"))
        self.assertEqual(self.world.client.asked("query")[1]["filter"], ["|", ["=", "name", NODE["name"]]])

    def test_all(self) -> None:
        self.world.run("gnt-node", "info")
        self.assertIsNone(self.world.client.asked("query")[0]["filter"])

    def test_an_unknown_node(self) -> None:
        self.assertEqual(self.world.run("gnt-node", "info", "n9"), 1)
        self.assertIn("there is no node called n9", self.world.err)

    def test_powered_is_shown_where_known_and_instances_where_possible(self) -> None:
        self.world.answer_query([{**NODE, "powered": False, "vm_capable": False}])
        self.world.run("gnt-node", "info")
        self.assertIn("  offline: False\n  powered: False\n  master_capable: True\n", self.world.out)
        self.assertNotIn("instances", self.world.out)

    def test_own_parameters(self) -> None:
        self.world.answer_query([{**NODE, "custom_ndparams": {"ssh_port": 2222}}])
        self.world.run("gnt-node", "info")
        self.assertIn("    ssh_port: 2222\n", self.world.out)

    def test_json(self) -> None:
        self.world.run("gnt-node", "info", "--json")
        self.assertEqual(json.loads(self.world.out)[0]["pip"], "10.88.1.11")


class JobInfoTests(InUtc):
    def setUp(self) -> None:
        super().setUp()
        self.world.answer_query([JOB])

    def test_as_the_real_one(self) -> None:
        self.assertEqual(self.world.run("gnt-job", "info", "29"), 0)
        self.assertEqual(self.world.out, expected("gnt-job info 29"))

    def test_missing_jobs_are_told_in_place(self) -> None:
        self.assertEqual(self.world.run("gnt-job", "info", "5", "29"), 0)
        self.assertTrue(self.world.out.startswith("- Job ID 5 not found\n- Job ID: 29\n"))

    def test_a_row_without_values_is_a_missing_job(self) -> None:
        self.world.answer_query([dict.fromkeys(JOB, (2, None)) | {"id": 29}])
        self.world.run("gnt-job", "info", "29")
        self.assertEqual(self.world.out, "- Job ID 29 not found\n")

    def test_a_running_job_and_its_log(self) -> None:
        log = [[1, [1795219134, 5], "message", "hello: you"], [2, [1795219135, 0], "remote-import", {"a": [1]}]]
        self.world.answer_query(
            [{**JOB, "status": "running", "end_ts": None, "opend": [None], "opexec": [None], "oplog": [log]}]
        )
        self.world.run("gnt-job", "info", "29")
        for text in (
            "  Processing end:   unknown (None)\n  Total processing time: N/A\n",
            "      Execution start:  ?\n      Processing end:   ?\n",
            "      Execution log: \n"
            "        - Time: 2026-11-20 23:58:54.000005\n"
            "          Content: [1, message, hello: you]\n"
            "        - Time: 2026-11-20 23:58:55.000000\n"
            "          Content: [2, remote-import, {'a': [1]}]\n",
        ):
            self.assertIn(text, self.world.out)

    def test_a_failed_job_shows_its_error(self) -> None:
        self.world.answer_query([{**JOB, "opresult": [["OpPrereqError", ["gone", "unknown_entity"]]]}])
        self.world.run("gnt-job", "info", "29")
        self.assertIn(
            "      Result: \n        - OpPrereqError\n        - - gone\n          - unknown_entity\n", self.world.out
        )

    def test_json(self) -> None:
        self.world.run("gnt-job", "info", "--json", "29", "30")
        self.assertEqual([job["id"] for job in json.loads(self.world.out)], [29])


class ClusterInfoTests(InUtc):
    def setUp(self) -> None:
        super().setUp()
        self.world.client.answers["cluster_info"] = CLUSTER_INFO

    def test_as_the_real_one(self) -> None:
        self.assertEqual(self.world.run("gnt-cluster", "info"), 0)
        # The cluster was changed between the two samples.
        ours = self.world.out.replace("2026-11-21 00:00:04", "2026-11-20 23:59:01")
        self.assertEqual(ours, expected("gnt-cluster info"))

    def test_roman(self) -> None:
        self.assertEqual(self.world.run("gnt-cluster", "info", "--roman"), 0)
        self.assertIn("  candidate pool size: X\n", self.world.out)
        self.assertIn("  primary ip version: IV\n", self.world.out)

    def test_uid_pool_and_tags(self) -> None:
        self.world.client.answers["cluster_info"] = {**CLUSTER_INFO, "uid_pool": [[1, 5], [9, 9]], "tags": []}
        self.world.run("gnt-cluster", "info")
        self.assertIn("  uid pool: 1-5, 9\n", self.world.out)
        self.assertIn("\nTags: (none)\n", self.world.out)

    def test_json(self) -> None:
        self.world.run("gnt-cluster", "info", "--json")
        self.assertEqual(json.loads(self.world.out), CLUSTER_INFO)

    def test_version(self) -> None:
        self.assertEqual(self.world.run("gnt-cluster", "version"), 0)
        self.assertEqual(
            self.world.out,
            "Software version: 3.0.2\nInternode protocol: 3000000\nConfiguration format: 3000000\nOS api version: 20\n"
            "Export interface: 0\nVCS version: (ganeti) version 3.0.2-3\n",
        )

    def test_getmaster(self) -> None:
        self.world.client.answers["host_state"] = {"name": "n2", "cluster": "c", "master": "n1"}
        self.assertEqual((self.world.run("gnt-cluster", "getmaster"), self.world.out), (0, "n1\n"))

    def test_getmaster_without_a_cluster_or_a_master(self) -> None:
        for state in ({"name": "n2", "cluster": None, "master": None}, {"name": "n2", "cluster": "c", "master": None}):
            self.world.client.answers["host_state"] = state
            self.assertEqual(self.world.run("gnt-cluster", "getmaster"), 1)
            self.assertEqual(self.world.out, "")
            self.assertIn("n2", self.world.err)


class OsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.oses = OSES

        def look(op: dict[str, Any]) -> list[list[Any]]:
            return [[os[field] for field in op["output_fields"]] for os in self.oses]

        self.world.client.answers["look"] = look

    def test_list(self) -> None:
        self.assertEqual(self.world.run("gnt-os", "list"), 0)
        self.assertEqual(self.world.out, "Name\nnoop+default\nnoop+other\n")
        self.world.run("gnt-os", "list", "--no-headers")
        self.assertEqual(self.world.out, "noop+default\nnoop+other\n")

    def test_without_variants_the_name_stands_alone(self) -> None:
        self.oses = [{**OSES[0], "variants": []}]
        self.world.run("gnt-os", "list", "--json")
        self.assertEqual(json.loads(self.world.out), [{"name": "noop"}])

    def test_what_cannot_be_used_is_not_listed(self) -> None:
        self.oses = [
            {**OSES[0], key: value} for key, value in (("valid", False), ("hidden", True), ("blacklisted", True))
        ]
        self.world.run("gnt-os", "list")
        self.assertEqual(self.world.out, "Name\n")

    def test_info_as_the_real_one(self) -> None:
        self.assertEqual(self.world.run("gnt-os", "info"), 0)
        self.assertEqual(self.world.out, expected("gnt-os info"))

    def test_info_of_some(self) -> None:
        self.oses = [OSES[0], {**OSES[0], "name": "bad", "valid": False}]
        self.assertEqual(self.world.run("gnt-os", "show", "bad"), 0)
        self.assertEqual(self.world.out, "bad:\n  - valid: False\n  - hidden: False\n  - blacklisted: False\n")
        self.assertEqual(self.world.run("gnt-os", "info", "bad", "none", "none"), 1)
        self.assertTrue(self.world.out.startswith("bad:\n"))
        self.assertIn("there is no OS called none; ", self.world.err)
        self.world.run("gnt-os", "info", "--json", "noop")
        self.assertEqual([os["api_versions"] for os in json.loads(self.world.out)], [[20]])

    def test_diagnose_as_the_real_one(self) -> None:
        self.assertEqual(self.world.run("gnt-os", "diagnose"), 0)
        self.assertEqual(self.world.out, expected("gnt-os diagnose"))

    def test_diagnose_of_an_invalid_one(self) -> None:
        good = OSES[0]["node_status"]["11ee9a30-eb12-4888-b565-1030518ef0d1"]
        bad = [["/os/x", False, "no create script", [], [], [], False], ["/other/x", True, "", [], [], [20], True]]
        self.oses = [
            {
                **OSES[0],
                "variants": [],
                "hidden": True,
                "blacklisted": True,
                "node_status": {"n2": [], "n10": bad, "n1": good},
            }
        ]
        self.assertEqual(self.world.run("gnt-os", "diagnose"), 1)
        out = self.world.out.splitlines()
        self.assertEqual(out[0], "OS: noop [global status: invalid, hidden, blacklisted]")
        self.assertTrue(out[1].startswith("  Node: n1, status: valid"))
        self.assertEqual(
            out[2:],
            [
                "  Node: n2, status: OS not found",
                "  Node: n10, status: invalid - no create script (path: /os/x) [no API versions declared] [untrusted]",
                "    [hidden] path: /other/x, status: valid",
            ],
        )


class StructuredTests(SynchronousTestCase):
    def test_plain_values(self) -> None:
        self.assertEqual(
            lines([None, True, 1.5, "x", "", (), (1, "a")]),
            ["- None", "- True", "- 1.5", "- x", "- ", "- []", "- [1, a]"],
        )

    def test_whole_numbers_look_alike(self) -> None:
        self.assertEqual(lines([1.0, 1, 1.5, (2.0,)]), ["- 1", "- 1", "- 1.5", "- [2]"])
        self.assertEqual(parameters({"a": 4.0}, {"a": 4.0, "b": 1.0}), {"a": "4", "b": "default (1)"})

    def test_nesting(self) -> None:
        data = {"b": {"d": [], "c": {}}, "a": [[1, 2], {"y": 1, "x": {"z": 2}}, [Pair("q", 1), Pair("p", 2)]]}
        self.assertEqual(
            lines(data),
            [
                "a: ",
                "  - - 1",
                "    - 2",
                "  - x: ",
                "      z: 2",
                "    y: 1",
                "  - q: 1",
                "    p: 2",
                "b: ",
                "  c: ",
                "  d: ",
            ],
        )

    def test_columns(self) -> None:
        pairs = [Pair("a", 1, "t"), Pair("long", 2, "t"), Pair("b", 3), Pair("cc", 4, "t")]
        self.assertEqual(lines(pairs), ["a:    1", "long: 2", "b: 3", "cc: 4"])

    def test_parameters(self) -> None:
        self.assertEqual(
            parameters({"a": 1, "c": False}, {"b": "", "a": 1, "c": False}), {"a": "1", "b": "default ()", "c": "False"}
        )

    def test_roman(self) -> None:
        cases = {
            1: "I",
            4: "IV",
            9: "IX",
            14: "XIV",
            40: "XL",
            1990: "MCMXC",
            3999: "MMMCMXCIX",
            0: 0,
            -1: -1,
            4000: 4000,
        }
        self.assertEqual({n: roman(n) for n in cases}, cases)
        self.assertEqual(
            romanized({"a": [2, True, "3", (4,), None, 1.0]}), {"a": ["II", True, "3", ("IV",), None, 1.0]}
        )

    def test_natural_order(self) -> None:
        self.assertEqual(sorted(["b10", "b9", "a", "10", "9", "b"], key=natural), ["9", "10", "a", "b", "b9", "b10"])
