"""How long jobs that have ended are kept: in lists for hours, in the archive for weeks, and never too many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from attrs import frozen

from ganeti_tw.jobs.archive import MOVED_AT_ONCE, ReadRows, moved
from ganeti_tw.jobs.record import ARCHIVED, KIND, JobRecord, decode, seconds_of
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Delete, Put

HOUR, DAY = 3600.0, 86400.0
OLDEST = ("queue", "oldest")  # ledger row with the id below which there are no jobs any more
LOOKED_AT_ONCE = 500

CommitRows = Callable[[Commit], Awaitable[None]]
PauseWork = Callable[[], Awaitable[None]]


@frozen
class Limits:
    """Ages are seconds since the end, those of Ganeti's watcher and cleaner."""

    age: float = 6 * HOUR
    most: int = 5000  # jobs in lists that have ended
    fewest: int = 4500  # that are left when there were too many
    archive_age: float = 21 * DAY
    archive_most: int = 100_000  # ids between the newest job and the oldest in the archive
    shortest: float = HOUR  # between two rounds, unless there are too many


@frozen
class Round:
    """``kept``: jobs in lists that have ended; ``seconds`` until some of them are too old, None without any."""

    kept: int
    seconds: float | None


async def put_away(
    read: ReadRows, commit: CommitRows, pause: PauseWork, now: float, limits: Limits, last_id: int
) -> Round:
    """Archive what ended long ago, and remove from the archive what ended very long ago."""
    ended = await _retire(read, commit, pause, now, limits)
    await _forget(read, commit, pause, now, limits, last_id)
    return ended


async def _retire(read: ReadRows, commit: CommitRows, pause: PauseWork, now: float, limits: Limits) -> Round:
    """Put the oldest of the jobs that have ended into the archive."""
    rows = await read(KIND, None)
    ended: list[tuple[float, int]] = []
    for number, (key, row) in enumerate(rows.items(), 1):
        job = decode(key, row)
        if job.status.final:
            ended.append((_end(job), job.id))
        if number % MOVED_AT_ONCE == 0:
            await pause()
    ended.sort()
    surplus = len(ended) - limits.fewest if len(ended) > limits.most else 0
    old = [job_id for place, (end, job_id) in enumerate(ended) if place < surplus or end <= now - limits.age]
    for start in range(0, len(old), MOVED_AT_ONCE):
        await commit(moved(rows, map(str, old[start : start + MOVED_AT_ONCE])))
        await pause()
    left = ended[len(old) :]
    return Round(len(left), left[0][0] + limits.age - now if left else None)


async def _forget(
    read: ReadRows, commit: CommitRows, pause: PauseWork, now: float, limits: Limits, last_id: int
) -> None:
    """Remove the oldest jobs up to ``last_id`` from the archive.  Looks no further than the first that stays."""
    found = (await read(OLDEST[0], (OLDEST[1],))).get(OLDEST[1])
    first = 1 if found is None else int(msgspec.json.decode(found, type=int))
    while first <= last_id:
        ids = range(first, min(first + LOOKED_AT_ONCE, last_id + 1))
        keys = tuple(str(i) for i in ids)
        archived = {int(k): decode(k, row) for k, row in (await read(ARCHIVED, keys)).items()}
        staying = {int(k) for k in await read(KIND, keys)}
        for job_id, job in archived.items():
            if _end(job) > now - limits.archive_age and job_id > last_id - limits.archive_most:
                staying.add(job_id)
        gone = tuple(Delete(ARCHIVED, str(i)) for i in sorted(archived.keys() - staying))
        first = min(staying, default=ids.stop)
        if gone or (len(ids) == LOOKED_AT_ONCE and not staying):  # else it is soon found again
            await commit(Commit((Put(*OLDEST, msgspec.json.encode(first)),), gone))
        if staying:
            return
        await pause()


def _end(job: JobRecord) -> float:
    """When a job ended, in seconds since the epoch."""
    return seconds_of(job.end_timestamp or job.start_timestamp or job.received_timestamp or (0, 0))
