"""Roles, flags and parameters of nodes: what is refused, what is stored, what is told."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Expired, GanetiError, NotFound, NotUnique, WrongState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_disk, new_instance
from ganeti_tw.protocol.node import Ping
from operation_samples import N1, N2, N3, NOW, FakeHands, changed, cluster, operation, ran, uuid

S, X = 0, 1


def modify(node: str = "n3", **parameters: Any) -> Any:
    return operation("OP_NODE_SET_PARAMS", node_name=node, **parameters)


def with_mirrored(config: Config, **fields: Any) -> Config:
    """With the instance db1, whose disk is mirrored between n1 and n2."""
    disk = new_disk("drbd", uuid=uuid(300), now=NOW, index=0, size=512, logical_id=(N1, N2, 11000, 0, 0, "x"))
    db = new_instance(
        "db1.example", uuid=uuid(301), now=NOW, primary_node=N1, hypervisor="fake", disks=(disk.uuid,), **fields
    )
    return config.apply([row(disk), row(db)])


class ModifyCase(SynchronousTestCase):
    def refused(self, op: Any, kind: type[GanetiError], *words: str, config: Config | None = None) -> None:
        error = self.assertRaises(kind, op.check, config or cluster())
        for word in words:
            self.assertIn(word, error.text)

    def done(self, op: Any, config: Config | None = None, answers: Any = None) -> list[Any]:
        self.hands = FakeHands(config or cluster(), answers)
        result: list[Any] = self.successResultOf(ran(op, self.hands))
        return result

    def node(self, name: str = "n3") -> Any:
        return self.hands.config().node(name)

    def roles(self) -> dict[str, tuple[bool, bool, bool]]:
        nodes = self.hands.config().nodes.values()
        return {n.name.partition(".")[0]: (n.master_candidate, n.drained, n.offline) for n in nodes}


class RefusalTests(ModifyCase):
    def test_nothing_and_too_much(self) -> None:
        self.refused(modify(), BadRequest, "nothing to change")
        self.refused(modify(drained=True, offline=True), BadRequest, "drained and offline")
        self.refused(modify("n9", drained=True), NotFound, "n9")

    def test_the_master(self) -> None:
        for flag in ("master_candidate", "drained", "offline"):
            for value in (True, False):
                self.refused(modify("n1", **{flag: value}), BadRequest, "n1.example is the master")
        self.refused(modify("n1", master_capable=False), BadRequest, "must stay master_capable")

    def test_a_candidate_must_be_capable(self) -> None:
        config = changed(cluster(), cluster().nodes[N2], master_capable=False)
        self.refused(modify("n2", master_candidate=True), WrongState, "not master_capable", config=config)
        self.refused(modify("n2", master_candidate=True, master_capable=False), WrongState, "not master_capable")

    def test_a_node_with_instances_stays_vm_capable(self) -> None:
        self.refused(modify("n2", vm_capable=False), WrongState, "web1.example")
        self.refused(modify("n1", vm_capable=False), WrongState, "db1.example", config=with_mirrored(cluster()))

    def test_too_few_candidates(self) -> None:
        config = changed(cluster(), cluster().cluster, candidate_pool_size=2)
        for change in ({"master_candidate": False}, {"drained": True}, {"offline": True}, {"master_capable": False}):
            self.refused(modify(**change), WrongState, "1 master candidates and 2 are wanted", config=config)

    def test_power_is_only_recorded_with_a_helper(self) -> None:
        self.refused(modify(powered=False), WrongState, "oob_program")
        config = changed(cluster(), cluster().nodes[N3], offline=True, master_candidate=False, powered=False)
        config = changed(config, config.nodes[N3], ndparams={"oob_program": "/oob"})
        self.refused(modify(offline=False), WrongState, "powered off", config=config)

    def test_parameters(self) -> None:
        self.refused(modify(ndparams={"exclusive_storage": True}), BadRequest, "exclusive_storage")
        self.refused(modify(ndparams={"colour": 1}), BadRequest, "colour")
        self.refused(modify(hv_state={"kvm": {"mem_total": -1}}), BadRequest, "mem_total")
        self.refused(modify(disk_state={"tape": {}}), BadRequest, "tape")

    def test_secondary_addresses(self) -> None:
        self.refused(modify("n3", secondary_ip="2001:db8::1"), BadRequest, "IPv4")
        self.refused(modify("n3", secondary_ip="192.0.2.2"), NotUnique, "n2.example")
        self.refused(modify("n3", secondary_ip="192.0.2.10"), NotUnique, "cluster")
        self.refused(modify("n3", secondary_ip="198.51.100.3"), BadRequest, "one network", "--force")
        self.refused(modify("n3", secondary_ip="198.51.100.3", force=True), BadRequest, "begin with the master")
        two = changed(cluster(), cluster().nodes[N1], secondary_ip="198.51.100.1")
        self.refused(modify("n3", secondary_ip="192.0.2.3"), BadRequest, "two networks", config=two)

    def test_instances_that_use_the_address(self) -> None:
        two = changed(with_mirrored(cluster(), admin_state="up"), cluster().nodes[N1], secondary_ip="198.51.100.1")
        self.refused(modify("n2", secondary_ip="198.51.100.2"), WrongState, "must be down", "db1", config=two)
        offline = changed(two, two.nodes[N2], offline=True)
        self.refused(modify("n2", secondary_ip="198.51.100.2"), WrongState, "offline", "db1", config=offline)

    def test_a_node_that_does_not_answer_stays_offline(self) -> None:
        config = changed(cluster(), cluster().nodes[N3], offline=True, master_candidate=False)
        hands = FakeHands(config, {Ping: Expired("no answer")})
        error = self.failureResultOf(ran(modify(offline=False), hands), WrongState).value
        self.assertIn("no answer", error.text)
        self.assertTrue(hands.config().node("n3").offline)


class RoleTests(ModifyCase):
    def test_each_role_clears_the_others(self) -> None:
        for flag, value in (("drained", (False, True, False)), ("offline", (False, False, True))):
            self.assertEqual(
                self.done(modify(**{flag: True}), changed(cluster(), cluster().cluster, candidate_pool_size=1)),
                sorted([("master_candidate", "False"), (flag, "True")], key=lambda p: "mdo".index(p[0][0])),
            )
            self.assertEqual(self.roles()["n3"], value)
        drained = changed(cluster(), cluster().nodes[N2], drained=True)
        self.assertEqual(
            self.done(modify("n2", master_candidate=True), drained),
            [("master_candidate", "True"), ("drained", "False")],
        )

    def test_auto_promote_fills_the_pool_with_others(self) -> None:
        config = changed(cluster(), cluster().cluster, candidate_pool_size=2)
        self.assertEqual(
            self.done(modify(offline=True, auto_promote=True), config),
            [("master_candidate", "False"), ("offline", "True")],
        )
        candidate, offline = (True, False, False), (False, False, True)
        self.assertEqual(self.roles(), {"n1": candidate, "n2": candidate, "n3": offline})
        self.assertIn("n2.example is a master candidate now", " ".join(self.hands.said))

    def test_a_node_that_comes_back_promotes_itself_when_there_is_room(self) -> None:
        for flag in ("drained", "offline"):
            config = changed(cluster(), cluster().nodes[N2], **{flag: True})
            self.assertEqual(
                self.done(modify("n2", **{flag: False}), config), [("master_candidate", "True"), (flag, "False")]
            )
            full = changed(config, config.cluster, candidate_pool_size=2)
            self.assertEqual(self.done(modify("n2", **{flag: False}), full), [(flag, "False")])
            self.assertEqual(self.roles()["n2"], (False, False, False))

    def test_master_capable(self) -> None:
        config = changed(cluster(), cluster().nodes[N2], master_capable=False)
        self.assertEqual(
            self.done(modify("n2", master_capable=True), config),
            [("master_capable", "True"), ("master_candidate", "True")],
        )
        self.assertEqual(
            self.done(modify(master_capable=False), changed(cluster(), cluster().cluster, candidate_pool_size=1)),
            [("master_capable", "False"), ("master_candidate", "False")],
        )

    def test_unsetting_what_is_not_set_is_only_noted(self) -> None:
        self.assertEqual(self.done(modify(drained=False)), [])
        self.assertIn("n3.example is not drained anyway", " ".join(self.hands.said))
        self.assertEqual(self.roles()["n3"], (True, False, False))

    def test_only_a_node_that_comes_online_is_asked(self) -> None:
        self.done(modify("n2", drained=True))
        self.assertEqual(self.hands.messages(Ping), [])
        self.done(modify(offline=False), changed(cluster(), cluster().nodes[N3], offline=True, master_candidate=False))
        self.assertEqual(len(self.hands.messages(Ping)), 1)


class SettingTests(ModifyCase):
    def test_parameters_and_states_are_stored_and_not_told(self) -> None:
        result = self.done(
            modify(
                "n2",
                ndparams={"spindle_count": "2", "oob_program": "/oob"},
                powered=False,
                hv_state={"fake": {"mem_total": 5}},
                disk_state={"plain": {"xenvg": {"disk_total": 7}}},
            )
        )
        self.assertEqual(result, [])
        node = self.node("n2")
        self.assertEqual(node.ndparams, {"spindle_count": 2, "oob_program": "/oob"})
        self.assertFalse(node.powered)
        self.assertEqual(node.hv_state_static, {"fake": {"mem_total": 5}})
        self.assertEqual(node.disk_state_static, {"plain": {"xenvg": {"disk_total": 7}}})

    def test_vm_capable_and_secondary_address(self) -> None:
        self.assertEqual(self.done(modify(vm_capable=False)), [("vm_capable", "False")])
        self.assertEqual(
            self.done(modify("n1", secondary_ip="198.51.100.1", force=True)), [("secondary_ip", "198.51.100.1")]
        )
        two = changed(with_mirrored(cluster()), cluster().nodes[N1], secondary_ip="198.51.100.1")
        self.done(modify("n2", secondary_ip="198.51.100.2"), two)
        self.assertEqual(self.node("n2").secondary_ip, "198.51.100.2")


class LockTests(ModifyCase):
    def test_locks(self) -> None:
        config = cluster()
        own = {f"node/{N2}": X, f"node-res/{N2}": X}
        every = {f"{level}/{n}": X for level in ("node", "node-res") for n in (N1, N2, N3)}
        self.assertEqual(modify("n2", drained=True).locks(config), own)
        self.assertEqual(modify("n2", drained=True, auto_promote=True).locks(config), every)
        self.assertEqual(modify("n2", drained=False, auto_promote=True).locks(config), own)
        self.assertEqual(modify("n2", secondary_ip="x").locks(config), {**own, "instance/web1.example": S})
