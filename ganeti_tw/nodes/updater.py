"""Keeping every node told of what it must know of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from attrs import evolve, frozen
from twisted.logger import Logger

from ganeti_tw.kernel import Actor, ActorSystem, Gone, Outcome, Overflow, Rank, Ref, receive
from ganeti_tw.model.config import Config
from ganeti_tw.model.ssconf import ssconf
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.certificates import LowestChanged
from ganeti_tw.protocol.config import ConfigChanged
from ganeti_tw.protocol.node import UpdateHost

UPDATE_TIMEOUT = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
INTERVAL = 0.2  # changes that come within this many seconds are spread together

log = Logger()


def host_update(config: Config, release: str, lowest: Mapping[str, int]) -> UpdateHost:
    """All that a regular node must know."""
    cluster = config.cluster
    return UpdateHost(
        serial=config.serial,
        master=config.master.name,
        candidates=tuple(n.name for n in config.candidates),
        candidate=False,
        addresses={n.name: n.primary_ip for n in config.nodes.values()},
        ssconf=ssconf(config, release),
        hypervisors=tuple(cluster.enabled_hypervisors),
        file_storage_dirs={"file": cluster.file_storage_dir, "sharedfile": cluster.shared_file_storage_dir},
        data_collectors={name: dict(settings) for name, settings in cluster.data_collectors.items()},
        lowest=dict(lowest),
    )


@frozen
class _Told:
    """An attempt to tell the node ended."""

    update: UpdateHost
    outcome: Outcome


@frozen
class _Again:
    """The pause after a failure is over."""


class NodeUpdater(Actor):
    """Brings one node up to date; tries until it works and skips versions nobody needs any more."""

    rank = Rank.REPLICATOR
    capacity = 100  # the ends of timers and of work aside take places too: with 1 news would be refused
    overflow = Overflow.KEEP_LATEST

    def __init__(self, node: str, host: Ref) -> None:
        self._node = node
        self._host = host
        self._wanted: UpdateHost | None = None
        self._told: UpdateHost | None = None
        self._busy = False
        self._pause = 0.0

    @receive(UpdateHost)
    def update(self, m: UpdateHost) -> None:
        if self._wanted is None or m.serial >= self._wanted.serial:
            self._wanted = m
            self._go_on()

    @receive(_Told)
    def told(self, m: _Told) -> None:
        failure = m.outcome.failure
        if failure is None:
            self._told, self._pause, self._busy = m.update, 0.0, False
            self._go_on()
            return
        if not self._pause:
            log.warn(
                "{node} cannot be told of changes, trying on: {reason}",
                node=self._node,
                reason=failure.getErrorMessage(),
            )
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        self.later(self._pause, _Again())

    @receive(_Again)
    def again(self, m: _Again) -> None:
        self._busy = False
        self._go_on()

    def _go_on(self) -> None:
        if self._busy or self._wanted is None or self._wanted is self._told:
            return
        self._busy = True
        self.aside(self.ask(self._host, self._wanted, UPDATE_TIMEOUT), then=partial(_Told, self._wanted))


@frozen
class _Due:
    """The interval is over."""


@frozen
class Joined:
    """The host of a node has just joined: whatever was told to the node before, it does not know."""

    node: str


class Spreader(Actor):
    """Follows the configuration and gives each node's updater what its node must know.

    Building the texts takes time in proportion to the cluster, hence the interval.
    """

    rank = Rank.CONFIG
    capacity = 100  # the ends of timers and of work aside take places too: with 1 news would be refused
    overflow = Overflow.KEEP_LATEST

    def __init__(
        self, system: ActorSystem, directory: Directory, release: str, lowest: Mapping[str, int] | None = None
    ) -> None:
        self._system = system
        self._directory = directory
        self._release = release
        self._lowest = lowest or {}
        self._config: Config | None = None
        self._scheduled = False
        self._updaters: dict[str, Ref] = {}
        self._sent: dict[str, UpdateHost] = {}

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> None:
        self._config = m.config
        self._soon()

    @receive(Joined)
    def joined(self, m: Joined) -> None:
        if m.node in self._updaters:
            self._forget(m.node)
            self._soon()

    @receive(LowestChanged)
    def lowest_changed(self, m: LowestChanged) -> None:
        self._lowest = m.lowest
        self._soon()

    @receive(Gone)
    def updater_gone(self, m: Gone) -> None:
        """One that crashed is replaced; one that was told to stop is known no more."""
        for name, updater in self._updaters.items():
            if updater.path == m.path and m.failure is not None:
                self._forget(name)
                self._soon()
                return

    @receive(_Due)
    def due(self, m: _Due) -> None:
        self._scheduled = False
        if self._config is not None:
            self._spread(self._config)

    def stopped(self) -> None:
        for updater in self._updaters.values():
            updater.stop()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.later(INTERVAL, _Due())

    def _forget(self, name: str) -> None:
        self._updaters.pop(name).stop()
        self._sent.pop(name, None)

    def _spread(self, config: Config) -> None:
        wanted = {n.name for n in config.nodes.values() if not n.offline}
        for name in set(self._updaters) - wanted:
            self._forget(name)
        regular = host_update(config, self._release, self._lowest)
        for name in sorted(wanted):
            update = evolve(regular, candidate=name in regular.candidates)
            last = self._sent.get(name)
            if last is not None and evolve(last, serial=update.serial) == update:
                continue
            self._updater(name).tell(update)
            self._sent[name] = update

    def _updater(self, name: str) -> Ref:
        if name not in self._updaters:
            host = self._directory.ref(name, "host")
            updater = self._system.spawn(f"nodes/{name}", lambda: NodeUpdater(name, host))
            updater.watch(self.me)
            self._updaters[name] = updater
        return self._updaters[name]
