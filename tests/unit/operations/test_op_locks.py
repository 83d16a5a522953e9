"""What each operation locks, by the table of locks."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, NotFound
from ganeti_tw.locks.allocation import LEVELS
from operation_samples import GROUP2, N1, N2, N3, cluster, operation, uuid

S, X = 0, 1
WEB = "instance/web1.example"
DEFAULT = uuid(1)

CREATE = {"instance_name": "Web2.Example.", "disks": [{"size": 10}], "nics": [], "mode": "create", "pnode": "n3"}

TABLE: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("OP_CLUSTER_DESTROY", {}, {}),
    ("OP_CLUSTER_POST_INIT", {}, {}),
    ("OP_CLUSTER_QUERY", {}, {}),
    ("OP_OS_DIAGNOSE", {"output_fields": []}, {}),
    ("OP_NODE_ADD", {"node_name": "n4"}, {}),
    ("OP_NODE_REMOVE", {"node_name": "n2"}, {}),
    (
        "OP_INSTANCE_CREATE",
        CREATE,
        {"instance/web2.example": X, f"nodegroup/{GROUP2}": S, f"node/{N3}": X, f"node-res/{N3}": X},
    ),
    ("OP_INSTANCE_STARTUP", {"instance_name": "web1"}, {WEB: X, f"node-res/{N2}": S}),
    ("OP_INSTANCE_SHUTDOWN", {"instance_name": "web1"}, {WEB: X}),
    ("OP_INSTANCE_REBOOT", {"instance_name": "web1", "reboot_type": "hard"}, {WEB: X}),
    ("OP_INSTANCE_REMOVE", {"instance_name": "web1"}, {WEB: X, f"node/{N2}": X, f"node-res/{N2}": X}),
    ("OP_INSTANCE_CONSOLE", {"instance_name": "web1"}, {WEB: S}),
    ("OP_INSTANCE_QUERY_DATA", {"instances": ["web1"]}, {}),
    ("OP_TAGS_SET", {"kind": "instance", "name": "web1", "tags": ["a"]}, {WEB: X}),
    ("OP_TAGS_SET", {"kind": "node", "name": "n1", "tags": ["a"]}, {f"node/{N1}": X}),
    ("OP_TAGS_SET", {"kind": "cluster", "tags": ["a"]}, {}),
    ("OP_TAGS_DEL", {"kind": "nodegroup", "name": "other", "tags": ["a"]}, {f"nodegroup/{GROUP2}": X}),
    ("OP_TAGS_GET", {"kind": "instance", "name": "web1"}, {}),
    ("OP_TAGS_GET", {"kind": "instance", "name": "web1", "use_locking": True}, {WEB: S}),
    ("OP_TEST_DELAY", {"duration": 1, "on_nodes": ["n2"]}, {}),
    ("OP_TEST_DELAY", {"duration": 1, "on_nodes": ["n2", "n3"], "no_locks": False}, {f"node/{N2}": X, f"node/{N3}": X}),
]


class LockTests(SynchronousTestCase):
    def test_the_table(self) -> None:
        config = cluster()
        for op_id, parameters, locks in TABLE:
            self.assertEqual(operation(op_id, **parameters).locks(config), locks, f"{op_id} {parameters}")

    def test_levels_are_known_to_the_lock_manager(self) -> None:
        levels = {name.partition("/")[0] for _, _, locks in TABLE for name in locks}
        self.assertLessEqual(levels, set(LEVELS))

    def test_what_is_not_there_is_named(self) -> None:
        config = cluster()
        for op_id in ("OP_INSTANCE_STARTUP", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REMOVE", "OP_INSTANCE_CONSOLE"):
            error = self.assertRaises(NotFound, operation(op_id, instance_name="nobody").locks, config)
            self.assertIn("nobody", error.text)
        tags = operation("OP_TAGS_SET", kind="node", tags=["a"])
        self.assertRaises(BadRequest, tags.locks, config)
        without_node = operation("OP_INSTANCE_CREATE", **{**CREATE, "pnode": None})
        self.assertRaises(BadRequest, without_node.locks, config)
