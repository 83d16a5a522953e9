"""What the master spreads to real processes, and the address of the cluster on them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from unittest import TestCase

from real_cluster import RealCluster

USERS = "/var/lib/ganeti/rapi/users"


class SpreadTests(TestCase):
    def setUp(self) -> None:
        self.cluster = RealCluster(2)
        self.addCleanup(self.cluster.destroy)
        self.cluster.form()

    def below(self, host: str, path: str) -> Path:
        return self.cluster.directory / host / path.lstrip("/")

    def ssconf(self, host: str, key: str) -> str:
        return self.below(host, f"/var/lib/ganeti/ssconf_{key}").read_text()

    def certificates(self, host: str) -> str:
        """Empty until the host was told of them."""
        place = self.below(host, "/var/lib/ganeti/ssconf_master_candidates_certs")
        return place.read_text() if place.exists() else ""

    def test_files_and_the_address(self) -> None:
        run = self.cluster.run
        # The digests of the certificates are the same everywhere, and those of two different ones.
        for host in ("node1", "node2"):
            self.cluster.until(lambda host=host: self.certificates(host).count("=") == 2)
        digests = self.certificates("node2")
        self.assertEqual(digests, self.certificates("node1"))
        self.assertRegex(digests, r"\A(.{36}=([0-9A-F]{2}:){19}[0-9A-F]{2}\n){2}\Z")

        # A file of the master, one that was changed and one that was lost on the other node.
        users = self.below("node1", USERS)
        users.parent.mkdir(exist_ok=True)
        users.write_text("jack secret write\n")
        changed = self.below("node2", "/var/lib/ganeti/ssconf_master_node")
        changed.unlink()
        changed.write_text("somebody\n")
        self.below("node2", "/var/lib/ganeti/ssconf_node_list").unlink()
        run("gnt-cluster", "redist-conf")
        copy = self.below("node2", USERS)
        self.assertEqual((copy.read_text(), stat.S_IMODE(copy.stat().st_mode)), ("jack secret write\n", 0o640))
        self.assertEqual(
            (self.ssconf("node2", "master_node"), self.ssconf("node2", "node_list")),
            (
                "node1\n",
                "node1\nnode2\n",
            ),
        )

        # A loopback address needs nothing done.
        for argv in (("activate-master-ip",), ("deactivate-master-ip", "--yes")):
            self.assertIn("is a loopback address", run("gnt-cluster", *argv).stdout)

        # A script of the administrator's moves with the setting, and its failures are told.
        script = self.below("node1", "/etc/ganeti/scripts/master-ip-setup")
        script.parent.mkdir(parents=True)
        script.write_text('#!/bin/sh\necho "$1 $MASTER_IP/$MASTER_NETMASK $MASTER_NETDEV" >>"$GANETI_ROOTDIR/calls"\n')
        script.chmod(0o755)
        run("gnt-cluster", "modify", "--use-external-mip-script=yes")
        run("gnt-cluster", "modify", "--master-netdev=br7")
        address = self.ssconf("node1", "master_ip").strip()
        netdev = "xen-br0"
        self.assertEqual(
            self.below("node1", "/calls").read_text().splitlines(),
            [f"start {address}/32 {netdev}", f"stop {address}/32 {netdev}", f"start {address}/32 br7"],
        )
        script.write_text("#!/bin/sh\necho no such bridge >&2\nexit 3\n")
        out = run("gnt-cluster", "activate-master-ip").stdout
        self.assertIn("WARNING: node1: ", out)
        self.assertIn("master-ip-setup start' failed: exit status 3; it said: no such bridge", out)

        run("gnt-cluster", "redist-conf")  # the script changed
        self.assertEqual(self.below("node2", "/etc/ganeti/scripts/master-ip-setup").read_text(), script.read_text())
        self.assertNotIn("ERROR", run("gnt-cluster", "verify").stdout)
        state = json.loads(run("gnt-debug", "ledger", "--json").stdout)
        self.assertEqual([(f["name"], f["in_sync"]) for f in state["followers"]], [("node2", True)])

        # A node that cannot be reached is named.
        self.cluster.vcluster("stop", "node2")
        self.assertIn("WARNING: node2 was not told of the configuration", run("gnt-cluster", "redist-conf").stdout)
