"""The job queue of real processes: its own test, signs by sockets, cancelling what runs."""

from __future__ import annotations

import os
from unittest import TestCase

from real_cluster import RealCluster


class JobTests(TestCase):
    def test_signs_and_cancelling(self) -> None:
        cluster = RealCluster(1)
        self.addCleanup(cluster.destroy)
        cluster.run("gnt-cluster", "init", "--enabled-hypervisors=fake", "cluster")
        sockets = os.path.dirname(cluster.paths("node1").socket)
        before = os.listdir(sockets)

        self.assertIn("passed all tests", cluster.run("gnt-debug", "test-jobqueue").stdout)

        job = cluster.run("gnt-debug", "delay", "--submit", "-i", "600").stderr.split()[-1]
        self.assertIn("at its next step", cluster.run("gnt-job", "cancel", job).stdout)
        self.assertEqual(cluster.run("gnt-job", "watch", job, check=False).returncode, 1)
        self.assertEqual(cluster.run("gnt-job", "list", "--no-headers", "-o", "status", job).stdout, "canceled\n")
        self.assertEqual(os.listdir(sockets), before)
