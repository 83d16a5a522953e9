"""``gnt-node migrate`` and ``gnt-node failover`` on a simulated cluster."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2", "-t", "sharedfile", "--disk", "0:size=1g")
NAMES = tuple(f"web{i}.example" for i in (1, 2, 10))


class NodeMoveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        for name in NAMES:
            self.done("gnt-instance", "add", *ADD, name)

    def done(self, program: str, *argv: str) -> Command:
        done = self.cluster.run(program, *argv)
        self.assertEqual(done.code, 0, done)
        return done

    def node(self, *argv: str) -> Command:
        return self.cluster.run("gnt-node", *argv)

    def on(self, node: str) -> list[str]:
        """What should be on a node, which is also what runs there."""
        config = self.cluster.config
        names = [i.name for i in config.primaries(config.node(node).uuid)]
        self.assertEqual(sorted(self.cluster.hosts[node].hypervisor.guests), sorted(names))
        return sorted(names)

    def test_all_instances_are_migrated(self) -> None:
        done = self.node("migrate", "-f", "-n", "node3", "node2")
        self.assertEqual(done.code, 0, done)
        self.assertIn("All instances migrated successfully.", done.out)
        self.assertEqual((self.on("node2"), self.on("node3")), ([], sorted(NAMES)))
        calls = self.cluster.hosts["node2"].hypervisor.calls
        self.assertEqual({verb for _, verb in calls}, {"start", "send live"})
        jobs = self.done("gnt-job", "list", "--no-headers", "-o", "summary").out.split()
        self.assertEqual(jobs[3:], ["NODE_MIGRATE(node2)", *(f"INSTANCE_MIGRATE({name})" for name in NAMES_SORTED)])

    def test_standing_still(self) -> None:
        self.assertEqual(self.node("migrate", "-f", "--non-live", "-n", "node3", "node2").code, 0)
        self.assertIn(("web1.example", "send"), self.cluster.hosts["node2"].hypervisor.calls)

    def test_what_cannot_be_migrated_is_told(self) -> None:
        self.done("gnt-instance", "shutdown", "web2")
        done = self.node("migrate", "-f", "-n", "node3", "node2")
        self.assertEqual(done.code, 1, done)
        self.assertIn("There were 1 errors", done.out)
        self.assertIn("web2.example does not run on node2", done.err)
        self.assertEqual(self.on("node3"), ["web1.example", "web10.example"])

    def test_refusals(self) -> None:
        for argv, word, code in (
            (("migrate", "-f", "-I", "hail", "-n", "node3", "node2"), "not both", 1),
            (("migrate", "-f", "-n", "node2", "node2"), "to another node", 1),
            (("migrate", "-f", "-n", "node9", "node2"), "node9", 1),
            (("migrate", "-f", "-n", "node3", "node9"), "node9", 1),
            (("failover", "-f", "-n", "node3", "node9"), "node9", 1),
            (("migrate", "-f", "--non-live", "--migration-mode", "live", "-n", "node3", "node2"), "only one of", 1),
        ):
            done = self.node(*argv)
            self.assertEqual(done.code, code, (argv, done))
            self.assertIn(word, done.err, argv)
        self.assertEqual(self.on("node2"), sorted(NAMES))
        self.done("gnt-cluster", "modify", "-I", "")
        self.assertIn("no default one", self.node("migrate", "-f", "node2").err)
        self.assertEqual(self.on("node2"), sorted(NAMES))

    def test_an_allocator_chooses_where_each_goes(self) -> None:
        for verb in ("migrate", "failover"):
            done = self.node(verb, "-f", "-I", "hail", "node2")
            self.assertIn("successfully.", done.out, done)
            self.assertEqual(self.on("node2"), [])
            self.assertEqual(sorted(self.on("node1") + self.on("node3")), sorted(NAMES))
            for name in NAMES:
                if name not in self.on("node2"):
                    self.done("gnt-instance", "migrate", "-f", "-n", "node2", name)

    def test_the_questions(self) -> None:
        self.assertEqual(self.node("migrate", "-n", "node3", "node2").code, 13)
        self.assertEqual(self.node("failover", "-n", "node3", "node2").code, 2)
        self.assertEqual(self.on("node2"), sorted(NAMES))

    def test_nothing_to_do(self) -> None:
        done = self.node("migrate", "-n", "node3", "node1")
        self.assertEqual((done.code, done.err), (0, ""))
        done = self.node("failover", "-n", "node3", "node1")
        self.assertEqual((done.code, done.out), (0, ""))
        self.assertIn("nothing to fail over", done.err)

    def test_all_instances_are_failed_over(self) -> None:
        done = self.node("failover", "-f", "-n", "node3", "node2")
        self.assertEqual(done.code, 0, done)
        self.assertIn("Waiting for job 5 for web2.example ...", done.out)
        self.assertIn("All 3 instances failed over successfully.", done.out)
        self.assertEqual((self.on("node2"), self.on("node3")), ([], sorted(NAMES)))

    def test_a_failed_failover_is_told_and_is_no_failure(self) -> None:
        self.cluster.hosts["node2"].hypervisor.immortal.add("web2.example")
        self.cluster.hosts["node2"].hypervisor.deaf.add("web2.example")
        done = self.node("failover", "-f", "-n", "node3", "node2")
        self.assertEqual(done.code, 0, done)
        self.assertIn("There were 1 errors while failing over the 3 instances of node2", done.out)
        self.assertEqual(self.on("node2"), ["web2.example"])
        self.done("gnt-cluster", "modify", "-I", "")
        done = self.node("failover", "-f", "node2")
        self.assertIn("no default one", done.err)

    def test_a_dead_node(self) -> None:
        host = self.cluster.hosts["node2"]
        host.hypervisor.lose_power()
        host.kill()
        self.done("gnt-node", "modify", "-O", "yes", "-f", "node2")
        self.assertIn("successfully", self.node("failover", "-f", "-n", "node3", "node2").out)
        self.assertEqual(self.on("node3"), sorted(NAMES))


NAMES_SORTED = sorted(NAMES)
