"""A cluster, those who use it, and what befalls it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from random import Random
from typing import Any, cast

from attrs import frozen
from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogPublisher

from ganeti_tw.locks.manager import LockManager
from ganeti_tw.protocol.locks import ListLocks
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.simulator import deeds
from ganeti_tw.testing.simulator.administrator import Administrator
from ganeti_tw.testing.simulator.clients import FINAL, Clients
from ganeti_tw.testing.simulator.deeds import disk_ok
from ganeti_tw.testing.simulator.garbage import Collecting
from ganeti_tw.testing.simulator.hosts import WatchedHost
from ganeti_tw.testing.simulator.invariants import Broken, Invariants
from ganeti_tw.testing.simulator.script import Action
from ganeti_tw.testing.simulator.writers import Writers

RECOVERY = 300.0  # seconds without faults in which all must be well again
LINES = 400  # of a transcript that are kept
GONE = 20.0  # seconds until others notice that the power of a host failed
MOST_ROLES_BACK = 12  # times that nodes are said to be online again
PATIENT = 4  # of these until a node must join anew
INSPECTION = 1.0  # seconds between looks at what is too dear to look at after each event

MakeHost = Callable[[Cluster, str], WatchedHost]


@frozen
class Weather:
    """What the network is like all the time: usual seconds of a message, and how often TCP must send it again."""

    usual: float = 0.0005
    resent: float = 0.0
    late: float = 0.0  # how often what a broken connection had on its way arrives


@frozen
class Line:
    """One line of a transcript."""

    at: float
    text: str

    def __str__(self) -> str:
        return f"{self.at:9.3f}  {self.text}"


class World:
    """Plays a script.  The same arguments give the same history, event by event."""

    def __init__(
        self,
        hosts: int = 3,
        seed: int = 0,
        weather: Weather = Weather(),
        make_host: MakeHost = WatchedHost,
        spare: int = 0,
    ) -> None:
        self.random = Random(f"world {seed}")
        self.weather = weather
        self.lag: dict[str, float] = {}
        self.lines: deque[Line] = deque(maxlen=LINES)
        self.failure: Line | None = None
        self.invariants = Invariants(self.broken, self.say)
        self._begun = 0.0
        self._suspects: set[tuple[str, str]] = set()

        def make(cluster: Cluster, name: str) -> WatchedHost:
            if name == "node1":
                self.clock = cluster.clock
            host = make_host(cluster, name)
            host.witness = self.invariants
            host.ended = self._fatal
            host.starting = lambda name: self.administrator.make_sure(name) if hasattr(self, "administrator") else None
            return host

        self.cluster = Cluster(nodes=hosts, seed=seed, spare=spare, make_host=make)
        self._collecting = Collecting()
        globalLogPublisher.addObserver(cast("ILogObserver", self._logged))
        self.hosts = cast("tuple[WatchedHost, ...]", tuple(self.cluster.hosts.values()))
        self.invariants.watch(self.hosts)
        self._writers = Writers(self.broken, self.hosts)
        self.cluster.network.delay = self._delay
        self.cluster.network.late = lambda: self.random.random() < self.weather.late
        self.clients = Clients(self.cluster, Random(f"clients {seed}"), self.broken, self.say)
        self.administrator = Administrator(self, Random(f"administrator {seed}"))
        self.clock.after = self._after_event
        self._begun = self.clock.seconds()

    def close(self) -> None:
        """Hear no more."""
        globalLogPublisher.removeObserver(cast("ILogObserver", self._logged))
        self._collecting.close()

    # -- what happens ----------------------------------------------------------------------------------------------

    def play(self, script: Iterable[Action], until: float, *, administered: bool = True) -> None:
        """All of a script; Broken when an invariant is."""
        for action in script:
            deeds.check(action)
            self.clock.callLater(self._begun + action.at - self.clock.seconds(), self._do, action)
        if administered:
            self.administrator.begin()
        self.clock.callLater(INSPECTION, self._inspect)
        self.clock.advance(self._begun + until - self.clock.seconds())

    def recover(self) -> None:
        """End all faults; Broken unless all is well after a while."""
        self.say("the faults are over")
        self._heal()
        end = self.clock.seconds() + RECOVERY
        self.clock.advance(15.0)
        for attempt in count():
            if attempt < MOST_ROLES_BACK:
                self._roles_back(patient=attempt < PATIENT)
            self.clock.advance(5.0)
            ills = self.ills()
            if not ills:
                return
            if self.clock.seconds() > end:
                self.broken(f"not well {RECOVERY:g} s after the last fault: {'; '.join(ills[:4])}")
                self._after_event()
            self._restore_guests()

    def _do(self, action: Action) -> None:
        self.say(f"> {action.verb} {' '.join(action.args)}".rstrip())
        deeds.do(self, action)

    def _heal(self) -> None:
        self.weather = Weather()
        self.lag.clear()
        self.administrator.eager = False
        for one in self.hosts:
            disk_ok(self, one.name)
            one.skew = 0.0
            one.hypervisor.delay, one.hypervisor.failures = 0.0, 0
            for other in self.hosts:
                if one.name < other.name:
                    self.cluster.network.mend(one.name, other.name)
        self.administrator.boot_all()

    def _roles_back(self, patient: bool) -> None:
        """Nodes that were set offline or drained are so no longer; those that know of no cluster join again.

        One that was away while most of the candidates it knew left cannot find out who is master: it must join anew.
        """
        if self.served():
            for node in self.cluster.config.nodes.values():
                if self.host(node.name).kept is None:
                    deeds.add(self, node.name)
                elif node.offline and not patient:
                    self.administrator.make_leave(node.name)
                elif node.offline or node.drained:
                    deeds.set_role(self, node.name, "offline=no", "drained=no")

    def _restore_guests(self) -> None:
        """Do what the watcher does: start what should run, stop what should not; and clear away what is half made."""
        if not self.served() or any(not job.told for job in self.clients.jobs.values()):
            return
        interrupted = [i.name for i in self.cluster.config.instances.values() if i.migrating_to is not None]
        for name in sorted(interrupted):
            deeds.clean_up(self, name.removeprefix("web").removesuffix(".example"))
        for number, wanted in self._strayed():
            if f"web{number}.example" in interrupted:
                continue
            if not wanted:
                deeds.stop(self, number)
            elif self._is_whole(f"web{number}.example"):
                deeds.start(self, number)
            else:
                deeds.remove(self, number)  # as the message of the job that should have made it says

    # -- hosts -----------------------------------------------------------------------------------------------------

    def host(self, name: str) -> WatchedHost:
        """By name."""
        return cast("WatchedHost", self.cluster.hosts[name])

    def kill(self, host: WatchedHost, power: bool) -> None:
        """End its process, or all of it: then its guests end, too."""
        if host.alive:
            unsafe = host.disk.unsafe
            kept = self.random.choice((0, unsafe, self.random.randint(0, max(0, unsafe - 1)) if power else 0))
            host.kill(kept, GONE if power else 0.0)
            self.invariants.died(host)
        if power:
            host.hypervisor.lose_power()
            host.master_ip.up.clear()

    def boot(self, name: str) -> None:
        """Start a host."""
        self.say(f"{name} starts")
        self.host(name).boot()

    def served(self) -> bool:
        """Whether somebody acts as master whom most hosts can reach; nodes that are marked offline do not count."""
        for host in self.hosts:
            if host.alive and host.process.master is not None:
                nodes = host.process.master.published.config.nodes.values()
                online = [self.host(n.name) for n in nodes if not n.offline or n.name == host.name]
                if 2 * sum(1 for other in online if self._follows(other, host)) > len(online):
                    return True
        return False

    def _follows(self, host: WatchedHost, master: WatchedHost) -> bool:
        """Whether it takes that one for the master, and both hear each other."""
        network = self.cluster.network
        cut = network.is_cut(host.name, master.name) or network.is_cut(master.name, host.name)
        return host.alive and not cut and host.kept is not None and host.kept.master == master.name

    # -- what is seen ----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write a line of the transcript."""
        self.lines.append(Line(self.clock.seconds() - self._begun, text))

    def broken(self, text: str) -> None:
        """Something is wrong; the first is what counts."""
        if self.failure is None:
            self.say(f"BROKEN: {text}")
            self.failure = self.lines[-1]

    def ills(self) -> list[str]:
        """What is not as it should be when there are no faults."""
        ills = [f"{host.name} is down" for host in self.hosts if not host.alive]
        acting = [h for h in self.hosts if h.alive and h.process.master is not None]
        if len(acting) != 1:
            return [*ills, f"{len(acting)} hosts act as master"]
        master = acting[0]
        now = master.ledger.now()
        for host in self.hosts:
            if bool(host.master_ip.up) != (host is master):
                ills.append(f"{host.name} {'has' if host.master_ip.up else 'does not have'} the address of the cluster")
            node = self.cluster.config.find_node(host.name)
            if node is None:
                continue
            if node.offline:
                ills.append(f"{host.name} is marked offline")
            elif host.kept is None:
                ills.append(f"{host.name} is in the configuration, and in no cluster")
            elif host.record.master != master.name:
                ills.append(f"{host.name} follows {host.record.master}, not {master.name}")
            elif host.record.is_candidate and host.ledger.now() != now:
                at = host.ledger.now()
                ills.append(f"{host.name} is at {at.serial} of epoch {at.epoch}, not {now.serial} of {now.epoch}")
        for instance in self.cluster.config.instances.values():
            if instance.migrating_to is not None:
                ills.append(f"a migration of {instance.name} was interrupted")
        ills.extend(self._job_ills(master))
        if not ills:
            strayed = [f"web{number}.example is {'down' if up else 'up'}" for number, up in self._strayed()]
            ills.extend(strayed)
        return ills

    def _job_ills(self, master: WatchedHost) -> list[str]:
        ills = []
        fields = ["id", "status", "opstatus"]
        before = {job.id: job.told for job in self.clients.jobs.values()}  # clients hear of more while this one asks
        rows = self._query("job", fields)
        if rows is None:
            return ["the master does not list jobs"]
        found = {int(row[0]): row for row in rows}
        for row in rows:
            if row[1] not in FINAL:
                ills.append(f"job {row[0]} is {row[1]}")
        tags = set(self.cluster.config.cluster.tags)
        for number, told in before.items():
            job, ours = self.clients.jobs[number], found.get(number)
            if ours is None and ("archived_job", str(job.id)) in master.ledger.now().rows:
                continue  # the clock of a master was a day ahead
            if ours is None:
                self.broken(f"job {job.id} was accepted, and is not there")
            elif told and ours[1] != told:
                self.broken(f"job {job.id} was {told}, and is {ours[1]}")
            elif ours[1] == "success" and not set(job.ops[0].get("tags", ())) <= tags:
                self.broken(f"job {job.id} was successful, and the tag {job.ops[0]['tags']} is not there")
        return ills

    def _query(self, what: str, fields: list[str]) -> list[list[Any]] | None:
        answers: list[Any] = []
        asked = self.cluster.begin("query", {"what": what, "fields": fields})
        asked.addCallbacks(answers.append, lambda failure: None)
        self.clock.advance(0.5)
        return [[cell[1] for cell in row] for row in answers[0]["data"]] if answers else None

    def _strayed(self) -> list[tuple[str, bool]]:
        """Numbers of instances that are not as they are wanted, and whether they are wanted up."""
        config = self.cluster.config
        strayed = []
        for instance in config.instances.values():
            host = self.host(config.node(instance.primary_node).name)
            if instance.admin_up != (instance.name in host.hypervisor.guests):
                strayed.append((instance.name.removeprefix("web").removesuffix(".example"), instance.admin_up))
        return sorted(strayed)

    def _is_whole(self, name: str) -> bool:
        disks = self.cluster.shared_storage.disks
        return all(uuid in disks for uuid in self.cluster.config.instance(name).disks)

    # -- hooks -----------------------------------------------------------------------------------------------------

    def _after_event(self) -> None:
        self._writers.look()
        if self.failure is not None:
            raise Broken(self.failure.text)

    def _inspect(self) -> None:
        """Look at the owners of locks: one that is gone at two looks is gone for good."""
        self.clock.callLater(INSPECTION, self._inspect)
        suspects = set()
        for host in self.hosts:
            for owner in self.owners(host.name):
                if host.system.find(owner.rpartition("/")[0]) is None:  # job/12/0 is step 0 of job/12
                    suspects.add((host.name, owner))
        for name, owner in sorted(suspects & self._suspects):
            self.broken(f"a lock on {name} is held by {owner}, which is gone")
        self._suspects = suspects

    def owners(self, name: str) -> set[str]:
        """Who holds locks on a host."""
        host = self.host(name)
        manager = getattr(host.system.find("locks") if host.alive else None, "_actor", None)
        if not isinstance(manager, LockManager):
            return set()
        return {owner for lock in manager.list_locks(ListLocks()) for owner in lock.owners}

    def _delay(self, sender: str, receiver: str) -> float:
        delay = self.weather.usual * (0.5 + self.random.random())
        if self.lag:
            delay += self.random.random() * max(self.lag.get(sender, 0.0), self.lag.get(receiver, 0.0))
        if self.weather.resent and self.random.random() < self.weather.resent:
            delay += self.random.choice((0.2, 0.6, 1.4))
        return delay

    def _fatal(self, host: WatchedHost, reason: str) -> None:
        self.broken(f"{host.name} ends: {reason}")

    def _logged(self, event: dict[str, Any]) -> None:
        level = event.get("log_level")
        failure = event.get("log_failure")
        if failure is not None:
            self.broken(f"{formatEvent(event)}: {failure.getTraceback()}")
        elif level is not None and level >= LogLevel.info and not self._collecting:
            self.lines.append(Line(self.clock.seconds() - self._begun, f"    {level.name} {formatEvent(event)}"))
