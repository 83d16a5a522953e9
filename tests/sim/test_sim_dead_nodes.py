"""What commands say of nodes that are dead and not marked offline, and how long they take to say it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-t", "file", "--disk", "0:size=1G", "-o", "noop", "--no-name-check", "--no-ip-check")
SOON = 2.1  # virtual seconds
TABLE = ("--no-headers", "--separator=|")


class DeadNodeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        added = self.cluster.run("gnt-instance", "add", *ADD, "-n", "node3", "web1.example")
        self.assertEqual(added.code, 0, added)

    def timed(self, *argv: str) -> tuple[float, Command]:
        """How many seconds a command takes, and how it ends."""
        begin = self.cluster.clock.seconds()
        command = self.cluster.run(*argv)
        return self.cluster.clock.seconds() - begin, command

    def look(self) -> None:
        """Everything that is known of the dead node comes soon, and what is not known says so."""
        for argv, line in (
            (("gnt-node", "list", *TABLE, "-o", "name,mfree,pinst_cnt"), "node3|?|1"),
            (("gnt-instance", "list", *TABLE, "-o", "name,status,oper_ram"), "web1.example|ERROR_nodedown|?"),
            (("gnt-instance", "info", "web1"), "  State: configured to be up"),
        ):
            seconds, command = self.timed(*argv)
            self.assertIn(line, command.out.splitlines(), command)
            self.assertLess(seconds, SOON, argv)
        verified = self.cluster.run("gnt-cluster", "verify")
        self.assertIn("node node3: it gave no answer: node3 could not be asked to verify itself", verified.out)

    def test_a_host_whose_process_is_gone(self) -> None:
        self.cluster.hosts["node3"].kill()
        self.look()

    def test_a_host_that_is_silent(self) -> None:
        self.cluster.network.cut("node1", "node3")
        self.look()

    def test_a_host_that_fell_silent_a_moment_ago_is_waited_for_once_and_not_long(self) -> None:
        self.cluster.network.cut("node1", "node3", notice=17)  # the connection is taken for lost only then
        for soon in (SOON, 0.6):
            seconds, command = self.timed("gnt-instance", "list", *TABLE, "-o", "name,status,oper_ram")
            self.assertEqual(command.out, "web1.example|ERROR_nodedown|?\n")
            self.assertLess(seconds, soon)
        seconds, command = self.timed("gnt-instance", "info", "web1")
        self.assertIn("  State: configured to be up\n", command.out)
        self.assertLess(seconds, 0.6)
        seconds, command = self.timed("gnt-node", "list", *TABLE, "-o", "name,mfree")
        self.assertIn("node3|?\n", command.out)
        self.assertLess(seconds, 0.6)
        self.cluster.network.mend("node1", "node3")
        seconds, command = self.timed("gnt-instance", "list", *TABLE, "-o", "name,status")
        self.assertEqual(command.out, "web1.example|running\n")
        self.assertLess(seconds, 0.6)

    def test_verify_tells_why_the_ledger_is_behind_in_plain_words(self) -> None:
        self.cluster.hosts["node3"].kill()
        self.cluster.settle(60)
        added = self.cluster.run("gnt-cluster", "add-tags", "blue")
        self.assertEqual(added.code, 0, added)
        (line,) = (x for x in self.cluster.run("gnt-cluster", "verify").out.splitlines() if "is not in sync" in x)
        self.assertTrue(
            line.endswith(
                "s ago; node3 could not be asked to tell how far its copy of the ledger is: "
                "connection refused (does ganeti run there?)"
            ),
            line,
        )

    def test_a_host_that_comes_back_is_seen_at_once(self) -> None:
        self.cluster.network.cut("node1", "node3")
        self.look()
        self.cluster.network.mend("node1", "node3")
        seconds, command = self.timed("gnt-instance", "list", *TABLE, "-o", "name,status")
        self.assertEqual(command.out, "web1.example|running\n")
        self.assertLess(seconds, 1)

    def test_a_job_waits_longer_than_a_question(self) -> None:
        self.cluster.network.cut("node1", "node3")
        seconds, command = self.timed("gnt-instance", "shutdown", "web1")
        self.assertGreater(seconds, SOON, command)
        self.assertIn("node3 could not be asked to shut an instance down: no connection within 5 s", command.err)
