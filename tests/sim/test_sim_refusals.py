"""What is wrong with an opcode is said at once or by its job, and nothing is changed."""

from __future__ import annotations

from typing import Any

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, NotFound
from ganeti_tw.operations.registry import load_all
from ganeti_tw.testing.cluster import Cluster

KINDS = load_all()

WRONG = (None, 3, True, 2.5, "", {}, [], [None], [[3]], {"": {}}, "\0\xff", float("nan"), 2**70, "\ud800")
MANDATORY: dict[str, Any] = {
    "command": "health",
    "direction": "in",
    "disks": [],
    "duration": 1,
    "instance_name": "nobody.example",
    "kind": "instance",
    "mode": "create",
    "name": "nobody",
    "network": "198.51.100.0/24",
    "network_link": "br0",
    "network_mode": "bridged",
    "network_name": "nonet",
    "new_name": "other.example",
    "nics": [],
    "nodes": ["node1"],
    "output_fields": ["name"],
    "pattern": "x",
    "reboot_type": "hard",
    "tags": ["a"],
    "group_name": "nogroup",
    "node_name": "node99",
}

UUID = "00000000-0000-4000-8000-00000000dead"
NODE = {
    "instance_name": "web9.example",
    "disk_template": "diskless",
    "os_type": "noop",
    "name_check": False,
    "ip_check": False,
}
UNKNOWN: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("OP_CLUSTER_VERIFY", {"group_name": "nogroup"}, "nogroup"),
    ("OP_CLUSTER_VERIFY_DISKS", {"group_name": "nogroup"}, "nogroup"),
    ("OP_CLUSTER_VERIFY_GROUP", {"group_name": "nogroup"}, "nogroup"),
    ("OP_GROUP_ASSIGN_NODES", {"group_name": "nogroup", "nodes": ["node1"]}, "nogroup"),
    ("OP_GROUP_ASSIGN_NODES", {"group_name": "default", "nodes": ["node99"]}, "node99"),
    ("OP_GROUP_EVACUATE", {"group_name": "nogroup"}, "nogroup"),
    ("OP_GROUP_EVACUATE", {"group_name": "default", "target_groups": ["nogroup"]}, "nogroup"),
    ("OP_GROUP_REMOVE", {"group_name": "nogroup"}, "nogroup"),
    ("OP_GROUP_RENAME", {"group_name": "nogroup", "new_name": "g"}, "nogroup"),
    ("OP_GROUP_SET_PARAMS", {"group_name": "nogroup", "alloc_policy": "preferred"}, "nogroup"),
    ("OP_GROUP_VERIFY_DISKS", {"group_name": "nogroup"}, "nogroup"),
    ("OP_INSTANCE_ACTIVATE_DISKS", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_DEACTIVATE_DISKS", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_CHANGE_GROUP", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_CONSOLE", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_CREATE", {**NODE, "pnode": "node99", "mode": "create", "disks": [], "nics": [{}]}, "node99"),
    ("OP_INSTANCE_CREATE", {**NODE, "pnode_uuid": UUID, "mode": "create", "disks": [], "nics": [{}]}, UUID),
    (
        "OP_INSTANCE_CREATE",
        {**NODE, "pnode": "node1", "mode": "create", "disks": [], "nics": [{"network": "nonet", "ip": "pool"}]},
        "nonet",
    ),
    ("OP_INSTANCE_FAILOVER", {"instance_name": "nobody", "target_node": "node1"}, "nobody"),
    ("OP_INSTANCE_FAILOVER", {"instance_name": "nobody", "target_node": "node1", "cleanup": True}, "nobody"),
    ("OP_INSTANCE_MIGRATE", {"instance_name": "nobody", "target_node": "node1"}, "nobody"),
    ("OP_INSTANCE_QUERY_DATA", {"instances": ["nobody"]}, "nobody"),
    ("OP_INSTANCE_REBOOT", {"instance_name": "nobody", "reboot_type": "hard"}, "nobody"),
    ("OP_INSTANCE_REINSTALL", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_REMOVE", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_RENAME", {"instance_name": "nobody", "new_name": "b.example"}, "nobody"),
    ("OP_INSTANCE_SET_PARAMS", {"instance_name": "nobody", "offline": True}, "nobody"),
    ("OP_INSTANCE_SHUTDOWN", {"instance_name": "nobody"}, "nobody"),
    ("OP_INSTANCE_STARTUP", {"instance_name": "nobody"}, "nobody"),
    ("OP_NETWORK_CONNECT", {"network_name": "nonet", "group_name": "default",
        "network_mode": "bridged", "network_link": "br0"}, "nonet"),
    ("OP_NETWORK_DISCONNECT", {"network_name": "nonet", "group_name": "default"}, "nonet"),
    ("OP_NETWORK_DISCONNECT", {"network_name": "nonet", "group_name": "nogroup"}, "nogroup"),
    ("OP_NETWORK_REMOVE", {"network_name": "nonet"}, "nonet"),
    ("OP_NETWORK_RENAME", {"network_name": "nonet", "new_name": "n"}, "nonet"),
    ("OP_NETWORK_SET_PARAMS", {"network_name": "nonet", "gateway": "192.0.2.1"}, "nonet"),
    ("OP_NODE_ADD", {"node_name": "node9", "group": "nogroup", "token": "t"}, "nogroup"),
    ("OP_NODE_MIGRATE", {"node_name": "node99"}, "node99"),
    ("OP_NODE_MIGRATE", {"node_name": "node1", "target_node": "node99"}, "node99"),
    ("OP_NODE_EVACUATE", {"node_name": "node99", "mode": "primary-only"}, "node99"),
    ("OP_NODE_EVACUATE", {"node_name": "node1", "mode": "secondary-only", "remote_node": "node99"}, "node99"),
    ("OP_NODE_POWERCYCLE", {"node_name": "node99"}, "node99"),
    ("OP_NODE_QUERY_STORAGE", {"output_fields": ["name"], "nodes": ["node99"]}, "node99"),
    ("OP_NODE_REMOVE", {"node_name": "node99"}, "node99"),
    ("OP_NODE_SET_PARAMS", {"node_name": "node99", "offline": True}, "node99"),
    ("OP_OOB_COMMAND", {"command": "health", "node_names": ["node99"]}, "node99"),
    ("OP_RESTRICTED_COMMAND", {"command": "x", "nodes": ["node99"]}, "node99"),
    *(
        (op_id, {"kind": kind, "name": "nobody", "tags": ["a"]}, "nobody")
        for op_id in ("OP_TAGS_SET", "OP_TAGS_DEL")
        for kind in ("instance", "network", "node", "nodegroup")
    ),
    ("OP_TAGS_GET", {"kind": "node", "name": "nobody"}, "nobody"),
    ("OP_TEST_ALLOCATOR", {"direction": "in", "mode": "relocate", "name": "nobody"}, "nobody"),
    ("OP_TEST_ALLOCATOR", {"direction": "in", "mode": "change-group", "name": "x", "instances": ["nobody"]}, "nobody"),
    ("OP_TEST_DELAY", {"duration": 1, "on_nodes": ["node99"]}, "node99"),
)  # fmt: skip
NAMES_NOTHING = {
    "OP_CLUSTER_DESTROY", "OP_CLUSTER_POST_INIT", "OP_CLUSTER_QUERY", "OP_CLUSTER_RENAME", "OP_CLUSTER_SET_PARAMS",
    "OP_CLUSTER_VERIFY_CONFIG", "OP_GROUP_ADD", "OP_INSTANCE_MULTI_ALLOC", "OP_NETWORK_ADD", "OP_OS_DIAGNOSE",
    "OP_TAGS_SEARCH", "OP_CLUSTER_ACTIVATE_MASTER_IP", "OP_CLUSTER_DEACTIVATE_MASTER_IP", "OP_CLUSTER_REDIST_CONF",
    "OP_CLUSTER_RENEW_CRYPTO", "OP_CLUSTER_CONFIG_QUERY", "OP_QUERY", "OP_QUERY_FIELDS", "OP_TEST_DUMMY",
    "OP_TEST_JQUEUE", "OP_TEST_OS_PARAMS",
}  # fmt: skip


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(1)
        self.before = self.serials()

    def serials(self) -> tuple[Any, ...]:
        """Where the ledger is, and what was ever submitted."""
        store = self.cluster.hosts["node1"].store
        jobs = self.cluster.call("query", {"what": "job", "fields": ["id"]})["data"]
        return self.cluster.result(store.position()), self.cluster.config.serial, jobs

    def test_no_job_is_made_of_what_no_operation_takes(self) -> None:
        jobs, expected = [], []
        for op_id, kind in KINDS.items():
            required = {a.name: MANDATORY[a.name] for a in fields(kind.cls) if a.name in MANDATORY}
            good = {"OP_ID": op_id, **required}
            refused = [({**good, "colour": value}, "colour") for value in WRONG[:3]]
            refused += [({**good, a.name: 2**70}, a.name) for a in fields(kind.cls)]
            refused += [({**good, a.name: {"x": "\ud800"}}, a.name) for a in fields(kind.cls)]
            refused += [({**good, name: value}, name) for name in ("priority", "depends") for value in (True, "x", {})]
            jobs += [[opcode] for opcode, _ in refused]
            expected += [f"{op_id}.*{name}" for _, name in refused]
        answers = self.cluster.call("submit_many", {"jobs": jobs})
        for (done, text), words in zip(answers, expected, strict=True):
            self.assertEqual(done, False, words)
            self.assertRegex(text, words)
        self.assertEqual(self.serials(), self.before)

    def test_one_bad_opcode_refuses_the_whole_job(self) -> None:
        good = {"OP_ID": "OP_TEST_DELAY", "duration": 0}
        for bad in ({"OP_ID": "OP_TEST_DELAY"}, {"OP_ID": "OP_TEST_DELAY", "duration": "x"}, None, [], "x"):
            self.assertRaises(BadRequest, self.cluster.call, "submit", {"ops": [good, bad]})
        self.assertRaises(NotFound, self.cluster.call, "submit", {"ops": [good, {"OP_ID": "OP_NONSENSE"}]})
        self.assertEqual(self.serials(), self.before)


class UnknownNameTests(SynchronousTestCase):
    def test_every_operation_is_here(self) -> None:
        self.assertEqual({op_id for op_id, _, _ in UNKNOWN} | NAMES_NOTHING, set(KINDS))

    def test_what_is_not_there_is_named_and_nothing_changes(self) -> None:
        cluster = Cluster(1)
        done = cluster.run("gnt-network", "add", "--network=192.0.2.0/24", "realnet")
        self.assertEqual(done.code, 0, done)
        before = cluster.config.serial
        jobs = [[{"OP_ID": op_id, **parameters}] for op_id, parameters, _ in UNKNOWN]
        answers = cluster.call("submit_many", {"jobs": jobs})
        self.assertEqual({done for done, _ in answers}, {True}, answers)
        cluster.settle(5)
        found = cluster.call("query", {"what": "job", "fields": ["id", "status", "opresult"]})["data"]
        results = {row[0][1]: (row[1][1], row[2][1]) for row in found}
        for (op_id, parameters, word), (_, number) in zip(UNKNOWN, answers, strict=True):
            status, (result,) = results[number]
            self.assertEqual(status, "error", (op_id, parameters))
            self.assertEqual((result[0], result[1][1]), ("OpPrereqError", "unknown_entity"), (op_id, result))
            self.assertIn(word, result[1][0], op_id)
        self.assertEqual((cluster.config.serial, cluster.fatal), (before, []))
