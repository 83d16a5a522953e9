"""Changes that may or may not last, for a while: what is shown and done afterwards is what was stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.secrets import ChangeSecrets, secrets_of
from ganeti_tw.config.switches import DRAINED, WATCHER_PAUSE
from ganeti_tw.errors import GanetiError, OutcomeUnknown
from ganeti_tw.testing.cluster import Cluster

FINAL = {"success", "error", "canceled"}


def tag(text: str) -> dict[str, Any]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [text]}


class DoubtCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3)
        self.network = self.cluster.network

    def deafen(self) -> None:
        """What the master says is done, and it hears no answer."""
        for other in ("node2", "node3"):
            self.network.cut_one_way(other, "node1", notice=60.0)

    def isolate(self) -> None:
        for other in ("node2", "node3"):
            self.network.cut("node1", other, notice=60.0)

    def rejoin(self) -> None:
        for other in ("node2", "node3"):
            self.network.mend("node1", other)

    def in_doubt(self, asked: Deferred[Any]) -> None:
        """Nobody knows how it ended; then all hear each other again."""
        ends: list[Any] = []
        asked.addBoth(ends.append)
        self.cluster.settle(20)
        self.assertIsInstance(ends[0], Failure)
        self.assertIsInstance(ends[0].value, OutcomeUnknown)
        self.rejoin()
        self.cluster.settle(60)
        self.assertEqual(self.cluster.fatal, [])
        self.assertEqual(self.cluster.master_host.process.role(), "master")

    def statuses(self) -> list[str]:
        rows = self.cluster.call("query", {"what": "job", "fields": ["status"]})["data"]
        return [row[0][1] for row in rows]

    def stored(self, kind: str) -> dict[tuple[str, str], bytes]:
        snapshot = self.cluster.result(self.cluster.master_host.store.load((kind,)))
        return dict(snapshot.rows)


class JobTests(DoubtCase):
    def test_jobs_in_doubt_at_their_submission_come_to_an_end(self) -> None:
        """They were shown as running, and nobody ran them."""
        for lose in (self.deafen, self.isolate):
            with self.subTest(lose.__name__):
                self.setUp()
                lose()
                others = [self.cluster.begin("submit", {"ops": [tag(f"{number}")]}) for number in range(3)]
                for other in others:
                    other.addErrback(lambda failure: failure.trap(GanetiError))
                self.in_doubt(self.cluster.begin("submit", {"ops": [tag("last")]}))
                statuses = self.statuses()
                self.assertLessEqual(set(statuses), FINAL)
                # One that is there was done, and what was done is there.
                self.assertEqual(len(self.cluster.config.cluster.tags), statuses.count("success"))

    def test_whoever_is_in_doubt_recognises_the_job(self) -> None:
        """The host with the job dies, the next master gives its number to another one."""
        for died in (False, True):
            with self.subTest(died=died):
                self.setUp()
                self.isolate()
                asked = self.cluster.begin("submit", {"ops": [tag("mine")]})
                ends: list[Any] = []
                asked.addBoth(ends.append)
                self.cluster.settle(20)
                text = ends[0].value.text
                number, received = re.findall(r"'gnt-job info (\d+)' says .* not received at (.*) UTC: ", text)[0]
                if died:
                    self.cluster.hosts["node1"].kill()
                    self.cluster.call_on("node2", "master_failover")
                    other = self.cluster.call("submit", {"ops": [tag("another's")]})
                    self.assertEqual(str(other), number)
                else:
                    self.rejoin()
                self.cluster.settle(60)
                info = self.cluster.run("gnt-job", "info", number)
                self.assertEqual(info.code, 0, info)
                found = self.cluster.call(
                    "query", {"what": "job", "fields": ["received_ts"], "filter": ["=", "id", int(number)]}
                )
                seconds, micros = found["data"][0][0][1]
                self.assertIn(f".{micros:06d}", info.out)
                here = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06d}"
                self.assertEqual(here == received, not died, (here, received))

    def test_a_job_whose_change_is_in_doubt_ends_and_the_process_goes_on(self) -> None:
        """The keeper of the configuration crashed, and the process with it."""
        for lose in (self.deafen, self.isolate):
            with self.subTest(lose.__name__):
                self.setUp()
                delay = {"OP_ID": "OP_TEST_DELAY", "duration": 1.0}
                job = self.cluster.call("submit", {"ops": [delay, tag("late")]})
                self.cluster.settle(0.5)
                lose()
                self.cluster.settle(30)
                self.assertEqual(self.cluster.fatal, [])
                self.rejoin()
                self.cluster.settle(60)
                self.assertEqual(self.cluster.fatal, [])
                query = {"what": "job", "fields": ["status"], "filter": ["=", "id", job]}
                ((row,),) = self.cluster.call("query", query)["data"]
                self.assertIn(row[1], FINAL)
                if row[1] == "success":
                    self.assertEqual(self.cluster.config.cluster.tags, ("late",))
                self.assertEqual(self.cluster.call("submit", {"ops": [tag("after")]}), job + 1)


class SwitchTests(DoubtCase):
    def shown(self) -> list[Any]:
        answer: list[Any] = self.cluster.call("config_values", {"names": ["drain_flag", "watcher_pause"]})
        return answer

    def test_the_drain_flag_is_shown_as_it_was_stored(self) -> None:
        self.deafen()
        self.in_doubt(self.cluster.begin("set_drain", {"flag": True}))
        stored = self.stored(DRAINED[0]).get(DRAINED, b"false") == b"true"
        self.assertEqual(self.shown()[0], stored)
        self.assertTrue(stored)

    def test_so_is_the_pause_of_the_watcher(self) -> None:
        self.deafen()
        until = self.cluster.now() + 10_000
        self.in_doubt(self.cluster.begin("set_watcher_pause", {"until": until}))
        self.assertIn(WATCHER_PAUSE, self.stored(DRAINED[0]))
        self.assertEqual(self.shown()[1], until)


class SecretTests(DoubtCase):
    def test_no_number_of_a_certificate_is_issued_twice(self) -> None:
        def issue() -> Deferred[Any]:
            vault = self.cluster.master.secrets
            return vault.ask(ChangeSecrets(lambda s: evolve(s, issued=s.issued.next())), 60.0)

        self.deafen()
        self.in_doubt(issue())
        before = secrets_of(self.stored("secret")).issued.last
        self.assertEqual(self.cluster.result(issue()).issued.last, before + 1)
        self.assertEqual(secrets_of(self.stored("secret")).issued.last, before + 1)


class FailedFailoverTests(DoubtCase):
    def test_a_node_marked_offline_is_not_left_alone_in_an_epoch_of_its_own(self) -> None:
        """It would hear no master any more."""
        done = self.cluster.run("gnt-node", "modify", "-O", "yes", "--auto-promote", "node3")
        self.assertEqual(done.code, 0, done)
        self.cluster.settle(2)
        node3 = self.cluster.hosts["node3"]
        for booted in (False, True):
            if booted:
                self.cluster.restart("node3")
            with self.assertRaises(GanetiError):
                self.cluster.call_on("node3", "master_failover")
            self.assertLessEqual(node3.record.epoch, self.cluster.hosts["node1"].record.epoch)
        done = self.cluster.run("gnt-node", "modify", "-f", "-O", "no", "--auto-promote", "node3")
        self.assertEqual(done.code, 0, done)
        self.cluster.settle(10)
        self.assertEqual((node3.record.master, node3.process.role()), ("node1", "candidate"))
        self.assertEqual(
            self.cluster.result(node3.store.position()),
            self.cluster.result(self.cluster.hosts["node1"].store.position()),
        )
