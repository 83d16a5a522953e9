"""The certificates of the candidates get into the configuration, and out of it."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError, NotSent
from ganeti_tw.kernel import Actor, ActorSystem, Rank, Ref, receive
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.certificates import PAUSE, CertificateKeeper
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.config import ConfigChanged, Edit
from ganeti_tw.protocol.node import GetHostState, HostState
from test_node_updater import cluster, uuid


class Keeper(Actor):
    """Keeps the configuration; ``broken`` ones store nothing."""

    rank = Rank.CONFIG

    def __init__(self, config: Config) -> None:
        self.config = config
        self.edits = 0
        self.broken = False
        self.follower: Ref | None = None

    @receive(Edit)
    def edit(self, m: Edit) -> Config:
        self.edits += 1
        if self.broken:
            raise DriverError("the disk is full")
        changes = m.change(self.config)
        if changes.puts:
            self.config = self.config.apply([row(thing) for thing in changes.puts])
            assert self.follower is not None
            self.follower.tell(ConfigChanged(self.config))
        return self.config


class HostOf(Actor):
    """The actor ``host`` of a node; those whose name is ``silent`` do not answer."""

    rank = Rank.NODE

    def __init__(self, name: str, silent: set[str]) -> None:
        self.name = name
        self.silent = silent
        self.asked = 0

    @receive(GetHostState)
    def state(self, m: GetHostState) -> HostState:
        self.asked += 1
        if self.name in self.silent:
            raise NotSent("no route")
        return HostState(self.name, "", "c", "candidate", 1, 0, "", f"AA:{self.name}")


class _Links:
    def __init__(self, system: ActorSystem) -> None:
        self.system = system

    def ref(self, node_name: str, actor_path: str, rank: int = Rank.NODE) -> Ref:
        found = self.system.find(f"{actor_path}/{node_name}")
        assert found is not None
        return found


class CertificateKeeperTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock, log=Logger(observer=lambda event: None))
        self.silent: set[str] = set()
        self.hosts = {name: HostOf(name, self.silent) for name in ("n1", "n2", "n3")}
        for name, host in self.hosts.items():
            self.system.spawn(f"host/{name}", lambda host=host: host)
        config = cluster()
        self.keeper = Keeper(config.apply([row(evolve(config.node("n2"), master_candidate=True))]))

    def start(self) -> None:
        keeper = self.system.spawn("config", lambda: self.keeper)
        links: Any = _Links(self.system)
        directory = Directory("n9", self.system, links)
        self.keeper.follower = self.system.spawn("certificates", lambda: CertificateKeeper(keeper, directory))
        self.tell()

    def tell(self) -> None:
        assert self.keeper.follower is not None
        self.keeper.follower.tell(ConfigChanged(self.keeper.config))
        self.pass_time()

    def pass_time(self, seconds: float = 0.0) -> None:
        self.clock.pump([0.0] * 10 + [seconds] + [0.0] * 10)

    def change(self, name: str, **flags: bool) -> None:
        config = self.keeper.config
        self.keeper.config = config.apply([row(evolve(config.node(name), **flags))])
        self.tell()

    def known(self) -> list[str]:
        certificates = self.keeper.config.cluster.candidate_certs
        return sorted(str(certificates[n.uuid]) for n in self.keeper.config.nodes.values() if n.uuid in certificates)

    def test_those_of_all_candidates(self) -> None:
        self.start()
        self.assertEqual(self.known(), ["AA:n1", "AA:n2"])
        self.assertEqual((self.keeper.edits, self.hosts["n3"].asked), (1, 0))

    def test_a_candidate_comes_and_goes(self) -> None:
        self.start()
        self.change("n3", master_candidate=True)
        self.assertEqual(self.known(), ["AA:n1", "AA:n2", "AA:n3"])
        self.change("n2", master_candidate=False)
        self.assertEqual(self.known(), ["AA:n1", "AA:n3"])
        self.assertEqual([h.asked for h in self.hosts.values()], [1, 1, 1])
        self.change("n2", master_candidate=True)  # it may have another one by now
        self.assertEqual(self.hosts["n2"].asked, 2)

    def test_one_of_an_unknown_node_goes(self) -> None:
        config = self.keeper.config
        self.keeper.config = config.apply([row(evolve(config.cluster, candidate_certs={uuid(999): "AA"}))])
        self.start()
        self.assertEqual(self.known(), ["AA:n1", "AA:n2"])
        self.assertNotIn(uuid(999), self.keeper.config.cluster.candidate_certs)

    def test_one_that_is_as_stored_changes_nothing(self) -> None:
        self.start()
        before = self.keeper.config
        again = self.system.find("certificates")
        assert again is not None
        again.stop()
        self.pass_time()
        links: Any = _Links(self.system)
        ref = self.system.find("config")
        assert ref is not None
        directory = Directory("n9", self.system, links)
        self.keeper.follower = self.system.spawn("certificates2", lambda: CertificateKeeper(ref, directory))
        self.tell()
        self.assertEqual(self.hosts["n1"].asked, 2)
        self.assertIs(self.keeper.config, before)

    def test_who_does_not_answer_is_asked_again_and_holds_up_nobody(self) -> None:
        self.silent.add("n2")
        self.start()
        self.assertEqual(self.known(), ["AA:n1"])
        self.change("n3", master_candidate=True)
        self.assertEqual(self.known(), ["AA:n1", "AA:n3"])
        self.assertEqual(self.hosts["n2"].asked, 1)
        self.silent.clear()
        self.pass_time(PAUSE)
        self.assertEqual(self.known(), ["AA:n1", "AA:n2", "AA:n3"])

    def test_a_change_that_cannot_be_stored_is_tried_again_later(self) -> None:
        self.keeper.broken = True
        self.start()
        self.tell()
        self.assertEqual(self.keeper.edits, 1)
        self.keeper.broken = False
        self.pass_time(PAUSE)
        self.assertEqual(self.known(), ["AA:n1", "AA:n2"])
