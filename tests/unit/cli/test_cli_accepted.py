"""Every opcode that a command submits is one that its operation takes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.operations import registry


class AcceptedTests(SynchronousTestCase):
    COMMANDS = (
        ("gnt-instance", "add", "-t", "file", "--disk", "0:size=4", "-n", "n1", "-o", "noop", "web1"),
        ("gnt-instance", "remove", "-f", "web1"),
        ("gnt-instance", "startup", "web1"),
        ("gnt-instance", "startup", "-H", "acpi=no", "-B", "vcpus=1", "web1"),
        ("gnt-instance", "shutdown", "web1"),
        ("gnt-instance", "reboot", "web1"),
        ("gnt-instance", "add-tags", "web1", "a"),
        ("gnt-instance", "remove-tags", "web1", "a"),
        ("gnt-instance", "info", "web1"),
        ("gnt-cluster", "add-tags", "a"),
        ("gnt-cluster", "destroy", "--yes-do-it"),
        ("gnt-cluster", "verify", "--error-codes", "-I", "ENODELEDGER", "--no-nplus1-mem"),
        ("gnt-node", "add", "--token", "t", "n2"),
        ("gnt-node", "remove", "n2"),
        ("gnt-network", "add", "--network=192.0.2.0/28", "--gateway=192.0.2.1", "--add-reserved-ips=192.0.2.5", "net1"),
        ("gnt-network", "modify", "--gateway=none", "net1"),
        ("gnt-network", "modify", "--remove-reserved-ips=192.0.2.5", "net1"),
        ("gnt-network", "connect", "net1", "default"),
        ("gnt-network", "disconnect", "net1", "default"),
        ("gnt-network", "remove", "net1"),
        ("gnt-network", "add-tags", "net1", "a"),
        ("gnt-network", "remove-tags", "net1", "a"),
        ("gnt-os", "modify", "-O", "a=b", "--hidden", "yes", "noop"),
        ("gnt-os", "list"),
        ("gnt-os", "diagnose"),
        ("gnt-os", "info"),
        ("gnt-debug", "delay", "--priority", "low", "--reason", "why", "1"),
    )

    def test_each(self) -> None:
        registry.load_all()
        for argv in self.COMMANDS:
            world = World()
            world.jobs_end()
            world.answer_query([{"name": "web1"}] if argv[1] != "add" else [], {"name": "text"})
            world.client.answers |= {"look": [], "forget_cluster": None}
            if argv[1] == "info":
                world.client.answers["look"] = {}
            self.assertEqual(world.run(*argv), 0, (argv, world.err))
            ops = world.submitted() or [world.client.asked("look")[0]["op"]]
            for op in ops:
                kind, _, _ = registry.parse(op)
                self.assertEqual(kind.op_id, op["OP_ID"])
                self.assertEqual(kind.read_only, bool(world.client.asked("look")), argv)
