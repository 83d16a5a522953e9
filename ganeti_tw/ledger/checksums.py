"""Checksums of what is on disk, which SQLite does not give its pages.

One over each row and each kept change; the sum of those of all rows, so that a
row that is gone, or old again, is noticed too; and one over the numbers beside
them.  CRC-32: against disks, not against people.
"""

from __future__ import annotations

from zlib import crc32

from attrs import frozen


def of_row(kind: str, key: str, value: bytes) -> int:
    """Of one row of the ledger."""
    return crc32(value, crc32(f"{len(kind)} {kind} {key}".encode()))


def of_change(serial: int, epoch: int, body: bytes) -> int:
    """Of one kept change in its encoded form."""
    return crc32(body, crc32(b"%d %d" % (serial, epoch)))


@frozen
class State:
    """The numbers of a ledger's file."""

    serial: int  # of the last change
    epoch: int  # of the last change
    base: int  # changes up to this one are no longer kept
    total: int  # of the checksums of all rows

    @property
    def checksum(self) -> int:
        return crc32(b"%d %d %d %d" % (self.serial, self.epoch, self.base, self.total))
