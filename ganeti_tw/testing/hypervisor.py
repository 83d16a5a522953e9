"""A hypervisor whose guests exist in memory only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from ganeti_tw.errors import DriverError, WrongState
from ganeti_tw.protocol.instance import Console, DiskSpec, InstanceSpec, NicSpec, RunningInstance
from ganeti_tw.protocol.migration import Doorway

POLITE, FORCED = "polite", "forced"


class SimulatedHypervisor:
    """Guests in a dictionary, which outlives the process of its host.

    ``deaf`` guests do not shut down when asked, ``immortal`` ones not even when
    forced; starting those in ``broken`` fails; ``delay`` is how many seconds a
    start takes.  ``calls`` is what was asked, in order.

    Guests go to the ``peers`` of the host, by its name, in ``travel`` seconds, even
    when the processes of both hosts die meanwhile; ``stranded`` ones do not arrive.
    """

    name = "fake"

    def __init__(
        self, clock: IReactorTime, host: str = "", peers: dict[str, SimulatedHypervisor] | None = None
    ) -> None:
        self._clock = clock
        self._host = host
        self._peers = {} if peers is None else peers
        self._peers[host] = self
        self.reason = ""
        self.travel = 0.0
        self.stranded: set[str] = set()
        self.expected: set[str] = set()
        self._ways: dict[str, tuple[float, Deferred[None], IDelayedCall]] = {}
        self.guests: dict[str, RunningInstance] = {}
        self.plugged: dict[str, set[str]] = {}  # UUIDs of the devices of each guest
        self.deaf: set[str] = set()
        self.immortal: set[str] = set()
        self.broken: set[str] = set()
        self.delay = 0.0
        self._outages = 0
        self.calls: list[tuple[str, str]] = []

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        self.calls.append((spec.name, "start"))
        if self.delay:
            outages = self._outages
            await deferLater(self._clock, self.delay)
            if self._outages > outages:
                raise DriverError(f"{spec.name} does not start: the power failed")
        if spec.name in self.broken:
            raise DriverError(f"{spec.name} does not start: simulated failure")
        state = "paused" if paused else "running"
        self.plugged[spec.name] = {device.uuid for device in spec.devices}
        memory, vcpus = spec.beparams["maxmem"], spec.beparams["vcpus"]
        self.guests[spec.name] = RunningInstance(spec.name, self.name, state, memory, vcpus)

    async def stop(self, name: str, force: bool) -> None:
        if name in self.guests:
            self.calls.append((name, FORCED if force else POLITE))
            if name not in self.immortal and (force or name not in self.deaf):
                self._die(name)

    async def forget(self, name: str) -> None:
        return None

    async def reboot(self, name: str) -> None:
        self.calls.append((name, "reboot"))
        if name not in self.guests:
            raise WrongState(f"{name} does not run")

    async def is_running(self, name: str) -> bool:
        return name in self.guests

    async def list(self, names: Collection[str] = ()) -> tuple[RunningInstance, ...]:
        return tuple(self.guests[name] for name in sorted(self.guests) if not names or name in names)

    async def console(self, spec: InstanceSpec) -> Console:
        return Console(spec.name, "msg", message="simulated guests have no console")

    async def close(self) -> None:
        return None

    # -- devices ---------------------------------------------------------------------------------------------------

    async def plugging_obstacle(self) -> str:
        return self.reason

    async def plug(self, spec: InstanceSpec, device: DiskSpec | NicSpec, path: str) -> None:
        if spec.name in self.broken:
            raise DriverError(f"{spec.name} takes no device: simulated failure")
        self.plugged.setdefault(spec.name, set()).add(device.uuid)

    async def unplug(self, spec: InstanceSpec, device: DiskSpec | NicSpec) -> None:
        if spec.name in self.broken:
            raise DriverError(f"{spec.name} gives no device: simulated failure")
        self.plugged.setdefault(spec.name, set()).discard(device.uuid)

    # -- from host to host -----------------------------------------------------------------------------------------

    async def obstacle(self) -> str:
        return self.reason

    async def accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        self.calls.append((spec.name, "accept"))
        self.expected.add(spec.name)
        return Doorway(self._host, address)

    async def send(self, spec: InstanceSpec, disks: Mapping[int, str], door: Doorway, live: bool) -> None:
        self.calls.append((spec.name, "send live" if live else "send"))
        if spec.name not in self.guests:
            raise WrongState(f"{spec.name} does not run")
        ended: Deferred[None] = Deferred()
        timer = self._clock.callLater(self.travel, self._arrive, spec.name, self._peers[door.to])
        self._ways[spec.name] = self._clock.seconds(), ended, timer
        mine: Deferred[None] = Deferred()
        ended.addBoth(lambda end: None if mine.called else mine.callback(end))
        await mine

    async def sent(self, name: str) -> tuple[int, int]:
        if name not in self._ways:
            return 0, 0
        total = self.guests[name].memory_mib * 2**20
        return int(total * (self._clock.seconds() - self._ways[name][0]) / self.travel), total

    async def end_migration(self, name: str) -> None:
        self.expected.discard(name)
        self._end(name, f"{name} was not sent: that was aborted")

    async def set_memory(self, name: str, memory_mib: int) -> None:
        self.calls.append((name, f"memory {memory_mib}"))
        self.guests[name] = evolve(self.guests[name], memory_mib=memory_mib)

    def crash_guests(self) -> None:
        """All guests end by themselves."""
        for name in list(self.guests):
            self._die(name)

    def lose_power(self) -> None:
        """All guests are gone, also those on their way from or to here and those that were being started."""
        self._outages += 1
        for name in list(self._ways):
            self._end(name, "the power failed")
        self.guests.clear()
        self.expected.clear()

    def receive(self, guest: RunningInstance) -> None:
        """A guest has arrived."""
        self.expected.discard(guest.name)
        self.guests[guest.name] = guest

    def _arrive(self, name: str, peer: SimulatedHypervisor) -> None:
        if name in self.stranded or name not in peer.expected or name not in self.guests:
            self._end(name, f"{name} was not sent: nobody expects it there")
            return
        peer.plugged[name] = self.plugged.pop(name, set())
        peer.receive(self.guests.pop(name))
        _, ended, _ = self._ways.pop(name)
        ended.callback(None)

    def _die(self, name: str) -> None:
        del self.guests[name]
        self._end(name, f"{name} was not sent: it ended meanwhile")

    def _end(self, name: str, error: str) -> None:
        if name in self._ways:
            _, ended, timer = self._ways.pop(name)
            if timer.active():
                timer.cancel()
            ended.errback(DriverError(error))
