"""Operations on the cluster, nodes, tags, OS definitions, and the context they work in."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import (
    BadRequest,
    DriverError,
    Exists,
    GanetiError,
    NodeOffline,
    NotFound,
    NotUnique,
    ResolverError,
    Retry,
    WrongState,
)
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import Delete
from ganeti_tw.operations.context import Context
from ganeti_tw.protocol.node import ListOses, Ping
from operation_samples import DISK1, N2, N3, NOOP, WEB1, FakeHands, changed, cluster, operation, ran

ADD = {"node_name": "n4.example", "primary_ip": "192.0.2.4", "token": "t"}


class RefusalCase(SynchronousTestCase):
    def refused(self, op: Any, config: Config, kind: type[GanetiError], *words: str) -> None:
        error = self.assertRaises(kind, op.check, config)
        for word in words:
            self.assertIn(word, error.text)


class ClusterTests(RefusalCase):
    def test_destroy_needs_an_empty_cluster(self) -> None:
        config = cluster()
        op = operation("OP_CLUSTER_DESTROY")
        self.refused(op, config, WrongState, "n2.example", "n3.example")
        alone = config.apply(deletes=[Delete("node", N2), Delete("node", N3)])
        self.refused(op, alone, WrongState, "1 instances")
        empty = alone.apply(deletes=[Delete("instance", WEB1), Delete("disk", DISK1)])
        op.check(empty)
        self.assertEqual(self.successResultOf(ran(op, FakeHands(empty))), "n1.example")

    def test_queries_change_nothing(self) -> None:
        hands = FakeHands(cluster())
        for op_id in ("OP_CLUSTER_QUERY", "OP_CLUSTER_POST_INIT"):
            self.successResultOf(ran(operation(op_id), hands))
        self.assertEqual(hands.asked, [])


class NodeAddTests(RefusalCase):
    def add(self, **parameters: Any) -> Any:
        return operation("OP_NODE_ADD", **{**ADD, **parameters})

    def test_refusals(self) -> None:
        config = cluster()
        for parameters, kind, word in (
            ({"node_name": "n2.example"}, Exists, "n2.example"),
            ({"node_name": "a b"}, BadRequest, "host name"),
            ({"token": ""}, BadRequest, "gnt-node token"),
            ({"group": "nowhere"}, NotFound, "nowhere"),
            ({"primary_ip": "192.0.2.2"}, NotUnique, "n2.example"),
            ({"primary_ip": "192.0.2.10"}, NotUnique, "cluster"),
            ({"primary_ip": "x"}, BadRequest, "IP address"),
            ({"secondary_ip": "192.0.2.3"}, NotUnique, "n3.example"),
            ({"ndparams": {"nonsense": 1}}, BadRequest, "nonsense"),
        ):
            self.refused(self.add(**parameters), config, kind, word)

    def test_joins_and_is_written_down(self) -> None:
        hands = FakeHands(cluster())
        self.successResultOf(ran(self.add(node_name="N4.example.", group="other"), hands))
        node = hands.config().node("n4")
        self.assertEqual(
            (node.name, node.secondary_ip, node.group), ("n4.example", "192.0.2.4", hands.config().group("other").uuid)
        )
        self.assertEqual((hands.joined, node.master_candidate), (["n4.example"], True))

    def test_those_that_may_not_be_candidates_are_none(self) -> None:
        hands = FakeHands(cluster())
        self.successResultOf(ran(self.add(master_capable=False, vm_capable=False), hands))
        node = hands.config().node("n4")
        self.assertEqual((node.master_candidate, node.master_capable, node.vm_capable), (False, False, False))

    def test_the_address_is_looked_up(self) -> None:
        hands = FakeHands(cluster())
        self.failureResultOf(ran(self.add(primary_ip=None), hands), ResolverError)
        hands.addresses["n4.example"] = "192.0.2.2"
        self.failureResultOf(ran(self.add(primary_ip=None), hands), NotUnique)
        self.assertEqual(hands.joined, [])
        hands.addresses["n4.example"] = "192.0.2.4"
        self.successResultOf(ran(self.add(primary_ip=None), hands))

    def test_all_nodes_have_a_second_network_or_none(self) -> None:
        self.failureResultOf(ran(self.add(secondary_ip="198.51.100.4"), FakeHands(cluster())), BadRequest)
        config = cluster()
        apart = changed(config, config.master, secondary_ip="198.51.100.1")
        self.failureResultOf(ran(self.add(), FakeHands(apart)), BadRequest)
        self.successResultOf(ran(self.add(secondary_ip="198.51.100.4"), FakeHands(apart)))

    def test_addresses_are_of_the_version_of_the_cluster(self) -> None:
        config = cluster()
        self.refused(self.add(primary_ip="2001:db8::4"), config, BadRequest, "IP version 4")
        self.refused(self.add(secondary_ip="2001:db8::4"), config, BadRequest, "IP version 4")
        new = changed(config, config.cluster, primary_ip_family=10)
        self.refused(self.add(), new, BadRequest, "IP version 6")
        self.add(primary_ip="2001:db8::4").check(new)

    def test_states_are_kept(self) -> None:
        hands = FakeHands(cluster())
        given = {"hv_state": {"kvm": {"mem_node": 5}}, "disk_state": {"plain": {"vg": {"disk_total": 9}}}}
        self.refused(self.add(hv_state={"kvm": {"x": 1}}), hands.config(), BadRequest, "'x'")
        self.successResultOf(ran(self.add(**given), hands))
        node = hands.config().node("n4")
        self.assertEqual((node.hv_state_static, node.disk_state_static), (given["hv_state"], given["disk_state"]))

    def again(self, **parameters: Any) -> Any:
        return self.add(**{"node_name": "n2.example", "primary_ip": "192.0.2.22", "readd": True, **parameters})

    def test_adding_again_is_refused(self) -> None:
        for parameters, kind, word in (
            ({"node_name": "n4.example"}, NotFound, "n4.example"),
            ({"node_name": "n1.example"}, WrongState, "is the master"),
            ({"group": "other"}, BadRequest, "assign-nodes"),
            ({"secondary_ip": "192.0.2.9"}, BadRequest, "192.0.2.2"),
            ({"primary_ip": "192.0.2.3"}, NotUnique, "n3.example"),
            ({"token": ""}, BadRequest, "gnt-node token"),
        ):
            self.refused(self.again(**parameters), cluster(), kind, word)

    def test_a_node_that_is_back_keeps_all_but_its_troubles(self) -> None:
        config = cluster()
        before = evolve(config.nodes[N2], offline=True, tags=("t",), vm_capable=False, ndparams={"ssh_port": 23})
        hands = FakeHands(changed(config, before))
        self.successResultOf(ran(self.again(ndparams={"spindle_count": 2}), hands))
        node = hands.config().nodes[N2]
        self.assertEqual((node.offline, node.drained, node.master_candidate, node.powered), (False, False, True, True))
        self.assertEqual((node.primary_ip, node.secondary_ip), ("192.0.2.22", "192.0.2.22"))
        self.assertEqual((node.tags, node.vm_capable, node.group), (("t",), False, before.group))
        self.assertEqual(node.ndparams, {"ssh_port": 23, "spindle_count": 2})
        self.assertEqual(hands.joined, ["n2.example"])
        again = self.again(vm_capable=True, master_capable=False, primary_ip=None)
        hands.addresses["n2.example"] = "192.0.2.2"
        self.successResultOf(ran(again, hands))
        node = hands.config().nodes[N2]
        self.assertEqual((node.vm_capable, node.master_candidate, node.primary_ip), (True, False, "192.0.2.2"))

    def test_its_second_network_stays(self) -> None:
        config = cluster()
        apart = changed(config, config.master, secondary_ip="198.51.100.1")
        apart = changed(apart, apart.nodes[N2], secondary_ip="198.51.100.2")
        hands = FakeHands(apart)
        self.successResultOf(ran(self.again(), hands))
        self.assertEqual(hands.config().nodes[N2].secondary_ip, "198.51.100.2")

    def test_one_that_is_back_stays_when_it_cannot_be_written_down(self) -> None:
        hands = FakeHands(cluster())
        hands.editing = DriverError("disk full")
        self.failureResultOf(ran(self.again(), hands), DriverError)
        self.assertEqual(hands.left, [])

    def test_a_host_that_joined_leaves_again_when_it_cannot_be_written_down(self) -> None:
        hands = FakeHands(cluster())
        hands.editing = DriverError("disk full")
        self.failureResultOf(ran(self.add(), hands), DriverError)
        self.assertEqual((hands.joined, hands.left), (["n4.example"], ["n4.example"]))


class NodeRemoveTests(RefusalCase):
    def test_refusals(self) -> None:
        config = cluster()
        self.refused(operation("OP_NODE_REMOVE", node_name="n1"), config, WrongState, "master")
        self.refused(operation("OP_NODE_REMOVE", node_name="n2"), config, WrongState, "web1.example")
        self.refused(operation("OP_NODE_REMOVE", node_name="n9"), config, NotFound, "n9")

    def test_another_takes_the_place_of_a_candidate(self) -> None:
        hands = FakeHands(cluster(candidate_pool_size=2))
        self.successResultOf(ran(operation("OP_NODE_REMOVE", node_name="n3"), hands))
        self.assertNotIn(N3, hands.config().nodes)
        self.assertTrue(hands.config().nodes[N2].master_candidate)
        self.assertEqual(hands.left, ["n3.example"])

    def test_one_that_cannot_be_told_is_removed_all_the_same(self) -> None:
        hands = FakeHands(cluster())
        hands.leaving = DriverError("dead")
        self.successResultOf(ran(operation("OP_NODE_REMOVE", node_name="n3"), hands))
        self.assertNotIn(N3, hands.config().nodes)
        self.assertTrue(any("dead" in line for line in hands.said), hands.said)


class TagTests(RefusalCase):
    def test_refusals(self) -> None:
        config = cluster()
        for op_id in ("OP_TAGS_SET", "OP_TAGS_DEL"):
            self.refused(operation(op_id, kind="cluster", tags=[]), config, BadRequest, "no tags")
            self.refused(operation(op_id, kind="node", name="n9", tags=["a"]), config, NotFound, "n9")
            self.refused(operation(op_id, kind="node", tags=["a"]), config, BadRequest, "name")
        self.refused(operation("OP_TAGS_SET", kind="cluster", tags=["a b"]), config, BadRequest, "a b")
        self.refused(operation("OP_TAGS_DEL", kind="cluster", tags=["a"]), config, NotFound, "a")
        self.assertRaises(BadRequest, operation, "OP_TAGS_SET", kind="planet", tags=["a"])

    def test_set_get_remove(self) -> None:
        for kind, name in (("cluster", None), ("node", "n1"), ("nodegroup", "other"), ("instance", "web1")):
            hands = FakeHands(cluster())
            get = operation("OP_TAGS_GET", kind=kind, name=name)
            self.successResultOf(ran(operation("OP_TAGS_SET", kind=kind, name=name, tags=["b", "a"]), hands))
            self.successResultOf(ran(operation("OP_TAGS_SET", kind=kind, name=name, tags=["b"]), hands))
            self.assertEqual(self.successResultOf(ran(get, hands)), ["a", "b"])
            self.successResultOf(ran(operation("OP_TAGS_DEL", kind=kind, name=name, tags=["b"]), hands))
            self.assertEqual(self.successResultOf(ran(get, hands)), ["a"])


class DelayTests(RefusalCase):
    def test_refusals(self) -> None:
        self.refused(operation("OP_TEST_DELAY", duration=-1), cluster(), BadRequest)
        self.assertRaises(BadRequest, operation, "OP_TEST_DELAY", duration=1, repeat=-1)
        self.refused(operation("OP_TEST_DELAY", duration=1, on_nodes=["n9"]), cluster(), NotFound)

    def test_waits_and_asks_nodes(self) -> None:
        hands = FakeHands(cluster())
        self.successResultOf(ran(operation("OP_TEST_DELAY", duration=2, repeat=3, on_nodes=["n2"]), hands))
        self.assertEqual((hands.slept, len(hands.messages(Ping)), len(hands.said)), ([2, 2, 2], 3, 3))


class OsTests(RefusalCase):
    FIELDS = ["name", "valid", "variants", "node_status"]

    def test_unknown_fields(self) -> None:
        self.refused(operation("OP_OS_DIAGNOSE", output_fields=["name", "size"]), cluster(), BadRequest, "size")

    def test_rows(self) -> None:
        config = cluster()
        config = changed(config, config.node("n3"), offline=True)
        hands = FakeHands(config, {ListOses: (NOOP, evolve(NOOP, name="a", variants=("x",)))})
        rows = self.successResultOf(ran(operation("OP_OS_DIAGNOSE", output_fields=self.FIELDS), hands))
        self.assertEqual([row[:3] for row in rows], [["a", True, ["x"]], ["noop", True, []]])
        self.assertEqual(sorted(node for node, _ in hands.asked), ["n1.example", "n2.example"])
        only = operation("OP_OS_DIAGNOSE", output_fields=["name"], names=["noop", "none"])
        self.assertEqual(self.successResultOf(ran(only, hands)), [["noop"]])

    def test_a_node_that_does_not_answer_is_left_out_and_said(self) -> None:
        answers = iter([(NOOP,), DriverError("dead"), (NOOP,)])
        hands = FakeHands(cluster(), {ListOses: lambda m: next(answers)})
        (row,) = self.successResultOf(ran(operation("OP_OS_DIAGNOSE", output_fields=self.FIELDS), hands))
        self.assertEqual((row[1], len(row[3])), (True, 2))
        self.assertIn("dead", hands.said[0])

    def test_an_os_missing_on_one_node_is_not_valid(self) -> None:
        answers = iter([(NOOP,), (), (NOOP,)])
        hands = FakeHands(cluster(), {ListOses: lambda m: next(answers)})
        (row,) = self.successResultOf(ran(operation("OP_OS_DIAGNOSE", output_fields=self.FIELDS), hands))
        self.assertFalse(row[1])


class ContextTests(SynchronousTestCase):
    def end(self, error: BaseException | None, steps: dict[str, Any]) -> list[str]:
        hands, done = FakeHands(cluster()), []

        async def work() -> None:
            async with Context(hands) as context:
                for name, failure in steps.items():

                    async def step(name: str = name, failure: Any = failure) -> None:
                        done.append(name)
                        if failure is not None:
                            raise failure

                    context.undo(name, step)
                if error is not None:
                    raise error

        Deferred.fromCoroutine(work()).addErrback(lambda f: f.trap(GanetiError, CancelledError, ValueError) and None)
        self.said = hands.said
        return done

    def test_nothing_is_undone_after_success(self) -> None:
        self.assertEqual(self.end(None, {"a": None}), [])

    def test_undone_in_reverse_order_after_errors_foreseen_or_not(self) -> None:
        for error in (DriverError("x"), ValueError("bug")):
            self.assertEqual(self.end(error, {"a": None, "b": None, "c": None}), ["c", "b", "a"])

    def test_a_failing_step_is_named_and_the_others_go_on(self) -> None:
        self.assertEqual(self.end(DriverError("x"), {"a": None, "b": DriverError("stuck")}), ["b", "a"])
        self.assertIn("left behind, see to it by hand: b", self.said[-1])

    def test_the_end_of_the_process_undoes_nothing(self) -> None:
        self.assertEqual(self.end(CancelledError(), {"a": None}), [])

    def test_what_is_kept_is_not_undone(self) -> None:
        hands, undone = FakeHands(cluster()), []

        async def step() -> None:
            undone.append(1)

        async def work() -> None:
            async with Context(hands) as context:
                context.undo("it", step)
                context.keep()
                raise DriverError("x")

        self.failureResultOf(Deferred.fromCoroutine(work()), DriverError)
        self.assertEqual(undone, [])

    def test_stale_objects_are_not_put(self) -> None:
        config = cluster()
        hands = FakeHands(config)
        old = config.node("n2")
        self.successResultOf(Deferred.fromCoroutine(Context(hands).put(evolve(old, drained=True))))
        self.failureResultOf(Deferred.fromCoroutine(Context(hands).put(evolve(old, tags=("a",)))), Retry)
        self.assertEqual(hands.config().node("n2").tags, ())

    def test_removed_objects_are_not_put_back(self) -> None:
        hands = FakeHands(cluster())
        web1 = hands.config().instance("web1")
        self.successResultOf(Deferred.fromCoroutine(Context(hands).delete(web1)))
        failure = self.failureResultOf(Deferred.fromCoroutine(Context(hands).put(web1)), Retry)
        self.assertIn("web1.example", failure.value.text)

    def test_nodes_marked_offline_are_not_asked(self) -> None:
        config = cluster()
        hands = FakeHands(changed(config, config.node("n2"), offline=True))
        self.failureResultOf(Deferred.fromCoroutine(Context(hands).on_node("n2", Ping(), 1)), NodeOffline)
        self.assertEqual(hands.asked, [])
