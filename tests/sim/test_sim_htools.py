"""The htools against a simulated cluster: what they plan is done, in virtual time."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli.htools.entry import main
from ganeti_tw.cli.htools.outside import Handler, Outside
from ganeti_tw.protocol.config import Changes, Edit
from ganeti_tw.testing.cluster import Cluster, Command

NAMES = [f"web{i}.example" for i in range(1, 7)]
TRAVEL = 30.0  # seconds of a migration


class BalanceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.interrupt: Handler = lambda: None
        self.terminate: Handler = lambda: None
        for host in self.cluster.hosts.values():
            host.hypervisor.travel = TRAVEL

    def add(self, *names: str, template: str = "sharedfile") -> None:
        """Instances on node2."""
        disks = [{"size": 1024}] if template == "sharedfile" else []
        quick = {"os_type": "noop", "name_check": False, "ip_check": False, "pnode": "node2", "mode": "create"}
        for name in names:
            op = {"OP_ID": "OP_INSTANCE_CREATE", "instance_name": name, "disk_template": template, "disks": disks}
            job = self.cluster.call("submit", {"ops": [{**op, **quick, "nics": [{}], "reason": []}]})
            done = self.cluster.run("gnt-job", "watch", str(job))
            self.assertEqual(done.code, 0, done)

    def htool(self, tool: str, *words: str) -> Command:
        out, err = io.StringIO(), io.StringIO()
        outside = Outside(self.connect, lambda url: None, self.cluster.now, self.cluster.new_uuid, self.heed)
        code = main(tool, words, stdin=io.StringIO(), stdout=out, stderr=err, outside=outside)
        return Command(code, out.getvalue(), err.getvalue())

    def connect(self, path: str) -> Any:
        return self.cluster

    @contextlib.contextmanager
    def heed(self, interrupt: Handler, terminate: Handler) -> Iterator[None]:
        self.interrupt, self.terminate = interrupt, terminate
        yield

    def places(self) -> Counter[str]:
        """How many instances are on each node; they are where they should be."""
        config = self.cluster.config
        found = Counter()
        for host in self.cluster.hosts.values():
            for name in host.hypervisor.guests:
                self.assertEqual(config.node(config.instance(name).primary_node).name, host.name)
                found[host.name] += 1
        return found

    def jobs(self) -> list[Mapping[str, Any]]:
        """What hbal submitted."""
        answer = self.cluster.call("query", {"what": "job", "fields": ["ops"], "filter": None})
        ops = [row[0][1][0] for row in answer["data"]]
        return [op for op in ops if str(op.get("comment")).startswith("rebalancing")]


class BalanceTests(BalanceCase):
    def test_all_instances_on_one_node(self) -> None:
        self.add(*NAMES)
        begin = self.cluster.now()
        done = self.htool("hbal", "-L", "-X", "--json")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.places(), {"node1": 2, "node2": 2, "node3": 2})
        plan = json.loads(done.out)
        self.assertEqual([op["instance_name"] for op in self.jobs()], [move["instance"] for move in plan["moves"]])
        self.assertEqual(done.err.count("Got job IDs"), 4)
        # Moves that share a node run one after the other, and nothing waits longer than they take.
        self.assertGreaterEqual(self.cluster.now() - begin, 4 * TRAVEL)
        self.assertLess(self.cluster.now() - begin, 4 * TRAVEL + 10)
        self.assertIn("Nothing to do, exiting\n", self.htool("hbal", "-L", "-X").out)

    def test_diskless_instances_stay(self) -> None:
        self.add(*NAMES, template="diskless")
        done = self.htool("hbal", "-L", "-X")
        self.assertIn("No solution found\n", done.out)
        self.assertEqual(self.places(), {"node2": 6})

    def test_instances_that_are_down_move_too(self) -> None:
        self.add(*NAMES)
        for name in NAMES[:3]:
            self.assertEqual(self.cluster.run("gnt-instance", "shutdown", name).code, 0)
        self.assertEqual(self.htool("hbal", "-L", "-X").code, 0)
        config = self.cluster.config
        self.assertEqual(set(Counter(config.instance(n).primary_node for n in NAMES).values()), {2})

    def test_an_interrupt_ends_it_between_sets(self) -> None:
        self.add(*NAMES)
        self.cluster.clock.callLater(1.5 * TRAVEL, lambda: self.interrupt())
        done = self.htool("hbal", "-L", "-X")
        self.assertEqual((done.code, self.places()["node2"]), (0, 4))
        self.assertIn("Exiting early due to user request, 2 jobset(s) remaining.\n", done.out)

    def test_a_target_that_dies_stops_it(self) -> None:
        self.add(*NAMES)
        self.cluster.clock.callLater(0.5 * TRAVEL, self.cluster.hosts["node3"].kill)
        done = self.htool("hbal", "-L", "-X")
        self.assertEqual(done.code, 1, done)
        self.assertIn("Error: hbal: 1 of 1 jobs did not succeed, nothing more is done:\n  job ", done.err)
        self.assertEqual(len(self.jobs()), 2)

    def test_a_queue_that_is_closed(self) -> None:
        self.add(*NAMES[:3])
        self.assertEqual(self.cluster.run("gnt-cluster", "queue", "drain").code, 0)
        done = self.htool("hbal", "-L", "-X")
        self.assertEqual((done.code, self.places()), (1, {"node2": 3}))
        self.assertIn("Error: hbal: the job queue is drained", done.err)

    def test_a_host_that_is_not_the_master(self) -> None:
        self.cluster.use("node3")
        for tool in ("hbal", "hinfo", "hscan", "harep", "hsqueeze"):
            done = self.htool(tool, *(["-L"] if tool != "hscan" else []))
            self.assertEqual(done.code, 2 if tool == "hscan" else 1, done)
            self.assertIn("node3 is not the master, node1 is", done.out + done.err)


class RepairTests(BalanceCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster.run("gnt-cluster", "add-tags", "ganeti:watcher:autorepair:failover")
        self.add("web1.example")
        self.change_disk("drbd")

    def change_disk(self, template: str) -> None:
        """As if its disk were of another template, on node2 and with a copy on node3."""
        config = self.cluster.config
        (disk,) = config.disks_of(config.instance("web1.example"))
        nodes = [config.node(name).uuid for name in ("node2", "node3")]
        ids = (*nodes, 11000, 0, 0, "secret") if template == "drbd" else ("xenvg", "disk0")
        new = evolve(disk, dev_type=template, logical_id=ids, nodes=tuple(nodes if template == "drbd" else nodes[:1]))
        self.cluster.result(self.cluster.master.keeper.ask(Edit(lambda config: Changes(puts=(new,))), 10.0))

    def tags(self) -> str:
        return self.cluster.run("gnt-instance", "list-tags", "web1.example").out

    def offline(self, host: str) -> None:
        self.cluster.hosts[host].kill()
        done = self.cluster.run("gnt-node", "modify", "--offline=yes", "--auto-promote", host)
        self.assertEqual(done.code, 0, done)

    def harep(self, *counts: str) -> str:
        """What it says before it counts."""
        done = self.htool("harep", "-L")
        self.assertEqual((done.code, done.err), (0, ""))
        said, _, counted = done.out.partition("-" * 21 + "\nInstance status count\n" + "-" * 21 + "\n")
        self.assertEqual(counted.splitlines(), list(counts))
        return said

    def test_one_that_is_whole(self) -> None:
        self.assertEqual((self.harep("Healthy: 1"), self.tags()), ("", ""))

    def test_a_repair_that_fails_is_not_tried_again(self) -> None:
        self.offline("node2")
        self.assertIn("Executing failover repair on web1.example\n", self.harep("Pending repair: 1"))
        self.assertRegex(self.tags(), r"\Aganeti:watcher:autorepair:pending:failover:.{36}:[0-9]+:4\n\Z")
        self.assertEqual(self.harep("Pending repair: 1"), "")
        self.cluster.settle(20.0)
        self.assertIn('Moving web1.example from "Pending repair" to "Failure"\n', self.harep("Failure: 1"))
        self.assertRegex(self.tags(), r"\Aganeti:watcher:autorepair:result:failover:.{36}:[0-9]+:failure:4\n\Z")
        self.assertEqual(self.harep("Failure: 1"), "")

    def test_a_repair_the_master_does_not_know_has_failed(self) -> None:
        self.offline("node3")
        said = self.harep("Failure: 1")
        self.assertIn(
            "The repair of web1.example was refused: there is no operation 'OP_INSTANCE_REPLACE_DISKS'\n", said
        )
        self.assertRegex(self.tags(), r"\Aganeti:watcher:autorepair:result:fix-storage:.{36}:[0-9]+:failure:\n\Z")

    def test_what_is_not_allowed_is_said_and_kept(self) -> None:
        self.change_disk("plain")
        self.offline("node2")
        self.assertIn("because only repairs up to failover are allowed\n", self.harep("Needs repair: 1"))
        tags = self.tags()
        self.assertRegex(tags, r"\Aganeti:watcher:autorepair:result:reinstall:.{36}:[0-9]+:enoperm:\n\Z")
        self.cluster.settle(300.0)
        self.assertIn("because only repairs up to failover are allowed\n", self.harep("Needs repair: 1"))
        self.assertEqual(self.tags(), tags)
