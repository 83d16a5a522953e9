"""Instances whose nodes an iallocator chooses, on simulated clusters."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.operations.steps.allocator import NODE_TIMEOUT, TIMEOUT
from ganeti_tw.protocol.node import ProgramEnd
from ganeti_tw.testing.cluster import Cluster, Command

NEW = {
    "instance_name": "web1.example",
    "mode": "create",
    "disks": [{"size": 1024}],
    "disk_template": "file",
    "os_type": "noop",
    "nics": [{}],
    "name_check": False,
    "ip_check": False,
}
ADD = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check")


def chosen(*nodes: Any, **more: Any) -> Any:
    """An allocator that always gives these nodes."""
    return lambda document, arguments: json.dumps({"success": True, "info": "mine", "result": list(nodes), **more})


class AllocatorCase(SynchronousTestCase):
    nodes = 3

    def setUp(self) -> None:
        self.cluster = Cluster(self.nodes)
        self.scripts = self.cluster.allocators.scripts

    def add(self, name: str, *more: str) -> Command:
        return self.cluster.run("gnt-instance", "add", *ADD, *more, name)

    def added(self, name: str, *more: str) -> str:
        """The node it went to."""
        done = self.add(name, *more)
        self.assertEqual(done.code, 0, done)
        config = self.cluster.config
        return config.node(config.instance(name).primary_node).name

    def submit(self, **parameters: Any) -> int:
        job: int = self.cluster.call("submit", {"ops": [{"OP_ID": "OP_INSTANCE_CREATE", **NEW, **parameters}]})
        return job

    def job(self, number: int, *fields: str) -> list[Any]:
        query = {"what": "job", "fields": list(fields or ("status",)), "filter": ["=", "id", number]}
        (row,) = self.cluster.call("query", query)["data"]
        return [value for _, value in row]

    def locks(self) -> dict[str, str]:
        """Mode of each lock that is held, by name; nodes by theirs."""
        rows = self.cluster.call("query", {"what": "lock", "fields": ["name", "mode"]})["data"]
        names = {uuid: node.name for uuid, node in self.cluster.config.nodes.items()}
        found = {}
        for (_, name), (_, mode) in rows:
            level, _, member = name.partition("/")
            if mode:
                found[f"{level}/{names.get(member, member)}"] = mode
        return found

    def nothing_left(self) -> None:
        self.assertEqual((dict(self.cluster.config.instances), self.locks()), ({}, {}))
        self.assertEqual(self.cluster.allocators.running, [])


class CreationTests(AllocatorCase):
    def test_hail_spreads_them(self) -> None:
        self.assertEqual({self.added(f"web{n}.example", "-I", "hail") for n in (1, 2, 3)}, {"node1", "node2", "node3"})
        for host in self.cluster.hosts.values():
            self.assertEqual(len(host.hypervisor.guests), 1)

    def test_the_default_is_asked_when_no_node_is_named(self) -> None:
        self.scripts["mine"] = chosen("node2")
        self.assertEqual(self.cluster.run("gnt-cluster", "modify", "-I", "mine").code, 0)
        self.assertEqual(self.added("web1.example"), "node2")
        self.assertEqual(self.added("web2.example", "-I", "."), "node2")
        self.assertEqual([name for name, _, _ in self.cluster.allocators.asked], ["mine", "mine"])

    def test_without_a_default(self) -> None:
        self.cluster.run("gnt-cluster", "modify", "-I", "")
        done = self.add("web1.example")
        self.assertEqual(done.code, 1)
        self.assertIn("error type: wrong_input", done.err)
        self.assertIn("gnt-cluster modify --default-iallocator", done.err)
        self.nothing_left()

    def test_a_default_that_is_not_there(self) -> None:
        done = self.cluster.run("gnt-cluster", "modify", "-I", "nosuch")
        self.assertEqual(done.code, 1, done)
        self.assertIn("there is no iallocator 'nosuch'", done.err)
        self.assertEqual(self.cluster.config.cluster.default_iallocator, "hail")

    def test_parameters_of_the_cluster_become_arguments(self) -> None:
        self.scripts["hail"] = chosen("node1")
        self.cluster.run("gnt-cluster", "modify", "--default-iallocator-params", "no-capacity-checks,max-cpu=4")
        self.added("web1.example", "-I", "hail")
        self.assertEqual(self.cluster.allocators.asked[0][2], ("--no-capacity-checks", "--max-cpu=4"))

    def test_what_the_allocator_is_told(self) -> None:
        self.added("web1.example", "-n", "node2")
        self.scripts["mine"] = chosen("node3")
        self.added("web2.example", "-I", "mine", "-g", "default", "--tags", "a,b", "-B", "memory=256,vcpus=2")
        _, document, _ = self.cluster.allocators.asked[0]
        self.assertEqual(list(document["nodes"]), ["node1", "node2", "node3"])
        self.assertEqual(document["instances"]["web1.example"]["nodes"], ["node2"])
        self.assertEqual(document["nodes"]["node2"]["i_pri_up_memory"], 128)
        request = document["request"]
        self.assertEqual(
            {key: request[key] for key in ("type", "name", "memory", "vcpus", "tags", "group_name", "required_nodes")},
            {
                "type": "allocate",
                "name": "web2.example",
                "memory": 256,
                "vcpus": 2,
                "tags": ["a", "b"],
                "group_name": "default",
                "required_nodes": 1,
            },
        )
        self.assertEqual((request["disks"][0]["size"], request["disk_space_total"]), (1024, 1024))

    def test_a_dry_run_says_where(self) -> None:
        self.scripts["mine"] = chosen("node3")
        job = self.submit(iallocator="mine", dry_run=True)
        self.cluster.settle(5)
        self.assertEqual(self.job(job, "status", "opresult"), ["success", [["node3"]]])
        self.nothing_left()

    def test_what_is_full_is_avoided(self) -> None:
        self.cluster.hosts["node2"].figures.memory_free = 64
        self.assertEqual({self.added(f"web{n}.example") for n in range(4)}, {"node1", "node3"})

    def test_a_node_that_does_not_answer_gets_nothing(self) -> None:
        self.cluster = Cluster(4)
        self.cluster.hosts["node2"].figures.broken = "no meters"
        self.cluster.hosts["node3"].kill()
        before = self.cluster.clock.seconds()
        done = self.add("web1.example", "-I", "hail")
        self.assertEqual(done.code, 0, done)
        self.assertIn("WARNING: node2 does not say how full it is, it gets no instances: cannot measure", done.out)
        self.assertIn("WARNING: node3 does not say how full it is", done.out)
        self.assertLess(self.cluster.clock.seconds() - before, 2 * NODE_TIMEOUT + 5)
        places = [name for name, host in self.cluster.hosts.items() if host.hypervisor.guests]
        self.assertIn(places, (["node1"], ["node4"]))

    def test_offline_and_drained_nodes_get_nothing(self) -> None:
        self.cluster.run("gnt-node", "modify", "--drained=yes", "node2")
        self.cluster.run("gnt-node", "modify", "--offline=yes", "node3")
        self.assertEqual({self.added(f"web{n}.example") for n in range(2)}, {"node1"})

    def test_only_nodes_of_the_group(self) -> None:
        self.assertEqual(self.cluster.run("gnt-group", "add", "other").code, 0)
        self.cluster.run("gnt-group", "assign-nodes", "other", "node2", "node3")
        self.assertEqual({self.added(f"web{n}.example", "-g", "other") for n in range(4)}, {"node2", "node3"})
        self.scripts["mine"] = chosen("node1")
        done = self.add("web9.example", "-I", "mine", "-g", "other")
        self.assertIn("it chose node1 for web9.example, which is none of node2, node3", done.err)

    def test_hooks_see_the_node(self) -> None:
        self.scripts["mine"] = chosen("node3")
        self.added("web1.example", "-I", "mine")
        ran = [m for m in self.cluster.hosts["node3"].hooks.ran if m.name == "instance-add"]
        self.assertEqual([m.environment["GANETI_INSTANCE_PRIMARY"] for m in ran], ["node3", "node3"])
        self.assertEqual([m for m in self.cluster.hosts["node2"].hooks.ran if m.name == "instance-add"], [])


class LockTests(AllocatorCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting: list[Deferred[str]] = []
        self.scripts["slow"] = self.slow

    def slow(self, document: Any, arguments: Any) -> Deferred[str]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def test_all_nodes_while_it_chooses_then_those_it_chose(self) -> None:
        self.cluster.hosts["node2"].storages["file"].delay = 10.0
        job = self.submit(iallocator="slow")
        self.cluster.settle(2)
        nodes = {f"{level}/node{n}" for level in ("node", "node-res") for n in (1, 2, 3)}
        exclusive = {name for name, mode in self.locks().items() if mode == "exclusive"}
        self.assertEqual(exclusive, {"instance/web1.example", *nodes})
        self.assertEqual(self.job(job), ["waiting"])
        self.waiting[0].callback(chosen("node2")({}, ()))
        self.cluster.settle(2)
        held = {name for name in self.locks() if name.startswith("node")}
        self.assertEqual({n for n in held if not n.startswith("nodegroup")}, {"node/node2", "node-res/node2"})
        self.assertEqual(self.job(job), ["running"])
        self.cluster.settle(20)
        self.assertEqual((self.job(job), self.locks()), (["success"], {}))

    def test_opportunistic_locking_takes_what_is_free(self) -> None:
        self.cluster.call("submit", {"ops": [delay("node2", 60)]})
        self.cluster.settle(1)
        self.added("web1.example", "-I", "hail", "--opportunistic-locking")
        _, document, _ = self.cluster.allocators.asked[0]
        self.assertEqual(document["request"]["restrict-to-nodes"], ["node1", "node3"])

    def test_it_is_tried_again_when_the_busy_ones_may_be_the_right_ones(self) -> None:
        def second(document: Any, arguments: Any) -> str:
            fits = "node2" in document["request"]["restrict-to-nodes"]
            return json.dumps({"success": fits, "info": "small", "result": ["node2"] if fits else []})

        self.scripts["second"] = second
        self.cluster.call("submit", {"ops": [delay("node2", 20)]})
        self.cluster.settle(1)
        self.assertEqual(self.added("web1.example", "-I", "second", "--opportunistic-locking"), "node2")
        self.assertEqual(len(self.cluster.allocators.asked), 2)

    def test_not_when_none_was_busy(self) -> None:
        self.scripts["no"] = lambda document, arguments: json.dumps({"success": False, "info": "full", "result": []})
        done = self.add("web1.example", "-I", "no", "--opportunistic-locking")
        self.assertIn("error type: insufficient_resources, error details:\niallocator no finds no nodes", done.err)
        self.assertEqual(len(self.cluster.allocators.asked), 1)

    def test_cancelling_ends_the_allocator(self) -> None:
        job = self.submit(iallocator="slow")
        self.cluster.settle(2)
        self.assertEqual(self.cluster.allocators.running, ["slow"])
        self.assertTrue(self.cluster.call("cancel", {"id": job})[0])
        self.cluster.settle(1)
        self.assertEqual(self.job(job), ["canceled"])
        self.nothing_left()

    def test_one_that_never_ends_is_ended(self) -> None:
        job = self.submit(iallocator="slow")
        self.cluster.settle(TIMEOUT + 5)
        (status, (result,)) = self.job(job, "status", "opresult")
        self.assertEqual(status, "error")
        self.assertIn("iallocator slow failed, its time was up", result[1][0])
        self.nothing_left()

    def test_a_new_master_begins_again(self) -> None:
        job = self.submit(iallocator="slow")
        self.cluster.settle(2)
        self.scripts["slow"] = chosen("node3")
        self.cluster.restart("node1")
        self.cluster.settle(30)
        self.assertEqual(self.job(job), ["success"])


def delay(node: str, seconds: float) -> dict[str, Any]:
    return {"OP_ID": "OP_TEST_DELAY", "duration": seconds, "on_master": False, "on_nodes": [node], "no_locks": False}


class WrongAnswerTests(AllocatorCase):
    def refused(self, script: Any, *words: str, kind: str = "environment_error") -> None:
        self.scripts["bad"] = script
        done = self.add("web1.example", "-I", "bad")
        self.assertEqual(done.code, 1, done)
        self.assertIn(f"error type: {kind}", done.err)
        for word in ("iallocator bad", *words):
            self.assertIn(word, done.err)
        self.nothing_left()

    def said(self, *words: str, text: str | None = None, **answer: Any) -> None:
        self.refused(lambda document, arguments: json.dumps(answer) if text is None else text, *words)

    def ended(self, end: ProgramEnd, *words: str) -> None:
        self.refused(lambda document, arguments: end, *words)

    def test_how_it_ends(self) -> None:
        self.ended(ProgramEnd(1, "", "", "Traceback\nKeyError: 'nodes'\n"), "exit status 1", "KeyError: 'nodes'")
        usage = "Command line error: unrecognized option `--max-cpu=3'\n\nUsage:\n" + "  --option\n" * 20 + "the end\n"
        self.ended(ProgramEnd(2, "", "", usage), "exit status 2; it said: Command line error", "--max-cpu=3", "the end")
        self.ended(ProgramEnd(None, "killed by signal 9", "", ""), "killed by signal 9", "it said nothing")

    def test_what_is_no_answer(self) -> None:
        self.said("did not answer in JSON", "it said nothing", text="")
        self.said("did not answer in JSON", "it said: {'success'", text="{'success'}")
        self.said("no object", text="[]")
        self.said("no object", text="null")
        self.said("without 'success'", info="", result=[])
        self.said("without 'info'", success=True, result=[])
        self.said("without 'result'", success=True, info="")
        self.said("'success' is not true or false", success=1, info="", result=[])
        self.said("'info' is not text", success=True, info=None, result=[])
        self.said("JSON", text="[" * 100000)

    def test_wrong_nodes(self) -> None:
        self.refused(chosen(), "gives 0 nodes for web1.example, 1 are needed")
        self.refused(chosen("node1", "node2"), "gives 2 nodes")
        self.refused(chosen("node9"), "names 'node9', which is no node")
        self.refused(chosen(7), "names 7")
        self.refused(chosen(["node1"]), "names ['node1']")
        self.refused(chosen(result={"a": 1}), "no list")
        self.refused(chosen(result="node1"), "no list")
        self.refused(chosen("x" * 1000), "...")

    def test_nodes_that_take_nothing(self) -> None:
        self.cluster.run("gnt-node", "modify", "--drained=yes", "node2")
        self.cluster.run("gnt-node", "modify", "--offline=yes", "node3")
        self.refused(chosen("node2"), "chose node2 for web1.example, which is drained")
        self.refused(chosen("node3"), "chose node3 for web1.example, which is offline")

    def test_no_room(self) -> None:
        self.refused(
            lambda document, arguments: json.dumps({"success": False, "info": "all full", "result": None}),
            "finds no nodes for web1.example: all full",
            kind="insufficient_resources",
        )

    def test_failed_checks_are_explained(self) -> None:
        self.refused(
            lambda document, arguments: json.dumps({"success": False, "info": "reasons: FailN1: 2", "result": None}),
            "finds no nodes for web1.example: reasons: FailN1: 2; FailN1: the instances of some node would have no",
            kind="insufficient_resources",
        )

    def test_one_that_is_not_there(self) -> None:
        done = self.add("web1.example", "-I", "nosuch")
        self.assertIn("error type: unknown_entity", done.err)
        self.assertIn("'nosuch'", done.err)
        self.nothing_left()

    def test_what_is_refused_before_any_is_asked(self) -> None:
        for argv, word in (
            (("-I", "hail", "-n", "node1"), "not both"),
            (("-n", "node1", "--opportunistic-locking"), "opportunistic"),
            (("-I", "hail", "-g", "nogroup"), "nogroup"),
            (("-I", "hail", "-o", "noop", "--disk", "1:size=x"), "size"),
            (("-I", "hail", "--net", "0:network=nonet"), "nonet"),
            (("-I", "hail", "-H", "lxc"), "lxc"),
        ):
            done = self.add("web1.example", *argv)
            self.assertNotEqual(done.code, 0, done)
            self.assertIn(word, done.err)
        self.assertEqual(self.cluster.allocators.asked, [])
        self.nothing_left()


class BatchTests(AllocatorCase):
    def batch(self, *entries: dict[str, Any], more: tuple[str, ...] = ()) -> Command:
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            json.dump([{**NEW, **entry} for entry in entries], file)
        return self.cluster.run("gnt-instance", "batch-create", *more, path)

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [{"instance_name": f"{name}.example"} for name in names]

    def where(self) -> dict[str, str]:
        config = self.cluster.config
        return {i.name: config.nodes[i.primary_node].name for i in config.instances_by_name()}

    def test_hail_finds_places_for_all(self) -> None:
        done = self.batch(*self.named("a", "b", "c"), more=("-I", "hail"))
        self.assertEqual(done.code, 0, done)
        self.assertEqual(sorted(self.where().values()), ["node1", "node2", "node3"])
        ((_, document, _),) = self.cluster.allocators.asked
        self.assertEqual(document["request"]["type"], "multi-allocate")

    def test_the_default_one(self) -> None:
        self.assertEqual(self.batch(*self.named("a", "b")).code, 0)
        self.assertEqual(len(self.where()), 2)

    def test_those_without_a_place_are_named(self) -> None:
        for failed in ("b.example", ["b.example", "no room"]):
            answer = {"success": True, "info": "", "result": [[["a.example", ["node3"]]], [failed]]}
            self.scripts["mine"] = lambda document, arguments, answer=answer: json.dumps(answer)  # type: ignore[misc]
            done = self.batch(*self.named("a", "b"), more=("-I", "mine"))
            self.assertEqual((done.code, self.where()), (1, {"a.example": "node3"}), done)
            self.assertIn("no place for b.example", done.err)
            self.cluster.run("gnt-instance", "remove", "-f", "a.example")

    def test_wrong_answers(self) -> None:
        for result, word in (
            ([], "[placed, failed]"),
            ([[["a.example", ["node1"]]], []], "nothing of b.example"),
            ([[["a.example", ["node1"]], ["b.example", []]], []], "0 nodes for b.example"),
            ([[["a.example", ["node1"]], ["c.example", ["node1"]]], []], "'c.example'"),
            ([[["a.example", ["node1"]], ["a.example", ["node1"]]], ["b.example"]], "twice"),
            ([[["a.example", ["node1"]]], ["a.example", "b.example"]], "twice"),
            ([[["a.example"]], ["b.example"]], "[instance, nodes]"),
            ([5, []], "no list"),
        ):
            answer = json.dumps({"success": True, "info": "", "result": result})
            self.scripts["bad"] = lambda document, arguments, answer=answer: answer  # type: ignore[misc]
            done = self.batch(*self.named("a", "b"), more=("-I", "bad"))
            self.assertEqual(done.code, 1, done)
            self.assertIn(word, done.err)
        self.nothing_left()

    def test_only_free_nodes(self) -> None:
        self.cluster.call("submit", {"ops": [delay("node2", 60)]})
        self.cluster.settle(1)
        op = {
            "OP_ID": "OP_INSTANCE_MULTI_ALLOC",
            "iallocator": "hail",
            "opportunistic_locking": True,
            "instances": [{"OP_ID": "OP_INSTANCE_CREATE", **NEW, "instance_name": f"w{n}.example"} for n in range(4)],
        }
        job = self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(10)
        self.assertEqual(self.job(job), ["success"])
        self.assertEqual(set(self.where().values()), {"node1", "node3"})
