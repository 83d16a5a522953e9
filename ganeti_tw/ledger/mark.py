"""How far a ledger is known to have come, in a small file beside it that is also its lock.

SQLite cannot tell a journal that lost its end, or that is missing, from one that
ended there.  So each write is noted here once it is on disk.  The note itself
waits for no disk: it survives the death of the process at once and a power cut
after some seconds, and never promises more than the ledger has.
"""

from __future__ import annotations

import fcntl
import os
from zlib import crc32

from ganeti_tw.errors import Corrupt, DriverError, GanetiError
from ganeti_tw.protocol.ledger import Position

ENDING = "-mark"  # of its name, after that of the ledger's file
NOTHING = Position(0, 0)
_LENGTH = 64


class Mark:
    """The file ``path``, held for this process alone while it is open.

    Where it is not, there is nothing to compare with: a ledger may be put in
    place by hand together with the removal of its mark.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    def open(self) -> Position:
        """Take the lock; gives what the ledger must have at least.

        DriverError when another process holds it, Corrupt when it is unreadable.
        """
        self.lock()
        try:
            return read(self._path)
        except GanetiError:
            self.close()
            raise

    def lock(self) -> None:
        """Take the lock, whatever the file says."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise DriverError(
                f"{self._path} is locked: another process has the ledger open; stop that first, most likely it is "
                "this host's own (its number is in ganeti.pid)"
            ) from None
        except OSError as e:
            self.close()
            raise DriverError(f"{self._path} cannot be opened: {e.strerror}") from None

    def set(self, at: Position, sync: bool = False) -> None:
        """Note that the ledger has everything up to ``at``; ``sync``: wait for the disk."""
        assert self._file is not None, "only a mark that is open is set"
        numbers = b"%020d %020d" % (at.serial, at.epoch)
        text = b"%s %08x\n" % (numbers, crc32(numbers))
        os.pwrite(self._file, text.ljust(_LENGTH, b"\n"), 0)
        if sync:
            os.fsync(self._file)

    def close(self) -> None:
        """Let go of the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read(path: str) -> Position:
    """What the mark says, without its lock; NOTHING where there is none.  Corrupt as :meth:`Mark.open`."""
    try:
        with open(path, "rb") as file:
            return _parsed(path, file.read(4096))
    except FileNotFoundError:
        return NOTHING
    except OSError as e:
        raise DriverError(f"{path} cannot be read: {e.strerror}") from None


def _parsed(path: str, content: bytes) -> Position:
    if not content:
        return NOTHING
    words = content.split()
    if len(content) == _LENGTH and len(words) == 3 and words[2] == b"%08x" % crc32(b" ".join(words[:2])):
        return Position(int(words[0]), int(words[1]))
    raise Corrupt(
        f"{path} is damaged, so nothing says how far the ledger had come; compare what 'ganeti-ledger check' says of "
        "its position with another candidate's ledger, then remove this file and start again"
    )
