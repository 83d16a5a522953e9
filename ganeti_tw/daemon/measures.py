"""Figures of this process: role, actors, reactor, confd; and on the master ledger and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ganeti_tw import __version__
from ganeti_tw.confd.actor import ConfdFigures, GetConfdFigures
from ganeti_tw.jobs.figures import JobFigures, Times
from ganeti_tw.kernel import KindFigures
from ganeti_tw.ledger.messages import GetLedgerState, LedgerState
from ganeti_tw.mond.families import Distribution, Family, Sort, counter, gauge
from ganeti_tw.mond.metrics import Source
from ganeti_tw.protocol.jobs import GetJobFigures
from ganeti_tw.protocol.ledger import GetPosition

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

TIMEOUT = 1.0
ROLES = ("none", "node", "candidate", "master")


def sources(host: Host) -> dict[str, Source]:
    """What a host knows of itself, by part."""

    async def own() -> Iterable[Family]:
        return own_families(host)

    async def actors() -> Iterable[Family]:
        return actor_families(host.system.figures())

    async def ledger() -> Iterable[Family]:
        if host.master is not None:
            return ledger_families(await host.master.ledger.ask(GetLedgerState(), TIMEOUT))
        follower = host.system.find("follower")
        if follower is None or host.role() != "candidate":
            return ()
        at = await follower.ask(GetPosition(), TIMEOUT)
        return (gauge("ganeti_ledger_stored_serial", "Last change on the disk of this host.", at.serial),)

    async def confd() -> Iterable[Family]:
        ref = host.system.find("confd")
        if ref is None:
            return ()
        figures: ConfdFigures = await ref.ask(GetConfdFigures(), TIMEOUT)
        return (
            counter("ganeti_confd_answered", "Questions that confd answered.", figures.answered),
            counter("ganeti_confd_dropped", "Datagrams that confd gave no answer to.", figures.dropped),
        )

    async def jobs() -> Iterable[Family]:
        if host.master is None:
            return ()
        return job_families(await host.master.queue.ask(GetJobFigures(), TIMEOUT))

    return {"host": own, "actors": actors, "confd": confd, "ledger": ledger, "jobs": jobs}


def own_families(host: Host) -> list[Family]:
    """Of the process as a whole."""
    record = host.record
    build = Family("ganeti_build_info", "Always 1; the label tells the version.", ("version",))
    build.add(1, __version__)
    role = Family("ganeti_role", "1 for the role this host has, 0 for all others.", ("role",))
    for name in ROLES:
        role.add(int(host.role() == name), name)
    found = [
        build,
        role,
        gauge("ganeti_config_serial", "Serial of the configuration here; 0 without one.", host.position()),
        gauge("ganeti_epoch", "Highest epoch of a master this host has seen.", record.epoch if record else 0),
    ]
    if host.lag is not None:
        text = "How late the reactor was at worst in the last minute."
        found.append(gauge("ganeti_reactor_lag_seconds", text, host.lag.worst().seconds))
    if host.expiry is not None:
        found.append(certificate_ends(host.expiry.ends))
    return found


def certificate_ends(ends: Mapping[str, float]) -> Family:
    """By the name of the certificate."""
    text = "When a certificate of this host ends, in seconds since 1970."
    family = Family("ganeti_certificate_end_timestamp_seconds", text, ("certificate",))
    for name, end in sorted(ends.items()):
        family.add(end, name)
    return family


def actor_families(figures: dict[str, KindFigures]) -> list[Family]:
    """By class of actor."""
    labels = ("actor",)
    living = Family("ganeti_actors", "Actors that live.", labels)
    waiting = Family("ganeti_mailbox_messages", "Messages that wait in all mailboxes.", labels)
    deepest = Family("ganeti_mailbox_deepest_messages", "Messages that wait in the fullest mailbox.", labels)
    counts = {
        "handled": Family("ganeti_actor_handled", "Messages handled without an error.", labels, Sort.COUNTER),
        "failed": Family("ganeti_actor_failed", "Messages answered with an error.", labels, Sort.COUNTER),
        "dropped": Family("ganeti_actor_dropped", "Messages a full mailbox forgot.", labels, Sort.COUNTER),
        "restarts": Family("ganeti_actor_restarts", "Crashes after which an actor began anew.", labels, Sort.COUNTER),
    }
    for kind, f in sorted(figures.items()):
        living.add(f.actors, kind)
        waiting.add(f.waiting, kind)
        deepest.add(f.deepest, kind)
        for name, family in counts.items():
            family.add(getattr(f, name), kind)
    return [living, waiting, deepest, *counts.values()]


def ledger_families(state: LedgerState) -> list[Family]:
    """Of the master's ledger and of each candidate that follows it."""
    labels = ("candidate",)
    in_sync = Family("ganeti_replication_in_sync", "Whether every acknowledged change is on its disk.", labels)
    position = Family("ganeti_replication_position_serial", "Last change on its disk.", labels)
    lag = Family("ganeti_replication_lag_changes", "Changes it has yet to store.", labels)
    contact = Family("ganeti_replication_last_contact_seconds", "Time since it was last heard.", labels)
    for f in state.followers:
        in_sync.add(int(f.in_sync), f.name)
        position.add(f.position, f.name)
        lag.add(f.lag, f.name)
        if f.last_contact is not None:
            contact.add(f.last_contact, f.name)
    return [
        gauge("ganeti_ledger_serial", "Last change that was acknowledged.", state.position.serial),
        gauge("ganeti_ledger_stored_serial", "Last change on the disk of this host.", state.stored),
        gauge("ganeti_ledger_waiting_commits", "Changes that are not acknowledged yet.", state.waiting),
        gauge("ganeti_ledger_healthy", "Whether the ledger takes changes.", int(not state.problem)),
        in_sync,
        position,
        lag,
        contact,
    ]


def job_families(figures: JobFigures) -> list[Family]:
    """Of the queue."""
    now = Family("ganeti_jobs", "Unfinished jobs.", ("status",))
    for status, number in figures.now.items():
        now.add(number, status.value)
    ended = Family("ganeti_jobs_ended", "Jobs that ended since this process began.", ("status",), Sort.COUNTER)
    for status, number in figures.ended.items():
        ended.add(number, status.value)
    text = "From the submission of a job to its start."
    starts = Family("ganeti_job_start_delay_seconds", text, sort=Sort.HISTOGRAM)
    starts.add(_distribution(figures.starts))
    text = "From the start of a job to its end, by its first operation."
    runs = Family("ganeti_job_run_seconds", text, ("operation",), Sort.HISTOGRAM)
    for operation, times in figures.runs.items():
        runs.add(_distribution(times), operation)
    return [now, ended, starts, runs]


def _distribution(times: Times) -> Distribution:
    return Distribution(times.buckets, times.sum)
