"""Evacuating nodes and groups by an iallocator, on simulated clusters; and asking one what it would do."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check")
FAILOVER, REPLACE = "OP_INSTANCE_FAILOVER", "OP_INSTANCE_REPLACE_DISKS"


class EvacuationCase(SynchronousTestCase):
    """Four nodes; web1 and web2 on node1, web3 on node2."""

    def setUp(self) -> None:
        self.cluster = Cluster(4)
        for name, node in (("web1", "node1"), ("web2", "node1"), ("web3", "node2")):
            self.good("gnt-instance", "add", "-t", "sharedfile", *ADD, "-n", node, f"{name}.example")
        self.scripts = self.cluster.allocators.scripts

    def good(self, *argv: str) -> Command:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, 0, done)
        return done

    def bad(self, *argv: str, words: tuple[str, ...] = ()) -> Command:
        """It fails with these words, and nothing was moved."""
        before = self.where()
        done = self.cluster.run(*argv)
        self.assertNotEqual(done.code, 0, done)
        for word in words:
            self.assertIn(word, done.err)
        self.assertEqual(self.where(), before)
        return done

    def where(self) -> dict[str, str]:
        config = self.cluster.config
        return {i.name.partition(".")[0]: config.nodes[i.primary_node].name for i in config.instances_by_name()}

    def running(self) -> dict[str, list[str]]:
        return {name: sorted(host.hypervisor.guests) for name, host in self.cluster.hosts.items()}

    def jobs(self) -> list[list[Any]]:
        """Summary and status of each."""
        rows = self.cluster.call("query", {"what": "job", "fields": ["id", "summary", "status"]})["data"]
        return [[summary[0], status] for (_, _), (_, summary), (_, status) in rows]

    def plans(self, moves: dict[str, str], op_id: str = FAILOVER, failed: list[Any] | None = None, **more: Any) -> None:
        """An allocator ``mine`` with this plan: instance -> node."""
        moved = [[f"{name}.example", "default", [node]] for name, node in moves.items()]
        jobs = [
            [{"OP_ID": op_id, "instance_name": f"{name}.example", "target_node": node, **more}]
            for name, node in moves.items()
        ]
        answer = {"success": True, "info": "", "result": [moved, failed or [], jobs]}
        self.scripts["mine"] = lambda document, arguments: json.dumps(answer)


class NodeTests(EvacuationCase):
    def evacuate(self, *argv: str) -> tuple[str, ...]:
        return ("gnt-node", "evacuate", "-f", *argv)

    def test_instances_go_where_the_allocator_says(self) -> None:
        self.plans({"web1": "node3", "web2": "node4"})
        done = self.good(*self.evacuate("-p", "-I", "mine", "node1"))
        self.assertIn("web1.example goes to node3 in group default", done.out)
        self.assertTrue(done.out.endswith("All instances evacuated successfully.\n"), done)
        self.assertEqual(self.where(), {"web1": "node3", "web2": "node4", "web3": "node2"})
        self.assertEqual(self.running()["node3"], ["web1.example"])
        self.assertEqual(self.running()["node1"], [])

    def test_what_it_is_asked(self) -> None:
        self.plans({"web1": "node3", "web2": "node4"})
        self.good(*self.evacuate("-p", "-I", "mine", "--ignore-soft-errors", "node1"))
        ((_, document, arguments),) = self.cluster.allocators.asked
        self.assertEqual(
            document["request"],
            {"type": "node-evacuate", "instances": ["web1.example", "web2.example"], "evac_mode": "primary-only"},
        )
        self.assertEqual(arguments, ("--ignore-soft-errors",))

    def test_a_move_that_fails_is_told_and_the_others_go_on(self) -> None:
        self.plans({"web1": "node3", "web2": "node4"})
        self.cluster.hosts["node3"].hypervisor.broken.add("web1.example")
        done = self.cluster.run(*self.evacuate("-p", "-I", "mine", "node1"))
        self.assertEqual(done.code, 1, done)
        self.assertIn("1 of 2 jobs did not end well", done.err)
        self.assertEqual(self.where()["web2"], "node4")

    def test_one_that_cannot_be_moved_keeps_all_where_they_are(self) -> None:
        self.plans({"web1": "node3"}, failed=[["web2.example", "too big"]])
        self.bad(*self.evacuate("-p", "-I", "mine", "node1"), words=("nothing is moved", "web2.example (too big)"))
        self.assertEqual(len(self.jobs()), 4)  # those that made them, and the evacuation

    def test_disks_on_one_node_only(self) -> None:
        self.good("gnt-instance", "add", "-t", "file", *ADD, "-n", "node3", "db1.example")
        words = ("hail finds no place for db1.example (Instances of type file cannot be relocated)",)
        self.bad(*self.evacuate("-p", "-I", "hail", "node3"), words=words)

    def test_operations_that_are_refused(self) -> None:
        self.plans({"web1": "node3", "web2": "node4"}, op_id="OP_INSTANCE_NONSENSE")
        words = ("iallocator mine plans OP_INSTANCE_NONSENSE of web1.example",)
        self.bad(*self.evacuate("-p", "-I", "mine", "node1"), words=words)
        self.plans({"web1": "node3", "web2": "node4"}, colour="red")
        words = ("nothing is moved: web1.example would need OP_INSTANCE_FAILOVER", "colour")
        self.bad(*self.evacuate("-p", "-I", "mine", "node1"), words=words)
        self.plans({"web1": "node3", "web2": "node4"}, instance_name="web3.example")
        self.bad(*self.evacuate("-p", "-I", "mine", "node1"), words=("moves none of its instances",))
        self.assertEqual([status for _, status in self.jobs()][-3:], ["error"] * 3)

    def test_secondary_instances_of_which_there_are_none(self) -> None:
        op = {"OP_ID": "OP_NODE_EVACUATE", "node_name": "node1", "mode": "secondary-only", "iallocator": "hail"}
        job = self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(5)
        query = {"what": "job", "fields": ["status", "opresult"], "filter": ["=", "id", job]}
        self.assertEqual([v for _, v in self.cluster.call("query", query)["data"][0]], ["success", [{"jobs": []}]])
        self.assertEqual(self.cluster.allocators.asked, [])

    def test_what_is_refused_before_the_allocator_is_asked(self) -> None:
        self.bad(*self.evacuate("-I", "hail", "node1"), words=("wrong_input", "(-p)", "(-s)"))
        self.cluster.run("gnt-cluster", "modify", "-I", "")
        self.bad(*self.evacuate("-p", "node1"), words=("wrong_input", "no default one"))
        op = {"OP_ID": "OP_NODE_EVACUATE", "node_name": "node1"}
        for parameters, word in (
            ({"mode": "primary-only", "remote_node": "node2"}, "secondary instances"),
            ({"mode": "secondary-only", "remote_node": "node1"}, "itself"),
            ({"mode": "secondary-only", "remote_node": "node2", "iallocator": "hail"}, "not both"),
        ):
            job = self.cluster.call("submit", {"ops": [{**op, **parameters}]})
            self.cluster.settle(5)
            query = {"what": "job", "fields": ["opresult"], "filter": ["=", "id", job]}
            self.assertIn(word, str(self.cluster.call("query", query)["data"]))
        self.assertEqual(self.cluster.allocators.asked, [])

    def test_cancelling_ends_the_allocator(self) -> None:
        self.scripts["slow"] = lambda document, arguments: Deferred()
        op = {"OP_ID": "OP_NODE_EVACUATE", "node_name": "node1", "mode": "primary-only", "iallocator": "slow"}
        job = self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(2)
        self.assertEqual(self.jobs()[-1][1], "running")
        self.cluster.call("cancel", {"id": job})
        self.cluster.settle(2)
        self.assertEqual((self.jobs()[-1][1], self.cluster.allocators.running), ("canceled", []))


class GroupTests(EvacuationCase):
    def setUp(self) -> None:
        super().setUp()
        self.good("gnt-group", "add", "other")
        self.good("gnt-group", "assign-nodes", "other", "node3", "node4")

    def test_hail_finds_places_in_another_group(self) -> None:
        done = self.good("gnt-group", "evacuate", "--force-failover", "-I", "hail", "default")
        self.assertTrue(done.out.endswith("All instances evacuated successfully.\n"), done)
        self.assertLessEqual(set(self.where().values()), {"node3", "node4"})
        ((_, document, _),) = self.cluster.allocators.asked
        other = self.cluster.config.group("other").uuid
        self.assertEqual(document["request"]["target_groups"], [other])
        self.assertEqual(document["request"]["type"], "change-group")

    def test_one_after_the_other(self) -> None:
        done = self.good("gnt-group", "evacuate", "--force-failover", "--sequential", "--to", "other", "default")
        self.assertIn("All instances", done.out)
        fields = ["id", "start_ts", "end_ts", "ops"]
        rows = self.cluster.call("query", {"what": "job", "fields": fields})["data"]
        moves = [[v for _, v in row] for row in rows if row[3][1][0]["OP_ID"] == FAILOVER]
        first, second, third = moves
        waits = [ops[0]["depends"] for _, _, _, ops in moves]
        self.assertEqual(waits, [None, [[first[0], []]], [[second[0], []]]])
        self.assertLessEqual(first[2], second[1])
        self.assertLessEqual(second[2], third[1])

    def test_no_group_to_go_to(self) -> None:
        evacuate = ("gnt-group", "evacuate", "--to")
        self.bad(*evacuate, "default", "default", words=("wrong_input", "where the instances are"))
        self.bad(*evacuate, "nogroup", "default", words=("nogroup",))
        self.assertEqual(self.cluster.allocators.asked, [])

    def test_the_only_group(self) -> None:
        cluster = Cluster(1)
        done = cluster.run("gnt-group", "evacuate", "default")
        self.assertIn("error type: wrong_state, error details:\nthere is no other group", done.err)

    def test_an_empty_group(self) -> None:
        self.assertIn("nothing to evacuate", self.good("gnt-group", "evacuate", "other").out)

    def test_one_instance(self) -> None:
        self.plans({"web1": "node3"})
        done = self.good("gnt-instance", "change-group", "-I", "mine", "--to", "other", "web1")
        self.assertIn("Instance 'web1' changed group successfully.", done.out)
        self.assertEqual(self.where()["web1"], "node3")

    def test_hooks_see_the_groups(self) -> None:
        self.plans({"web1": "node3"})
        self.good("gnt-instance", "change-group", "-I", "mine", "web1")
        (pre, _) = [m for m in self.cluster.hosts["node1"].hooks.ran if m.name == "instance-change-group"]
        other = self.cluster.config.group("other").uuid
        self.assertEqual(pre.environment["GANETI_TARGET_GROUPS"], other)

    def test_its_own_group_is_no_other(self) -> None:
        self.bad("gnt-instance", "change-group", "--to", "default", "web1", words=("wrong_input",))


class MoveTests(EvacuationCase):
    """Where one instance goes whose target is not named."""

    def answers(self, node: str) -> None:
        answer = json.dumps({"success": True, "info": "", "result": [node]})
        self.scripts["mine"] = lambda document, arguments: answer

    def test_failover_and_migration_ask_the_allocator(self) -> None:
        for verb, node in (("failover", "node3"), ("migrate", "node4")):
            self.answers(node)
            self.good("gnt-instance", verb, "-f", "-I", "mine", "web1")
            self.assertEqual(self.where()["web1"], node)
            self.assertEqual(self.running()[node], ["web1.example"])
            _, document, _ = self.cluster.allocators.asked[-1]
            self.assertEqual(document["request"]["type"], "relocate")

    def test_or_the_default_one(self) -> None:
        for verb in ("failover", "migrate"):
            before = self.where()["web1"]
            self.good("gnt-instance", verb, "-f", "web1")
            self.assertNotEqual(self.where()["web1"], before)
            self.good("gnt-instance", verb, "-f", "-I", ".", "web1")
        self.assertEqual([name for name, _, _ in self.cluster.allocators.asked], ["hail"] * 4)

    def test_only_the_nodes_of_the_move_stay_locked(self) -> None:
        self.answers("node4")
        self.cluster.hosts["node1"].hypervisor.deaf.add("web1.example")
        op = {"OP_ID": FAILOVER, "instance_name": "web1", "iallocator": "mine", "shutdown_timeout": 30}
        self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(5)
        rows = self.cluster.call("query", {"what": "lock", "fields": ["name", "mode"]})["data"]
        names = {uuid: node.name for uuid, node in self.cluster.config.nodes.items()}
        held = {names[name.partition("/")[2]] for (_, name), (_, mode) in rows if mode and name.startswith("node")}
        self.assertEqual(held, {"node1", "node4"})

    def test_the_hooks_see_the_target(self) -> None:
        self.answers("node4")
        self.good("gnt-instance", "migrate", "-f", "-I", "mine", "web1")
        seen = [m.environment["GANETI_NEW_PRIMARY"] for m in self.cluster.hosts["node4"].hooks.ran if "NEW" in str(m)]
        self.assertEqual(set(seen), {"node4"})

    def test_nodes_that_are_no_target(self) -> None:
        for node, word in (("node1", "is already"), ("node9", "no node of the cluster")):
            self.answers(node)
            for verb in ("failover", "migrate"):
                self.bad("gnt-instance", verb, "-f", "-I", "mine", "web1", words=("iallocator mine", word))

    def test_disks_on_one_node_only(self) -> None:
        self.good("gnt-instance", "add", "-t", "file", *ADD, "-n", "node3", "db1.example")
        for verb in ("failover", "migrate"):
            self.bad("gnt-instance", verb, "-f", "-I", "hail", "db1", words=("wrong_state", "node3 only"))
        self.assertEqual(self.cluster.allocators.asked, [])

    def test_hail_evacuates_a_node_by_migrations(self) -> None:
        self.good("gnt-node", "evacuate", "-f", "-p", "-I", "hail", "node1")
        self.assertEqual(self.running()["node1"], [])
        self.assertEqual(sum(map(len, self.running().values())), 3)
        kinds = [summary.partition("(")[0] for summary, _ in self.jobs()]
        self.assertEqual(kinds.count("INSTANCE_MIGRATE"), 2)


class DebugTests(EvacuationCase):
    def ask(self, *argv: str) -> Any:
        return json.loads(self.good("gnt-debug", "iallocator", *argv).out)

    def test_what_would_be_asked(self) -> None:
        self.assertEqual(self.ask("web1")["request"]["relocate_from"], ["node1"])
        evacuation = self.ask("-m", "node-evacuate", "--evac-mode", "primary-only", "web1", "web2")["request"]
        self.assertEqual(evacuation["instances"], ["web1.example", "web2.example"])
        request = self.ask("-m", "allocate", "-t", "drbd", "--disks", "1g", "new.example")["request"]
        self.assertEqual((request["required_nodes"], request["disk_space_total"]), (2, 1024 + 128))
        request = self.ask("-m", "multi-allocate", "--count", "3", "new.example")["request"]
        self.assertEqual([i["name"] for i in request["instances"]], [f"new.example{n}" for n in range(3)])
        group = self.cluster.config.group("default").uuid
        request = self.ask("-m", "change-group", "--target-groups", "default", "web1")["request"]
        self.assertEqual(request["target_groups"], [group])
        self.assertEqual(self.ask("-m", "allocate-secondary", "web1")["request"]["name"], "web1.example")
        self.assertEqual(self.cluster.allocators.asked, [])

    def test_what_hail_answers(self) -> None:
        for argv in (
            ("-m", "relocate", "web1"),
            ("-m", "allocate", "-t", "file", "new.example"),
            ("-m", "multi-allocate", "-t", "diskless", "new.example"),
            ("-m", "node-evacuate", "web1"),
        ):
            answer = self.ask("--dir", "out", "-I", "hail", *argv)
            self.assertTrue(answer["success"], answer)
        moved, failed, jobs = self.ask("--dir", "out", "-m", "change-group", "web1")["result"]
        self.assertEqual((moved, [name for name, _ in failed], jobs), ([], ["web1.example"], []))
        self.assertFalse(self.ask("--dir", "out", "-m", "allocate-secondary", "web1")["success"])

    def test_the_answer_agrees_with_what_is_done(self) -> None:
        answer = self.ask("--dir", "out", "-m", "allocate", "-t", "sharedfile", "--disks", "1g", "new.example")
        self.good("gnt-instance", "add", "-t", "sharedfile", *ADD, "-I", "hail", "new.example")
        self.assertEqual([self.where()["new"]], answer["result"])

    def test_what_it_says_is_shown_as_it_is(self) -> None:
        self.scripts["odd"] = lambda document, arguments: "no JSON at all\n"
        done = self.good("gnt-debug", "iallocator", "--dir", "out", "-I", "odd", "web1")
        self.assertEqual(done.out, "no JSON at all\n")

    def test_bad_requests(self) -> None:
        for argv, words in (
            (("-m", "allocate", "web1.example"), ("already_exists", "web1.example")),
            (("-m", "allocate", "-t", "file", "--disks", "x", "new.example"), ("'x'",)),
            (("-m", "relocate", "nobody"), ("unknown_entity", "nobody")),
            (("-m", "change-group", "nobody"), ("unknown_entity", "nobody")),
            (("-m", "change-group", "--target-groups", "nogroup", "web1"), ("unknown_entity", "nogroup")),
            (("--dir", "out", "-I", "nosuch", "web1"), ("nosuch",)),
        ):
            self.bad("gnt-debug", "iallocator", *argv, words=words)
