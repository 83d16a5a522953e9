"""``gnt-group``: what is submitted, what is shown, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.operations import registry

SAMPLES = json.loads((Path(__file__).parent / "samples" / "group.json").read_text(encoding="utf-8"))
GROUP: dict[str, Any] = SAMPLES["group"]
MIN = "cpu-count=1,disk-count=0,disk-size=0,memory-size=4,nic-count=0,spindle-use=0"
MAX = "cpu-count=8,disk-count=16,disk-size=1048576,memory-size=32768,nic-count=8,spindle-use=12"
NOTHING = {"alloc_policy": None, "ndparams": None, "diskparams": {}, "hv_state": {}, "disk_state": {}, "ipolicy": {}}


class GroupCase(SynchronousTestCase):
    def setUp(self) -> None:
        registry.load_all()
        self.world = World()
        self.world.jobs_end()
        self.world.answer_query([GROUP])

    def run_group(self, *argv: str, code: int = 0) -> str:
        self.assertEqual(self.world.run("gnt-group", *argv), code, self.world.err)
        return self.world.out

    def submitted(self, *argv: str) -> dict[str, Any]:
        """The parameters of the only opcode, which the operation accepts."""
        self.run_group(*argv)
        (op,) = self.world.submitted()
        registry.parse(op)
        return {k: v for k, v in op.items() if k not in ("reason", "debug_level", "dry_run")}


class ChangeTests(GroupCase):
    def test_add_with_nothing(self) -> None:
        self.assertEqual(self.submitted("add", "g2"), {"OP_ID": "OP_GROUP_ADD", "group_name": "g2", **NOTHING})

    def test_add_with_everything(self) -> None:
        given = self.submitted(
            *("add", "--alloc-policy", "last_resort", "--node-parameters", "spindle_count=2,no_ovs,ssh_port=default"),
            *("-D", "drbd:protocol=A", "-D", "drbd:metavg=vg", "-D", "plain:stripes=2", "--priority", "low"),
            *("--hypervisor-state", "kvm:mem_total=1024,cpu_node=2", "--disk-state", "plain/xenvg:disk_total=10"),
            *("--ipolicy-bounds-specs", f"min:{MIN}/max:{MAX}", "--ipolicy-disk-templates", "file,diskless"),
            *("--ipolicy-vcpu-ratio", "2.5", "--ipolicy-spindle-ratio", "default", "g2"),
        )
        pair = {name: {k: int(v) for k, v in (p.split("=") for p in t.split(","))} for name, t in BOTH}
        self.assertEqual(
            given,
            {
                "OP_ID": "OP_GROUP_ADD",
                "group_name": "g2",
                "priority": 10,
                "alloc_policy": "last_resort",
                "ndparams": {"spindle_count": 2, "ovs": False, "ssh_port": "default"},
                "diskparams": {"drbd": {"protocol": "A", "metavg": "vg"}, "plain": {"stripes": 2}},
                "hv_state": {"kvm": {"mem_total": 1024, "cpu_node": 2}},
                "disk_state": {"plain": {"xenvg": {"disk_total": 10}}},
                "ipolicy": {
                    "minmax": [pair],
                    "disk-templates": ["file", "diskless"],
                    "vcpu-ratio": 2.5,
                    "spindle-ratio": "default",
                },
            },
        )

    def test_remove_rename_and_assign(self) -> None:
        self.assertEqual(self.submitted("remove", "g2"), {"OP_ID": "OP_GROUP_REMOVE", "group_name": "g2"})
        self.setUp()
        self.assertEqual(
            self.submitted("rename", "g2", "g3"), {"OP_ID": "OP_GROUP_RENAME", "group_name": "g2", "new_name": "g3"}
        )
        self.setUp()
        self.assertEqual(
            self.submitted("assign-nodes", "-f", "g2", "n1", "n2"),
            {"OP_ID": "OP_GROUP_ASSIGN_NODES", "group_name": "g2", "nodes": ["n1", "n2"], "force": True},
        )

    def test_numbers_of_arguments(self) -> None:
        for argv in (("add",), ("remove",), ("rename", "a"), ("rename", "a", "b", "c"), ("assign-nodes",)):
            self.run_group(*argv, code=1)
            self.assertIn("expects", self.world.err)

    def test_refused_before_anything_is_submitted(self) -> None:
        for word, argv in (
            ("floppy", ("-D", "floppy:a=1")),
            ("drbd", ("-D", "no_drbd")),
            ("stripes", ("-D", "plain:stripes=x")),
            ("mem_x", ("--hypervisor-state", "kvm:mem_x=1")),
            ("plain/xenvg", ("--disk-state", "xenvg:disk_total=1")),
            ("colour", ("--node-parameters", "colour=1")),
            ("section", ("--ipolicy-bounds-specs", f"min:{MIN}")),
            ("disk-count", ("--ipolicy-bounds-specs", "min:cpu-count=1/max:cpu-count=2")),
            ("cpu-count", ("--ipolicy-bounds-specs", "min:cpu-count=x/max:cpu-count=2")),
            ("cpu-count", ("--ipolicy-bounds-specs", "min:cpu-count/max:cpu-count=2")),
            ("colour", ("--ipolicy-bounds-specs", "min:colour=1/max:cpu-count=2")),
        ):
            for command in ("add", "modify"):
                self.run_group(command, *argv, "g2", code=1)
                self.assertIn(word, self.world.err)
        self.assertEqual(self.world.submitted(), [])


BOTH = (("min", MIN), ("max", MAX))


class ModifyTests(GroupCase):
    def test_what_changed_is_told(self) -> None:
        self.world.jobs_end(result=[["ndparams", {"spindle_count": 2}], ["alloc_policy", "preferred"]])
        given = self.submitted("modify", "--node-parameters", "spindle_count=2", "--alloc-policy=preferred", "g2")
        self.assertEqual(
            given,
            {
                "OP_ID": "OP_GROUP_SET_PARAMS",
                "group_name": "g2",
                **NOTHING,
                "ndparams": {"spindle_count": 2},
                "alloc_policy": "preferred",
            },
        )
        self.assertEqual(
            self.world.out,
            "Modified node group g2\n - ndparams -> {'spindle_count': 2}\n - alloc_policy -> preferred\n",
        )

    def test_nothing_changed(self) -> None:
        self.world.jobs_end(result=[])
        self.assertEqual(self.run_group("modify", "--ipolicy-bounds-specs", "default", "g2"), "")
        self.assertEqual(self.world.submitted()[0]["ipolicy"], {"minmax": "default"})

    def test_only_submitted(self) -> None:
        self.run_group("modify", "--submit", "--alloc-policy", "preferred", "g2")
        self.assertEqual((self.world.out, self.world.err), ("", "JobID: 7\n"))

    def test_templates_go_back_to_the_cluster(self) -> None:
        given = self.submitted("modify", "--ipolicy-disk-templates", "default", "g2")
        self.assertEqual(given["ipolicy"], {"disk-templates": "default"})

    def test_nothing_given(self) -> None:
        self.run_group("modify", "g2", code=1)
        self.assertEqual(self.world.client.calls, [])
        self.assertIn("g2", self.world.err)


class ShowTests(GroupCase):
    def filters(self) -> list[Any]:
        return [call["filter"] for call in self.world.client.asked("query")]

    def test_list(self) -> None:
        self.assertEqual(
            self.run_group("list", "--separator=|", "--no-headers"),
            "default|1|3|preferred|cpu_speed=1, exclusive_storage=False, oob_program=, ovs=False, ovs_link=, "
            "ovs_name=switch1, spindle_count=1, ssh_port=22\n",
        )
        self.assertEqual(self.filters(), [None])

    def test_list_of_names_with_other_fields(self) -> None:
        out = self.run_group("list", "--no-headers", "-o", "pinst_list,node_list,tags,custom_ndparams", "default")
        names = "inst1.ref.example,inst2.ref.example,inst3.ref.example"
        self.assertEqual(out, f"{names} ref1.ref.example ['gtag'] {{}}\n")
        self.assertEqual(self.filters(), [["|", ["=", "name", "default"]]])

    def test_a_group_without_node_parameters(self) -> None:
        self.world.answer_query([{"ndparams": {}}])
        self.assertEqual(self.run_group("list", "--no-headers", "-o", "ndparams"), "(empty)\n")

    def test_default_arguments(self) -> None:
        self.world.environ["GNT_GROUP_LIST"] = "--no-headers -o name"
        self.assertEqual(self.run_group("list"), "default\n")

    def test_list_as_json(self) -> None:
        self.assertEqual(
            json.loads(self.run_group("list", "--json", "-o", "name,tags")), [{"name": "default", "tags": ["gtag"]}]
        )

    def test_list_fields(self) -> None:
        self.world.client.answers["query_fields"] = {
            "fields": [{"name": "name", "title": "Group", "kind": "text", "doc": "Its name"}]
        }
        self.assertEqual(self.run_group("list-fields", "--no-headers"), "name Text Group Its name\n")
        self.assertEqual(self.world.client.asked("query_fields")[0]["what"], "group")

    def test_info_as_the_real_one(self) -> None:
        self.assertEqual(self.run_group("info", "default").splitlines(), SAMPLES["info"])
        self.assertEqual(self.filters(), [["|", ["=", "name", "default"]]])

    def test_info_of_own_values(self) -> None:
        spec = {"min": {"cpu-count": 1}, "max": {"cpu-count": 3}}
        ipolicy = {"minmax": [spec, spec], "disk-templates": ["file"], "vcpu-ratio": 2.5}
        own = {
            "custom_ndparams": {"ssh_port": 2222},
            "ndparams": {"ssh_port": 2222, "ovs": False},
            "custom_diskparams": {"plain": {"stripes": 2}},
            "diskparams": {"plain": {"stripes": 2}, "file": {}},
            "custom_ipolicy": ipolicy,
            "ipolicy": {**GROUP["ipolicy"], **ipolicy},
        }
        self.world.answer_query([{**GROUP, **own}])
        self.assertEqual(
            self.run_group("info"),
            "- Node group: default\n"
            "  Node parameters: \n"
            "    ovs: default (False)\n"
            "    ssh_port: 2222\n"
            "  Disk parameters: \n"
            "    file: default ({})\n"
            "    plain: \n"
            "      stripes: 2\n"
            "  Instance policy: \n"
            "    bounds specs: \n"
            "      - max/0: \n"
            "          cpu-count: 3\n"
            "        min/0: \n"
            "          cpu-count: 1\n"
            "      - max/1: \n"
            "          cpu-count: 3\n"
            "        min/1: \n"
            "          cpu-count: 1\n"
            "    allowed disk templates: file\n"
            "    spindle-ratio: default (32)\n"
            "    vcpu-ratio: 2.5\n",
        )

    def test_info_as_json(self) -> None:
        shown = json.loads(self.run_group("info", "--json"))
        self.assertEqual([group["name"] for group in shown], ["default"])
        self.assertEqual(shown[0]["ipolicy"], GROUP["ipolicy"])

    def test_show_ispecs_cmd(self) -> None:
        self.assertEqual(self.run_group("show-ispecs-cmd"), "gnt-group add default\n")
        self.assertEqual(
            self.run_group("show-ispecs-cmd", "--include-defaults", "default"),
            f"gnt-group add --ipolicy-bounds-specs min:{MIN}/max:{MAX} default\n",
        )
        self.assertEqual(self.filters(), [None, ["|", ["=", "name", "default"]]])

    def test_what_show_ispecs_cmd_prints_gives_the_policy_again(self) -> None:
        self.run_group("show-ispecs-cmd", "--include-defaults")
        again = self.submitted(*self.world.out.split()[1:])
        self.assertEqual(again["ipolicy"], {"minmax": GROUP["ipolicy"]["minmax"]})


class TagTests(GroupCase):
    def test_list(self) -> None:
        self.assertEqual(self.run_group("list-tags", "default"), "gtag\n")

    def test_a_uuid_is_as_good_as_a_name(self) -> None:
        self.assertEqual(self.run_group("list-tags", "eaf43b66-c286-4173-aa50-59fe82bac89c"), "gtag\n")
        self.run_group("list-tags", "defaul", code=1)

    def test_add_and_remove(self) -> None:
        for verb, op_id in (("add", "OP_TAGS_SET"), ("remove", "OP_TAGS_DEL")):
            self.setUp()
            self.assertEqual(
                self.submitted(f"{verb}-tags", "default", "a", "b"),
                {"OP_ID": op_id, "kind": "nodegroup", "name": "default", "tags": ["a", "b"]},
            )


class EvacuateTests(GroupCase):
    def test_the_opcode(self) -> None:
        self.world.jobs_end(result={"jobs": []})
        more = ("--to", "a", "--to", "b", "--sequential", "--force-failover", "--early-release")
        self.run_group("evacuate", "-I", "hail", *more, "default")
        op = self.world.submitted()[-1]
        self.assertEqual(
            {key: op[key] for key in op if key not in ("reason", "debug_level")},
            {
                "OP_ID": "OP_GROUP_EVACUATE",
                "group_name": "default",
                "iallocator": "hail",
                "target_groups": ["a", "b"],
                "early_release": True,
                "sequential": True,
                "force_failover": True,
            },
        )
        self.assertIn("All instances evacuated successfully.\n", self.world.out)

    def test_a_job_that_is_refused(self) -> None:
        self.world.jobs_end(result={"jobs": [[False, "queue is full"]]})
        self.run_group("evacuate", "default", code=1)
        self.assertIn("1 of 1 jobs did not end well", self.world.err)


class UnknownTests(GroupCase):
    def test_unknown_commands_show_the_known_ones(self) -> None:
        self.assertIn("assign-nodes", self.run_group("nonsense", code=1))
