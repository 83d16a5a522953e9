"""UUIDs beside the names of instances and nodes: every operation that takes them makes sure of them."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import NotFound, NotUnique
from operation_samples import KINDS, N1, N2, N3, WEB1, cluster, operation

NEEDED: dict[str, dict[str, Any]] = {
    "OP_INSTANCE_FAILOVER": {"target_node": "n3"},
    "OP_INSTANCE_MIGRATE": {"target_node": "n3"},
    "OP_INSTANCE_REBOOT": {"reboot_type": "hard"},
    "OP_INSTANCE_RENAME": {"new_name": "web2.example"},
    "OP_INSTANCE_SET_PARAMS": {"beparams": {"vcpus": 2}},
    "OP_NODE_EVACUATE": {"mode": "primary-only"},
    "OP_NODE_SET_PARAMS": {"drained": True},
    "OP_OOB_COMMAND": {"command": "health"},
    "OP_RESTRICTED_COMMAND": {"command": "x"},
    "OP_GROUP_ASSIGN_NODES": {"group_name": "other"},
}


def having(name: str) -> list[str]:
    return [op_id for op_id, kind in KINDS.items() if name in {f.name for f in attrs.fields(kind.cls)}]


class UuidTests(SynchronousTestCase):
    def locks(self, op_id: str, **parameters: Any) -> Any:
        op = operation(op_id, **NEEDED.get(op_id, {}), **parameters)
        config = cluster()
        locks = op.locks(config)
        op.check(config) if not locks else None  # some take no lock and look later
        return locks

    def test_instances(self) -> None:
        found = having("instance_uuid")
        self.assertIn("OP_INSTANCE_STARTUP", found)
        for op_id in found:
            with self.subTest(op_id):
                named = self.locks(op_id, instance_name="web1")
                self.assertEqual(self.locks(op_id, instance_name="web1", instance_uuid=WEB1), named)
                self.assertEqual(self.locks(op_id, instance_name="", instance_uuid=WEB1), named)
                self.assertRaises(NotUnique, self.locks, op_id, instance_name="web1", instance_uuid=N1)
                self.assertRaises(NotFound, self.locks, op_id, instance_name="", instance_uuid=N1)

    def test_nodes(self) -> None:
        found = having("node_uuid")
        self.assertIn("OP_NODE_SET_PARAMS", found)
        for op_id in found:
            with self.subTest(op_id):
                named = self.locks(op_id, node_name="n3")
                self.assertEqual(self.locks(op_id, node_name="n3", node_uuid=N3), named)
                self.assertRaises(NotUnique, self.locks, op_id, node_name="n3", node_uuid=N2)

    def test_the_primary_node(self) -> None:
        change = {"instance_name": "web1"}
        named = operation("OP_INSTANCE_SET_PARAMS", **change, pnode="n3").locks(cluster())
        for both in ({"pnode": "n3", "pnode_uuid": N3}, {"pnode_uuid": N3}):
            self.assertEqual(operation("OP_INSTANCE_SET_PARAMS", **change, **both).locks(cluster()), named)
        wrong = operation("OP_INSTANCE_SET_PARAMS", **change, pnode="n3", pnode_uuid=N1)
        self.assertRaises(NotUnique, wrong.locks, cluster())

    def test_lists_of_nodes(self) -> None:
        found = having("node_uuids")
        self.assertIn("OP_RESTRICTED_COMMAND", found)
        for op_id in found:
            name = "node_names" if op_id == "OP_OOB_COMMAND" else "nodes"
            with self.subTest(op_id):
                self.locks(op_id, **{name: ["n3"]}, node_uuids=[N3])
                self.assertRaises(NotUnique, self.locks, op_id, **{name: ["n3"]}, node_uuids=[N2])
