"""A master that loses its power in the middle of an operation: what the job says then is true, and the remedy works."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

WEB = "web1.example"
CREATE = {
    "OP_ID": "OP_INSTANCE_CREATE", "instance_name": WEB, "mode": "create", "disks": [{"size": 1024}], "nics": [{}],
    "pnode": "node2", "disk_template": "file", "os_type": "noop", "name_check": False, "ip_check": False,
}  # fmt: skip
ADD = ("add", "-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2", WEB)
FIRST, LAST = 12, 100  # events after the submission between which each of the operations begins and ends
STRIDE = 5


class PowerCutTests(SynchronousTestCase):
    """Each operation on clusters of their own, with the power cut at one moment after the other."""

    def play(self, before: list[dict[str, Any]], op: dict[str, Any]) -> None:
        """To the end of the one that was not interrupted; each time ``examine`` sees what was left."""
        told = set()
        for moment in range(FIRST, LAST, STRIDE):
            cluster = self.cluster = Cluster(spare=1)
            for opcode in before:
                self.assertEqual(self.ended(cluster.call("submit", {"ops": [opcode]}))[0], "success")
            accepted: list[int] = []
            cluster.begin("submit", {"ops": [op]}).addCallbacks(accepted.append, lambda failure: None)
            for _ in range(moment):
                cluster.clock.step(cluster.clock.seconds() + 60)
            cluster.hosts["node1"].kill(notice=5.0)
            cluster.settle(20)
            cluster.hosts["node1"].boot()
            cluster.settle(20)
            with self.subTest(moment=moment):
                self.assertEqual(cluster.fatal, [])
                status, results = self.ended(accepted[0]) if accepted else ("", None)
                if status == "success":
                    break
                text = results[0][1][0] if status else ""
                told.add(self.examine(text))
                verified = cluster.run("gnt-cluster", "verify")
                self.assertEqual(verified.code, 0, verified)
        else:
            self.fail("it never came to its end")
        self.assertGreaterEqual(len(told - {""}), 2, told)

    def ended(self, number: int) -> tuple[str, Any]:
        wait = {"id": number, "fields": ["status", "opresult"], "previous": None, "timeout": 60}
        for _ in range(20):
            status, results = self.cluster.call("wait", wait)[0]
            if status in ("success", "error", "canceled"):
                return status, results
            wait["previous"] = [status, results]
        raise AssertionError(f"job {number} is {status}")

    def examine(self, text: str) -> str:
        """See that what an interrupted job says (empty: it was never accepted) is so; which of its texts it is."""
        raise NotImplementedError

    def run_command(self, code: int, program: str, *argv: str) -> Command:
        done = self.cluster.run(program, *argv)
        self.assertEqual(done.code, code, done)
        return done

    def names(self) -> list[str]:
        return sorted(node.name for node in self.cluster.config.nodes.values())

    def leave(self, host: str) -> None:
        """``gnt-node token --leave`` on it."""
        self.cluster.call_on(host, "forget_cluster")
        self.cluster.settle(1)


class NodeRemoveTests(PowerCutTests):
    def test_it(self) -> None:
        self.play([], {"OP_ID": "OP_NODE_REMOVE", "node_name": "node3"})

    def examine(self, text: str) -> str:
        if "no node any more" in text:
            self.assertEqual(self.names(), ["node1", "node2"])
            self.assertIn("there is no node 'node3'", self.run_command(1, "gnt-node", "remove", "node3").err)
            self.leave("node3")
            self.run_command(0, "gnt-node", "add", "--token", "token of node3", "node3")
            return "gone"
        self.assertEqual(self.names(), ["node1", "node2", "node3"])
        self.run_command(0, "gnt-node", "remove", "node3")
        self.assertIsNone(self.cluster.hosts["node3"].kept)
        self.assertTrue(not text or "still is a node" in text, text)
        return text and "there"


class NodeAddTests(PowerCutTests):
    def test_it(self) -> None:
        self.play([], {"OP_ID": "OP_NODE_ADD", "node_name": "node4", "token": "token of node4"})

    def examine(self, text: str) -> str:
        add = ("add", "--token", "token of node4", "node4")
        host = self.cluster.hosts["node4"]
        if "node4 is a node" in text:
            self.run_command(0, "gnt-cluster", "redist-conf")
            self.assertEqual(self.names(), ["node1", "node2", "node3", "node4"])
            self.assertEqual(host.process.role(), "candidate")
            return "there"
        self.assertEqual(self.names(), ["node1", "node2", "node3"])
        if host.kept is not None:
            self.assertIn("--leave", text)
            self.assertIn("in a cluster already", self.run_command(1, "gnt-node", *add).err)
            self.leave("node4")
        self.run_command(0, "gnt-node", *add)
        return text and "not there"


class InstanceCreateTests(PowerCutTests):
    def test_it(self) -> None:
        self.play([], CREATE)

    def examine(self, text: str) -> str:
        if "incomplete" in text:
            self.run_command(0, "gnt-instance", "remove", "-f", WEB)
        if "is complete" in text:
            self.run_command(0, "gnt-instance", "startup", WEB)
            which = "complete"
        else:
            self.run_command(0, "gnt-instance", *ADD)
            which = text[-40:]
        self.assertEqual(list(self.cluster.hosts["node2"].hypervisor.guests), [WEB])
        return which


class InstanceRemoveTests(PowerCutTests):
    def test_it(self) -> None:
        self.play([CREATE], {"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": WEB})

    def examine(self, text: str) -> str:
        gone = "is removed" in text
        if not gone:
            self.run_command(0, "gnt-instance", "remove", "-f", WEB)
        host = self.cluster.hosts["node2"]
        self.assertEqual((self.cluster.config.instances, host.hypervisor.guests), ({}, {}))
        self.assertEqual(host.storages["file"].disks, {})
        return "gone" if gone else text and "there"


class InstanceRenameTests(PowerCutTests):
    def test_it(self) -> None:
        op = {"OP_ID": "OP_INSTANCE_RENAME", "instance_name": WEB, "new_name": "web2.example"}
        self.play([{**CREATE, "start": False}], {**op, "name_check": False, "ip_check": False})

    def examine(self, text: str) -> str:
        renamed = "is called web2.example" in text
        if not renamed:
            argv = ("rename", "-f", "--no-name-check", "--no-ip-check", WEB, "web2.example")
            self.run_command(0, "gnt-instance", *argv)
        self.assertEqual([i.name for i in self.cluster.config.instances.values()], ["web2.example"])
        self.run_command(0, "gnt-instance", "startup", "web2.example")
        return "renamed" if renamed else text and "not renamed"
