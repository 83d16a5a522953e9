"""``gnt-node`` modify, power, health, powercycle and restricted-command: what is submitted, shown and refused."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.operations import registry

UNCHANGED = {
    "force": False,
    "auto_promote": False,
    "master_candidate": None,
    "offline": None,
    "drained": None,
    "master_capable": None,
    "vm_capable": None,
    "secondary_ip": None,
    "ndparams": None,
    "powered": None,
    "hv_state": None,
    "disk_state": None,
}
RULE = "-" * 48


class NodeCase(SynchronousTestCase):
    def setUp(self) -> None:
        registry.load_all()
        self.world = World()
        self.world.jobs_end()
        self.world.answer_query(
            [{"name": "n1", "offline": False, "role": "M"}, {"name": "n2", "offline": False, "role": "C"}]
        )

    def run_node(self, *argv: str, code: int = 0) -> str:
        self.assertEqual(self.world.run("gnt-node", *argv), code, self.world.err)
        return self.world.out

    def submitted(self) -> list[dict[str, Any]]:
        """The parameters of all opcodes, which their operations accept."""
        found = []
        for op in self.world.submitted():
            registry.parse(op)
            found.append({k: v for k, v in op.items() if k not in ("reason", "debug_level", "dry_run")})
        return found


class ModifyTests(NodeCase):
    def test_each_option(self) -> None:
        self.run_node(
            *("modify", "-f", "-C", "yes", "-D", "no", "-O", "no", "--master-capable", "yes", "--vm-capable", "no"),
            *("-s", "192.0.2.5", "--auto-promote", "--node-parameters", "spindle_count=2", "--node-powered", "yes"),
            *("--hypervisor-state", "kvm:mem_total=5", "--disk-state", "plain/vg:disk_total=7", "n1"),
        )
        self.assertEqual(
            self.submitted(),
            [
                {
                    "OP_ID": "OP_NODE_SET_PARAMS",
                    "node_name": "n1",
                    "force": True,
                    "auto_promote": True,
                    "master_candidate": True,
                    "drained": False,
                    "offline": False,
                    "master_capable": True,
                    "vm_capable": False,
                    "secondary_ip": "192.0.2.5",
                    "ndparams": {"spindle_count": 2},
                    "powered": True,
                    "hv_state": {"kvm": {"mem_total": 5}},
                    "disk_state": {"plain": {"vg": {"disk_total": 7}}},
                }
            ],
        )

    def test_what_changed_is_shown_and_the_rest_is_null(self) -> None:
        self.world.jobs_end(result=[["drained", "True"]])
        out = self.run_node("modify", "-D", "yes", "n1")
        self.assertEqual(out, "Modified node n1\n - drained -> True\n")
        expected = {"OP_ID": "OP_NODE_SET_PARAMS", "node_name": "n1", **UNCHANGED, "drained": True}
        self.assertEqual(self.submitted(), [expected])

    def test_nothing_given(self) -> None:
        self.run_node("modify", "n1", code=1)
        self.run_node("modify", "--auto-promote", "n1", code=1)
        self.assertEqual(self.submitted(), [])

    def test_marking_online_is_asked(self) -> None:
        self.world.typing("n")
        self.run_node("modify", "-O", "no", "n1", code=1)
        self.assertEqual(self.submitted(), [])
        self.world.typing("y")
        self.run_node("modify", "-O", "no", "n1")
        self.assertEqual(self.submitted()[0]["offline"], False)


class PowerTests(NodeCase):
    def result(self, *entries: tuple[int, Any]) -> None:
        self.world.jobs_end(result=[[[0, f"n{i}"], list(e)] for i, e in enumerate(entries, start=1)])

    def test_off_marks_offline_first(self) -> None:
        self.world.answer_query([{"name": "n2"}])
        self.result((0, None))
        self.run_node("power", "-f", "--auto-promote", "off", "n2", code=0)
        first, last = self.submitted()
        self.assertEqual((first["OP_ID"], first["node_name"], first["offline"]), ("OP_NODE_SET_PARAMS", "n2", True))
        self.assertEqual((last["OP_ID"], last["command"]), ("OP_OOB_COMMAND", "power-off"))
        self.assertEqual(self.world.out, "Node Status \nn1   invoked\n")
        self.setUp()
        self.world.answer_query([{"name": "n2"}])
        self.result((0, None))
        self.run_node("power", "-f", "--ignore-status", "off", "n2")
        self.assertEqual([(op["OP_ID"], op["ignore_status"]) for op in self.submitted()], [("OP_OOB_COMMAND", True)])

    def test_statuses(self) -> None:
        self.result((0, {"powered": True}), (0, {"powered": False}), (3, None), (2, None))
        out = self.run_node("power", "--no-headers", "--separator=|", "status", code=1)
        self.assertEqual(out, "n1|powered\nn2|unpowered\nn3|(unavail)\nn4|(nodata)\n")
        self.assertEqual(self.submitted()[0]["node_names"], [])

    def test_refusals(self) -> None:
        for argv in (("explode",), ("off",), ("cycle",)):
            self.run_node("power", *argv, code=1)
        self.world.typing("n")
        self.run_node("power", "off", "n2", code=1)
        self.assertEqual(self.submitted(), [])

    def test_health(self) -> None:
        self.result((0, [["fan", "OK"], ["disk", "WARNING"]]), (2, None))
        self.assertEqual(
            self.run_node("health", "--oob-timeout", "5", code=1),
            "Node Status      \nn1   fan=OK      \n     disk=WARNING\nn2   (nodata)    \n",
        )
        self.assertEqual(self.submitted()[0]["timeout"], 5)

    def test_powercycle(self) -> None:
        self.world.typing("n")
        self.run_node("powercycle", "n1", code=2)
        self.world.jobs_end(result="soon")
        self.assertEqual(self.run_node("powercycle", "--yes", "-f", "n1"), "")
        self.assertEqual(self.world.err, "soon\n")
        self.assertEqual(self.submitted(), [{"OP_ID": "OP_NODE_POWERCYCLE", "node_name": "n1", "force": True}])


class RestrictedTests(NodeCase):
    def test_output(self) -> None:
        self.world.jobs_end(result=[[False, "refused"], [True, "a\nb\n"]])
        out = self.run_node("restricted-command", "--sync", "date", "n1", "n2", code=1)
        self.assertEqual(out, f"{RULE}\nNode: n2\nrefused\n{RULE}\nNode: n1\na\nb\n")
        (op,) = self.submitted()
        self.assertEqual((op["command"], op["nodes"], op["use_locking"]), ("date", ["n2", "n1"], True))
        self.assertIn("n2: refused\n", self.run_node("restricted-command", "-M", "date", "n1", "n2", code=1))

    def test_no_nodes(self) -> None:
        self.run_node("restricted-command", "date", code=1)
        self.assertEqual(self.submitted(), [])


class EvacuateTests(NodeCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.jobs_end(result={"jobs": []})
        self.world.answer_query([{"pinst_list": ["web2", "web1"], "sinst_list": ["db1"]}])

    def op(self, *argv: str) -> dict[str, Any]:
        self.run_node("evacuate", "-f", *argv, "n1")
        op = self.world.submitted()[-1]
        registry.parse(op)
        return op

    def test_modes(self) -> None:
        for argv, mode in (
            (("-p",), "primary-only"),
            (("-s",), "secondary-only"),
            (("-p", "-s"), "all"),
            ((), "all"),
            (("-n", "n2"), "secondary-only"),
            (("-s", "-n", "n2"), "secondary-only"),
        ):
            self.assertEqual(self.op(*argv)["mode"], mode, argv)
        self.assertIn("All instances evacuated successfully.", self.world.out)

    def test_parameters(self) -> None:
        op = self.op("-p", "-I", "hail", "--early-release", "--ignore-soft-errors")
        self.assertEqual((op["node_name"], op["iallocator"], op["remote_node"]), ("n1", "hail", None))
        self.assertEqual((op["early_release"], op["ignore_soft_errors"]), (True, True))
        self.assertEqual(self.op("-n", "n2")["remote_node"], "n2")

    def test_the_instances_are_asked_about(self) -> None:
        self.run_node("evacuate", "-p", "n1", code=13)
        self.assertEqual(self.world.submitted(), [])

    def test_primary_instances_need_no_secondary_node(self) -> None:
        self.run_node("evacuate", "-p", "-n", "n2", "n1", code=1)
        self.assertIn("no use to primary instances", self.world.err)

    def test_nothing_to_do(self) -> None:
        self.world.answer_query([{"pinst_list": [], "sinst_list": []}])
        self.run_node("evacuate", "-p", "n1")
        self.assertIn("No instances to evacuate", self.world.err)
        self.assertEqual(self.world.submitted(), [])
