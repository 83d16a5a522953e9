"""Rounds: kill, bring back, compare."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from attrs import Factory, define

from ganeti_tw.errors import GanetiError
from ganeti_tw.testing.kills.clients import Crew
from ganeti_tw.testing.kills.expected import Expected, Sight, missing
from ganeti_tw.testing.kills.hosts import COMMAND, Hosts, until
from ganeti_tw.testing.kills.journal import Reader
from ganeti_tw.testing.kills.observed import exported, living, locks
from ganeti_tw.testing.kills.plans import FAILOVER, RESTART, Plan, plan

SETTLE = 90.0  # seconds until all follow one master again
TRIES = 5  # of a failover, on one candidate after the other


class Lost(Exception):
    """Something that was promised is not there, or the cluster does not come back."""


@define
class Tally:
    """What happened so far."""

    rounds: int = 0
    kills: int = 0
    masters_killed: int = 0
    failovers: int = 0
    refused: list[str] = Factory(list)  # what failovers said that were refused
    seconds: list[float] = Factory(list)  # that a failover took, from its command to its end
    looked_up: int = 0  # facts compared, all hosts together


class Rounds:
    """One cluster, its clients, and what is done to it."""

    def __init__(self, hosts: Hosts, clients: int, seed: int, place: Path, say: Callable[[str], None]) -> None:
        random = Random(seed)
        self._random, self._hosts, self._say = random, hosts, say
        sockets = [host.paths.socket for host in hosts.cluster.hosts]
        self._crew = Crew(clients, random, sockets, hosts.names, place)
        self._journals = {worker.name: Reader(worker.journal) for worker in self._crew.workers}
        self.expected = Expected()
        self.tally = Tally()

    def start(self) -> None:
        self._crew.start()

    def stop(self) -> None:
        self._crew.stop()

    def play(self) -> None:
        """One round.  Lost says what is wrong."""
        begin = time.monotonic()
        planned = plan(self._random, len(self._hosts.names))
        master = self._hosts.master()
        names = [master, *(name for name in self._hosts.names if name != master)]
        self._crew.work()
        time.sleep(planned.before)
        told = self._disturb(planned, names)
        self._bring_back(planned, names)
        time.sleep(planned.after)
        self._settle()
        expected = self._compare()
        self.tally.rounds += 1
        self._say(
            f"round {self.tally.rounds}: {told}; {expected.jobs} jobs, {expected.changes} changes, "
            f"{expected.unknown} unanswered, 0 lost; {time.monotonic() - begin:.1f} s"
        )

    # -- harm and help ---------------------------------------------------------------------------------------------

    def _disturb(self, planned: Plan, names: list[str]) -> str:
        victims = [names[place] for place in planned.victims]
        for number, name in enumerate(victims):
            time.sleep(planned.between if number else 0)
            self._kill(name)
        time.sleep(planned.dead)
        told = " and ".join(f"{name} (master)" if name == names[0] else name for name in victims)
        if planned.rescue == RESTART:
            return f"{told} killed"
        told = f"{told} killed, {names[planned.successor]} becomes master"
        return f"{told} and is killed meanwhile" if planned.interrupted >= 0 else told

    def _kill(self, name: str) -> None:
        self.tally.masters_killed += self._hosts.master() == name
        self._hosts.kill(name)
        self.tally.kills += 1

    def _bring_back(self, planned: Plan, names: list[str]) -> None:
        """All hosts run afterwards."""
        if planned.rescue == RESTART:
            self._hosts.start_all()
            return
        name = names[planned.successor]
        begin = time.monotonic()
        with self._hosts.begin(name, "gnt-cluster", "master-failover") as process:
            if planned.rescue != FAILOVER:
                self._hosts.start_all()
            if planned.interrupted >= 0:
                time.sleep(planned.interrupted)
                self._kill(name)
            done = self._ended(process, name)
        if done:
            self.tally.seconds.append(time.monotonic() - begin)
        if not self._hosts.master():
            self._appoint(names)
        self._hosts.start_all()

    def _appoint(self, names: list[str]) -> None:
        """Have somebody who lives become master."""
        for name in self._random.sample(names, len(names)):
            if self._hosts.host(name).pid() is not None:
                with self._hosts.begin(name, "gnt-cluster", "master-failover") as process:
                    if self._ended(process, name):
                        return

    def _ended(self, process: subprocess.Popen[str], name: str) -> bool:
        """Whether a failover went well."""
        _, err = process.communicate(timeout=COMMAND)
        if process.returncode:
            self.tally.refused.append(f"{name}: {err.strip() or process.returncode}")
            return False
        self.tally.failovers += 1
        return True

    # -- comparing -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        late = self._crew.rest()
        if late:
            raise Lost("clients do not come to an end: " + "; ".join(late))
        if not until(self._hosts.is_level, SETTLE):
            states = [
                f"{name}: {s['role']}, follows {s['master']}, epoch {s['epoch']}, position {s['position']}"
                for name, s in self._hosts.states().items()
            ]
            raise Lost(f"after {SETTLE:.0f} s the hosts are not where the master is: " + "; ".join(states))

    def _compare(self) -> Expected:
        expected = self._read()
        seen = list(self._seen())
        self.tally.looked_up += len(seen) * len(expected.facts)
        wrong = missing(expected, seen)
        if wrong:
            raise Lost("\n".join(wrong))
        return expected

    def _seen(self) -> Iterator[Sight]:
        """The cluster from all sides."""
        master = self._hosts.master()
        try:
            with self._hosts.client(master) as client:
                yield Sight(f"master {master}", living(client), living=True)
                held = locks(client)
        except GanetiError as e:
            raise Lost(f"the master {master} does not answer: {e.text}") from None
        if held:
            raise Lost(f"nothing is under way, and still there are locks held: {held}")
        with ThreadPoolExecutor(2) as pool:
            for name, dump in zip(self._hosts.names, pool.map(self._hosts.dump, self._hosts.names), strict=True):
                yield Sight(f"ledger of {name}", exported(dump), living=False)

    def _read(self) -> Expected:
        """What all journals say together by now."""
        for name, journal in self._journals.items():
            self.expected.take(name, journal.new())
        return self.expected

    def finish(self) -> list[str]:
        """What is wrong at the end, besides what was compared."""
        wrong = list(self._hosts.troubles())
        for name in self._hosts.names:
            try:
                self._hosts.run(name, "ganeti-ledger", "check")
            except GanetiError as e:
                wrong.append(e.text)
        return wrong
