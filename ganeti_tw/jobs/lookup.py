"""What there is to say of jobs, from actors, memory and the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError, NotFound
from ganeti_tw.jobs.archive import Rows
from ganeti_tw.jobs.fields import log_after, values
from ganeti_tw.jobs.record import JobRecord, decode
from ganeti_tw.jobs.status import Status
from ganeti_tw.protocol.jobs import WaitForChange

log = Logger()


def what_became(record: JobRecord, m: WaitForChange) -> tuple[list[Any], list[Any]]:
    return values(record, m.fields), log_after(record, m.log_serial)


def ends(rows: Rows) -> dict[int, Status]:
    """How stored jobs that are not live ended; one that had not is the remains of a crash."""
    statuses = {int(key): decode(key, row).status for key, (row, _) in rows.items()}
    return {i: status if status.final else Status.ERROR for i, status in statuses.items()}


def found(rows: Rows, m: WaitForChange) -> tuple[list[Any], list[Any]]:
    key = str(m.job_id)
    if key not in rows:
        raise NotFound(f"there is no job {m.job_id}")
    return what_became(decode(key, *rows[key]), m)


async def listed(
    live: list[Deferred[JobRecord]],
    ended: list[JobRecord],
    read: Callable[[], Deferred[Rows]],
    pause: Callable[[], Awaitable[None]],
    at_once: int,
) -> list[JobRecord]:
    """Stored jobs, in their place those that actors and ``ended`` know better, by ascending id.

    The rows are read last, so that no job can end unseen between the two.
    """
    known = {record.id: record for record in ended}
    for asked in live:
        try:
            record = await asked
        except GanetiError as e:
            log.debug("a job does not say how it is: {reason}", reason=e.text)
        else:
            known[record.id] = record
    jobs = {}
    for number, (key, (row, archived)) in enumerate((await read()).items()):
        if number % at_once == at_once - 1:
            await pause()
        job = decode(key, row, archived)
        jobs[job.id] = job if job.status.final else known.get(job.id, job)
    return [jobs[i] for i in sorted(jobs)]
