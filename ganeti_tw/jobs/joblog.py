"""The log of an opcode while it runs: thousands of lines are no more work, each, than ten."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, overload

from ganeti_tw.operations.progress import PROGRESS

LogEntry = tuple[int, tuple[int, int], str, Any]  # serial, time, type and content


class Log(Sequence[LogEntry]):
    """Entries in the order of their serials.  A value: with one more it is another log.

    All logs that grew from one share a list, of which each knows how much is its
    own.  Of how far the work is only the newest entry is kept, beside that list.
    """

    __slots__ = ("_count", "_lines", "_progress")

    def __init__(self, entries: Iterable[LogEntry] = ()) -> None:
        self._lines: list[LogEntry] = []
        self._progress: LogEntry | None = None
        for entry in entries:
            if entry[2] == PROGRESS:
                self._progress = entry
            else:
                self._lines.append(entry)
        self._count = len(self._lines)

    def plus(self, entry: LogEntry) -> Log:
        """The log with one more."""
        more = Log.__new__(Log)
        more._lines, more._count, more._progress = self._lines, self._count, self._progress
        if entry[2] == PROGRESS:
            more._progress = entry
            return more
        if self._count < len(self._lines):  # another has grown from this one already
            more._lines = self._lines[: self._count]
        more._lines.append(entry)
        more._count += 1
        return more

    def after(self, serial: int) -> list[LogEntry]:
        """Those with a higher serial."""
        begin = bisect_right(self._lines, serial, hi=self._count, key=_serial)
        entries = self._lines[begin : self._count]
        if self._progress is not None and self._progress[0] > serial:
            entries.insert(bisect_right(entries, self._progress[0], key=_serial), self._progress)
        return entries

    def __len__(self) -> int:
        return self._count + (self._progress is not None)

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(self.after(0)) if self._progress is not None else islice(self._lines, self._count)

    @overload
    def __getitem__(self, place: int) -> LogEntry: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[LogEntry]: ...

    def __getitem__(self, place: int | slice) -> LogEntry | Sequence[LogEntry]:
        return self.after(0)[place]


def _serial(entry: LogEntry) -> int:
    return entry[0]
