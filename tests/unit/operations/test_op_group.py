"""Operations on node groups: every refusal, what is stored, locks and warnings."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Exists, GanetiError, NotFound, NotUnique, WrongState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.defaults import IPOLICY
from ganeti_tw.model.new import new_disk, new_instance
from ganeti_tw.model.rows import Delete
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.group.assign_nodes import splits
from operation_samples import GROUP2, N1, N2, N3, NOW, FakeHands, changed, cluster, operation, ran, uuid

S, X = 0, 1
DEFAULT = uuid(1)
SMALL = {"cpu-count": 1, "disk-count": 0, "disk-size": 0, "memory-size": 4, "nic-count": 0, "spindle-use": 0}
LARGE = {"cpu-count": 9, "disk-count": 9, "disk-size": 999, "memory-size": 999, "nic-count": 9, "spindle-use": 9}
BOUNDS = [{"min": SMALL, "max": LARGE}]

GROUPS = ("OP_GROUP_REMOVE", "OP_GROUP_RENAME", "OP_GROUP_SET_PARAMS", "OP_GROUP_ASSIGN_NODES")
REQUIRED: dict[str, dict[str, Any]] = {
    "OP_GROUP_RENAME": {"new_name": "new"},
    "OP_GROUP_SET_PARAMS": {"alloc_policy": "preferred"},
    "OP_GROUP_ASSIGN_NODES": {"nodes": ["n1"]},
}


def with_mirrored(config: Config) -> Config:
    """With the instance db1, whose disk is mirrored between n1 and n2."""
    disk = new_disk("drbd", uuid=uuid(300), now=NOW, index=0, size=512, logical_id=(N1, N2, 11000, 0, 0, "x"))
    db = new_instance("db1.example", uuid=uuid(301), now=NOW, primary_node=N1, hypervisor="fake", disks=(disk.uuid,))
    return config.apply([row(disk), row(db)])


class GroupCase(SynchronousTestCase):
    def refused(self, op: Any, config: Config, kind: type[GanetiError], *words: str) -> None:
        error = self.assertRaises(kind, op.check, config)
        for word in words:
            self.assertIn(word, error.text)

    def done(self, op: Any, config: Config | None = None) -> Any:
        """The result of the operation; its hands are kept."""
        self.hands = FakeHands(config or cluster())
        return self.successResultOf(ran(op, self.hands))

    @property
    def config(self) -> Config:
        return self.hands.config()


class AllTests(GroupCase):
    def test_unknown_groups(self) -> None:
        for op_id in GROUPS:
            op = operation(op_id, group_name="nosuch", **REQUIRED.get(op_id, {}))
            self.refused(op, cluster(), NotFound, "group 'nosuch'")
            self.assertRaises(NotFound, op.locks, cluster())

    def test_groups_are_found_by_uuid(self) -> None:
        for op_id in GROUPS[1:]:
            operation(op_id, group_name=GROUP2, **REQUIRED.get(op_id, {})).check(cluster())

    def test_wrong_types(self) -> None:
        for op_id, name, value in (
            ("OP_GROUP_ADD", "alloc_policy", "never"),
            ("OP_GROUP_ADD", "diskparams", {"floppy": {}}),
            ("OP_GROUP_SET_PARAMS", "diskparams", {"drbd": 3}),
            ("OP_GROUP_SET_PARAMS", "ndparams", []),
            ("OP_GROUP_ASSIGN_NODES", "nodes", "n1"),
            ("OP_GROUP_ASSIGN_NODES", "force", "yes"),
        ):
            values = {**REQUIRED.get(op_id, {}), "group_name": "other", name: value}
            error = self.assertRaises(BadRequest, operation, op_id, **values)
            self.assertIn(name, error.text)


class AddTests(GroupCase):
    def add(self, **parameters: Any) -> Any:
        return operation("OP_GROUP_ADD", **{"group_name": "new", **parameters})

    def test_with_nothing_but_a_name(self) -> None:
        self.assertIsNone(self.done(self.add()))
        group = self.config.group("new")
        self.assertEqual((group.alloc_policy, group.ndparams, group.ipolicy), ("preferred", {}, {}))
        self.assertEqual((group.networks, self.config.nodes_of(group.uuid)), ({}, ()))

    def test_with_everything(self) -> None:
        self.done(
            self.add(
                alloc_policy="last_resort",
                ndparams={"exclusive_storage": "yes", "spindle_count": "4"},
                diskparams={"drbd": {"protocol": "A"}, "plain": {"stripes": "default"}},
                hv_state={"fake": {"mem_total": "1024", "cpu_node": None}},
                disk_state={"plain": {"xenvg": {"disk_total": 10}}},
                ipolicy={"minmax": BOUNDS, "vcpu-ratio": "2.5", "disk-templates": ["file"], "spindle-ratio": None},
            )
        )
        group = self.config.group("new")
        self.assertEqual(group.alloc_policy, "last_resort")
        self.assertEqual(group.ndparams, {"exclusive_storage": True, "spindle_count": 4})
        self.assertEqual(group.diskparams, {"drbd": {"protocol": "A"}})
        self.assertEqual(group.hv_state_static, {"fake": {"mem_total": 1024}})
        self.assertEqual(group.disk_state_static, {"plain": {"xenvg": {"disk_total": 10}}})
        self.assertEqual(group.ipolicy, {"minmax": BOUNDS, "vcpu-ratio": 2.5, "disk-templates": ["file"]})

    def test_refusals(self) -> None:
        for words, parameters in (
            (("'a b'",), {"group_name": "a b"}),
            (("UUID",), {"group_name": GROUP2}),
            (("'colour'",), {"ndparams": {"colour": 1}}),
            (("spindle_count",), {"ndparams": {"spindle_count": "many"}}),
            (("protocol", "A, B, C"), {"diskparams": {"drbd": {"protocol": "Z"}}}),
            (("'qemu'",), {"hv_state": {"qemu": {}}}),
            (("mem_total",), {"hv_state": {"kvm": {"mem_total": "x"}}}),
            (("'tape'", "plain"), {"disk_state": {"tape": {}}}),
            (("by name",), {"disk_state": {"plain": 3}}),
            (("'disk_x'",), {"disk_state": {"plain": {"vg": {"disk_x": 1}}}}),
            (("std",), {"ipolicy": {"std": SMALL}}),
            (("'colour'",), {"ipolicy": {"colour": 1}}),
            (("'colour'",), {"ipolicy": {"colour": None}}),
            (("vcpu-ratio",), {"ipolicy": {"vcpu-ratio": 0.5}}),
            (("vcpu-ratio",), {"ipolicy": {"vcpu-ratio": "many"}}),
            (("cpu-count",), {"ipolicy": {"minmax": [{"min": {}, "max": LARGE}]}}),
            (("plain", "not enabled"), {"ipolicy": {"disk-templates": ["file", "plain"]}}),
        ):
            self.refused(self.add(**parameters), cluster(), BadRequest, *words)

    def test_a_taken_name(self) -> None:
        self.refused(self.add(group_name="other"), cluster(), Exists, "other", GROUP2)

    def test_a_name_taken_meanwhile(self) -> None:
        op = self.add()
        op.check(cluster())
        config = cluster()
        hands = FakeHands(changed(config, config.group("other"), name="new"))
        self.failureResultOf(ran(op, hands), Exists)

    def test_locks(self) -> None:
        self.assertEqual(self.add().locks(cluster()), {})


class RemoveTests(GroupCase):
    def test_an_empty_group(self) -> None:
        config = cluster()
        config = changed(config, config.node("n3"), group=DEFAULT)
        self.assertIsNone(self.done(operation("OP_GROUP_REMOVE", group_name="other"), config))
        self.assertEqual([g.name for g in self.config.groups.values()], ["default"])

    def test_groups_with_nodes(self) -> None:
        op = operation("OP_GROUP_REMOVE", group_name="other")
        self.refused(op, cluster(), WrongState, "n3.example", "assign-nodes")

    def test_the_last_group(self) -> None:
        config = cluster()
        config = config.apply(deletes=[Delete("nodegroup", DEFAULT), Delete("node", N3)])
        self.refused(operation("OP_GROUP_REMOVE", group_name="other"), config, WrongState, "only group")

    def test_nodes_that_came_meanwhile(self) -> None:
        op = operation("OP_GROUP_REMOVE", group_name="other")
        self.failureResultOf(_only_run(op, FakeHands(cluster())), WrongState)

    def test_locks(self) -> None:
        op = operation("OP_GROUP_REMOVE", group_name="other")
        self.assertEqual(op.locks(cluster()), {f"nodegroup/{GROUP2}": X})


class RenameTests(GroupCase):
    def rename(self, new: str) -> Any:
        return operation("OP_GROUP_RENAME", group_name="other", new_name=new)

    def test_the_result_is_the_name(self) -> None:
        self.assertEqual(self.done(self.rename("rack2")), "rack2")
        self.assertEqual(self.config.group("rack2").uuid, GROUP2)
        self.assertIsNone(self.config.find_group("other"))

    def test_taken_names(self) -> None:
        for name in ("default", "other"):
            self.refused(self.rename(name), cluster(), Exists, name)

    def test_bad_names(self) -> None:
        for name in ("", "a b", N1):
            self.assertRaises(BadRequest, lambda name=name: self.rename(name).check(cluster()))

    def test_locks(self) -> None:
        self.assertEqual(self.rename("a").locks(cluster()), {f"nodegroup/{GROUP2}": X})


class ModifyTests(GroupCase):
    def modify(self, **parameters: Any) -> Any:
        return operation("OP_GROUP_SET_PARAMS", **{"group_name": "default", **parameters})

    def test_nothing_to_change(self) -> None:
        self.refused(self.modify(), cluster(), BadRequest, "nothing", "ipolicy")

    def test_values_are_put_over_those_there(self) -> None:
        config = cluster()
        group = config.group("default")
        config = changed(config, group, ndparams={"spindle_count": 2, "cpu_speed": 2.0}, ipolicy={"vcpu-ratio": 3.0})
        result = self.done(
            self.modify(
                ndparams={"spindle_count": "Default", "ssh_port": 2222},
                alloc_policy="unallocable",
                diskparams={},
                ipolicy={"vcpu-ratio": "default", "spindle-ratio": 16},
            ),
            config,
        )
        group = self.config.group("default")
        self.assertEqual(group.ndparams, {"cpu_speed": 2.0, "ssh_port": 2222})
        self.assertEqual(group.ipolicy, {"spindle-ratio": 16.0})
        self.assertEqual(
            result,
            [
                ("ndparams", {"cpu_speed": 2.0, "ssh_port": 2222}),
                ("alloc_policy", "unallocable"),
                ("ipolicy", {"spindle-ratio": 16.0}),
            ],
        )
        self.assertEqual(self.hands.said, [])

    def test_the_last_value_removes_the_template(self) -> None:
        config = cluster()
        config = changed(config, config.group("default"), diskparams={"plain": {"stripes": 2}})
        self.done(self.modify(diskparams={"plain": {"stripes": "default"}}), config)
        self.assertEqual(self.config.group("default").diskparams, {})

    def test_states(self) -> None:
        config = cluster()
        group = config.group("default")
        state = {"plain": {"a": {"disk_total": 1}, "b": {"disk_total": 2}}}
        config = changed(config, group, disk_state_static=state, hv_state_static={"kvm": {"mem_hv": 1}})
        self.done(
            self.modify(
                disk_state={"plain": {"a": {"disk_total": "default"}}},
                hv_state={"kvm": {"mem_hv": None}, "fake": {"mem_node": 5}},
            ),
            config,
        )
        group = self.config.group("default")
        self.assertEqual(group.disk_state_static, {"plain": {"b": {"disk_total": 2}}})
        self.assertEqual(group.hv_state_static, {"fake": {"mem_node": 5}})

    def test_refusals_are_those_of_add(self) -> None:
        self.refused(self.modify(ipolicy={"std": SMALL}), cluster(), BadRequest, "std")
        self.refused(self.modify(ipolicy={"minmax": 3}), cluster(), BadRequest, "minmax")

    def test_new_violations_are_a_warning(self) -> None:
        config = cluster(ipolicy={**IPOLICY, "minmax": BOUNDS, "std": SMALL})
        self.done(self.modify(ipolicy={"minmax": [{"min": SMALL, "max": {**LARGE, "memory-size": 64}}]}), config)
        self.assertEqual(len(self.hands.said), 1)
        self.assertIn("WARNING", self.hands.said[0])
        self.assertIn("web1.example", self.hands.said[0])
        self.assertIn("minmax", self.config.group("default").ipolicy)

    def test_old_violations_are_not_mentioned(self) -> None:
        tight = [{"min": SMALL, "max": {**LARGE, "memory-size": 64}}]
        config = cluster(ipolicy={**IPOLICY, "minmax": tight, "std": SMALL})
        self.done(self.modify(ipolicy={"minmax": [{"min": SMALL, "max": {**LARGE, "memory-size": 32}}]}), config)
        self.assertEqual(self.hands.said, [])

    def test_many_instances_are_compared_in_parts(self) -> None:
        config = cluster()
        web = config.instance("web1")
        more = [evolve(web, name=f"web{n}.example", uuid=uuid(n), disks=()) for n in range(2000, 2500)]
        self.done(self.modify(ipolicy={"disk-templates": ["sharedfile"]}), config.apply([row(i) for i in more]))
        self.assertEqual(self.hands.slept, [0, 0])
        self.assertIn("web2499.example", self.hands.said[0])

    def test_locks(self) -> None:
        config = with_mirrored(cluster())
        self.assertEqual(
            self.modify(alloc_policy="preferred").locks(config),
            {f"nodegroup/{DEFAULT}": X, "instance/web1.example": S, "instance/db1.example": S},
        )


class AssignNodesTests(GroupCase):
    def assign(self, *nodes: str, **parameters: Any) -> Any:
        return operation("OP_GROUP_ASSIGN_NODES", **{"group_name": "other", "nodes": list(nodes), **parameters})

    def test_nodes_move(self) -> None:
        self.assertIsNone(self.done(self.assign("n1", "n2", "n1.example")))
        self.assertEqual([n.name for n in self.config.nodes_of(GROUP2)], ["n1.example", "n2.example", "n3.example"])
        self.assertEqual(self.hands.said, [])

    def test_groups_and_nodes_count_the_change(self) -> None:
        before = cluster()
        self.done(self.assign("n1"))
        for thing in (before.group("default"), before.group("other"), before.node("n1")):
            self.assertEqual(self.config.current(thing).serial_no, thing.serial_no + 1)
        self.assertEqual(self.config.node("n2").serial_no, before.node("n2").serial_no)

    def test_nodes_that_are_there_already(self) -> None:
        before = cluster()
        self.done(self.assign("n3"))
        self.assertEqual(self.config.node("n3").serial_no, before.node("n3").serial_no)

    def test_uuids_go_with_names(self) -> None:
        self.done(self.assign("n1", node_uuids=[N1]))
        self.assertEqual(self.config.node("n1").group, GROUP2)
        self.refused(self.assign("n1", node_uuids=[N1, N2]), cluster(), BadRequest, "2 UUIDs")
        self.refused(self.assign("n1", node_uuids=[N2]), cluster(), NotUnique, N2)

    def test_unknown_nodes(self) -> None:
        self.refused(self.assign("n9"), cluster(), NotFound, "n9")

    def test_splitting_instances_needs_force(self) -> None:
        config = with_mirrored(cluster())
        for node in ("n1", "n2"):
            self.refused(self.assign(node), config, WrongState, "db1.example", "--force")
        self.done(self.assign("n1", force=True), config)
        self.assertIn("splits", self.hands.said[0])
        self.assertIn("db1.example", self.hands.said[0])
        self.assertEqual(self.config.node("n1").group, GROUP2)

    def test_both_nodes_of_an_instance(self) -> None:
        self.done(self.assign("n1", "n2"), with_mirrored(cluster()))
        self.assertEqual(self.hands.said, [])

    def test_instances_split_before_are_mentioned(self) -> None:
        config = with_mirrored(cluster())
        third = evolve(config.group("other"), name="third", uuid=uuid(400))
        config = changed(config, config.node("n1"), group=GROUP2).apply([row(third)])
        self.done(self.assign("n1", group_name="third"), config)
        self.assertEqual(len(self.hands.said), 1)
        self.assertIn("still", self.hands.said[0])
        self.assertEqual(splits(config, {N1: DEFAULT}), ([], []))

    def test_an_instance_that_came_meanwhile(self) -> None:
        self.failureResultOf(_only_run(self.assign("n1"), FakeHands(with_mirrored(cluster()))), WrongState)

    def test_locks(self) -> None:
        self.assertEqual(
            self.assign("n1", "n3").locks(cluster()),
            {f"nodegroup/{DEFAULT}": X, f"nodegroup/{GROUP2}": X, f"node/{N1}": X, f"node/{N3}": X},
        )


def _only_run(op: Any, hands: FakeHands) -> Any:
    """As if the checks had passed before the configuration became what it is."""

    async def run() -> Any:
        async with Context(hands) as context:
            return await op.run(context)

    return Deferred.fromCoroutine(run())
