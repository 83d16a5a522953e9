"""``ganeti-kills`` without processes: journals, what they promise, and what is noticed when it is missing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import Any
from unittest import TestCase

from ganeti_tw.testing.kills import wishes
from ganeti_tw.testing.kills.expected import Expected, Sight, lost, missing
from ganeti_tw.testing.kills.journal import Accepted, Asked, Ended, Entry, Journal, Reader, Unknown
from ganeti_tw.testing.kills.observed import exported
from ganeti_tw.testing.kills.plans import plan
from ganeti_tw.testing.kills.wishes import Machine, Wish


def asked(number: int, wish: Wish) -> Asked:
    return Asked(number, wish.op, wish.about, wish.facts)


def done(number: int, job: int, wish: Wish, status: str = "success") -> list[Entry]:
    return [asked(number, wish), Accepted(number, job), Ended(number, status)]


def expected(*entries: Entry) -> Expected:
    found = Expected()
    found.take("client1", entries)
    return found


class JournalTests(TestCase):
    def test_what_was_written_is_read(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "journal"
            entries: list[Entry] = [*done(1, 7, wishes.create("a", 128, "node1")), Unknown(2, "no answer")]
            journal = Journal(path)
            for entry in entries:
                journal.write(entry)
            reader = Reader(path)
            self.assertEqual(list(reader.new()), entries)
            journal.write(Unknown(3, "no answer"))
            self.assertEqual(list(reader.new()), [Unknown(3, "no answer")])
            journal.close()


class ExpectedTests(TestCase):
    def test_a_success_is_a_promise(self) -> None:
        found = expected(*done(1, 7, wishes.tag("blue")))
        self.assertEqual(found.facts, {"job 7": "OP_TAGS_SET blue", "status 7": "success", "tag blue": True})

    def test_nothing_is_known_of_what_was_asked_and_not_answered(self) -> None:
        gone = wishes.tag("blue", present=False)
        for unclear in ([Unknown(2, "cut")], [Accepted(2, 8)], [Accepted(2, 8), Ended(2, "error", "interrupted")]):
            found = expected(*done(1, 7, wishes.tag("blue")), asked(2, gone), *unclear)
            self.assertNotIn("tag blue", found.facts)
            self.assertEqual(found.facts["job 7"], "OP_TAGS_SET blue")

    def test_a_job_is_promised_before_it_ends(self) -> None:
        found = expected(asked(1, wishes.tag("blue")), Accepted(1, 7))
        self.assertEqual(found.facts, {"job 7": "OP_TAGS_SET blue"})
        self.assertEqual(found.unfinished(), [7])

    def test_an_id_is_not_given_twice(self) -> None:
        found = expected(*done(1, 7, wishes.tag("blue")))
        found.take("client2", [asked(1, wishes.tag("red")), Accepted(1, 7)])
        self.assertEqual(len(found.contradictions), 1)

    def test_a_renamed_instance_is_known_by_its_new_name_only(self) -> None:
        create = wishes.create("a", 128, "node1")
        rename = wishes.rename(create.made[0], "b")
        facts = expected(*done(1, 7, create), *done(2, 8, rename)).facts
        self.assertEqual((facts["instance a"], facts["instance b"], facts["memory b"]), (False, True, 128))
        self.assertNotIn("memory a", facts)


class LostTests(TestCase):
    machine = Machine("a", 128, tags=("new",))

    def seen(self, **changes: Any) -> dict[str, Any]:
        ops = [{"status": "success", "input": {"OP_ID": "OP_TAGS_SET", "tags": ["new"], "name": "a"}}]
        instance = {"name": "a", "admin_state": "down", "tags": ["new"], "beparams": {"maxmem": 128}, **changes}
        rows = [["job", "7", {"ops": ops}], ["cluster", "cluster", {"tags": []}], ["instance", "uuid", instance]]
        return exported({"rows": rows})

    def check(self, seen: dict[str, Any]) -> list[str]:
        return lost(expected(*done(1, 7, wishes.label(Machine("a", 128), "new"))).facts, seen, living=False)

    def test_all_is_there(self) -> None:
        self.assertEqual(self.check(self.seen()), [])

    def test_each_thing_that_is_missing_is_named(self) -> None:
        self.assertEqual(self.check(self.seen(tags=[])), ["tags a: ['new'] was acknowledged, [] is there"])
        self.assertEqual(self.check(self.seen(admin_state="up")), ["admin a: 'down' was acknowledged, 'up' is there"])
        self.assertIn("instance a: True was acknowledged, False is there", self.check(self.seen(name="other")))
        without = {k: v for k, v in self.seen().items() if k != "job 7"}
        self.assertEqual(len(self.check(without)), 1)

    def test_what_must_be_gone_is_gone(self) -> None:
        facts = expected(*done(1, 7, wishes.remove(self.machine))).facts
        self.assertIn("instance a: False was acknowledged, True is there", lost(facts, self.seen(), living=False))

    def test_the_living_cluster_is_asked_whether_a_job_is_there(self) -> None:
        facts = expected(*done(1, 7, wishes.tag("blue"))).facts
        seen = {"job 7": True, "status 7": "success", "tag blue": True}
        self.assertEqual(lost(facts, seen, living=True), [])
        self.assertEqual(len(lost(facts, {**seen, "job 7": False}, living=True)), 1)
        self.assertEqual(len(lost(facts, {**seen, "status 7": "error"}, living=True)), 1)

    def test_each_thing_is_named_once_with_the_places_where_it_is_wrong(self) -> None:
        found = expected(*done(1, 7, wishes.tag("blue")))
        good = {"job 7": "OP_TAGS_SET blue", "status 7": "success", "tag blue": True}
        bad = {**good, "tag blue": False}
        sights = [Sight("here", bad, False), Sight("there", good, False), Sight("yonder", bad, False)]
        self.assertEqual(missing(found, sights), ["tag blue: True was acknowledged, False is there (here, yonder)"])
        self.assertEqual(missing(found, sights[1:2]), [])

    def test_jobs_without_an_end_and_ids_given_twice_are_wrong_wherever_one_looks(self) -> None:
        found = expected(asked(1, wishes.tag("blue")), Accepted(1, 7))
        found.take("client2", [asked(1, wishes.tag("blue")), Accepted(1, 7)])
        self.assertEqual(len(missing(found, [])), 2)

    def test_only_the_living_cluster_knows_what_runs(self) -> None:
        facts = {"runs a": True}
        self.assertEqual(lost(facts, self.seen(), living=False), [])
        self.assertEqual(len(lost(facts, self.seen(), living=True)), 1)


class PlanTests(TestCase):
    def test_most_hosts_live_in_every_round(self) -> None:
        for hosts in (3, 5, 9):
            random = Random(hosts)
            for _ in range(300):
                one = plan(random, hosts)
                dead = len(set(one.victims)) + (one.interrupted >= 0)
                self.assertLess(2 * dead, hosts + 1)
                self.assertNotIn(one.successor, (0, *one.victims))

    def test_the_same_seed_makes_the_same_rounds(self) -> None:
        one, other = Random(3), Random(3)
        self.assertEqual([plan(one, 5) for _ in range(20)], [plan(other, 5) for _ in range(20)])

    def test_all_kinds_of_rounds_come_up(self) -> None:
        random = Random(1)
        plans = [plan(random, 5) for _ in range(200)]
        self.assertEqual({p.rescue for p in plans}, {"start", "failover", "both"})
        self.assertTrue(any(len(p.victims) == 2 for p in plans) and any(p.interrupted >= 0 for p in plans))
        self.assertTrue(60 < sum(0 in p.victims for p in plans) < 120)


class WishTests(TestCase):
    def test_a_client_asks_for_all_kinds_of_things(self) -> None:
        random, machines = Random(1), [Machine("a", 128), Machine("b", 256, up=True, tags=("x",))]
        found = {wishes.about_instances(random, machines, "fresh", ["node1"]).op["OP_ID"] for _ in range(200)}
        self.assertEqual(len(found), 7)

    def test_its_tags_are_not_more_and_more(self) -> None:
        random, known = Random(1), [f"t{n}" for n in range(wishes.MOST_TAGS)]
        self.assertTrue(all(wishes.about_tags(random, known, "new").op["OP_ID"] == "OP_TAGS_DEL" for _ in range(20)))
