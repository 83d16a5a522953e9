"""``gnt-debug ledger``: which candidate is how far, and why one is not in sync."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster


class LedgerFiguresTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3)

    def run_it(self, *argv: str) -> str:
        done = self.cluster.run("gnt-debug", "ledger", *argv)
        self.assertEqual((done.code, done.err), (0, ""), done)
        return done.out

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run_it("--json"))
        return found

    def test_all_is_well(self) -> None:
        state = self.state()
        self.assertEqual((state["master"], state["problem"], state["waiting"]), ("node1", "", 0))
        self.assertEqual(
            [(f["name"], f["in_sync"], f["lag"]) for f in state["followers"]],
            [
                ("node2", True, 0),
                ("node3", True, 0),
            ],
        )
        for follower in state["followers"]:
            self.assertEqual(follower["position"], state["position"])

    def test_for_people(self) -> None:
        first, header, *rows = self.run_it().splitlines()
        position, epoch = self.state()["position"], self.state()["epoch"]
        self.assertTrue(first.startswith(f"node1 (master): change {position} of epoch {epoch} acknowledged, "), first)
        self.assertEqual(header.split(), ["Node", "InSync", "Position", "Lag", "Heard", "Reason"])
        self.assertEqual([row.split()[:4] for row in rows], [[n, "Y", str(position), "0"] for n in ("node2", "node3")])

    def test_for_programs(self) -> None:
        rows = [line.split("|") for line in self.run_it("--no-headers", "--separator=|").splitlines()]
        self.assertEqual([(row[0], row[1], row[5]) for row in rows], [("node2", "Y", "-"), ("node3", "Y", "-")])

    def test_one_that_was_cut_off_and_comes_back(self) -> None:
        self.cluster.network.cut("node1", "node3")
        self.cluster.call("set_drain", {"flag": True})
        self.cluster.settle(60)
        lost = self.state()["followers"][1]
        self.assertFalse(lost["in_sync"])
        self.assertGreater(lost["lag"], 0)
        self.assertGreater(lost["last_contact"], 30)
        row = self.run_it("--no-headers", "--separator=|").splitlines()[1]
        self.assertEqual(row.split("|")[1], "N")
        self.assertEqual(row.split("|")[5], lost["last_error"])
        self.assertTrue(lost["last_error"])
        self.cluster.network.mend("node1", "node3")
        self.cluster.settle(60)
        self.assertTrue(self.state()["followers"][1]["in_sync"])

    def test_a_wrong_interval(self) -> None:
        self.assertEqual(self.cluster.run("gnt-debug", "ledger", "--interval", "0").code, 1)
