"""Jobs that ended long ago: out of the way of lists, still to be found by their ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from twisted.internet.defer import Deferred

from ganeti_tw.jobs.record import ARCHIVED, KIND, JobRecord, decode, seconds_of
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Delete, Put

ALL = -1  # as an age: all that have ended
MOVED_AT_ONCE = 100

ReadRows: TypeAlias = Callable[[str, "tuple[str, ...] | None"], Deferred[Mapping[str, bytes]]]
"""Stored rows of a kind: of some keys, or all."""

Rows: TypeAlias = Mapping[str, tuple[bytes, bool]]
"""Key -> row, and whether it is in the archive."""


async def stored_rows(read: ReadRows, keys: tuple[str, ...] | None, *, archived: bool) -> Rows:
    """Rows of some jobs or all, of those in the archive too if wanted.

    The archive is read last: a job that moves there meanwhile is found in one of both.
    """
    found = {key: (row, False) for key, row in (await read(KIND, keys)).items()}
    missing = None if keys is None else tuple(key for key in keys if key not in found)
    if archived and missing != ():
        for key, row in (await read(ARCHIVED, missing)).items():
            found.setdefault(key, (row, True))
    return found


def moved(rows: Mapping[str, bytes], keys: Iterable[str]) -> Commit:
    """Those of the rows of jobs go to the archive."""
    several = tuple(keys)
    return Commit(tuple(Put(ARCHIVED, key, rows[key]) for key in several), tuple(Delete(KIND, key) for key in several))


async def archive(read: ReadRows, commit: Callable[[Commit], Awaitable[None]], job_id: int) -> bool:
    """Whether the job was one that has ended, and is in the archive now."""
    key = str(job_id)
    rows = await read(KIND, (key,))
    if key not in rows or not decode(key, rows[key]).status.final:
        return False
    await commit(moved(rows, [key]))
    return True


async def archive_old(
    read: ReadRows,
    commit: Callable[[Commit], Awaitable[None]],
    pause: Callable[[], Awaitable[None]],
    now: float,
    elapsed: Callable[[], float],
    age: float,
    seconds: float,
) -> tuple[int, int]:
    """How many were archived, oldest ids first, and how many were not looked at because the time was up.

    ``now`` is the time of day; ``elapsed`` measures how long it takes.
    """
    begin = elapsed()
    rows = await read(KIND, None)
    keys = sorted(rows, key=int)
    archived = 0
    for start in range(0, len(keys), MOVED_AT_ONCE):
        if elapsed() - begin > seconds:
            return archived, len(keys) - start
        part = keys[start : start + MOVED_AT_ONCE]
        old = [key for key in part if _is_old(decode(key, rows[key]), now, age)]
        if old:
            await commit(moved(rows, old))
            archived += len(old)
        await pause()
    return archived, 0


def _is_old(job: JobRecord, now: float, age: float) -> bool:
    if not job.status.final:
        return False
    last = job.end_timestamp or job.start_timestamp or job.received_timestamp
    return age == ALL or last is None or seconds_of(last) < now - age
