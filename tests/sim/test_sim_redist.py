"""What the master spreads to the nodes: ssconf, and the files that are the same everywhere."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.node import Node
from ganeti_tw.testing.cluster import Cluster, Command
from ganeti_tw.wire.certificates import digest

USERS = "/var/lib/ganeti/rapi/users"
PASSWORD = "/etc/ganeti/vnc-cluster-password"
HOSTS = "/etc/hosts"


class RedistTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3, spare=1)
        self.hosts = self.cluster.hosts

    def run_it(self, program: str, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run(program, *argv)
        self.assertEqual(done.code, code, done)
        return done

    def files(self, name: str) -> dict[str, bytes]:
        files: dict[str, bytes] = self.hosts[name].ancillary.files
        return files

    def verified(self) -> list[str]:
        lines = self.cluster.run("gnt-cluster", "verify", "--error-codes").out.splitlines()
        return [line.partition("  - ")[2] for line in lines if "  - ERROR:" in line or "  - WARNING:" in line]

    def test_files_go_to_all_nodes(self) -> None:
        self.files("node1")[USERS] = b"jack secret write\n"
        self.assertEqual(self.run_it("gnt-cluster", "redist-conf").err, "")
        for name in ("node2", "node3"):
            self.assertEqual(self.files(name), {USERS: b"jack secret write\n"}, name)

    def test_nobody_else_has_its_files_changed(self) -> None:
        self.files("node1").update({"/etc/ganeti/ganeti.conf": b"x", "/etc/shadow": b"x", PASSWORD: b"x"})
        self.run_it("gnt-cluster", "redist-conf")
        self.assertEqual(self.files("node2"), {})  # a password for consoles that no enabled hypervisor has

    def test_all_nodes_hear_of_the_configuration_again(self) -> None:
        serial = self.cluster.config.serial
        told = {name: self.serial(name) for name in ("node1", "node2", "node3")}
        self.run_it("gnt-cluster", "redist-conf")
        self.assertGreater(self.cluster.config.serial, serial)
        for name, number in told.items():
            self.assertGreater(self.serial(name), number, name)
            self.assertEqual(self.serial(name), self.cluster.config.serial)

    def serial(self, name: str) -> int:
        record = self.hosts[name].process.record
        assert record is not None
        return record.serial

    def test_who_could_not_be_told_is_named(self) -> None:
        self.files("node1")[USERS] = b"x"
        self.cluster.network.cut("node1", "node3")
        self.hosts["node2"].ancillary.broken.add(USERS)
        out = self.run_it("gnt-cluster", "redist-conf").out
        self.assertIn("WARNING: node3 was not told of the configuration: ", out)
        self.assertIn("WARNING: node2 did not take the files of the master: ", out)
        self.assertNotIn("node3 did not take", out)  # it is said once
        self.assertIn("WARNING: the ledger on node3 is not in sync: ", out)

    def test_offline_nodes_are_left_out(self) -> None:
        self.hosts["node3"].kill()
        self.run_it("gnt-node", "modify", "--offline=yes", "node3")
        self.assertNotIn("WARNING", self.run_it("gnt-cluster", "redist-conf").out)

    def test_a_new_node_gets_them(self) -> None:
        self.files("node1")[USERS] = b"x"
        self.run_it("gnt-node", "add", "--token", "token of node4", "node4")
        self.assertEqual(self.files("node4"), {USERS: b"x"})

    def test_so_does_one_that_comes_back(self) -> None:
        self.run_it("gnt-node", "modify", "--offline=yes", "node3")
        self.files("node1")[USERS] = b"x"
        self.run_it("gnt-cluster", "redist-conf")
        self.assertEqual(self.files("node3"), {})
        self.run_it("gnt-node", "modify", "-f", "--offline=no", "node3")
        self.assertEqual(self.files("node3"), {USERS: b"x"})

    def test_a_script_that_is_needed_from_now_on(self) -> None:
        script = "/etc/ganeti/scripts/master-ip-setup"
        self.files("node1")[script] = b"#!/bin/sh\n"
        self.run_it("gnt-cluster", "redist-conf")
        self.assertEqual(self.files("node2"), {})
        self.run_it("gnt-cluster", "modify", "--use-external-mip-script", "yes")
        self.assertEqual(self.files("node2"), {script: b"#!/bin/sh\n"})

    def test_etc_hosts_must_know_all_nodes(self) -> None:
        lines = [f"192.0.2.{i} node{i}.example node{i}" for i in (1, 2, 3)]
        self.files("node1")[HOSTS] = "\n".join(lines[:2]).encode()
        self.assertIn("/etc/hosts of node1 was not copied: it does not know node3", self.redist())
        self.assertEqual(self.files("node2"), {})
        self.files("node1")[HOSTS] = "\n".join(lines).encode()
        self.assertNotIn("/etc/hosts", self.redist())
        self.assertEqual(self.files("node2"), {HOSTS: "\n".join(lines).encode()})

    def test_etc_hosts_is_left_alone_when_the_cluster_says_so(self) -> None:
        self.run_it("gnt-cluster", "modify", "--modify-etc-hosts", "no")
        self.files("node1")[HOSTS] = b"192.0.2.1 node1 192.0.2.2 node2\n"
        self.assertNotIn("/etc/hosts", self.redist())

    def redist(self) -> str:
        return self.run_it("gnt-cluster", "redist-conf").out

    def test_verify_compares_them(self) -> None:
        self.files("node1")[USERS] = b"x"
        self.redist()
        self.assertEqual(self.verified(), [])
        self.files("node2")[USERS] = b"y"
        del self.files("node3")[USERS]
        self.files("node3")["/var/lib/ganeti/known_hosts"] = b"z"
        code = "ECLUSTERFILECHECK:cluster:cluster:file"
        self.assertEqual(
            self.verified(),
            [
                f"ERROR:{code} {USERS} is missing on node3",
                f"ERROR:{code} {USERS} is not as it should be on node2",
                f"WARNING:{code} /var/lib/ganeti/known_hosts is on node3 and not on the master node1",
            ],
        )


class SsconfTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3)

    def tag(self, tag: str) -> None:
        self.assertEqual(self.cluster.run("gnt-cluster", "add-tags", tag).code, 0)
        self.cluster.settle(60)

    def told(self, name: str) -> str:
        return self.cluster.hosts[name].ssconf["cluster_tags"]

    def test_a_node_that_was_cut_off_hears_the_latest_when_it_is_back(self) -> None:
        self.cluster.network.cut("node1", "node3")
        self.tag("one")
        self.tag("two")
        self.assertEqual((self.told("node2"), self.told("node3")), ("one\ntwo\n", ""))
        self.cluster.network.mend("node1", "node3")
        self.cluster.settle(60)
        self.assertEqual(self.told("node3"), "one\ntwo\n")

    def test_so_does_one_whose_process_was_killed(self) -> None:
        self.cluster.hosts["node3"].kill()
        self.tag("one")
        self.assertEqual(self.told("node3"), "")
        self.cluster.restart("node3")
        self.cluster.settle(60)
        self.assertEqual(self.told("node3"), "one\n")

    def certificates(self) -> dict[str, str]:
        """By node name, as every node has them; the same on all."""
        self.cluster.settle(2)
        texts = {self.cluster.hosts[n.name].ssconf["master_candidates_certs"] for n in self.nodes()}
        (text,) = texts
        names = {n.uuid: n.name for n in self.nodes()}
        pairs = (line.split("=") for line in text.splitlines())
        return {names[uuid]: found for uuid, found in pairs}

    def nodes(self) -> list[Node]:
        return list(self.cluster.config.nodes.values())

    def shown(self, *names: str) -> dict[str, str]:
        return {name: digest(self.cluster.hosts[name].identity.certificate) for name in names}

    def test_certificates_of_candidates(self) -> None:
        self.assertEqual(self.certificates(), self.shown("node1", "node2", "node3"))
        for argv in (("modify", "-C", "no", "node3"), ("remove", "node2")):
            self.assertEqual(self.cluster.run("gnt-node", *argv).code, 0)
            self.assertNotIn(argv[-1], self.certificates())
        self.assertEqual(self.cluster.run("gnt-cluster", "verify").code, 0)
        self.assertEqual(self.cluster.run("gnt-node", "modify", "-C", "yes", "node3").code, 0)
        self.assertEqual(self.certificates(), self.shown("node1", "node3"))
