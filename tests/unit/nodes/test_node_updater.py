"""Keeping nodes told: the latest wins, until it works, without those that are gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import GanetiError, NotFound, NotSent, StaleEpoch
from ganeti_tw.kernel import Actor, ActorSystem, Rank, Ref, receive
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_node
from ganeti_tw.model.rows import Delete
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.nodes.updater import FIRST_PAUSE, INTERVAL, LONGEST_PAUSE, Joined, NodeUpdater, Spreader, host_update
from ganeti_tw.protocol.config import ConfigChanged
from ganeti_tw.protocol.node import UpdateHost


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def cluster(nodes: int = 3) -> Config:
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
    others = [
        new_node(f"n{i}", uuid=uuid(100 + i), now=0.0, primary_ip=f"192.0.2.{i}", group=begin.group.uuid)
        for i in range(2, nodes + 1)
    ]
    return Config.from_rows({(p.kind, p.key): p.value for p in [*begin.rows(), *(row(n) for n in others)]})


def bumped(config: Config, *things: Any, deletes: tuple[Delete, ...] = ()) -> Config:
    top = evolve(config.top, serial_no=config.serial + 1)
    return config.apply([row(top), *(row(t) for t in things)], deletes)


class HostTold(Actor):
    """The actor ``host`` of a node; ``answer`` says what becomes of an update."""

    rank = Rank.NODE

    def __init__(self, answer: Callable[[UpdateHost], Any] | None = None) -> None:
        self.answer = answer
        self.told: list[UpdateHost] = []

    @receive(UpdateHost)
    def update(self, m: UpdateHost) -> Any:
        self.told.append(m)
        if self.answer is not None:
            return self.answer(m)
        return None


class NodesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[Any] = []
        self.system = ActorSystem(self.clock, log=Logger(observer=self.events.append))
        self.hosts: dict[str, HostTold] = {}

    def turn(self, seconds: float = 0) -> None:
        for _ in range(10):
            self.clock.advance(0)
        if seconds:
            self.clock.advance(seconds)
            self.turn()

    def host(self, name: str) -> Ref:
        self.hosts[name] = HostTold()
        return self.system.spawn(f"host-of-{name}", lambda: self.hosts[name])


def refuse(m: UpdateHost) -> None:
    raise NotSent("no connection")


class UpdaterTests(NodesCase):
    def setUp(self) -> None:
        super().setUp()
        ref = self.host("n2")
        self.told = self.hosts["n2"]
        self.updater = self.system.spawn("nodes/n2", lambda: NodeUpdater("n2", ref))
        self.turn()

    def update(self, serial: int) -> UpdateHost:
        m = evolve(host_update(cluster(), "3.0", {"n2": 4}), serial=serial)
        self.updater.tell(m)
        self.turn()
        return m

    @property
    def serials(self) -> list[int]:
        return [m.serial for m in self.told.told]

    def test_told_once(self) -> None:
        self.update(1)
        self.turn(60)
        self.assertEqual(self.serials, [1])

    def test_what_was_overtaken_while_one_was_told_is_skipped(self) -> None:
        answer: Deferred[None] = Deferred()
        self.told.answer = lambda m: answer
        for serial in (1, 2, 3):
            self.update(serial)
        self.told.answer = None
        answer.callback(None)
        self.turn()
        self.assertEqual(self.serials, [1, 3])

    def test_tries_until_it_works_at_growing_intervals(self) -> None:
        self.told.answer = refuse
        self.update(1)
        times, before = [], 1
        for _ in range(200):
            self.turn(0.5)
            if len(self.told.told) > before:
                before = len(self.told.told)
                times.append(self.clock.seconds())
        pauses = [b - a for a, b in zip([0.0, *times], times, strict=False)]
        self.assertEqual(pauses[0], FIRST_PAUSE)
        self.assertEqual(pauses, sorted(pauses))
        self.assertLessEqual(max(pauses), LONGEST_PAUSE + 0.5)
        self.told.answer = None
        self.turn(LONGEST_PAUSE)
        count = len(self.told.told)
        self.turn(2 * LONGEST_PAUSE)
        self.assertEqual(len(self.told.told), count)

    def test_after_a_pause_the_latest_is_told(self) -> None:
        self.told.answer = refuse
        self.update(1)
        self.told.answer = None
        self.update(2)
        self.update(3)
        self.turn(FIRST_PAUSE)
        self.assertEqual(self.serials, [1, 3])

    def test_an_older_one_is_not_told(self) -> None:
        self.update(5)
        self.update(4)
        self.assertEqual(self.serials, [5])


class SpreaderTests(NodesCase):
    def setUp(self) -> None:
        super().setUp()
        spread = self

        class AllHere:
            def ref(self, node: str, path: str = "node") -> Ref:
                spread.assertEqual(path, "host")
                return spread.system.find(f"host-of-{node}") or spread.host(node)

        directory: Any = AllHere()
        self.spreader = self.system.spawn("spreader", lambda: Spreader(self.system, directory, "3.0.2"))

    def spread(self, config: Config) -> None:
        self.spreader.tell(ConfigChanged(config))
        self.turn(INTERVAL)

    def told(self) -> dict[str, int]:
        return {name: len(host.told) for name, host in sorted(self.hosts.items())}

    def test_every_node_is_told_all_it_must_know(self) -> None:
        self.spread(cluster())
        self.assertEqual(self.told(), {"n1": 1, "n2": 1, "n3": 1})
        (m,) = self.hosts["n2"].told
        self.assertEqual((m.master, m.candidates, m.candidate), ("n1", ("n1",), False))
        self.assertEqual(m.addresses, {"n1": "192.0.2.1", "n2": "192.0.2.2", "n3": "192.0.2.3"})
        self.assertEqual((m.ssconf["node_list"].split(), m.hypervisors), (["n1", "n2", "n3"], ("fake",)))
        self.assertTrue(self.hosts["n1"].told[0].candidate)

    def test_changes_that_come_together_are_spread_together(self) -> None:
        config = cluster()
        for tag in "abcdef":
            config = bumped(config, evolve(config.cluster, tags=(*config.cluster.tags, tag)))
            self.spreader.tell(ConfigChanged(config))
            self.turn()
        self.turn(INTERVAL)
        self.assertEqual(self.told(), {"n1": 1, "n2": 1, "n3": 1})
        self.assertEqual(self.hosts["n1"].told[0].serial, config.serial)

    def test_a_host_that_joined_is_told_all_again(self) -> None:
        self.spread(cluster())
        for name in ("n2", "n9"):
            self.spreader.tell(Joined(name))
        self.turn(INTERVAL)
        self.assertEqual(self.told(), {"n1": 1, "n2": 2, "n3": 1})

    def test_news_of_no_consequence_is_not_spread(self) -> None:
        config = cluster()
        self.spread(config)
        self.spread(bumped(config))
        self.assertEqual(self.told(), {"n1": 1, "n2": 1, "n3": 1})

    def test_a_change_right_when_the_interval_ends_is_not_lost(self) -> None:
        config = cluster()
        self.spreader.tell(ConfigChanged(config))
        self.turn()
        self.clock.advance(INTERVAL)  # the timer's message waits
        later = bumped(config, evolve(config.cluster, tags=("late",)))
        self.spreader.tell(ConfigChanged(later))
        self.turn(2 * INTERVAL)
        self.assertEqual(self.hosts["n2"].told[-1].serial, later.serial)

    def test_offline_and_removed_nodes_are_left_alone(self) -> None:
        config = cluster()
        self.spread(config)
        config = bumped(
            config, evolve(config.node("n2"), offline=True), deletes=(Delete("node", config.node("n3").uuid),)
        )
        self.spread(config)
        self.assertEqual((self.told()["n2"], self.told()["n3"]), (1, 1))
        paths = [state.path for state in self.system.list()]
        self.assertEqual([p for p in paths if p.startswith("nodes/")], ["nodes/n1"])

    def test_a_node_that_comes_back_is_told(self) -> None:
        config = cluster()
        for offline in (False, True, False):
            config = bumped(config, evolve(config.node("n2"), offline=offline))
            self.spread(config)
        self.assertEqual(self.told()["n2"], 2)

    def test_an_updater_that_crashed_is_replaced(self) -> None:
        self.spread(cluster())
        updater = self.system.find("nodes/n2")
        assert updater is not None
        updater.tell(UpdateHost("no number", "", (), False, {}, {}))  # type: ignore[arg-type]
        self.turn(INTERVAL)
        self.assertIsNotNone(self.system.find("nodes/n2"))
        self.assertEqual(self.told()["n2"], 2)

    def test_its_end_is_theirs(self) -> None:
        self.spread(cluster())
        self.spreader.stop()
        self.turn()
        self.assertEqual([s.path for s in self.system.list() if s.path.startswith("nodes/")], [])


class Far(Ref):
    """An actor elsewhere, which refuses everything."""

    def __init__(self, path: str, rank: int) -> None:
        self.path, self.rank = path, rank
        self.error: GanetiError = StaleEpoch("too late")

    def tell(self, message: Any) -> None:
        raise NotImplementedError

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        return fail(self.error)

    def watch(self, watcher: Ref) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class DirectoryTests(NodesCase):
    def setUp(self) -> None:
        super().setUp()
        self.far: list[Far] = []
        self.stale: list[tuple[str, str]] = []
        self.epochs = [3]
        links: Any = self
        stale = self.stale
        self.directory = Directory("n1", self.system, links, lambda: self.epochs.pop(), lambda *t: stale.append(t))

    def ref(self, node: str, path: str, rank: int = Rank.NODE) -> Far:
        # As the links do.
        self.far.append(Far(path, rank))
        return self.far[-1]

    def test_the_own_host_without_the_wire(self) -> None:
        own = self.system.spawn("node", HostTold)
        self.assertIs(self.directory.ref("n1"), own)
        far = self.directory.ref("n2", "host")
        self.assertEqual((far.path, far.rank, len(self.far)), ("host", Rank.NODE, 1))
        self.assertRaises(NotFound, self.directory.ref, "n1", "nothing")

    def test_a_later_epoch_is_told_of(self) -> None:
        self.epochs = [3, 3]
        self.failureResultOf(self.directory.ref("n2").ask("x", 1.0), StaleEpoch)
        self.assertEqual(self.stale, [("too late", "n2")])

    def test_but_not_that_of_the_present_reign(self) -> None:
        self.epochs = [4, 3]  # asked in epoch 3
        self.failureResultOf(self.directory.ref("n2").ask("x", 1.0), StaleEpoch)
        self.assertEqual(self.stale, [])

    def test_other_errors_are_none_of_its_business(self) -> None:
        self.epochs = [3, 3]
        ref = self.directory.ref("n2")
        self.far[0].error = NotFound("x")
        self.failureResultOf(ref.ask("x", 1.0), NotFound)
        self.assertEqual(self.stale, [])
