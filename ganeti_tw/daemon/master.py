"""The master's services: ledger, configuration, locks, jobs, and the way to the nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from ganeti_tw.api.master import MasterApi
from ganeti_tw.api.query.questions import Questions
from ganeti_tw.api.query.sources import ClusterSources
from ganeti_tw.config.keeper import ConfigKeeper, Published
from ganeti_tw.config.secrets import SecretKeeper, Vault
from ganeti_tw.config.switches import Switches, SwitchKeeper
from ganeti_tw.daemon.followers import FollowerKeeper
from ganeti_tw.daemon.outside import Outside
from ganeti_tw.daemon.readledger import Found
from ganeti_tw.errors import GanetiError, StaleEpoch
from ganeti_tw.jobs.places import Hosts, Places
from ganeti_tw.jobs.queue import Queue
from ganeti_tw.kernel import Actor, ActorSystem, Gone, Ref, receive
from ganeti_tw.ledger.ledger import Ledger
from ganeti_tw.locks.manager import LockManager
from ganeti_tw.model.rows import Put
from ganeti_tw.model.versions import RELEASE
from ganeti_tw.nodes.certificates import CertificateKeeper
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.nodes.patience import Patience
from ganeti_tw.nodes.updater import Spreader
from ganeti_tw.nodes.witnesses import Witnesses
from ganeti_tw.operations.registry import load_all
from ganeti_tw.protocol.config import Follow

MASTER_ACTORS = (
    "watchman",
    "queue",
    "job",
    "spreader",
    "nodes",
    "followers",
    "locks",
    "switches",
    "secrets",
    "config",
    "ledger",
    "witnesses",
    "certificates",
)
"""Paths of all that runs for the length of a reign, and above those of its parts."""


class Watchman(Actor):
    """Ends the process when an actor ends that a master cannot do without."""

    rank = 1

    def __init__(self, fatal: Callable[[str], None]) -> None:
        self._fatal = fatal

    @receive(Gone)
    def gone(self, m: Gone) -> None:
        if m.failure is not None:
            self._fatal(f"{m.path} ended: {m.failure.getErrorMessage()}")


class Master:
    """Runs on the master node for the length of a reign.

    ``first`` is written by the first change; ``deposed`` is called when there may be a later master.
    """

    def __init__(
        self,
        *,
        outside: Outside,
        system: ActorSystem,
        found: Found,
        epoch: int,
        directory: Directory,
        hosts: Hosts,
        vault: Vault,
        deposed: Callable[[GanetiError], None],
        first: tuple[Put, ...] = (),
        voting: bool = True,
    ) -> None:
        load_all()
        self.published = Published(found.config)
        spawn, own_name = system.spawn, outside.name
        store, reader = outside.store, outside.reader
        clock, now, random, fatal = outside.clock, outside.now, outside.random, outside.fatal

        def pause() -> Deferred[None]:
            return deferLater(clock, 0)

        def ended(reason: GanetiError) -> None:
            if isinstance(reason, StaleEpoch):
                deposed(reason)
            else:
                fatal(f"the ledger cannot be used: {reason.text}")

        self.witnesses = spawn("witnesses", lambda: Witnesses(own_name, directory, found.config, random, voting))
        self.ledger = spawn(
            "ledger",
            lambda: Ledger(
                store, epoch, spawn, clock, now, random, ended, own_name=own_name, witnesses=self.witnesses, first=first
            ),
        )
        self.keeper = spawn("config", lambda: ConfigKeeper(self.published, self.ledger, now, deposed))
        self.locks = spawn("locks", LockManager)
        switches = Switches(found.positions)
        self.switches = spawn("switches", lambda: SwitchKeeper(switches, self.ledger, deposed))
        self.followers = spawn("followers", lambda: FollowerKeeper(own_name, self.ledger, directory))
        lowest = vault.secrets.issued.lowest
        self.spreader = spawn("spreader", lambda: Spreader(system, directory, RELEASE, lowest))
        self.certificates = spawn("certificates", lambda: CertificateKeeper(self.keeper, directory, lowest))
        told = (self.spreader, self.certificates)
        vault.keeper = self.secrets = spawn("secrets", lambda: SecretKeeper(vault, self.ledger, told, deposed))
        patience = Patience(directory, clock)
        places = Places(
            ledger=self.ledger,
            locks=self.locks,
            keeper=self.keeper,
            published=self.published,
            directory=directory,
            patience=patience,
            hosts=hosts,
            bells=outside.bells,
            allocators=outside.allocators,
            spreader=self.spreader,
            questions=Questions(lambda: sources, switches, now, pause),
            clock=clock,
            now=now,
            elapsed=outside.elapsed,
            new_uuid=outside.new_uuid,
            random_bytes=outside.random_bytes,
            switches=switches,
        )

        def read_rows(kind: str, keys: tuple[str, ...] | None) -> Deferred[Mapping[str, bytes]]:
            return reader.read(kind, keys)  # type: ignore[return-value]

        self.queue = spawn(
            "queue", lambda: Queue(system, places, read_rows, found.last_job, list(found.unfinished), pause)
        )
        watchman = spawn("watchman", lambda: Watchman(fatal))
        services = (self.ledger, self.keeper, self.locks, self.switches, self.secrets, self.queue)
        for critical in (*services, self.followers, self.spreader, self.witnesses):
            critical.watch(watchman)
        for follower in (self.followers, self.spreader, self.witnesses, self.certificates):
            self.keeper.ask(Follow(follower), 10.0)
        sources = ClusterSources(self.published, patience, self.queue, self.locks)
        self.api = MasterApi(self.queue, self.switches, places)

    def follow(self, ref: Ref) -> Deferred[Any]:
        """Tell an actor of every change of the configuration."""
        return self.keeper.ask(Follow(ref), 10.0)
