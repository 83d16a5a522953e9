"""Hooks on a simulated cluster: where they run, what they see, what their failure does."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.protocol.node import HookEnd
from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")
NO = (HookEnd("00-fine", "success", "well"), HookEnd("10-check", "fail", "too hot"), HookEnd("x.sh", "skip", ""))


class HookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(spare=1)

    def run_it(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, code, done)
        return done

    def add(self) -> None:
        self.run_it("gnt-instance", "add", *ADD, "web1.example")
        self.forget()

    def forget(self) -> None:
        for host in self.cluster.hosts.values():
            host.hooks.ran.clear()

    def ran(self) -> dict[str, list[str]]:
        """Hooks that ran, by node."""
        hosts = self.cluster.hosts.values()
        return {h.name: [f"{m.name}-{m.phase}" for m in h.hooks.ran] for h in hosts if h.hooks.ran}

    def seen(self, node: str, name: str, phase: str) -> dict[str, str]:
        (found,) = (m for m in self.cluster.hosts[node].hooks.ran if (m.name, m.phase) == (name, phase))
        return found.environment

    def script(self, node: str, name: str, phase: str, ends: Any = NO) -> None:
        self.cluster.hosts[node].hooks.scripts[name, phase] = ends

    def test_before_and_after_on_the_master_and_the_nodes(self) -> None:
        self.add()
        self.run_it("gnt-instance", "shutdown", "web1.example")
        own = ["instance-stop-pre", "instance-stop-post"]
        self.assertEqual(self.ran(), {"node1": [*own, "config-update-post"], "node2": own})
        before, after = (self.seen("node2", "instance-stop", phase) for phase in ("pre", "post"))
        self.assertEqual(before["GANETI_INSTANCE_STATUS"], "up")
        self.assertNotIn("GANETI_POST_INSTANCE_STATUS", before)
        self.assertEqual((after["GANETI_INSTANCE_STATUS"], after["GANETI_POST_INSTANCE_STATUS"]), ("up", "down"))
        update = self.seen("node1", "config-update", "post")
        self.assertEqual(update["GANETI_OP_CODE"], "OP_INSTANCE_SHUTDOWN")
        self.assertEqual((update["GANETI_HOOKS_PATH"], update["GANETI_HOOKS_PHASE"]), ("config-update", "post"))
        self.assertNotIn("GANETI_POST_INSTANCE_STATUS", update)

    def test_a_new_instance_and_its_removal(self) -> None:
        self.run_it("gnt-instance", "add", *ADD, "web1.example")
        self.assertEqual(self.ran()["node2"], ["instance-add-pre", "instance-add-post"])
        self.forget()
        self.run_it("gnt-instance", "remove", "--force", "web1.example")
        ran = self.ran()
        self.assertEqual(ran["node1"], ["instance-remove-pre", "instance-remove-post", "config-update-post"])
        self.assertEqual(ran["node2"], ["instance-remove-post"])

    def test_a_script_refuses(self) -> None:
        self.add()
        self.script("node2", "instance-stop", "pre")
        done = self.run_it("gnt-instance", "shutdown", "web1.example", code=1)
        self.assertIn("hooks refused the operation:\n  node: node2, script: 10-check, output: too hot\n", done.err)
        self.assertTrue(self.cluster.config.instance("web1").admin_up)
        self.assertIn("web1.example", self.cluster.hosts["node2"].hypervisor.guests)
        self.assertEqual(self.ran(), {"node1": ["instance-stop-pre"], "node2": ["instance-stop-pre"]})

    def test_a_failure_afterwards_is_only_told(self) -> None:
        self.add()
        self.script("node2", "instance-stop", "post")
        self.script("node1", "config-update", "post")
        done = self.run_it("gnt-instance", "shutdown", "web1.example")
        told = done.out + done.err
        self.assertIn("WARNING: node2: hook script 10-check failed, output: too hot", told)
        self.assertIn("WARNING: node1: hook script 10-check failed, output: too hot", told)
        self.assertFalse(self.cluster.config.instance("web1").admin_up)

    def test_work_that_fails_has_no_hooks_after_it_but_its_changes_have(self) -> None:
        self.add()
        self.run_it("gnt-instance", "shutdown", "web1.example")
        self.forget()
        self.cluster.hosts["node2"].hypervisor.broken.add("web1.example")
        self.run_it("gnt-instance", "startup", "web1.example", code=1)
        self.assertTrue(self.cluster.config.instance("web1").admin_up)
        self.assertEqual(
            self.ran(), {"node1": ["instance-start-pre", "config-update-post"], "node2": ["instance-start-pre"]}
        )

    def test_a_dry_run_asks_the_hooks_before(self) -> None:
        self.run_it("gnt-instance", "add", *ADD, "--dry-run", "web1.example")
        self.assertEqual(self.ran(), {"node1": ["instance-add-pre"], "node2": ["instance-add-pre"]})
        self.script("node2", "instance-add", "pre")
        done = self.run_it("gnt-instance", "add", *ADD, "--dry-run", "web1.example", code=1)
        self.assertIn("node: node2, script: 10-check", done.err)

    def test_a_node_that_is_down_is_only_told(self) -> None:
        self.cluster.hosts["node3"].kill()
        done = self.run_it("gnt-node", "modify", "-D", "yes", "--auto-promote", "node3")
        self.assertIn("WARNING: node3: it gave no answer about its hooks", done.out + done.err)
        self.assertTrue(self.cluster.config.node("node3").drained)

    def test_offline_nodes_are_left_out(self) -> None:
        self.run_it("gnt-node", "modify", "-O", "yes", "--auto-promote", "node3")
        self.forget()
        self.run_it("gnt-node", "modify", "--master-capable=no", "node3")
        self.assertEqual(self.ran(), {"node1": ["node-modify-pre", "node-modify-post", "config-update-post"]})

    def test_nodes_that_come_and_go(self) -> None:
        self.run_it("gnt-node", "add", "--token", "token of node4", "node4")
        self.assertEqual(self.ran()["node4"], ["node-add-post"])
        self.assertEqual(self.ran()["node2"], ["node-add-pre", "node-add-post"])
        self.assertEqual(self.seen("node4", "node-add", "post")["GANETI_POST_NODE_PIP"], "192.0.2.4")
        self.forget()
        self.run_it("gnt-node", "remove", "node4")
        self.assertEqual(self.ran()["node4"], ["node-remove-post"])
        self.assertEqual(self.ran()["node2"], ["node-remove-pre", "node-remove-post"])

    def test_a_failing_hook_fails_a_verification(self) -> None:
        self.script("node3", "cluster-verify", "post")
        done = self.run_it("gnt-cluster", "verify", "--error-codes", code=1)
        self.assertIn("ERROR:ENODEHOOKS:node:node3:hook script 10-check failed, output: too hot", done.out)

    def test_operations_without_hooks_ask_nobody(self) -> None:
        self.run_it("gnt-cluster", "add-tags", "a")
        self.run_it("gnt-debug", "delay", "0")
        self.assertEqual(self.ran(), {})
