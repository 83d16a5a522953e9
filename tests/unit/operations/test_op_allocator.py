"""What iallocators are told, and what of their answers is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, DriverError, NotSent
from ganeti_tw.htools.iallocator import load_request
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps import allocator, newplace
from ganeti_tw.operations.steps.allocator_document import Live, document
from ganeti_tw.operations.steps.allocator_requests import (
    AllocateSecondary,
    BadAnswer,
    ChangeGroup,
    NodeEvacuate,
    Relocate,
    Request,
)
from ganeti_tw.protocol.instance import ListInstances, RunningInstance
from ganeti_tw.protocol.node import GetFigures, ProgramEnd
from operation_samples import DISK1, FIGURES, GROUP2, N1, N2, N3, FakeHands, changed, cluster, operation, uuid

SAMPLE = json.loads((Path(__file__).parents[2] / "data" / "iallocator_input.json").read_text())
WEB = RunningInstance("web1.example", "fake", "running", 100, 1)


def told(config: Config, request: Any = None, live: dict[str, Live] | None = None) -> Any:
    if live is None:
        live = {n: Live(FIGURES, (WEB,) if n == N2 else ()) for n in (N1, N2, N3)}
    return json.loads(document(config, live, request or {}))


class DocumentTests(SynchronousTestCase):
    def test_it_has_the_keys_of_the_real_one(self) -> None:
        """The sample was written by Ganeti itself."""
        found = told(cluster())
        self.assertEqual(set(found), set(SAMPLE))
        for section in ("nodegroups", "nodes", "instances"):
            (ours, theirs) = (next(iter(d[section].values())) for d in (found, SAMPLE))
            self.assertEqual(set(ours), set(theirs), section)
        (disk, nic) = (found["instances"]["web1.example"][key][0] for key in ("disks", "nics"))
        bridged = {*SAMPLE["instances"]["inst1.ref.example"]["nics"][0], "bridge"}
        self.assertEqual(set(disk), set(SAMPLE["instances"]["inst1.ref.example"]["disks"][0]))
        self.assertEqual(set(nic), bridged)
        self.assertEqual(found["version"], 2)

    def test_the_request_has_the_keys_of_the_real_one(self) -> None:
        new = operation(
            "OP_INSTANCE_CREATE",
            instance_name="a.example",
            disks=[{"size": 16}],
            nics=[{}],
            mode="create",
            disk_template="file",
            os_type="noop",
        )
        ours = {"type": "allocate", **newplace.described(cluster(), new).content()}
        self.assertEqual(set(ours), set(SAMPLE["request"]))
        theirs = {*SAMPLE["request"]["disks"][0], "spindles"}
        self.assertEqual(set(ours["disks"][0]), theirs)

    def test_our_own_hail_reads_the_sample_and_ours(self) -> None:
        load_request(json.dumps(SAMPLE))
        load_request(json.dumps(told(cluster(), {"type": "change-group", "instances": [], "target_groups": []})))

    def test_memory_that_running_instances_may_still_take(self) -> None:
        nodes = told(cluster())["nodes"]
        self.assertEqual(nodes["n1.example"]["free_memory"], FIGURES.memory_free)
        self.assertEqual(nodes["n2.example"]["free_memory"], FIGURES.memory_free - 28)  # 128 less 100
        asleep = Live(FIGURES, (RunningInstance("web1.example", "fake", "shutdown", 0, 0),))
        nodes = told(cluster(), live={N2: asleep})["nodes"]
        self.assertEqual(nodes["n2.example"]["free_memory"], FIGURES.memory_free)
        self.assertEqual(nodes["n2.example"]["i_pri_memory"], 128)

    def test_nodes_without_figures_are_offline(self) -> None:
        config = cluster()
        config = changed(config, config.node("n2"), vm_capable=False)
        nodes = told(config, live={N1: Live(FIGURES, ())})["nodes"]
        self.assertEqual([n["offline"] for n in nodes.values()], [False, False, True])
        self.assertNotIn("free_memory", nodes["n3.example"])

    def test_disks_on_two_nodes(self) -> None:
        instance = told(with_drbd())["instances"]["web1.example"]
        self.assertEqual(instance["nodes"], ["n2.example", "n3.example"])
        self.assertEqual((instance["disk_template"], instance["disk_space_total"]), ("drbd", 512 + 128))


def with_drbd() -> Config:
    config = cluster()
    disk = config.disks[DISK1]
    return changed(config, disk, dev_type="drbd", logical_id=(N2, N3, 11000, 0, 0, "x"), nodes=(N2, N3))


def with_shared() -> Config:
    config = cluster()
    return changed(config, config.disks[DISK1], dev_type="sharedfile", nodes=())


class Answers:
    """An allocator that says what it is told to."""

    def __init__(self, result: Any) -> None:
        self.result, self.asked = result, []
        self.aside: list[Any] = []

    def compose(self, make: Any) -> Deferred[Any]:
        self.aside.append(make())
        return succeed(self.aside[-1])

    def run(self, name: str, text: str, arguments: Any, deadline: float) -> Deferred[ProgramEnd]:
        self.asked.append((name, json.loads(text)["request"]))
        return succeed(ProgramEnd(0, "", json.dumps({"success": True, "info": "", "result": self.result}), ""))


class OtherNodeTests(SynchronousTestCase):
    def choose(self, config: Config, result: Any, **answers: Any) -> Any:
        self.hands = FakeHands(config, {ListInstances: (), **answers})
        self.hands.allocators = Answers(result)
        work = allocator.other_node(Context(self.hands), config.instance("web1"), "mine")  # type: ignore[arg-type]
        return Deferred.fromCoroutine(work)

    def test_external_mirrors_leave_their_primary(self) -> None:
        node = self.successResultOf(self.choose(with_shared(), ["n1.example"]))
        self.assertEqual(node.uuid, N1)
        ((name, request),) = self.hands.allocators.asked
        self.assertEqual((name, request["type"], request["relocate_from"]), ("mine", "relocate", ["n2.example"]))
        self.assertEqual((request["required_nodes"], request["disk_space_total"]), (1, 512))

    def test_long_texts_are_written_and_read_aside(self) -> None:
        self.successResultOf(self.choose(with_shared(), ["n1.example"]))
        question, reply = self.hands.allocators.aside
        self.assertEqual(json.loads(question)["request"]["type"], "relocate")
        self.assertEqual(reply.result, ["n1.example"])

    def test_drbd_gets_another_secondary(self) -> None:
        config = with_drbd()
        config = changed(config, config.node("n3"), group=uuid(1))
        self.assertEqual(self.successResultOf(self.choose(config, ["n1.example"])).uuid, N1)
        self.assertEqual(self.hands.allocators.asked[0][1]["relocate_from"], ["n3.example"])

    def test_disks_on_one_node_only(self) -> None:
        error = self.failureResultOf(self.choose(cluster(), []), BadRequest).value
        self.assertIn("web1.example has file disks", error.text)
        self.assertEqual(self.hands.allocators.asked, [])

    def test_nodes_that_are_no_other_ones(self) -> None:
        for result, word in (
            (["n2.example"], "is already"),
            (["n3.example"], "not in group default"),
            ([], "0 nodes"),
            (["n9"], "'n9'"),
        ):
            error = self.failureResultOf(self.choose(with_shared(), result), DriverError).value
            self.assertIn("iallocator mine, asked for another node for web1.example", error.text)
            self.assertIn(word, error.text)

    def test_figures_are_asked_of_all_at_once_and_missing_ones_told(self) -> None:
        def figures(message: Any) -> Any:
            return NotSent("no link")

        self.successResultOf(self.choose(with_shared(), ["n1.example"]))
        asked = [name for name, m in self.hands.asked if isinstance(m, GetFigures)]
        self.assertEqual(asked, ["n1.example", "n2.example", "n3.example"])
        self.hands.answers_of[GetFigures] = figures
        work = allocator.figures(Context(self.hands))  # type: ignore[arg-type]
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(work)), {})
        self.assertIn("n3.example does not say how full it is, it gets no instances: no link", self.hands.said[-1])


class NamedTests(SynchronousTestCase):
    def test_which_one(self) -> None:
        config = cluster(default_iallocator="mine")
        self.assertEqual([allocator.named(config, name) for name in ("hail", ".", None)], ["hail", "mine", "mine"])
        for name in (".", None):
            self.assertRaises(BadRequest, allocator.named, cluster(default_iallocator=""), name)


class PlanTests(SynchronousTestCase):
    request: Request = NodeEvacuate(("web1.example",), "primary-only")
    op: dict[str, Any] = {"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": "web1.example"}

    def test_a_plan(self) -> None:
        result = [[["web1.example", "default", ["n1.example"]]], [], [[self.op]]]
        plan = self.request.accept(cluster(), result)
        self.assertEqual(plan.moved, (("web1.example", "default", ("n1.example",)),))
        self.assertEqual(plan.jobs, ((self.op,),))
        plan = ChangeGroup(("web1.example",), (GROUP2,)).accept(cluster(), [[], [["web1.example", "no"]], []])
        self.assertEqual(plan.failed, (("web1.example", "no"),))

    def test_what_is_no_plan(self) -> None:
        moved = [["web1.example", "default", ["n1.example"]]]
        for result, word in (
            (None, "[moved, failed, jobs]"),
            ([[], []], "[moved, failed, jobs]"),
            ([[], [], []], "nothing of web1.example"),
            ([[["web2.example", "default", []]], [], []], "'web2.example'"),
            ([[["web1.example", "default", ["n9"]]], [], []], "'n9'"),
            ([[["web1.example", 7, []]], [], []], "a group is 7"),
            ([moved, [["web1.example"]], []], "[instance, reason]"),
            ([moved, [["web1.example", None]], []], "a reason is None"),
            ([moved, [], {}], "no list"),
            ([moved, [], [self.op]], "no list"),
            ([moved, [], [[7]]], "OP_ID"),
            ([moved, [], [[{}]]], "OP_ID"),
        ):
            error = self.assertRaises(BadAnswer, self.request.accept, cluster(), result)
            self.assertIn(word, str(error), result)

    def test_a_second_node(self) -> None:
        config = cluster()
        request = AllocateSecondary(config.instance("web1"))
        self.assertEqual(request.content(config), {"type": "allocate-secondary", "name": "web1.example"})
        self.assertEqual(request.accept(config, "n1.example").uuid, N1)
        self.assertRaises(BadAnswer, request.accept, config, "n2.example")
        self.assertRaises(BadAnswer, request.accept, config, ["n1.example"])

    def test_relocation_names_what_it_leaves(self) -> None:
        config = with_shared()
        self.assertEqual(Relocate(config.instance("web1"), N2).subject, "another node for web1.example")
