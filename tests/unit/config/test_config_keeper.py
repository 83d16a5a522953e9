"""Edits of the configuration: in order, whole, stored before they are seen."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.keeper import TOGETHER, ConfigKeeper, Published
from ganeti_tw.errors import (
    ActorCrashed,
    ActorStopped,
    Corrupt,
    DriverError,
    Exists,
    Expired,
    GanetiError,
    OutcomeUnknown,
    Retry,
)
from ganeti_tw.kernel import Actor, ActorSystem, Overflow, Rank, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_node
from ganeti_tw.operations.context import Context
from ganeti_tw.protocol.config import Changes, ConfigChanged, Edit, Follow, GetConfig


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def first() -> Config:
    numbers = iter(range(1, 50))
    begin = new_cluster(
        "cluster.example",
        now=1000.0,
        uuid=lambda: uuid(next(numbers)),
        node_name="n1",
        node_ip="192.0.2.1",
        master_ip="192.0.2.10",
        enabled_hypervisors=("fake",),
        enabled_disk_templates=("diskless",),
    )
    return Config.from_rows({(p.kind, p.key): p.value for p in begin.rows()})


def node(number: int, **fields: Any) -> Any:
    group = next(iter(first().groups))
    return new_node(
        f"n{number}", uuid=uuid(100 + number), now=0.0, primary_ip=f"192.0.2.{number}", group=group, **fields
    )


def adding(*numbers: int) -> Any:
    return lambda config: Changes(puts=tuple(node(n) for n in numbers))


class SlowLedger(Actor):
    """Commits wait for the test."""

    rank = Rank.LEDGER

    def __init__(self) -> None:
        self.commits: list[tuple[Commit, Deferred[int]]] = []

    @receive(Commit)
    def commit(self, m: Commit) -> Deferred[int]:
        self.commits.append((m, Deferred()))
        return self.commits[-1][1]

    def answer(self, error: GanetiError | None = None) -> Commit:
        commit, answer = self.commits.pop(0)
        if error is not None:
            answer.errback(error)
        else:
            answer.callback(1)
        return commit


class Listener(Actor):
    capacity = 3
    overflow = Overflow.KEEP_LATEST

    def __init__(self, heard: list[int]) -> None:
        self.heard = heard

    @receive(ConfigChanged)
    def changed(self, m: ConfigChanged) -> None:
        self.heard.append(m.config.serial)


class KeeperCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[Any] = []
        self.system = ActorSystem(self.clock, log=Logger(observer=self.events.append))
        self.ledger = SlowLedger()
        self.published = Published(first())
        self.time = 2000.0
        ledger = self.system.spawn("ledger", lambda: self.ledger)
        self.unsure: list[GanetiError] = []
        self.keeper = self.system.spawn(
            "config", lambda: ConfigKeeper(self.published, ledger, lambda: self.time, self.unsure.append)
        )
        self.turn()

    def turn(self) -> None:
        for _ in range(5):
            self.clock.advance(0)

    def edit(self, change: Any) -> Deferred[Config]:
        answer = self.keeper.ask(Edit(change), 70)
        self.turn()
        return answer

    def stored(self, error: GanetiError | None = None) -> Commit:
        commit = self.ledger.answer(error)
        self.turn()
        return commit

    def stopping(self) -> bool:
        return False

    def put(self, *things: Any) -> Deferred[Config]:
        hands: Any = self
        answer = Deferred.fromCoroutine(Context(hands).put(*things))
        self.turn()
        return answer

    @property
    def names(self) -> list[str]:
        return sorted(n.name for n in self.published.config.nodes.values())


class EditTests(KeeperCase):
    def test_seen_only_when_stored(self) -> None:
        answer = self.edit(adding(2))
        self.assertNoResult(answer)
        self.assertEqual(self.names, ["n1"])
        self.stored()
        self.assertIs(self.successResultOf(answer), self.published.config)
        self.assertEqual(self.names, ["n1", "n2"])

    def test_serials_and_times(self) -> None:
        for time, change in (
            (2000.0, adding(2)),
            (3000.0, lambda config: Changes((evolve(config.node("n2"), drained=True),))),
        ):
            self.time = time
            self.edit(change)
            self.stored()
        two, top = self.published.config.node("n2"), self.published.config.top
        self.assertEqual((two.serial_no, two.ctime, two.mtime), (2, 2000.0, 3000.0))
        self.assertEqual((top.serial_no, top.ctime, top.mtime), (3, 1000.0, 3000.0))
        self.assertEqual(self.published.config.node("n1").serial_no, 1)

    def test_what_the_objects_say_of_their_serial_does_not_count(self) -> None:
        self.edit(lambda config: Changes((evolve(node(2), serial_no=77, ctime=5.0),)))
        self.stored()
        self.assertEqual(self.published.config.node("n2").serial_no, 1)

    def test_the_rows_written_are_those_published(self) -> None:
        self.edit(adding(2))
        commit = self.stored()
        again = first().apply(commit.puts, commit.deletes)
        self.assertEqual(again.nodes, self.published.config.nodes)
        self.assertEqual(again.top, self.published.config.top)

    def test_deletes(self) -> None:
        self.edit(adding(2))
        self.stored()
        answer = self.edit(lambda config: Changes(deletes=(config.node("n2"),)))
        self.stored()
        self.assertEqual((self.names, self.successResultOf(answer).serial), (["n1"], 3))

    def test_no_change_is_answered_at_once(self) -> None:
        answer = self.edit(lambda config: Changes())
        self.assertIs(self.successResultOf(answer), self.published.config)
        self.assertEqual(self.ledger.commits, [])

    def test_an_edit_that_raises_changes_nothing(self) -> None:
        def no(config: Config) -> Changes:
            raise Exists("there already")

        self.failureResultOf(self.edit(no), Exists)
        self.assertEqual(self.ledger.commits, [])

    def test_a_bug_in_an_edit_is_told_to_its_asker_and_hurts_nobody_else(self) -> None:
        def wrong(config: Config) -> Changes:
            return Changes((evolve(config.nodes["nowhere"]),))

        broken = evolve(node(3), tags=(object(),))  # no JSON
        self.edit(adding(2))
        bad = [self.edit(wrong), self.edit(lambda config: Changes((broken,)))]
        good = self.edit(adding(4))
        self.stored()
        self.stored()
        self.successResultOf(good)
        errors = [self.failureResultOf(d, ActorCrashed).value.text for d in bad]
        self.assertIn("KeyError: 'nowhere'", errors[0])
        self.assertIn("a bug", errors[1])
        self.assertEqual(self.names, ["n1", "n2", "n4"])
        self.assertEqual([formatEvent(e) for e in self.events], ["config: a change of the configuration failed"] * 2)

    def test_what_could_not_be_read_again_is_refused(self) -> None:
        broken = evolve(node(2), tags=({"no": "tag"},))
        self.failureResultOf(self.edit(lambda config: Changes((broken,))), Corrupt)
        answer = self.edit(adding(3))
        self.stored()
        self.successResultOf(answer)
        self.assertEqual(self.names, ["n1", "n3"])

    def test_reading(self) -> None:
        answer = self.keeper.ask(GetConfig(), 1)
        self.turn()
        self.assertIs(self.successResultOf(answer), self.published.config)


class ManyEditsTests(KeeperCase):
    def test_those_that_wait_go_together_and_see_each_other(self) -> None:
        seen: list[list[str]] = []

        def change(number: int) -> Any:
            def add(config: Config) -> Changes:
                seen.append(sorted(n.name for n in config.nodes.values()))
                return Changes((node(number),))

            return add

        answers = [self.edit(change(n)) for n in (2, 3, 4)]
        self.stored()
        self.assertEqual([d.called for d in answers], [True, False, False])
        self.stored()
        self.assertEqual(self.ledger.commits, [])
        self.assertEqual(seen, [["n1"], ["n1", "n2"], ["n1", "n2", "n3"]])
        self.assertEqual([self.successResultOf(d).serial for d in answers], [2, 4, 4])

    def test_the_same_row_twice_in_one_commit_is_written_once_and_right(self) -> None:
        self.edit(adding(2))
        for tag in ("a", "b"):
            self.edit(lambda config, tag=tag: Changes((evolve(config.cluster, tags=(*config.cluster.tags, tag)),)))
        self.edit(adding(3))
        self.edit(lambda config: Changes(deletes=(config.node("n3"),)))
        self.stored()
        commit = self.stored()
        rows = [(r.kind, r.key) for r in (*commit.puts, *commit.deletes)]
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual(self.published.config.cluster.tags, ("a", "b"))
        self.assertEqual((self.published.config.cluster.serial_no, self.names), (3, ["n1", "n2"]))

    def test_a_failed_commit_takes_back_its_own_edits_and_nothing_is_built_on_them(self) -> None:
        bad = self.edit(adding(2))
        seen: list[bool] = []

        def look(config: Config) -> Changes:
            seen.append(config.find_node("n2") is not None)
            return Changes((node(3),))

        good = self.edit(look)
        self.stored(DriverError("disk full"))
        self.failureResultOf(bad, DriverError)
        self.stored()
        self.assertEqual((seen, self.names), ([False], ["n1", "n3"]))
        self.assertEqual(self.successResultOf(good).serial, 2)

    def test_one_that_raises_among_others(self) -> None:
        def no(config: Config) -> Changes:
            raise Exists("there already")

        answers = [self.edit(change) for change in (adding(2), adding(3), no, adding(4))]
        self.stored()
        self.failureResultOf(answers[2], Exists)
        self.stored()
        self.assertEqual(self.names, ["n1", "n2", "n3", "n4"])

    def test_commits_have_a_limit(self) -> None:
        for number in range(2, 4 + TOGETHER):
            self.edit(adding(number))
        sizes = []
        while self.ledger.commits:
            sizes.append(len(self.stored().puts) - 1)
        self.assertEqual(sizes, [1, TOGETHER, 1])

    def test_after_an_unknown_end_nothing_is_stored(self) -> None:
        """What is published must be what is stored: the next reign reads it."""
        for error in (OutcomeUnknown("x"), Expired("x")):
            self.setUp()
            answer = self.edit(adding(2))
            waiting = self.edit(adding(3))
            self.stored(error)
            self.failureResultOf(answer, OutcomeUnknown)
            self.assertEqual([e.text for e in self.unsure], ["x"])
            self.edit(adding(4))
            self.assertEqual(self.ledger.commits, [])
            self.system.end("config")
            self.turn()
            self.failureResultOf(waiting, ActorStopped)


class PutTests(KeeperCase):
    # What a context needs.
    def config(self) -> Config:
        return self.published.config

    def test_stale_objects_are_refused(self) -> None:
        self.edit(adding(2))
        self.stored()
        old = self.published.config.node("n2")
        self.put(evolve(old, drained=True))
        self.stored()
        failure = self.failureResultOf(self.put(evolve(old, tags=("a",))), Retry)
        self.assertIn("n2", failure.value.text)

    def test_the_loser_of_a_race_is_refused(self) -> None:
        self.edit(adding(2))
        self.stored()
        old = self.published.config.node("n2")
        one, two = self.put(evolve(old, drained=True)), self.put(evolve(old, tags=("a",)))
        self.stored()
        self.successResultOf(one)
        self.failureResultOf(two, Retry)


class FollowerTests(KeeperCase):
    def follow(self, path: str) -> list[int]:
        heard: list[int] = []
        self.keeper.ask(Follow(self.system.spawn(path, lambda: Listener(heard))), 1)
        self.turn()
        return heard

    def test_told_what_is_and_every_change_in_order(self) -> None:
        heard = self.follow("a")
        for number in (2, 3, 4):
            self.edit(adding(number))
            self.stored()
        self.assertEqual(heard, [1, 2, 3, 4])

    def test_the_news_say_what_changed_against_the_news_before(self) -> None:
        news: list[ConfigChanged] = []

        class Reader(Actor):
            @receive(ConfigChanged)
            def changed(self, m: ConfigChanged) -> None:
                news.append(m)

        self.keeper.ask(Follow(self.system.spawn("reader", Reader)), 1)
        self.turn()
        for number in (2, 3):
            self.edit(adding(number))
            self.stored()
        first, second, third = news
        self.assertEqual([kind for kind, _ in sorted(second.changed)], ["config", "node"])
        self.assertIsNone(first.before)
        self.assertEqual((second.before is first.config, third.before is second.config), (True, True))

    def test_not_told_what_was_not_stored(self) -> None:
        heard = self.follow("a")
        self.edit(adding(2))
        self.stored(DriverError("x"))
        self.assertEqual(heard, [1])

    def test_following_twice_is_following_once(self) -> None:
        heard = self.follow("a")
        ref = self.system.find("a")
        self.keeper.ask(Follow(ref), 1)
        self.edit(adding(2))
        self.stored()
        self.assertEqual(heard, [1, 1, 2])

    def test_one_that_stopped_is_forgotten_and_the_others_are_told(self) -> None:
        one, two = self.follow("a"), self.follow("b")
        ref = self.system.find("a")
        assert ref is not None
        ref.stop()
        self.turn()
        self.edit(adding(2))
        self.stored()
        self.assertEqual((one, two), ([1], [1, 2]))
        self.assertEqual([formatEvent(e) for e in self.events if e["log_level"].name == "warn"], [])
