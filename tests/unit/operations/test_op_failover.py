"""Failing an instance over, step by step."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NoRoom, NotSent, OutcomeUnknown, Retry, WrongState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.operations.steps.moves import target_of
from ganeti_tw.protocol.instance import FindDisk, StartInstance, StopInstance
from ganeti_tw.protocol.node import GetFigures
from operation_samples import DISK1, FIGURES, GROUP2, N1, N2, N3, WEB1, FakeHands, changed, cluster, operation, ran


def shared(**values: Any) -> Config:
    """web1 with a disk that all nodes reach, up unless told otherwise."""
    config = cluster(enabled_disk_templates=("sharedfile", "drbd", "plain"))
    config = changed(config, config.disks[DISK1], dev_type="sharedfile", nodes=())
    return changed(config, config.instances[WEB1], **{"admin_state": "up", **values})


def mirrored() -> Config:
    """web1 with a disk on n2 and n1."""
    config = shared()
    return changed(config, config.disks[DISK1], dev_type="drbd", logical_id=(N2, N1, 11000, 0, 0, "x"), nodes=(N2, N1))


def hands(config: Config | None = None, **answers: Any) -> FakeHands:
    return FakeHands(config or shared(), {FindDisk: "/d", **{globals()[k]: v for k, v in answers.items()}})


def failover(**parameters: Any) -> Any:
    return operation("OP_INSTANCE_FAILOVER", instance_name="web1", **{"target_node": "n1", **parameters})


class StepTests(SynchronousTestCase):
    def failed(self, hands: FakeHands, kind: type[GanetiError], **parameters: Any) -> GanetiError:
        failure = self.failureResultOf(ran(failover(**parameters), hands))
        failure.trap(kind)
        error: GanetiError = failure.value
        return error

    def steps(self, hands: FakeHands) -> list[tuple[str, str]]:
        changes = [(node, m) for node, m in hands.asked if isinstance(m, StartInstance | StopInstance)]
        return [(node.partition(".")[0], type(m).__name__) for node, m in changes]

    def primary(self, hands: FakeHands) -> str:
        return hands.config().instances[WEB1].primary_node

    def test_it_is_looked_at_then_stopped_then_recorded_then_started(self) -> None:
        h = hands()
        self.successResultOf(ran(failover(), h))
        self.assertEqual(self.steps(h), [("n2", "StopInstance"), ("n1", "StartInstance")])
        self.assertEqual(self.primary(h), N1)
        self.assertEqual(h.messages(StartInstance)[0].spec.primary_node, N1)
        order = [type(m) for _, m in h.asked]
        self.assertEqual(order, [FindDisk, GetFigures, StopInstance, StartInstance])

    def test_what_is_only_reserved_is_only_recorded(self) -> None:
        h = hands(shared(forthcoming=True, admin_state="down"))
        self.successResultOf(ran(failover(), h))
        self.assertEqual((h.asked, self.primary(h)), ([], N1))

    def test_a_refusal_of_the_target_comes_before_anything_is_stopped(self) -> None:
        for answers in ({"FindDisk": None}, {"FindDisk": BadRequest("no storage")}, {"GetFigures": NotSent("away")}):
            h = hands(**answers)
            self.failed(h, GanetiError)
            self.assertEqual((self.steps(h), self.primary(h)), ([], N2))
        h = hands(GetFigures=evolve(FIGURES, memory_free=10))
        self.failed(h, NoRoom)
        self.assertEqual((self.steps(h), self.primary(h)), ([], N2))

    def test_a_node_that_cannot_tell_its_memory_is_trusted(self) -> None:
        h = hands(GetFigures=evolve(FIGURES, memory_free=None))
        self.successResultOf(ran(failover(), h))

    def test_a_failed_stop_is_taken_back(self) -> None:
        h = hands(StopInstance=OutcomeUnknown("link broke"))
        self.assertIn("gnt-node modify --offline=yes", self.failed(h, DriverError).text)
        self.assertEqual(self.steps(h), [("n2", "StopInstance"), ("n2", "StartInstance")])
        self.assertEqual(self.primary(h), N2)

    def test_one_that_was_down_is_not_started_to_take_it_back(self) -> None:
        h = hands(shared(admin_state="down"), StopInstance=OutcomeUnknown("link broke"))
        self.failed(h, DriverError)
        self.assertEqual(self.steps(h), [("n2", "StopInstance")])

    def test_a_failed_stop_may_be_ignored(self) -> None:
        h = hands(StopInstance=NotSent("dead"))
        self.successResultOf(ran(failover(ignore_consistency=True), h))
        self.assertEqual((self.steps(h)[-1], self.primary(h)), (("n1", "StartInstance"), N1))
        self.assertIn("see that it ends there", " ".join(map(str, h.said)))

    def test_a_change_that_was_refused_starts_it_where_it_was(self) -> None:
        h = hands()
        h.editing = Retry("changed meanwhile")
        self.failed(h, Retry)
        self.assertEqual(self.steps(h), [("n2", "StopInstance"), ("n2", "StartInstance")])

    def test_when_nobody_knows_where_it_belongs_it_is_started_nowhere(self) -> None:
        h = hands()
        h.editing = OutcomeUnknown("no candidate answered")
        self.failed(h, OutcomeUnknown)
        self.assertEqual(self.steps(h), [("n2", "StopInstance")])

    def test_somebody_else_moved_it_meanwhile(self) -> None:
        h = hands()

        def stopped(m: StopInstance) -> None:
            h._config = changed(h.config(), h.config().instances[WEB1], primary_node=N3)

        h.answers_of[StopInstance] = stopped
        self.failed(h, Retry)
        self.assertEqual(self.primary(h), N3)

    def test_a_failed_start_leaves_it_where_it_belongs_now(self) -> None:
        h = hands(StartInstance=DriverError("does not start"))
        self.failed(h, DriverError)
        self.assertEqual((self.steps(h)[-1], self.primary(h)), (("n1", "StartInstance"), N1))
        self.assertTrue(h.config().instances[WEB1].admin_up)


class TargetTests(SynchronousTestCase):
    def target(self, config: Config, name: str | None, uuid: str | None = None) -> str:
        return target_of(config, config.instances[WEB1], name, uuid).uuid

    def test_named(self) -> None:
        self.assertEqual(self.target(shared(), "n3"), N3)
        self.assertEqual(self.target(shared(), None, N3), N3)

    def test_the_other_node_of_mirrored_disks(self) -> None:
        self.assertEqual(self.target(mirrored(), None), N1)
        self.assertRaises(BadRequest, self.target, mirrored(), "n1")
        roles = operation("OP_INSTANCE_FAILOVER", instance_name="web1").hooks(mirrored()).variables
        self.assertEqual((roles["OLD_SECONDARY"], roles["NEW_SECONDARY"]), ("n1.example", "n2.example"))

    def test_disks_of_different_kinds_hold_it(self) -> None:
        config = mirrored()
        other = evolve(config.disks[DISK1], uuid=GROUP2, dev_type="sharedfile", logical_id=("loop", "/x"), nodes=())
        config = config.apply([row(other)])
        config = changed(config, config.instances[WEB1], disks=(DISK1, GROUP2))
        error = self.assertRaises(WrongState, failover().check, config)
        self.assertIn("some disks of web1.example", error.text)
