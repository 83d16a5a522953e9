"""The line of jobs that have not begun: who is next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from attrs import define, field


@define
class _Entry:
    priority: int
    before: set[int] = field(factory=set)  # jobs that have to end first


class Line:
    """Jobs by urgency and age; those that depend on unfinished ones wait until these have ended."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._ready: list[tuple[int, int]] = []  # heap of (priority, id); some of its items are out of date
        self._behind: dict[int, list[int]] = {}  # job -> those that depend on it

    def add(self, job_id: int, priority: int, unfinished: Iterable[int]) -> None:
        """A job at its place, behind ``unfinished`` ones."""
        entry = self._entries[job_id] = _Entry(priority, set(unfinished))
        for other in entry.before:
            self._behind.setdefault(other, []).append(job_id)
        self._offer(job_id, entry)

    def next(self) -> int | None:
        """The job that is to begin now; it leaves the line."""
        while self._ready:
            priority, job_id = heapq.heappop(self._ready)
            entry = self._entries.get(job_id)
            if entry is not None and entry.priority == priority:
                del self._entries[job_id]
                return job_id
        return None

    def ended(self, job_id: int) -> None:
        """A job has ended, in whatever way: here, or after it left the line."""
        self._entries.pop(job_id, None)
        for other in self._behind.pop(job_id, ()):
            entry = self._entries.get(other)
            if entry is not None:
                entry.before.discard(job_id)
                self._offer(other, entry)

    def change_priority(self, job_id: int, priority: int) -> None:
        """A job moves to another place, if it still is in the line."""
        entry = self._entries.get(job_id)
        if entry is not None and entry.priority != priority:
            entry.priority = priority
            self._offer(job_id, entry)

    def before(self, job_id: int) -> list[int]:
        """The jobs a job waits for, by ascending id."""
        entry = self._entries.get(job_id)
        return sorted(entry.before) if entry is not None else []

    def _offer(self, job_id: int, entry: _Entry) -> None:
        if not entry.before:
            heapq.heappush(self._ready, (entry.priority, job_id))
