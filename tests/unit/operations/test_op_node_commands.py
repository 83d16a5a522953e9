"""Out-of-band helpers, restricted commands, powercycle, and the search for tags."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Expired, GanetiError, NotFound, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.node.oob import payload
from ganeti_tw.protocol.node import PowercycleNode, ProgramEnd, RunOob, RunRestricted
from operation_samples import N1, N2, N3, FakeHands, changed, cluster, operation, ran

S, X = 0, 1


def said(text: str) -> ProgramEnd:
    return ProgramEnd(0, "", text, text)


def with_helpers() -> Config:
    """n2 and n3 have helpers."""
    config = cluster()
    for uuid in (N2, N3):
        config = changed(config, config.nodes[uuid], ndparams={"oob_program": f"/oob{uuid[-1]}"})
    return config


class CommandCase(SynchronousTestCase):
    def refused(self, op: Any, kind: type[GanetiError], word: str) -> None:
        self.assertIn(word, self.assertRaises(kind, op.check, with_helpers()).text)

    def done(self, op: Any, answers: Any = None, config: Config | None = None) -> Any:
        self.hands = FakeHands(config or with_helpers(), answers)
        return self.successResultOf(ran(op, self.hands))


class OobTests(CommandCase):
    def oob(self, command: str, *names: str, **parameters: Any) -> Any:
        return operation("OP_OOB_COMMAND", command=command, node_names=list(names), **parameters)

    def test_refusals(self) -> None:
        for command in ("power-off", "power-cycle"):
            self.refused(self.oob(command, "n1"), BadRequest, "n1.example is the master")
        self.refused(self.oob("power-off", "n2"), WrongState, "offline")
        self.refused(self.oob("health", timeout=0), BadRequest, "timeout")
        self.refused(self.oob("power-on", power_delay=-1.0), BadRequest, "power_delay")
        self.refused(self.oob("health", "n9"), NotFound, "n9")
        self.assertRaises(BadRequest, self.oob, "explode")

    def test_the_master_is_left_out_unless_it_is_only_asked(self) -> None:
        self.assertEqual(set(self.oob("power-off").locks(cluster())), {f"node/{N2}", f"node/{N3}"})
        self.assertEqual(set(self.oob("health").locks(cluster()).values()), {X})
        self.assertEqual(len(self.oob("health").locks(cluster())), 3)

    def test_statuses_of_the_results(self) -> None:
        answers = {RunOob: lambda m: Expired("late") if m.node.startswith("n3") else said('{"powered": true}')}
        result = self.done(self.oob("power-status"), answers)
        self.assertEqual(
            result,
            [
                [(0, "n1.example"), (3, None)],
                [(0, "n2.example"), (0, {"powered": True})],
                [(0, "n3.example"), (2, None)],
            ],
        )
        self.assertEqual({node for node, _ in self.hands.asked}, {"n1.example"})
        self.assertEqual(self.hands.messages(RunOob)[0].program, f"/oob{N2[-1]}")

    def test_switching_is_recorded_and_cycling_is_not(self) -> None:
        self.done(self.oob("power-off", "n2", ignore_status=True), {RunOob: said("")})
        self.assertFalse(self.hands.config().node("n2").powered)
        config = self.hands.config()
        self.done(self.oob("power-cycle", "n2"), {RunOob: said("")}, config)
        self.assertFalse(self.hands.config().node("n2").powered)
        self.done(self.oob("power-on", "n2", "n3"), {RunOob: said("")}, config)
        self.assertTrue(self.hands.config().node("n2").powered)
        self.assertEqual(self.hands.slept, [2.0])

    def test_differences_and_bad_health_are_told(self) -> None:
        self.done(self.oob("power-status", "n2"), {RunOob: said('{"powered": false}')})
        self.assertIn("recorded as powered and is not powered", " ".join(self.hands.said))
        self.assertTrue(self.hands.config().node("n2").powered)
        self.done(self.oob("health", "n2"), {RunOob: said('[["fan", "WARNING"], ["disk", "OK"]]')})
        self.assertIn("fan", " ".join(self.hands.said))
        self.assertNotIn("disk", " ".join(self.hands.said))

    def test_bad_answers(self) -> None:
        for command, text in (
            ("power-status", ""),
            ("power-status", '{"powered": "yes"}'),
            ("power-status", "[]"),
            ("health", "{}"),
            ("health", '[["fan", "HOT"]]'),
            ("health", '[["fan"]]'),
            ("power-on", "ok"),
        ):
            self.assertRaises(BadRequest, payload, command, said(text))
        self.assertRaises(BadRequest, payload, "power-on", ProgramEnd(1, "", "", "broken"))
        self.assertRaises(BadRequest, payload, "power-on", ProgramEnd(None, "killed", "", ""))


class RestrictedTests(CommandCase):
    def command(self, *nodes: str, **parameters: Any) -> Any:
        return operation("OP_RESTRICTED_COMMAND", command="date", nodes=list(nodes), **parameters)

    def test_refusals(self) -> None:
        self.refused(self.command(), BadRequest, "nodes")
        self.refused(self.command("n9"), NotFound, "n9")
        self.assertRaises(BadRequest, operation, "OP_RESTRICTED_COMMAND", command="", nodes=["n1"])
        for command in ("../date", "/bin/date", "a b", "date\n"):
            operation_ = operation("OP_RESTRICTED_COMMAND", command=command, nodes=["n1"])
            self.refused(operation_, BadRequest, "cannot be a restricted command")

    def test_locks(self) -> None:
        self.assertEqual(self.command("n1").locks(cluster()), {f"node/{N1}": S})
        self.assertEqual(self.command("n1", use_locking=True).locks(cluster()), {f"node/{N1}": X})

    def test_results_are_in_the_order_asked(self) -> None:
        config = changed(with_helpers(), with_helpers().nodes[N3], offline=True, master_candidate=False)
        result = self.done(self.command("n3", "n1"), {RunRestricted: "today"}, config)
        self.assertEqual(result[1], (True, "today"))
        self.assertFalse(result[0][0])
        self.assertIn("offline", result[0][1])


class PowercycleTests(CommandCase):
    def test_the_master_needs_force(self) -> None:
        self.refused(operation("OP_NODE_POWERCYCLE", node_name="n1"), BadRequest, "--force")
        result = self.done(operation("OP_NODE_POWERCYCLE", node_name="n1", force=True), {PowercycleNode: "soon"})
        self.assertEqual((result, self.hands.asked), ("soon", [("n1.example", PowercycleNode("fake"))]))


class TagSearchTests(CommandCase):
    def test_paths(self) -> None:
        config = cluster()
        for thing in (config.cluster, config.nodes[N1], config.groups[next(iter(config.groups))]):
            config = changed(config, thing, tags=("rack:a", "b"))
        found = self.done(operation("OP_TAGS_SEARCH", pattern="^rack:"), config=config)
        self.assertEqual(
            sorted(found),
            [
                ("/cluster", "rack:a"),
                (f"/nodegroup/{next(iter(config.groups.values())).name}", "rack:a"),
                ("/nodes/n1.example", "rack:a"),
            ],
        )

    def test_bad_patterns(self) -> None:
        self.refused(operation("OP_TAGS_SEARCH", pattern="("), BadRequest, "(")
        self.assertRaises(BadRequest, operation, "OP_TAGS_SEARCH", pattern="")
