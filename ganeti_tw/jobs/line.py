"""The line of jobs that have not begun: who is next."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from attrs import define, field

from ganeti_tw.jobs.filters import ACCEPT, PAUSE, REJECT, Bucket, Ops, Rule, Verdict, judge

_UNKNOWN = Verdict(PAUSE)  # until it is judged


@define
class _Entry:
    ops: Ops
    priority: int
    verdict: Verdict
    before: set[int] = field(factory=set)  # jobs that have to end first


class Line:
    """Jobs by urgency and age.

    Those that depend on unfinished ones wait until these have ended, those of a
    full bucket until one of it has, and paused ones until the rules change.
    """

    def __init__(self) -> None:
        self._rules: Sequence[Rule] = ()
        self._entries: dict[int, _Entry] = {}
        self._begun: dict[int, _Entry] = {}
        self._ready: list[tuple[int, int]] = []  # heap of (priority, id); some of its items are out of date
        self._behind: dict[int, list[int]] = {}  # job -> those that depend on it
        # Heaps like the one before, of those that found no room in a bucket.  While one has room the first that waits
        # for it is among the ready ones, and no more than that: thousands may wait for one.
        self._full: dict[Bucket, list[tuple[int, int]]] = {}
        self._used: Counter[Bucket] = Counter()
        self._rejected: list[int] = []
        self._unjudged: deque[int] = deque()

    def add(self, job_id: int, priority: int, unfinished: Iterable[int], ops: Ops = ()) -> None:
        """A job at its place, behind ``unfinished`` ones."""
        verdict = judge(self._rules, job_id, ops)
        entry = self._entries[job_id] = _Entry(ops, priority, verdict, set(unfinished))
        for other in entry.before:
            self._behind.setdefault(other, []).append(job_id)
        self._offer(job_id, entry)

    def next(self) -> int | None:
        """The job that is to begin now; it leaves the line.  None, too, until all are judged."""
        if self._unjudged:
            return None
        while self._ready:
            priority, job_id = heapq.heappop(self._ready)
            entry = self._entries.get(job_id)
            if entry is None or entry.priority != priority or entry.verdict.action != ACCEPT:
                continue
            full = next((b for b in entry.verdict.buckets if self._used[b] >= b[2]), None)
            if full is not None:
                heapq.heappush(self._full.setdefault(full, []), (priority, job_id))
                self._call_next(entry)
                continue
            self._begun[job_id] = self._entries.pop(job_id)
            self._used.update(entry.verdict.buckets)
            self._call_next(entry)
            return job_id
        return None

    def rejected(self) -> list[int]:
        """Jobs that a rule forbids, each told once; they stay in the line until they have ended."""
        rejected, self._rejected = self._rejected, []
        return [job_id for job_id in rejected if job_id in self._entries]

    def ended(self, job_id: int) -> None:
        """A job has ended, in whatever way: here, or after it left the line."""
        gone = self._entries.pop(job_id, None)
        if gone is not None:
            self._call_next(gone)
        begun = self._begun.pop(job_id, None)
        if begun is not None:
            self._used -= Counter(begun.verdict.buckets)
            self._call_next(begun)
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
            self._call_next(entry)

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """All jobs are to be judged anew by :meth:`judge_some`; those that have begun, at once: limits count them."""
        self._rules = rules
        for job_id, entry in self._begun.items():
            entry.verdict = judge(rules, job_id, entry.ops)
        for entry in self._entries.values():
            entry.verdict = _UNKNOWN
        self._unjudged = deque(self._entries)
        self._used = Counter(bucket for entry in self._begun.values() for bucket in entry.verdict.buckets)
        self._full = {}
        self._ready = []

    def judge_some(self, number: int) -> bool:
        """Judge as many jobs by the rules as are said; whether there are more."""
        while self._unjudged and number > 0:
            number -= 1
            job_id = self._unjudged.popleft()
            entry = self._entries.get(job_id)
            if entry is not None:
                entry.verdict = judge(self._rules, job_id, entry.ops)
                self._offer(job_id, entry)
        return bool(self._unjudged)

    def before(self, job_id: int) -> list[int]:
        """The jobs a job waits for, by ascending id."""
        entry = self._entries.get(job_id)
        return sorted(entry.before) if entry is not None else []

    def because(self, job_id: int) -> str:
        """Why rules keep a job from beginning, in words; empty when they do not."""
        entry = self._entries.get(job_id)
        if entry is None:
            return ""
        verdict = entry.verdict
        if verdict is _UNKNOWN:
            return "the job filters have changed and are being applied to all jobs"
        if verdict.action != ACCEPT:
            return f"job filter {verdict.rule}: {verdict.action}; see 'gnt-filter info {verdict.rule}'"
        for bucket in verdict.buckets:
            kind, name, limit = bucket
            if self._used[bucket] >= limit:
                inside = [i for i, other in self._begun.items() if bucket in other.verdict.buckets]
                what = f"job filter {name}" if kind == "rule" else f"rate limit {name}"
                return f"{what} lets {limit} run at a time: {', '.join(f'job {i}' for i in sorted(inside))}"
        return ""

    def ahead(self, job_ids: Iterable[int]) -> dict[int, int]:
        """For each of them in the line, how many of those that may begin are to begin before it."""
        places = sorted(
            (e.priority, other) for other, e in self._entries.items() if e.verdict.action == ACCEPT and not e.before
        )
        return {i: bisect_left(places, (self._entries[i].priority, i)) for i in job_ids if i in self._entries}

    def _call_next(self, entry: _Entry) -> None:
        """One job is out of the way, or was not the right one: of its buckets that have room the next may try."""
        for bucket in entry.verdict.buckets:
            waiting = self._full.get(bucket)
            while waiting and self._used[bucket] < bucket[2]:
                priority, job_id = heapq.heappop(waiting)
                other = self._entries.get(job_id)
                if other is not None and other.priority == priority:
                    heapq.heappush(self._ready, (priority, job_id))
                    break

    def _offer(self, job_id: int, entry: _Entry) -> None:
        if entry.verdict.action == REJECT:
            self._rejected.append(job_id)
        elif not entry.before:
            heapq.heappush(self._ready, (entry.priority, job_id))
