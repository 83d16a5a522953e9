"""Keeping every node told of what it must know of the cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ganeti_tw.kernel import Actor, ActorSystem, Outcome, Overflow, Rank, Ref, receive
from ganeti_tw.model.config import Config
from ganeti_tw.model.ssconf import ssconf
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.config import ConfigChanged
from ganeti_tw.protocol.node import UpdateHost

UPDATE_TIMEOUT = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
INTERVAL = 0.2  # changes that come within this many seconds are spread together

log = Logger()


def host_update(config: Config, release: str) -> UpdateHost:
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
    )


@frozen
class _Told:
    """An attempt to tell the node ended."""

    outcome: Outcome


class NodeUpdater(Actor):
    """Brings one node up to date; tries until it works and skips versions nobody needs any more."""

    rank = Rank.REPLICATOR
    capacity = 1
    overflow = Overflow.KEEP_LATEST

    def __init__(self, node: str, host: Ref, clock: IReactorTime) -> None:
        self._node = node
        self._host = host
        self._clock = clock
        self._wanted: UpdateHost | None = None
        self._told: UpdateHost | None = None
        self._busy = False
        self._pause = 0.0

    @receive(UpdateHost)
    def update(self, m: UpdateHost) -> None:
        self._wanted = m
        self._go_on()

    @receive(_Told)
    def told(self, m: _Told) -> None:
        self._busy = False
        if m.outcome.failure is None:
            self._told, self._pause = m.outcome.value, 0.0
        else:
            if not self._pause:
                log.warn(
                    "{node} cannot be told of changes, trying on: {reason}",
                    node=self._node,
                    reason=m.outcome.failure.getErrorMessage(),
                )
            self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        self._go_on()

    def _go_on(self) -> None:
        if self._busy or self._wanted is None or self._wanted is self._told:
            return
        self._busy = True
        self.aside(_tell(self.ask, self._host, self._wanted, self._clock, self._pause), then=_Told)


async def _tell(
    ask: Callable[..., Deferred[Any]], host: Ref, update: UpdateHost, clock: IReactorTime, pause: float
) -> UpdateHost:
    if pause:
        await deferLater(clock, pause)
    await ask(host, update, UPDATE_TIMEOUT)
    return update


@frozen
class _Waited:
    """The interval is over."""

    outcome: Outcome


class Spreader(Actor):
    """Follows the configuration and gives each node's updater what its node must know.

    Building the texts takes time in proportion to the cluster, hence the interval.
    """

    rank = Rank.CONFIG
    capacity = 1
    overflow = Overflow.KEEP_LATEST

    def __init__(self, system: ActorSystem, directory: Directory, clock: IReactorTime, release: str) -> None:
        self._system = system
        self._directory = directory
        self._clock = clock
        self._release = release
        self._config: Config | None = None
        self._scheduled = False
        self._updaters: dict[str, Ref] = {}
        self._sent: dict[str, UpdateHost] = {}

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> None:
        self._config = m.config
        if not self._scheduled:
            self._scheduled = True
            self.aside(_wait(self._clock, INTERVAL), then=_Waited)

    @receive(_Waited)
    def waited(self, m: _Waited) -> None:
        self._scheduled = False
        if self._config is not None:
            self._spread(self._config)

    def stopped(self) -> None:
        for updater in self._updaters.values():
            updater.stop()

    def _spread(self, config: Config) -> None:
        wanted = {n.name for n in config.nodes.values() if not n.offline}
        for name in set(self._updaters) - wanted:
            self._updaters.pop(name).stop()
            del self._sent[name]
        regular = host_update(config, self._release)
        for name in sorted(wanted):
            update = evolve(regular, candidate=name in regular.candidates)
            last = self._sent.get(name)
            if last is not None and evolve(last, serial=update.serial) == update:
                continue
            self._sent[name] = update
            self._updater(name).tell(update)

    def _updater(self, name: str) -> Ref:
        if name not in self._updaters:
            host = self._directory.ref(name, "host")
            self._updaters[name] = self._system.spawn(f"nodes/{name}", lambda: NodeUpdater(name, host, self._clock))
        return self._updaters[name]


async def _wait(clock: IReactorTime, seconds: float) -> None:
    await deferLater(clock, seconds)
