"""A disk for simulated hosts, which can be slow, full, broken, and lose power."""

from __future__ import annotations

import zlib

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ganeti_tw.errors import Corrupt, DriverError

HEAD = 8  # bytes before each record: its length and its checksum


class SimulatedDisk:
    """A file of records; a write is safe after ``delay`` seconds on ``clock``.

    ``room`` is how many more bytes fit (None: enough).  The next ``fail_early``
    writes leave nothing; the next ``fail_late`` ones are stored and yet end in
    an error.  One write at a time.
    """

    def __init__(self, clock: IReactorTime | None = None, delay: float = 0.0) -> None:
        self.delay = delay
        self.room: int | None = None
        self.fail_early = 0
        self.fail_late = 0
        self.writes = 0  # begun so far
        self.content = bytearray()
        self._clock = clock
        self._unsafe = b""
        self._boot = 0

    @property
    def unsafe(self) -> int:
        """Bytes of the write on its way; 0 without one."""
        return len(self._unsafe)

    def crash(self, kept: int = 0) -> None:
        """Cut the power: a write on its way never ends and leaves its first ``kept`` bytes."""
        self.content += self._unsafe[:kept]
        self._unsafe = b""
        self._boot += 1

    def clear(self) -> None:
        """Remove the file."""
        self.content = bytearray()

    async def append(self, record: bytes) -> None:
        """Add a record after the others; DriverError when the disk fails."""
        framed = frame(record)
        self._begin(len(framed))
        self._unsafe, boot = framed, self._boot
        try:
            await self._wait()
        finally:
            if boot == self._boot:
                self._unsafe = b""
        self.content += framed
        self._end(len(framed))

    async def replace(self, record: bytes) -> None:
        """Make this the only record, all or nothing, as renaming a file does."""
        framed = frame(record)
        self._begin(len(framed))
        await self._wait()
        self.content[:] = framed
        self._end(len(framed))

    def records(self) -> list[bytes]:
        """What is on the disk; a record that was torn by a crash is cut off."""
        found, at = [], 0
        while at + HEAD <= len(self.content):
            end = at + HEAD + int.from_bytes(self.content[at : at + 4], "big")
            record = bytes(self.content[at + HEAD : end])
            if len(self.content) < end:
                break
            if self.content[at + 4 : at + HEAD] != _checksum(record):
                raise Corrupt("simulated disk is damaged; restore the ledger from another candidate")
            found.append(record)
            at = end
        del self.content[at:]
        return found

    def _begin(self, size: int) -> None:
        self.writes += 1
        if self.fail_early:
            self.fail_early -= 1
            raise DriverError("simulated disk: the write failed")
        if self.room is not None and size > self.room:
            raise DriverError("simulated disk: the disk is full; nothing was recorded, free some room")

    def _end(self, size: int) -> None:
        if self.room is not None:
            self.room -= size
        if self.fail_late:
            self.fail_late -= 1
            raise DriverError("simulated disk: the write ended in an error")

    async def _wait(self) -> None:
        boot = self._boot
        if self._clock is not None and self.delay > 0:
            await deferLater(self._clock, self.delay)
        if boot != self._boot:
            await Deferred()  # who waited died with the power


def frame(record: bytes) -> bytes:
    """A record as it lies on the disk."""
    return len(record).to_bytes(4, "big") + _checksum(record) + record


def _checksum(record: bytes) -> bytes:
    return zlib.crc32(record).to_bytes(4, "big")
