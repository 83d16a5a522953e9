"""Somebody who looks after the cluster, with some delay and some mistakes."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError
from ganeti_tw.testing.simulator.hosts import WatchedHost

if TYPE_CHECKING:
    from ganeti_tw.testing.simulator.world import World

LOOK = 1.0  # seconds between two looks
LONGEST_OUTAGE = 15.0  # seconds until a dead host is started again
ALARM = 4.0  # seconds without a master until somebody comes
AT_ONCE = 0.15  # how often two hosts are told to become master at the same time
WHIM = 0.01  # how often a living master is replaced


class Administrator:
    """Starts hosts that died, and has a candidate become master when there is none; without faults to the end."""

    def __init__(self, world: World, random: Random) -> None:
        self._world, self._random = world, random
        self._boots: dict[str, float] = {}
        self._missed = 0.0  # since when there is no master, 0: there is
        self._busy: set[str] = set()
        self.failovers = 0
        self.eager = True  # also replaces masters that live

    def begin(self) -> None:
        """Come to work."""
        self._world.clock.callLater(LOOK, self._look)

    def boot_all(self) -> None:
        """Start every host that is down."""
        for host in self._world.hosts:
            if not host.alive:
                self._world.boot(host.name)

    def prepare(self, name: str) -> bool:
        """Before a host is added, have it forget a cluster that knows it no longer; whether this one knows it."""
        host = self._world.host(name)
        if not self._world.served():
            return False
        known = self._world.cluster.config.find_node(name) is not None
        if host.kept is not None and not known:
            self.make_leave(name)
        return known

    def make_sure(self, instance: str) -> None:
        """Pull the plug of hosts that are said to be offline and run an instance which is started elsewhere."""
        world = self._world
        if not world.served():
            return
        for node in world.cluster.config.nodes.values():
            if node.offline and instance in world.host(node.name).hypervisor.guests:
                world.kill(world.host(node.name), power=True)

    def make_leave(self, name: str) -> None:
        """Run ``gnt-node token --leave`` on a host."""
        host = self._world.host(name)
        if host.alive:
            host.process.handle("forget_cluster", {}).addErrback(lambda failure: failure.trap(GanetiError))

    def _look(self) -> None:
        self._world.clock.callLater(LOOK * (0.5 + self._random.random()), self._look)
        now = self._world.clock.seconds()
        for host in self._world.hosts:
            if host.alive:
                self._boots.pop(host.name, None)
            elif now >= self._boots.setdefault(host.name, now + self._random.uniform(0.5, LONGEST_OUTAGE)):
                self._world.boot(host.name)
        if self._world.served() and not (self.eager and self._random.random() < WHIM):
            self._missed = 0.0
        elif not self._missed:
            self._missed = now + self._random.uniform(0, ALARM)
        elif now > self._missed and not self._busy:
            for _ in range(2 if self._random.random() < AT_ONCE else 1):
                self._appoint()

    def _appoint(self) -> None:
        able = [h for h in self._world.hosts if h.alive and h.name not in self._busy]
        if able:
            self.appoint(self._random.choice(able))

    def appoint(self, host: WatchedHost) -> None:
        """Run ``gnt-cluster master-failover`` on a host."""
        world, name, process = self._world, host.name, host.process
        world.say(f"{name} is told to become master")
        self._busy.add(name)

        def done(result: Any) -> None:
            self._busy.discard(name)
            if not isinstance(result, Failure):
                self.failovers += 1
                self._missed = 0.0
            elif result.check(GanetiError):
                world.say(f"{name} cannot: {result.getErrorMessage()}")
            else:
                world.broken(f"master-failover on {name} failed in a way nobody foresaw: {result.getTraceback()}")

        def look() -> None:
            if name in self._busy and (not host.alive or host.process is not process):
                self._busy.discard(name)
            elif name in self._busy:
                world.clock.callLater(LOOK, look)

        try:
            process.handle("master_failover", {}).addBoth(done)
        except GanetiError as e:
            done(Failure(e))
        look()
