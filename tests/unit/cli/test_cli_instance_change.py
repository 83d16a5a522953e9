"""``gnt-instance modify``, ``rename``, ``reinstall`` and ``batch-create``."""

from __future__ import annotations

import io
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.operations import registry


class ChangeCase(SynchronousTestCase):
    command = ""

    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        registry.load_all()

    def op(self, *argv: str) -> dict[str, Any]:
        self.assertEqual(self.world.run("gnt-instance", self.command, *argv), 0, self.world.err)
        op = self.world.submitted()[-1]
        registry.parse(op)
        return op

    def refused(self, *argv: str) -> str:
        self.assertEqual(self.world.run("gnt-instance", self.command, *argv), 1, argv)
        self.assertEqual(self.world.submitted(), [])
        return self.world.err


class ModifyTests(ChangeCase):
    command = "modify"

    def test_nothing_given(self) -> None:
        self.assertIn("Nothing to change of web1", self.refused("web1"))

    def test_what_changes_as_it_runs(self) -> None:
        op = self.op("-m", "1g", "--hotplug", "--net", "add", "web1")
        self.assertEqual((op["runtime_mem"], op["hotplug"], "hotplug_if_possible" in op), (1024, True, False))

    def test_disks_of_another_template(self) -> None:
        op = self.op("-t", "drbd", "-n", "n2", "--file-driver", "loop", "--file-storage-dir", "x", "web1")
        found = [op[name] for name in ("disk_template", "remote_node", "file_driver", "file_storage_dir")]
        self.assertEqual(found, ["drbd", "n2", "loop", "x"])
        op = self.op("-t", "ext", "-e", "provider=x", "-I", "hail", "web1")
        self.assertEqual((op["ext_params"], op["iallocator"]), ({"provider": "x"}, "hail"))

    def test_everything_at_once(self) -> None:
        op = self.op(
            *("-B", "memory=1g,-vcpus", "-H", "acpi=no,usb_devices=a b", "-o", "noop+x", "--force-variant"),
            *("-O", "a=1,-b", "--os-parameters-private", "pw=x", "--new-primary", "n2", "--offline", "-f"),
            *("--no-conflicts-check", "--no-wait-for-sync", "--ignore-ipolicy", "web1"),
        )
        wanted = {
            "instance_name": "web1",
            "beparams": {"memory": 1024, "vcpus": None},
            "hvparams": {"acpi": False, "usb_devices": "a,b"},
            "os_name": "noop+x",
            "osparams": {"a": "1", "b": None},
            "osparams_private": {"pw": "x"},
            "pnode": "n2",
            "offline": True,
        }
        self.assertEqual({key: op[key] for key in wanted}, wanted)
        for name in ("force", "force_variant", "ignore_ipolicy"):
            self.assertIs(op[name], True, name)
        for name in ("conflicts_check", "wait_for_sync"):
            self.assertIs(op[name], False, name)
        self.assertNotIn("disks", op)

    def test_online(self) -> None:
        self.assertIs(self.op("--online", "web1")["offline"], False)
        self.assertIn("at once", self.world_refuses("--online", "--offline", "web1"))

    def world_refuses(self, *argv: str) -> str:
        self.world = World()
        return self.refused(*argv)

    def test_disks(self) -> None:
        cases = {
            "add:size=1g,mode=ro": ["add", -1, {"size": 1024, "mode": "ro"}],
            "2:add,size=5,spindles=2": ["add", 2, {"size": 8, "spindles": 2}],
            "-1:add,size=4": ["add", -1, {"size": 4}],
            "remove": ["remove", -1, {}],
            "1:remove": ["remove", 1, {}],
            "data:detach": ["detach", "data", {}],
            "attach:name=data": ["attach", -1, {"name": "data"}],
            "0:mode=rw,name=root": ["modify", 0, {"mode": "rw", "name": "root"}],
            "data:modify,mode=ro": ["modify", "data", {"mode": "ro"}],
        }
        for text, change in cases.items():
            self.assertEqual(self.op("--disk", text, "web1")["disks"], [change], text)
        both = self.op("--disk", "remove", "--disk", "add:size=4", "web1")["disks"]
        self.assertEqual([change[0] for change in both], ["remove", "add"])

    def test_nics(self) -> None:
        cases = {
            "add": ["add", -1, {}],
            "add:network=net1,ip=pool": ["add", -1, {"network": "net1", "ip": "pool"}],
            "0:ip=none,-name": ["modify", 0, {"ip": "none", "name": None}],
            "eth0:remove": ["remove", "eth0", {}],
        }
        for text, change in cases.items():
            self.assertEqual(self.op("--net", text, "web1")["nics"], [change], text)

    def test_devices_that_cannot_be(self) -> None:
        cases = {
            ("--disk", "add"): "size",
            ("--disk", "0:add,mode=rw"): "size",
            ("--disk", "remove:size=1"): "takes no parameters",
            ("--disk", "0:remove,mode=rw"): "takes no parameters",
            ("--disk", "0:remove,detach"): "one action",
            ("--disk", "0:add,size=big"): "not a size",
            ("--disk", "no_0"): "cannot be taken away",
            ("--net", "0:colour=red"): "colour",
        }
        for argv, text in cases.items():
            self.assertIn(text, self.refused(*argv, "web1"), argv)

    def test_what_changed_is_shown(self) -> None:
        self.world.jobs_end(result=[["be/maxmem", 256], ["disk/2", "add:size=8,mode=rw"]])
        self.op("-B", "maxmem=256", "web1")
        lines = self.world.out.splitlines()
        self.assertEqual(
            lines[:3], ["Modified instance web1", " - be/maxmem -> 256", " - disk/2 -> add:size=8,mode=rw"]
        )
        self.assertIn("started again", lines[3])


class RenameTests(ChangeCase):
    command = "rename"

    def test_the_opcode_and_what_is_shown(self) -> None:
        self.world.jobs_end(result="web2.example")
        op = self.op("web1", "web2")
        wanted = {"instance_name": "web1", "new_name": "web2", "name_check": True, "ip_check": True}
        self.assertEqual({key: op[key] for key in wanted}, wanted)
        self.assertEqual(self.world.out, "Instance 'web1' renamed to 'web2.example'\n")

    def test_without_the_name_check_it_asks(self) -> None:
        self.refused("--no-name-check", "web1", "web2")
        terminal = self.world.typing("y\n")
        self.op("--no-name-check", "--no-ip-check", "web1", "web2")
        self.assertIn("web2", terminal.shown)
        self.world.typing("n\n")
        self.assertIs(self.op("-f", "--no-name-check", "--no-ip-check", "web1", "web2")["ip_check"], False)


class ReinstallTests(ChangeCase):
    command = "reinstall"

    def setUp(self) -> None:
        super().setUp()
        self.world.answer_query([{"name": "web1"}])
        self.world.client.answers["look"] = [
            ["noop", ["a", "b"], True, False, False],
            ["old", [], False, False, False],
            ["arch", [], True, False, False],
        ]

    def test_one_asks_unless_forced(self) -> None:
        self.refused("web1")
        self.world.typing("y\n")
        self.assertIsNone(self.op("web1")["os_type"])
        for flag in ("-f", "--force-multiple"):
            self.op(flag, "web1")

    def test_several_are_forced_by_force_multiple_only(self) -> None:
        self.world.answer_query([{"name": "web1"}, {"name": "web2"}])
        self.refused("-f", "web1", "web2")
        self.op("--force-multiple", "web1", "web2")
        self.assertEqual([op["instance_name"] for op in self.world.submitted()], ["web1", "web2"])

    def test_os_and_parameters(self) -> None:
        op = self.op(
            *("-f", "-o", "noop+x", "--force-variant", "-O", "a=1", "--os-parameters-private", "b=2"),
            *("--os-parameters-secret", "c=3", "web1"),
        )
        wanted = {"os_type": "noop+x", "force_variant": True, "osparams": {"a": "1"}}
        wanted |= {"osparams_private": {"b": "2"}, "osparams_secret": {"c": "3"}}
        self.assertEqual({key: op[key] for key in wanted}, wanted)

    def test_the_menu(self) -> None:
        self.world.stdin = io.StringIO("9\nwhat\n2\n")
        self.assertEqual(self.op("-f", "--select-os", "web1")["os_type"], "noop+b")
        for line in ("   0: arch\n", "   1: noop+a\n", "   2: noop+b\n", "   x: "):
            self.assertIn(line, self.world.out)
        self.assertIn("'what' is none", self.world.err)

    def test_the_way_out_of_the_menu(self) -> None:
        for typed in ("x\n", "X\n", ""):
            self.world.stdin = io.StringIO(typed)
            self.refused("-f", "--select-os", "web1")

    def test_no_os_to_choose(self) -> None:
        self.world.client.answers["look"] = []
        self.assertIn("no operating system", self.refused("-f", "--select-os", "web1"))

    def test_nothing_selected(self) -> None:
        self.assertIn("wrong_input", self.refused())


class BatchTests(ChangeCase):
    command = "batch-create"

    def file(self, content: Any) -> str:
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def answers(self, *jobs: list[Any]) -> None:
        names = [f"web{n}" for n in range(1, len(jobs) + 1)]
        self.world.jobs_end(result={"jobs": list(jobs), "allocatable": names, "failed": []})
        self.world.answer_query([{"id": 8, "status": "success"}])

    def test_the_opcode_and_its_jobs(self) -> None:
        self.answers([True, 8], [True, 9])
        op = self.op(self.file([{"instance_name": "web1"}, {"instance_name": "web2"}]))
        self.assertEqual(op["OP_ID"], "OP_INSTANCE_MULTI_ALLOC")
        self.assertEqual(op["instances"][1], {"instance_name": "web2", "OP_ID": "OP_INSTANCE_CREATE"})
        self.assertIn("Submitted jobs 8, 9\nWaiting for job 8 for web1 ...", self.world.out)
        self.assertEqual([call["id"] for call in self.world.client.asked("wait")], [7, 8, 9])

    def test_the_allocator_and_those_it_finds_no_place_for(self) -> None:
        self.world.jobs_end(result={"jobs": [], "allocatable": [], "failed": ["web1"]})
        path = self.file([{"instance_name": "web1"}])
        self.assertEqual(self.world.run("gnt-instance", "batch-create", "-I", "hail", path), 1)
        self.assertEqual(self.world.submitted()[-1]["iallocator"], "hail")
        self.assertIn("no place for web1", self.world.err)

    def test_a_job_that_was_refused(self) -> None:
        self.answers([True, 8], [False, "queue is full"])
        self.assertEqual(self.world.run("gnt-instance", "batch-create", self.file([])), 1)
        self.assertIn("Failed to submit job for web2: queue is full", self.world.err)

    def test_submit_only(self) -> None:
        self.op("--submit", self.file([]))
        self.assertEqual((self.world.err, self.world.client.asked("wait")), ("JobID: 7\n", []))

    def test_files_that_cannot_be(self) -> None:
        for content in ("{", {}, [5], "[1"):
            self.assertIn("Cannot read instances", self.refused(self.file(content)))
        self.assertIn("Cannot read instances", self.refused("/nowhere/x.json"))
