"""``gnt-network``."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_samples import expected
from cli_world import World, answer
from ganeti_tw.errors import NotFound
from ganeti_tw.model.defaults import NICPARAMS

NET1: dict[str, Any] = {
    "name": "net1",
    "uuid": "fcaff84f-ea03-465f-af55-114841192e56",
    "serial_no": 2,
    "network": "192.0.2.0/28",
    "gateway": "192.0.2.1",
    "network6": (3, None),
    "gateway6": (3, None),
    "mac_prefix": "aa:00:55",
    "free_count": 10,
    "reserved_count": 6,
    "map": "XXX..XX........X",
    "external_reservations": "192.0.2.0, 192.0.2.1, 192.0.2.5, 192.0.2.6, 192.0.2.15",
    "group_list": [["default", "routed", "main", ""]],
    "inst_list": ["inst1.ref.example"],
    "tags": ["ntag"],
}
INST1 = {"name": "inst1.ref.example", "nic.ips": ["192.0.2.2"], "nic.networks": [NET1["uuid"]]}
UNUSED = {**NET1, "name": "net2", "group_list": [], "inst_list": [], "external_reservations": ""}


class NetworkCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()

    def rows(self, **rows: list[dict[str, Any]]) -> None:
        """Answer queries, by kind of object."""
        self.world.client.answers["query"] = lambda what, fields, filter: answer(fields, rows[what], {})

    def op(self, *argv: str) -> dict[str, Any]:
        """The last opcode submitted, without what all have."""
        self.assertEqual(self.world.run("gnt-network", *argv), 0, self.world.err)
        return {k: v for k, v in self.world.submitted()[-1].items() if k not in ("reason", "debug_level")}


class ChangeTests(NetworkCase):
    def test_add(self) -> None:
        self.assertEqual(
            self.op("add", "--network", "192.0.2.0/28", "net1"),
            {
                "OP_ID": "OP_NETWORK_ADD",
                "network_name": "net1",
                "network": "192.0.2.0/28",
                "gateway": None,
                "network6": None,
                "gateway6": None,
                "mac_prefix": None,
                "add_reserved_ips": None,
                "conflicts_check": True,
                "tags": [],
                "dry_run": False,
            },
        )

    def test_add_with_everything(self) -> None:
        op = self.op(
            *("add", "--network=192.0.2.0/28", "--gateway=192.0.2.1", "--network6=2001:db8::/64"),
            *("--gateway6=2001:db8::1", "-m", "aa:00:55", "--add-reserved-ips=192.0.2.5,192.0.2.6"),
            *("--no-conflicts-check", "--tags=a,b", "--dry-run", "--priority=low", "net1"),
        )
        wanted = {
            "gateway": "192.0.2.1",
            "network6": "2001:db8::/64",
            "gateway6": "2001:db8::1",
            "mac_prefix": "aa:00:55",
            "add_reserved_ips": ["192.0.2.5", "192.0.2.6"],
            "conflicts_check": False,
            "tags": ["a", "b"],
            "dry_run": True,
            "priority": 10,
        }
        self.assertEqual({key: op[key] for key in wanted}, wanted)

    def test_add_needs_a_subnet(self) -> None:
        self.assertEqual(self.world.run("gnt-network", "add", "net1"), 1)
        self.assertIn("error type: wrong_input, error details:\n", self.world.err)
        self.assertIn("--network", self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_submit(self) -> None:
        self.op("add", "--network=192.0.2.0/28", "--submit", "--print-jobid", "net1")
        self.assertEqual((self.world.out, self.world.err), ("7\n", "JobID: 7\n"))

    def test_modify(self) -> None:
        self.assertEqual(
            self.op("modify", "--gateway", "none", "net1"),
            {
                "OP_ID": "OP_NETWORK_SET_PARAMS",
                "network_name": "net1",
                "gateway": "none",
                "network6": None,
                "gateway6": None,
                "mac_prefix": None,
                "add_reserved_ips": None,
                "remove_reserved_ips": None,
                "dry_run": False,
            },
        )
        op = self.op("modify", "--add-reserved-ips=192.0.2.5", "--remove-reserved-ips=192.0.2.6,192.0.2.7", "net1")
        self.assertEqual(op["add_reserved_ips"], ["192.0.2.5"])
        self.assertEqual(op["remove_reserved_ips"], ["192.0.2.6", "192.0.2.7"])

    def test_modify_without_changes(self) -> None:
        self.assertEqual(self.world.run("gnt-network", "modify", "net1"), 1)
        self.assertEqual((self.world.client.calls, self.world.out), ([], ""))
        self.assertIn("Nothing to change", self.world.err)

    def test_remove(self) -> None:
        wanted = {"OP_ID": "OP_NETWORK_REMOVE", "network_name": "net1", "force": False, "dry_run": False}
        self.assertEqual(self.op("remove", "net1"), wanted)
        self.assertIs(self.op("remove", "-f", "net1")["force"], True)


class ConnectionTests(NetworkCase):
    def test_connect_with_built_in_parameters(self) -> None:
        self.assertEqual(
            self.op("connect", "net1", "default"),
            {
                "OP_ID": "OP_NETWORK_CONNECT",
                "network_name": "net1",
                "group_name": "default",
                **{f"network_{key}": value for key, value in NICPARAMS.items()},
                "conflicts_check": True,
            },
        )

    def test_connect_with_own_parameters(self) -> None:
        op = self.op("connect", "-N", "mode=openvswitch,link=switch1,vlan=.7", "--no-conflicts-check", "net1", "g1")
        self.assertEqual(
            (op["network_mode"], op["network_link"], op["network_vlan"], op["conflicts_check"]),
            ("openvswitch", "switch1", ".7", False),
        )
        op = self.op("connect", "-N", "mode=default,link=br0,-vlan", "net1", "g1")
        self.assertEqual((op["network_mode"], op["network_link"], op["network_vlan"]), ("bridged", "br0", ""))

    def test_parameters_that_cannot_be(self) -> None:
        self.assertEqual(self.world.run("gnt-network", "connect", "-N", "colour=red", "net1", "g1"), 1)
        self.assertIn("no NIC parameter called colour", self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_one_job_per_group_one_after_the_other(self) -> None:
        for command in ("connect", "disconnect"):
            self.world = World()
            self.world.jobs_end()
            self.op(command, "net1", "g1", "g2")
            self.assertEqual([op["group_name"] for op in self.world.submitted()], ["g1", "g2"])
            self.assertEqual([name for name, _ in self.world.client.calls], ["submit", "wait", "submit", "wait"])

    def test_without_groups_all(self) -> None:
        self.rows(group=[{"name": "default"}, {"name": "g2"}])
        self.assertEqual(
            self.op("disconnect", "net1"),
            {"OP_ID": "OP_NETWORK_DISCONNECT", "network_name": "net1", "group_name": "g2"},
        )
        self.assertEqual([op["group_name"] for op in self.world.submitted()], ["default", "g2"])

    def test_the_first_failure_ends_it(self) -> None:
        self.world.jobs_end("error", ["OpPrereqError", ["in use", "wrong_state"]])
        self.assertEqual(self.world.run("gnt-network", "disconnect", "net1", "g1", "g2"), 1)
        self.assertEqual(len(self.world.submitted()), 1)
        self.assertIn("in use", self.world.err)


class ListTests(NetworkCase):
    def test_columns(self) -> None:
        self.rows(network=[NET1])
        self.assertEqual(self.world.run("gnt-network", "list", "--separator=|", "--no-headers"), 0)
        self.assertEqual(self.world.out, "net1|192.0.2.0/28|192.0.2.1|aa:00:55|default (routed, main, )|ntag\n")

    def test_several_groups(self) -> None:
        groups = [["default", "routed", "main", ""], ["g2", "bridged", "br0", "7"]]
        self.rows(network=[{**NET1, "group_list": groups}])
        self.world.run("gnt-network", "list", "--no-headers", "-o", "group_list,inst_list")
        self.assertEqual(self.world.out, "default (routed, main, ), g2 (bridged, br0, 7) inst1.ref.example\n")

    def test_names_and_json(self) -> None:
        self.rows(network=[NET1])
        self.assertEqual(self.world.run("gnt-network", "list", "--json", "-o", "name,network6", "net1"), 0)
        self.assertEqual(json.loads(self.world.out), [{"name": "net1", "network6": None}])
        self.assertEqual(self.world.client.asked("query")[0]["filter"], ["|", ["=", "name", "net1"]])

    def test_fields(self) -> None:
        described = {"name": "map", "title": "Map", "kind": "text", "doc": "A map"}
        self.world.client.answers["query_fields"] = {"fields": [described]}
        self.assertEqual(self.world.run("gnt-network", "list-fields", "--no-headers", "map"), 0)
        self.assertEqual(self.world.out, "map Text Map A map\n")
        self.assertEqual(self.world.client.asked("query_fields"), [{"what": "network", "fields": ["map"]}])


class InfoTests(NetworkCase):
    def info(self, *argv: str) -> str:
        self.assertEqual(self.world.run("gnt-network", "info", *argv), 0, self.world.err)
        return self.world.out

    def test_as_the_real_one(self) -> None:
        self.rows(network=[NET1], instance=[INST1])
        self.assertEqual(self.info("net1"), expected("gnt-network info net1"))
        networks, instances = self.world.client.asked("query")
        self.assertEqual(networks["filter"], ["|", ["=", "name", "net1"]])
        self.assertEqual(instances["filter"], ["|", ["=", "name", "inst1.ref.example"]])

    def test_of_all(self) -> None:
        self.rows(network=[UNUSED, {**UNUSED, "name": "net3"}])
        self.assertEqual(self.info().count("Network name: "), 2)
        (asked,) = self.world.client.asked("query")
        self.assertIsNone(asked["filter"])

    def test_unused(self) -> None:
        self.rows(network=[UNUSED])
        self.assertEqual(
            self.info("net2").splitlines()[-3:],
            [
                "         (X) used    (.) free",
                "  not connected to any node group",
                "  not used by any instances",
            ],
        )

    def test_large_maps_and_long_lists_are_cut(self) -> None:
        many = ", ".join(f"198.51.100.{n}" for n in range(8))
        self.rows(network=[{**UNUSED, "map": "X" + "." * 127, "external_reservations": many}])
        lines = self.info("net2").splitlines()
        at = lines.index("  Usage map:")
        self.assertEqual(lines[at + 1], f"        0 X{'.' * 63} 63")
        self.assertEqual(lines[at + 2], f"       64 {'.' * 64} 127")
        at = lines.index("  externally reserved IPs:")
        self.assertEqual(" ".join(line.strip() for line in lines[at + 1 : at + 3]), many)

    def test_several_nics(self) -> None:
        uuid = NET1["uuid"]
        nics = {"nic.ips": ["192.0.2.2", "10.0.0.1", None], "nic.networks": [uuid, None, uuid]}
        self.rows(network=[NET1], instance=[{**INST1, **nics}])
        self.assertIn("    inst1.ref.example: 0:192.0.2.2, 2:None\n", self.info("net1"))

    def test_json(self) -> None:
        self.rows(network=[NET1], instance=[INST1])
        (found,) = json.loads(self.info("--json", "net1"))
        self.assertEqual((found["name"], found["gateway6"]), ("net1", None))
        self.assertEqual(found["addresses"], {"inst1.ref.example": ["0:192.0.2.2"]})

    def test_unknown(self) -> None:
        self.world.client.answers["query"] = NotFound("there is no network 'net9'")
        self.assertEqual(self.world.run("gnt-network", "info", "net9"), 1)
        self.assertIn("net9", self.world.err)


class TagTests(NetworkCase):
    def test_list(self) -> None:
        self.rows(network=[{"name": "net1", "tags": ["b", "a"]}])
        self.assertEqual((self.world.run("gnt-network", "list-tags", "net1"), self.world.out), (0, "a\nb\n"))

    def test_add_and_remove(self) -> None:
        for command, op_id in (("add-tags", "OP_TAGS_SET"), ("remove-tags", "OP_TAGS_DEL")):
            wanted = {"OP_ID": op_id, "kind": "network", "name": "net1", "tags": ["a", "b"]}
            self.assertEqual(self.op(command, "net1", "a", "b"), wanted)
