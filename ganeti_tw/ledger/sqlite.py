"""The store on a real disk: one SQLite file, used by one thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from ganeti_tw.kernel import Blocking
from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.ledger.seam import TAIL_BYTES, TAIL_CHANGES, Snapshot
from ganeti_tw.protocol.ledger import Change, Position

T = TypeVar("T")

DEADLINE = 60.0  # seconds for one call; a disk that hangs longer is broken


class SqliteStore:
    """Rows and recent changes in the file ``path``, opened and checked on first use.

    WAL and synchronous=FULL: an append has reached the disk when it is
    answered, and a crash in between leaves all of it or nothing.  ``blocking``
    must have a single thread, which keeps calls in order.  One process at a
    time may have the file open for writing, and in it one store; a ``reader``
    is for looking beside that one.
    """

    def __init__(
        self,
        path: str,
        blocking: Blocking,
        tail_changes: int = TAIL_CHANGES,
        tail_bytes: int = TAIL_BYTES,
        deadline: float = DEADLINE,
        reader: bool = False,
    ) -> None:
        self._blocking = blocking
        self._file = LedgerFile(path, tail_changes, tail_bytes, reader)
        self._deadline = deadline

    def position(self) -> Deferred[Position]:
        return self._run(self._file.position)

    def load(self, kinds: Collection[str] | None = None) -> Deferred[Snapshot]:
        return self._run(self._file.load, kinds)

    def read(self, kind: str, keys: Collection[str] | None = None) -> Deferred[dict[str, bytes]]:
        return self._run(self._file.read, kind, keys)

    def append(self, changes: Sequence[Change]) -> Deferred[None]:
        return self._run(self._file.append, tuple(changes))

    def install(self, snapshot: Snapshot) -> Deferred[None]:
        return self._run(self._file.install, snapshot)

    def tail(self, after: int, size: int | None = None) -> Deferred[tuple[Change, ...] | None]:
        return self._run(self._file.tail, after, size)

    def close(self) -> Deferred[None]:
        return self._run(self._file.close)

    def _run(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        return self._blocking.run(function, *args, deadline=self._deadline)
