"""What each operation locks, by the table of locks."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, NotFound
from ganeti_tw.locks.allocation import LEVELS
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.network import Network
from operation_samples import DISK1, GROUP2, KINDS, N1, N2, N3, changed, cluster, operation, uuid

S, X = 0, 1
NET = uuid(500)
WEB = "instance/web1.example"
DEFAULT = uuid(1)

CREATE = {"instance_name": "Web2.Example.", "disks": [{"size": 10}], "nics": [], "mode": "create", "pnode": "n3"}
FOR_DISKS = ("node", "node-res")
OPEN = {**CREATE, "pnode": None, "iallocator": "hail"}
MULTI = {"OP_ID": "OP_INSTANCE_CREATE", **CREATE, "pnode": None}


def every(mode: int, *levels: str) -> dict[str, int]:
    return {f"{level}/{n}": mode for level in levels for n in (N1, N2, N3)}


ALL_NODES = {f"node/{n}": S for n in (N1, N2, N3)}
GROUPS = {f"nodegroup/{DEFAULT}": S, f"nodegroup/{GROUP2}": S}

TABLE: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("OP_CLUSTER_DESTROY", {}, {}),
    ("OP_CLUSTER_ACTIVATE_MASTER_IP", {}, {}),
    ("OP_CLUSTER_DEACTIVATE_MASTER_IP", {}, {}),
    ("OP_CLUSTER_POST_INIT", {}, {}),
    ("OP_CLUSTER_REDIST_CONF", {}, {"node/[lockset]": S}),
    ("OP_CLUSTER_RENEW_CRYPTO", {}, {"node/[lockset]": X}),
    ("OP_TEST_DUMMY", {"result": None, "messages": None, "fail": False}, {}),
    ("OP_TEST_JQUEUE", {}, {f"node/{N1}": X}),
    ("OP_TEST_OS_PARAMS", {"osparams_secret": {"key": "value"}}, {}),
    ("OP_CLUSTER_QUERY", {}, {}),
    ("OP_CLUSTER_CONFIG_QUERY", {"output_fields": []}, {}),
    ("OP_QUERY", {"what": "instance", "fields": ["name"]}, {}),
    ("OP_QUERY", {"what": "instance", "fields": ["name"], "use_locking": True}, {"instance/[lockset]": S}),
    ("OP_QUERY", {"what": "group", "fields": ["name"], "use_locking": True}, {"nodegroup/[lockset]": S}),
    ("OP_QUERY", {"what": "job", "fields": ["id"], "use_locking": True}, {}),
    ("OP_QUERY_FIELDS", {"what": "node"}, {}),
    ("OP_CLUSTER_RENAME", {"name": "other.example"}, {}),
    ("OP_CLUSTER_SET_PARAMS", {}, {"node/[lockset]": S, "instance/[lockset]": S, "nodegroup/[lockset]": S}),
    ("OP_CLUSTER_VERIFY", {}, {}),
    (
        "OP_CLUSTER_VERIFY_CONFIG",
        {},
        {f"{level}/[lockset]": S for level in ("instance", "nodegroup", "node", "node-res", "network")},
    ),
    ("OP_CLUSTER_VERIFY_DISKS", {}, GROUPS),
    ("OP_CLUSTER_VERIFY_DISKS", {"group_name": "other"}, {f"nodegroup/{GROUP2}": S}),
    (
        "OP_CLUSTER_VERIFY_GROUP",
        {"group_name": "default"},
        {f"nodegroup/{DEFAULT}": S, WEB: S, f"node/{N1}": S, f"node/{N2}": S},
    ),
    ("OP_GROUP_ADD", {"group_name": "new"}, {}),
    (
        "OP_GROUP_ASSIGN_NODES",
        {"group_name": "other", "nodes": ["n2"]},
        {f"nodegroup/{DEFAULT}": X, f"nodegroup/{GROUP2}": X, f"node/{N2}": X},
    ),
    (
        "OP_GROUP_EVACUATE",
        {"group_name": "default"},
        {WEB: S, **GROUPS, **every(S, "node")},
    ),
    (
        "OP_GROUP_EVACUATE",
        {"group_name": "other", "target_groups": ["other"]},
        {f"nodegroup/{GROUP2}": S, f"node/{N3}": S},
    ),
    ("OP_GROUP_REMOVE", {"group_name": "other"}, {f"nodegroup/{GROUP2}": X}),
    ("OP_GROUP_RENAME", {"group_name": "other", "new_name": "new"}, {f"nodegroup/{GROUP2}": X}),
    ("OP_GROUP_SET_PARAMS", {"group_name": "default"}, {f"nodegroup/{DEFAULT}": X, WEB: S}),
    (
        "OP_GROUP_VERIFY_DISKS",
        {"group_name": "default"},
        {f"nodegroup/{DEFAULT}": S, WEB: S, f"node/{N1}": S, f"node/{N2}": S},
    ),
    ("OP_NETWORK_ADD", {"network_name": "n", "network": "203.0.113.0/24"}, ALL_NODES),
    ("OP_NETWORK_ADD", {"network_name": "n", "network": "203.0.113.0/24", "conflicts_check": False}, {}),
    (
        "OP_NETWORK_CONNECT",
        {"network_name": "net1", "group_name": "default", "network_mode": "bridged", "network_link": "br0"},
        {f"nodegroup/{DEFAULT}": X, WEB: S, f"network/{NET}": S},
    ),
    ("OP_NETWORK_DISCONNECT", {"network_name": "net1", "group_name": "default"}, {f"nodegroup/{DEFAULT}": X, WEB: S}),
    ("OP_NETWORK_REMOVE", {"network_name": "net1"}, {f"network/{NET}": X, **GROUPS}),
    ("OP_NETWORK_RENAME", {"network_name": "net1", "new_name": "n"}, {f"network/{NET}": X}),
    ("OP_NETWORK_SET_PARAMS", {"network_name": "net1"}, {f"network/{NET}": X}),
    ("OP_NODE_MIGRATE", {"node_name": "n2", "target_node": "n3"}, {f"node/{N2}": S}),
    (
        "OP_NODE_EVACUATE",
        {"node_name": "n2", "mode": "primary-only"},
        {WEB: S, f"nodegroup/{DEFAULT}": S, f"node/{N1}": S, f"node/{N2}": S},
    ),
    (
        "OP_NODE_EVACUATE",
        {"node_name": "n2", "mode": "secondary-only", "remote_node": "n3"},
        {**GROUPS, f"node/{N2}": S, f"node/{N3}": S},
    ),
    ("OP_NODE_POWERCYCLE", {"node_name": "n2"}, {}),
    ("OP_NODE_SET_PARAMS", {"node_name": "n2", "drained": True}, {f"node/{N2}": X, f"node-res/{N2}": X}),
    (
        "OP_NODE_SET_PARAMS",
        {"node_name": "n3", "drained": True, "auto_promote": True},
        {f"{level}/{n}": X for level in ("node", "node-res") for n in (N1, N2, N3)},
    ),
    (
        "OP_NODE_SET_PARAMS",
        {"node_name": "n2", "secondary_ip": "192.0.2.9"},
        {f"node/{N2}": X, f"node-res/{N2}": X, WEB: S},
    ),
    ("OP_OOB_COMMAND", {"command": "health"}, dict.fromkeys(ALL_NODES, X)),
    ("OP_OOB_COMMAND", {"command": "health", "node_names": ["n2"]}, {f"node/{N2}": X}),
    ("OP_RESTRICTED_COMMAND", {"command": "c", "nodes": ["n2"]}, {f"node/{N2}": S}),
    ("OP_RESTRICTED_COMMAND", {"command": "c", "nodes": ["n2"], "use_locking": True}, {f"node/{N2}": X}),
    ("OP_TAGS_SEARCH", {"pattern": "x"}, {}),
    ("OP_INSTANCE_CHANGE_GROUP", {"instance_name": "web1"}, {WEB: S, **GROUPS, **every(S, "node")}),
    (
        "OP_INSTANCE_CHANGE_GROUP",
        {"instance_name": "web1", "target_groups": ["default"]},
        {WEB: S, f"nodegroup/{DEFAULT}": S, f"node/{N1}": S, f"node/{N2}": S},
    ),
    *(
        (op_id, {"instance_name": "web1"}, {WEB: X, **{f"{level}/{n}": X for level in FOR_DISKS for n in (N1, N2)}})
        for op_id in ("OP_INSTANCE_FAILOVER", "OP_INSTANCE_MIGRATE")
    ),
    (
        "OP_INSTANCE_MIGRATE",
        {"instance_name": "web1", "target_node": "n3"},
        {WEB: X, **{f"{level}/{n}": X for level in ("node", "node-res") for n in (N2, N3)}},
    ),
    ("OP_INSTANCE_MULTI_ALLOC", {}, {}),
    ("OP_INSTANCE_MULTI_ALLOC", {"instances": [{**MULTI, "pnode": "n3"}]}, {}),
    ("OP_INSTANCE_MULTI_ALLOC", {"instances": [MULTI]}, every(S, "node", "node-res")),
    ("OP_INSTANCE_REINSTALL", {"instance_name": "web1"}, {WEB: X, f"node-res/{N2}": X}),
    (
        "OP_INSTANCE_RENAME",
        {"instance_name": "web1", "new_name": "web2.example"},
        {WEB: X, "instance/web2.example": X, f"node/{N2}": X, f"node-res/{N2}": X},
    ),
    (
        "OP_INSTANCE_SET_PARAMS",
        {"instance_name": "web1"},
        {WEB: X, f"nodegroup/{DEFAULT}": S, f"node/{N2}": S},
    ),
    (
        "OP_INSTANCE_SET_PARAMS",
        {"instance_name": "web1", "disks": [["add", -1, {"size": 1}]]},
        {WEB: X, f"nodegroup/{DEFAULT}": S, f"node/{N2}": S, f"node-res/{N2}": X},
    ),
    (
        "OP_INSTANCE_QUERY_DATA",
        {"instances": ["web1"], "use_locking": True},
        {WEB: S, f"nodegroup/{DEFAULT}": S, f"node/{N2}": S},
    ),
    ("OP_NODE_QUERY_STORAGE", {"output_fields": []}, ALL_NODES),
    ("OP_NODE_QUERY_STORAGE", {"output_fields": ["name"], "nodes": ["n2"]}, {f"node/{N2}": S}),
    ("OP_OS_DIAGNOSE", {"output_fields": []}, {}),
    ("OP_NODE_ADD", {"node_name": "n4"}, {}),
    ("OP_NODE_REMOVE", {"node_name": "n2"}, {}),
    (
        "OP_INSTANCE_CREATE",
        CREATE,
        {"instance/web2.example": X, f"nodegroup/{GROUP2}": S, f"node/{N3}": X, f"node-res/{N3}": X},
    ),
    ("OP_INSTANCE_CREATE", OPEN, {"instance/web2.example": X, **GROUPS, **every(X, "node", "node-res")}),
    (
        "OP_INSTANCE_CREATE",
        {**OPEN, "group_name": "other"},
        {"instance/web2.example": X, f"nodegroup/{GROUP2}": S, f"node/{N3}": X, f"node-res/{N3}": X},
    ),
    (
        "OP_INSTANCE_CREATE",
        {**CREATE, "disks": []},
        {"instance/web2.example": X, f"nodegroup/{GROUP2}": S, f"node/{N3}": X, f"node-res/{N3}": X},
    ),
    ("OP_INSTANCE_ACTIVATE_DISKS", {"instance_name": "web1"}, {WEB: X, f"node/{N2}": X}),
    ("OP_INSTANCE_DEACTIVATE_DISKS", {"instance_name": "web1"}, {WEB: X, f"node/{N2}": X}),
    ("OP_INSTANCE_STARTUP", {"instance_name": "web1"}, {WEB: X, f"node-res/{N2}": S}),
    ("OP_INSTANCE_SHUTDOWN", {"instance_name": "web1"}, {WEB: X}),
    ("OP_INSTANCE_REBOOT", {"instance_name": "web1", "reboot_type": "hard"}, {WEB: X}),
    ("OP_INSTANCE_REMOVE", {"instance_name": "web1"}, {WEB: X, f"node/{N2}": X, f"node-res/{N2}": X}),
    ("OP_INSTANCE_CONSOLE", {"instance_name": "web1"}, {WEB: S}),
    (
        "OP_INSTANCE_FAILOVER",
        {"instance_name": "web1", "target_node": "n3"},
        {WEB: X, **{f"{level}/{n}": X for level in ("node", "node-res") for n in (N2, N3)}},
    ),
    ("OP_INSTANCE_QUERY_DATA", {"instances": ["web1"]}, {}),
    ("OP_TAGS_SET", {"kind": "instance", "name": "web1", "tags": ["a"]}, {WEB: X}),
    ("OP_TAGS_SET", {"kind": "node", "name": "n1", "tags": ["a"]}, {f"node/{N1}": X}),
    ("OP_TAGS_SET", {"kind": "cluster", "tags": ["a"]}, {}),
    ("OP_TAGS_DEL", {"kind": "nodegroup", "name": "other", "tags": ["a"]}, {f"nodegroup/{GROUP2}": X}),
    ("OP_TAGS_GET", {"kind": "instance", "name": "web1"}, {}),
    ("OP_TAGS_GET", {"kind": "instance", "name": "web1", "use_locking": True}, {WEB: S}),
    ("OP_TEST_ALLOCATOR", {"direction": "in", "mode": "relocate", "name": "web1"}, {}),
    ("OP_TEST_DELAY", {"duration": 1, "on_nodes": ["n2"]}, {}),
    ("OP_TEST_DELAY", {"duration": 1, "on_nodes": ["n2", "n3"], "no_locks": False}, {f"node/{N2}": X, f"node/{N3}": X}),
]


class LocksOfDisklessTests(SynchronousTestCase):
    """What takes nothing of a node need not have it alone, as it has in the original."""

    def test_creating_one_that_is_not_started_leaves_its_node_to_others(self) -> None:
        wanted = operation("OP_INSTANCE_CREATE", **{**CREATE, "disks": [], "start": False}).locks(cluster())
        self.assertEqual(wanted, {"instance/web2.example": X, f"nodegroup/{GROUP2}": S, f"node/{N3}": S})

    def test_removing_an_instance_without_disks_leaves_its_node_to_others(self) -> None:
        config = cluster()
        web = config.instance("web1")
        config = changed(config, web, disks=())
        wanted = operation("OP_INSTANCE_REMOVE", instance_name="web1").locks(config)
        self.assertEqual(wanted, {WEB: X, f"node/{N2}": S})


LOCKSETS = dict.fromkeys(("instance", "nodegroup", "node", "node-res", "network"), S)
REFERENCE: dict[str, tuple[dict[str, int], ...]] = {
    "OP_CLUSTER_DESTROY": ({},),
    "OP_CLUSTER_ACTIVATE_MASTER_IP": ({},),
    "OP_CLUSTER_DEACTIVATE_MASTER_IP": ({},),
    "OP_CLUSTER_POST_INIT": ({},),
    "OP_CLUSTER_REDIST_CONF": ({"node": S},),
    "OP_CLUSTER_RENEW_CRYPTO": ({"node": X},),
    "OP_CLUSTER_QUERY": ({},),
    "OP_CLUSTER_CONFIG_QUERY": ({},),
    "OP_QUERY": ({}, {"instance": S}, {"nodegroup": S}),
    "OP_QUERY_FIELDS": ({},),
    "OP_CLUSTER_RENAME": ({},),
    "OP_CLUSTER_SET_PARAMS": ({"node": S, "instance": S, "nodegroup": S},),
    "OP_CLUSTER_VERIFY": ({},),
    "OP_CLUSTER_VERIFY_CONFIG": (LOCKSETS,),
    "OP_CLUSTER_VERIFY_DISKS": ({"nodegroup": S},),
    "OP_CLUSTER_VERIFY_GROUP": ({"nodegroup": S, "instance": S, "node": S},),
    "OP_GROUP_ADD": ({},),
    "OP_GROUP_ASSIGN_NODES": ({"nodegroup": X, "node": X},),
    "OP_GROUP_EVACUATE": ({"instance": S, "nodegroup": S, "node": S}, {"nodegroup": S, "node": S}),
    "OP_GROUP_REMOVE": ({"nodegroup": X},),
    "OP_GROUP_RENAME": ({"nodegroup": X},),
    "OP_GROUP_SET_PARAMS": ({"nodegroup": X, "instance": S},),
    "OP_GROUP_VERIFY_DISKS": ({"nodegroup": S, "instance": S, "node": S},),
    "OP_INSTANCE_ACTIVATE_DISKS": ({"instance": X, "node": X},),
    "OP_INSTANCE_DEACTIVATE_DISKS": ({"instance": X, "node": X},),
    "OP_INSTANCE_CHANGE_GROUP": ({"instance": S, "nodegroup": S, "node": S},),
    "OP_INSTANCE_CONSOLE": ({"instance": S},),
    "OP_INSTANCE_CREATE": ({"instance": X, "node": X, "node-res": X, "nodegroup": S},),
    "OP_INSTANCE_FAILOVER": ({"instance": X, "node": X, "node-res": X},),
    "OP_INSTANCE_MIGRATE": ({"instance": X, "node": X, "node-res": X},),
    "OP_INSTANCE_MULTI_ALLOC": ({"node": S, "node-res": S},),
    "OP_INSTANCE_QUERY_DATA": ({}, {"instance": S, "nodegroup": S, "node": S}),
    "OP_INSTANCE_REBOOT": ({"instance": X},),
    "OP_INSTANCE_REINSTALL": ({"instance": X},),
    "OP_INSTANCE_REMOVE": ({"instance": X, "node": X, "node-res": X},),
    "OP_INSTANCE_RENAME": ({"instance": X},),
    "OP_INSTANCE_SET_PARAMS": ({"instance": X, "nodegroup": S, "node": X},),
    "OP_INSTANCE_SHUTDOWN": ({"instance": X},),
    "OP_INSTANCE_STARTUP": ({"instance": X, "node-res": S},),
    "OP_NETWORK_ADD": ({"node": S}, {}),
    "OP_NETWORK_CONNECT": ({"nodegroup": X, "instance": S, "network": S}, {"nodegroup": X}),
    "OP_NETWORK_DISCONNECT": ({"nodegroup": X, "instance": S},),
    "OP_NETWORK_REMOVE": ({"network": X, "nodegroup": S},),
    "OP_NETWORK_SET_PARAMS": ({"network": X},),
    "OP_NODE_ADD": ({},),
    "OP_NODE_MIGRATE": ({"node": S},),
    "OP_NODE_EVACUATE": ({"instance": S, "nodegroup": S, "node": S}, {"nodegroup": S, "node": S}),
    "OP_NODE_POWERCYCLE": ({},),
    "OP_NODE_QUERY_STORAGE": ({"node": S},),
    "OP_NODE_REMOVE": ({},),
    "OP_NODE_SET_PARAMS": ({"node": X, "node-res": X}, {"node": X, "node-res": X, "instance": S}),
    "OP_OOB_COMMAND": ({"node": X},),
    "OP_OS_DIAGNOSE": ({},),
    "OP_RESTRICTED_COMMAND": ({"node": S}, {"node": X}),
    "OP_TAGS_DEL": ({"nodegroup": X}, {"instance": X}, {"node": X}, {"network": X}, {}),
    "OP_TAGS_GET": ({}, {"instance": S}),
    "OP_TAGS_SEARCH": ({},),
    "OP_TAGS_SET": ({"nodegroup": X}, {"instance": X}, {"node": X}, {"network": X}, {}),
    "OP_TEST_ALLOCATOR": ({},),
    "OP_TEST_DELAY": ({"node": X}, {}),
    "OP_TEST_DUMMY": ({},),
    "OP_TEST_JQUEUE": ({"node": X},),
    "OP_TEST_OS_PARAMS": ({},),
}
"""The levels and modes that the table of locks gives each operation, one set per way to call it.

The big lock is compared with the table of opcodes, in ``test_op_fields``.
"""

DIFFERENT = {
    "OP_INSTANCE_MULTI_ALLOC",  # without an allocator it only submits jobs, which take the locks
    "OP_INSTANCE_REINSTALL",  # the OS script works on the disks: heavy work on the node
    "OP_INSTANCE_RENAME",  # directories of disks move on the nodes
    "OP_INSTANCE_SET_PARAMS",  # the node only has to stay: changes of its other instances need not wait
}


def with_network() -> Config:
    """The cluster, and net1 in no group."""
    net = Network(uuid=NET, name="net1", serial_no=1, ctime=1.0, network="198.51.100.0/28")
    return cluster().apply([row(IpPool.new(net.network).stored_in(net))])


def levels(locks: dict[str, int]) -> dict[str, int]:
    """Level -> mode; the stricter where there are both."""
    found: dict[str, int] = {}
    for name, mode in locks.items():
        level = name.partition("/")[0]
        found[level] = max(mode, found.get(level, mode))
    return found


class LockTests(SynchronousTestCase):
    def test_the_table(self) -> None:
        config = with_network()
        for op_id, parameters, locks in TABLE:
            self.assertEqual(operation(op_id, **parameters).locks(config), locks, f"{op_id} {parameters}")

    def test_every_operation_has_a_row(self) -> None:
        self.assertEqual({op_id for op_id, _, _ in TABLE}, set(KINDS))

    def test_levels_and_modes_are_those_of_the_original(self) -> None:
        self.assertEqual(set(KINDS) - set(REFERENCE), {"OP_NETWORK_RENAME"})
        seen: dict[str, list[bool]] = {}
        for op_id, _, locks in TABLE:
            if op_id in REFERENCE:
                seen.setdefault(op_id, []).append(levels(locks) in REFERENCE[op_id])
        self.assertEqual({op_id for op_id, same in seen.items() if not all(same)}, DIFFERENT)

    def test_disks_on_nodes_of_another_group_are_looked_at_under_its_lock(self) -> None:
        config = cluster()
        config = changed(config, config.disks[DISK1], dev_type="drbd", logical_id=(N2, N3, 11000, 0, 0, "x"))
        config = changed(config, config.disks[DISK1], nodes=(N2, N3))
        locks = operation("OP_GROUP_VERIFY_DISKS", group_name="default").locks(config)
        self.assertEqual(locks, {**GROUPS, **ALL_NODES, WEB: S})

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
        without_group = operation("OP_INSTANCE_CREATE", **{**OPEN, "group_name": "nogroup"})
        self.assertRaises(NotFound, without_group.locks, config)

    def test_opportunistic_locks(self) -> None:
        """Of each node both or none; one node is enough for disks that are on one."""
        config = cluster()
        create = operation("OP_INSTANCE_CREATE", **OPEN, opportunistic_locking=True)
        self.assertEqual(create.locks(config), {"instance/web2.example": X, **GROUPS})
        some = create.opportunistic(config)
        self.assertEqual(list(some.some), [{f"node/{n}": X, f"node-res/{n}": X} for n in (N1, N2, N3)])
        self.assertEqual(some.least, 1)
        drbd = operation("OP_INSTANCE_CREATE", **OPEN, opportunistic_locking=True, disk_template="drbd")
        self.assertEqual(drbd.opportunistic(config).least, 2)
        self.assertIsNone(operation("OP_INSTANCE_CREATE", **OPEN).opportunistic(config))
        many = operation("OP_INSTANCE_MULTI_ALLOC", instances=[MULTI], opportunistic_locking=True)
        self.assertEqual(many.locks(config), {})
        self.assertEqual(many.opportunistic(config).some[0], {f"node/{N1}": S, f"node-res/{N1}": S})
