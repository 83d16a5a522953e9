"""The ledger in one SQLite file.  Blocks, and knows no Twisted.

``docs/decisions/006-checksums-and-mark.rst`` says what is checked and why.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
from attrs import evolve

from ganeti_tw.errors import Corrupt, DriverError
from ganeti_tw.ledger import inspection
from ganeti_tw.ledger.checksums import State, of_change, of_row
from ganeti_tw.ledger.inspection import FORMAT, TABLES, decode_change, row_fits, save_state, state_of
from ganeti_tw.ledger.mark import ENDING, NOTHING, Mark
from ganeti_tw.ledger.seam import TAIL_BYTES, TAIL_CHANGES, Row, Snapshot, check_follows
from ganeti_tw.protocol.ledger import Change, Position

CACHE_KIB = 512  # rows are read once; the system keeps the file in memory anyway
KEYS_AT_ONCE = 500  # SQLite allows 999 arguments in one statement
FULL = 2  # what "pragma synchronous" says when every commit waits for the disk
JOURNAL, INDEX = "-wal", "-shm"
BESIDE = (JOURNAL, INDEX, ENDING)
"""Endings of the files beside a ledger, which go where it goes."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_CRC_OF = "select crc from rows where kind = ? and key = ?"
_PUT = "insert or replace into rows values (?, ?, ?, ?)"
_DELETE = "delete from rows where kind = ? and key = ?"

_encode = msgspec.msgpack.Encoder().encode


def files_of(path: str) -> tuple[str, ...]:
    """The file of a ledger and those beside it."""
    return (path, *(path + ending for ending in BESIDE))


def damaged(path: str, what: str) -> Corrupt:
    """The error for a file that cannot be trusted, with the ways back."""
    return Corrupt(
        f"{path} cannot be trusted: {what}.  'ganeti-ledger check' tells more.  On the master, 'ganeti-ledger restore' "
        f"puts a backup or the ledger of another candidate in its place; on any other node, move {path} and the files "
        f"beside it ({', '.join('*' + ending for ending in BESIDE)}) away and start again: the master sends a copy"
    )


class LedgerFile:
    """Rows and recent changes in the file ``path``, opened and checked on first use.

    A ``reader`` never writes: it looks at a file that this process has open for
    writing, and checks only the rows it reads.
    """

    def __init__(
        self, path: str, tail_changes: int = TAIL_CHANGES, tail_bytes: int = TAIL_BYTES, reader: bool = False
    ) -> None:
        self._path = path
        self._tail_changes = tail_changes
        self._tail_bytes = tail_bytes
        self._reader = reader
        self._mark = Mark(path + ENDING)
        self._db: sqlite3.Connection | None = None
        self._kept_bytes = 0  # of the bodies in table changes

    def position(self) -> Position:
        with self._reading() as db:
            state = self._state(db)
            return Position(state.serial, state.epoch)

    def load(self, kinds: Collection[str] | None = None) -> Snapshot:
        with self._reading() as db:
            where, names = "", list(kinds or ())
            if kinds is not None:
                where = f"where kind in ({','.join('?' * len(names))})"
            rows = db.execute(f"select kind, key, value, crc from rows {where}", names)
            found: dict[Row, bytes] = {}
            for kind, key, value, crc in rows:
                found[kind, key] = self._fitting(kind, key, value, crc)
            state = self._state(db)
            return Snapshot(state.serial, state.epoch, found)

    def read(self, kind: str, keys: Collection[str] | None = None) -> dict[str, bytes]:
        with self._reading() as db:
            if keys is None:
                rows = db.execute("select key, value, crc from rows where kind = ?", (kind,))
                return {key: self._fitting(kind, key, value, crc) for key, value, crc in rows}
            found: dict[str, bytes] = {}
            wanted = list(keys)
            for start in range(0, len(wanted), KEYS_AT_ONCE):
                some = wanted[start : start + KEYS_AT_ONCE]
                query = f"select key, value, crc from rows where kind = ? and key in ({','.join('?' * len(some))})"
                for key, value, crc in db.execute(query, (kind, *some)):
                    found[key] = self._fitting(kind, key, value, crc)
            return found

    def append(self, changes: tuple[Change, ...]) -> None:
        if not changes:
            return
        with self._writing() as db:
            state = self._state(db)
            check_follows(Position(state.serial, state.epoch), changes)
            total, kept = state.total, self._kept_bytes
            for change in changes:
                body = _encode(change)
                kept += len(body)
                crc = of_change(change.serial, change.epoch, body)
                db.execute("insert into changes values (?, ?, ?, ?)", (change.serial, change.epoch, body, crc))
                for p in change.puts:
                    crc = of_row(p.kind, p.key, p.value)
                    total += crc - _crc_of(db, p.kind, p.key)
                    db.execute(_PUT, (p.kind, p.key, p.value, crc))
                for d in change.deletes:
                    total -= _crc_of(db, d.kind, d.key)
                    db.execute(_DELETE, (d.kind, d.key))
            state = evolve(state, serial=changes[-1].serial, epoch=changes[-1].epoch, total=total)
            state, freed = self._trimmed(db, state, kept)
            save_state(db, state)
        self._kept_bytes = kept - freed
        self._note(Position(state.serial, state.epoch))

    def install(self, snapshot: Snapshot) -> None:
        with self._translated():
            self._open()
            self._mark.set(NOTHING, sync=True)  # the copy may be of an earlier time than what is noted
        with self._writing() as db:
            db.execute("delete from rows")
            db.execute("delete from changes")
            total = 0
            for (kind, key), value in snapshot.rows.items():
                crc = of_row(kind, key, value)
                total += crc
                db.execute(_PUT, (kind, key, value, crc))
            save_state(db, State(snapshot.serial, snapshot.epoch, snapshot.serial, total))
        self._kept_bytes = 0
        self._note(Position(snapshot.serial, snapshot.epoch))

    def tail(self, after: int, size: int | None = None) -> tuple[Change, ...] | None:
        with self._reading() as db:
            if after < self._state(db).base:
                return None
            found: list[Change] = []
            taken = 0
            query = "select serial, epoch, body, crc from changes where serial > ? order by serial"
            for serial, epoch, body, crc in db.execute(query, (after,)):
                taken += len(body)
                if found and size is not None and taken > size:
                    break
                if of_change(serial, epoch, body) != crc:
                    raise damaged(self._path, f"change {serial} does not fit its checksum")
                found.append(decode_change(body))
            return tuple(found)

    def look(self, use: Callable[[sqlite3.Connection], None]) -> None:
        """Hand ``use`` the open file, in a transaction."""
        with self._reading() as db:
            use(db)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        self._mark.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The file at one moment."""
        with self._translated():
            db = self._open()
            db.execute("begin")
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("rollback")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk at the end; an error leaves nothing of it."""
        with self._translated():
            db = self._open()
            db.execute("begin immediate")
            try:
                yield db
                db.execute("commit")
            finally:
                if db.in_transaction:
                    db.execute("rollback")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except msgspec.MsgspecError as e:
            raise damaged(self._path, f"a change cannot be read: {e}") from None
        except (sqlite3.Error, OSError) as e:
            if is_damage(e):
                self.close()
                raise damaged(self._path, str(e)) from None
            raise trouble(self._path, e) from None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            with ExitStack() as undo:
                undo.callback(self._mark.close)
                if self._reader:
                    db = sqlite3.connect(
                        _uri(self._path, "rw"), uri=True, isolation_level=None, check_same_thread=False
                    )
                    undo.callback(db.close)
                else:
                    least = self._mark.open()
                    self._make_file(least)
                    db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                    undo.callback(db.close)
                    self._prepare(db, least)
                db.execute(f"pragma cache_size = -{CACHE_KIB}")
                undo.pop_all()
            self._db = db
        return self._db

    def _make_file(self, least: Position) -> None:
        """An empty file where there is none and none was; with the folder's entry on disk.

        One that exists is not touched: closing it would take the locks of all
        this process's connections to it.
        """
        size = os.path.getsize(self._path) if os.path.exists(self._path) else None
        if not size and (least != NOTHING or os.path.exists(self._path + JOURNAL)):
            held = (
                f"it held change {least.serial} of epoch {least.epoch}" if least != NOTHING else "its journal is there"
            )
            raise damaged(self._path, f"it is {'missing' if size is None else 'empty'}, but {held}")
        if size is None:
            # SQLite gives its journal the rights of the file, which holds secrets
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            sync_folder(self._path)

    def _prepare(self, db: sqlite3.Connection, least: Position) -> None:
        if db.execute("select count(*) from sqlite_master").fetchone() == (0,):
            self._set_pragmas(db)
            db.execute("begin immediate")
            for statement in TABLES.values():
                db.execute(statement)
            db.execute("insert into meta values ('format', ?)", (FORMAT,))
            save_state(db, State(0, 0, 0, 0))
            db.execute("commit")
        db.execute("begin")
        other = inspection.other_format(db)
        if other:
            raise Corrupt(
                f"{self._path}: {other}; start the version that wrote it, or take a dump with its "
                "'ganeti-ledger export --json' and bring that back with 'ganeti-ledger restore' of this one"
            )
        problem = next(inspection.faults(db), "")
        if problem:
            raise damaged(self._path, problem)
        state = self._state(db)
        at = Position(state.serial, state.epoch)
        (kept,) = db.execute("select sum(length(body)) from changes").fetchone()
        db.execute("rollback")
        problem = behind(at, least)
        if problem:
            raise damaged(self._path, problem)
        self._set_pragmas(db)
        self._kept_bytes = kept or 0
        self._mark.set(at, sync=True)

    def _set_pragmas(self, db: sqlite3.Connection) -> None:
        (journal,) = db.execute("pragma journal_mode = wal").fetchone()
        db.execute(f"pragma synchronous = {FULL}")
        (synchronous,) = db.execute("pragma synchronous").fetchone()
        if (journal, synchronous) != ("wal", FULL):
            raise DriverError(
                f"{self._path}: its file system cannot keep a ledger (journal {journal}, synchronous {synchronous}); "
                "it must be a local one"
            )

    def _note(self, at: Position) -> None:
        with self._translated():
            self._mark.set(at)

    def _state(self, db: sqlite3.Connection) -> State:
        state = state_of(db)
        if state is None:
            raise damaged(self._path, "the numbers in table meta do not fit their checksum")
        return state

    def _fitting(self, kind: str, key: str, value: bytes, crc: int) -> bytes:
        if not row_fits(kind, key, value, crc):
            raise damaged(self._path, f"row {kind} {key!r} does not fit its checksum")
        return value

    def _trimmed(self, db: sqlite3.Connection, state: State, kept: int) -> tuple[State, int]:
        """Forget old changes when there are too many; the state after it, and the bytes freed.

        A tenth more than allowed may gather, so that most appends have nothing to do here.
        """
        last, base = state.serial, state.base
        if (last - base) * 10 <= self._tail_changes * 11 and kept * 10 <= self._tail_bytes * 11:
            return state, 0
        new_base, freed = base, 0
        sizes = "select serial, length(body) from changes where serial < ? order by serial"
        for serial, size in db.execute(sizes, (last,)):
            if last - new_base <= self._tail_changes and kept - freed <= self._tail_bytes:
                break
            new_base, freed = serial, freed + size
        db.execute("delete from changes where serial <= ?", (new_base,))
        return evolve(state, base=new_base), freed


def behind(at: Position, least: Position) -> str:
    """What to say of a ledger that has less than it is known to have had; empty when all is there."""
    if (at.epoch, at.serial) >= (least.epoch, least.serial):
        return ""
    return (
        f"it ends with change {at.serial} of epoch {at.epoch}, but change {least.serial} of epoch {least.epoch} was "
        f"on its disk: its journal (*{JOURNAL}) is missing or damaged, or an old file was put in its place"
    )


def is_damage(error: Exception) -> bool:
    """Whether an error of SQLite means that the content of the file is wrong."""
    if isinstance(error, OSError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    # Without a code it is Python's: text that is no UTF-8, numbers that are no numbers.
    return code is None or code & 0xFF in _DAMAGED  # the rest only refines it


def trouble(path: str, error: Exception) -> DriverError:
    """The error for a disk that does not do its work."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DriverError(f"{path}: the disk is full; nothing was recorded, free some room")
    if code == sqlite3.SQLITE_READONLY:
        return DriverError(f"{path}: {error}; nothing was recorded, make the file and its folder writable")
    if code == sqlite3.SQLITE_IOERR:
        return DriverError(f"{path}: {error}; the disk may be full or failing, the kernel's log (dmesg) tells more")
    if code == sqlite3.SQLITE_CANTOPEN:
        return DriverError(f"{path}: {error}; look whether the folder is there, may be written and has room")
    return DriverError(f"{path}: {getattr(error, 'strerror', None) or error}")


def sync_folder(path: str) -> None:
    """Wait until the entry of a file in its folder is on disk."""
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _uri(path: str, mode: str) -> str:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{os.path.abspath(quoted)}?mode={mode}"


def _crc_of(db: sqlite3.Connection, kind: str, key: str) -> int:
    """The checksum of a row as it is; 0 where there is none."""
    found = db.execute(_CRC_OF, (kind, key)).fetchone()
    return int(found[0]) if found is not None else 0
