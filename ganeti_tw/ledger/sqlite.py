"""The store on a real disk: one SQLite file, used by one thread."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred

from ganeti_tw.errors import Corrupt, DriverError
from ganeti_tw.kernel import Blocking
from ganeti_tw.ledger.seam import TAIL_BYTES, TAIL_CHANGES, Snapshot, check_follows
from ganeti_tw.protocol.ledger import Change, Position

T = TypeVar("T")

FORMAT = 1  # of the tables; a file of another format is refused
CACHE_KIB = 512  # rows are read once; the system keeps the file in memory anyway
DEADLINE = 60.0  # seconds for one call; a disk that hangs longer is broken
KEYS_AT_ONCE = 500  # SQLite allows 999 arguments in one statement
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

TABLES = """
create table rows (kind text not null, key text not null, value blob not null, primary key (kind, key)) without rowid;
create table changes (serial integer primary key, epoch integer not null, body blob not null);
create table meta (name text primary key, value integer not null) without rowid;
"""

PUT = "insert or replace into rows values (?, ?, ?)"
DELETE = "delete from rows where kind = ? and key = ?"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Change).decode


class SqliteStore:
    """Rows and recent changes in the file ``path``, opened and checked on first use.

    WAL and synchronous=FULL: an append has reached the disk when it is
    answered, and a crash in between leaves all of it or nothing.  ``blocking``
    must have a single thread, which keeps calls in order.
    """

    def __init__(
        self,
        path: str,
        blocking: Blocking,
        tail_changes: int = TAIL_CHANGES,
        tail_bytes: int = TAIL_BYTES,
        deadline: float = DEADLINE,
    ) -> None:
        self._path = path
        self._blocking = blocking
        self._file = _File(path, tail_changes, tail_bytes)
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


class _File:
    """The same, in the thread."""

    def __init__(self, path: str, tail_changes: int, tail_bytes: int) -> None:
        self._path = path
        self._tail_changes = tail_changes
        self._tail_bytes = tail_bytes
        self._db: sqlite3.Connection | None = None
        self._kept_bytes = 0  # of the bodies in table changes

    def position(self) -> Position:
        with self._reading() as db:
            return self._position(db)

    def load(self, kinds: Collection[str] | None) -> Snapshot:
        with self._reading() as db:
            where, names = "", list(kinds or ())
            if kinds is not None:
                where = f"where kind in ({','.join('?' * len(names))})"
            rows = db.execute(f"select kind, key, value from rows {where}", names)
            found = {(kind, key): value for kind, key, value in rows}
            at = self._position(db)
            return Snapshot(at.serial, at.epoch, found)

    def read(self, kind: str, keys: Collection[str] | None) -> dict[str, bytes]:
        with self._reading() as db:
            if keys is None:
                return dict(db.execute("select key, value from rows where kind = ?", (kind,)))
            found: dict[str, bytes] = {}
            wanted = list(keys)
            for start in range(0, len(wanted), KEYS_AT_ONCE):
                some = wanted[start : start + KEYS_AT_ONCE]
                query = f"select key, value from rows where kind = ? and key in ({','.join('?' * len(some))})"
                found.update(db.execute(query, (kind, *some)))
            return found

    def append(self, changes: tuple[Change, ...]) -> None:
        if not changes:
            return
        with self._writing() as db:
            check_follows(self._position(db), changes)
            kept = self._kept_bytes
            for change in changes:
                body = _encode(change)
                kept += len(body)
                db.execute("insert into changes values (?, ?, ?)", (change.serial, change.epoch, body))
                db.executemany(PUT, [(p.kind, p.key, p.value) for p in change.puts])
                db.executemany(DELETE, [(d.kind, d.key) for d in change.deletes])
            self._move(db, serial=changes[-1].serial, epoch=changes[-1].epoch)
            kept -= self._trim(db, changes[-1].serial, kept)
        self._kept_bytes = kept

    def install(self, snapshot: Snapshot) -> None:
        with self._writing() as db:
            db.execute("delete from rows")
            db.execute("delete from changes")
            db.executemany(PUT, ((kind, key, value) for (kind, key), value in snapshot.rows.items()))
            self._move(db, base=snapshot.serial, serial=snapshot.serial, epoch=snapshot.epoch)
        self._kept_bytes = 0

    def tail(self, after: int, size: int | None) -> tuple[Change, ...] | None:
        with self._reading() as db:
            if after < self._meta(db, "base"):
                return None
            found: list[Change] = []
            taken = 0
            for (body,) in db.execute("select body from changes where serial > ? order by serial", (after,)):
                taken += len(body)
                if found and size is not None and taken > size:
                    break
                found.append(_decode(body))
            return tuple(found)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The open file, where errors are ours."""
        with self._translated():
            yield self._open()

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
            raise self._corrupt(f"a change cannot be read: {e}") from None
        except (sqlite3.Error, OSError) as e:
            code = getattr(e, "sqlite_errorcode", 0) & 0xFF  # the rest only refines it
            if code in DAMAGED:
                self.close()
                raise self._corrupt(str(e)) from None
            if code == sqlite3.SQLITE_FULL:
                raise DriverError(f"{self._path}: the disk is full; nothing was recorded, free some room") from None
            raise DriverError(f"{self._path}: {e}") from None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            # SQLite gives its journal the rights of the file, which holds secrets
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with ExitStack() as undo:
                db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                undo.callback(db.close)
                self._prepare(db)
                undo.pop_all()
            self._db = db
        return self._db

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute(f"pragma cache_size = -{CACHE_KIB}")
        if db.execute("select count(*) from sqlite_master").fetchone() == (0,):
            db.execute("begin immediate")
            for statement in TABLES.split(";"):
                db.execute(statement)
            names = {"format": FORMAT, "serial": 0, "epoch": 0, "base": 0}
            db.executemany("insert into meta values (?, ?)", names.items())
            db.execute("commit")
        problem = self._problem(db)
        if problem:
            raise self._corrupt(problem)

    def _problem(self, db: sqlite3.Connection) -> str:
        """What is wrong with the file; empty when nothing is."""
        (verdict,) = db.execute("pragma quick_check(1)").fetchone()
        if verdict != "ok":
            return str(verdict)
        tables = {name for (name,) in db.execute("select name from sqlite_master where type = 'table'")}
        if not {"rows", "changes", "meta"} <= tables:
            return "a table is missing"
        meta = dict(db.execute("select name, value from meta"))
        if not {"format", "serial", "epoch", "base"} <= meta.keys():
            return "a row of table meta is missing"
        if meta["format"] != FORMAT:
            return f"its format is {meta['format']}, this program knows {FORMAT}"
        first, last, epoch, count, size = db.execute(
            "select min(serial), max(serial), max(epoch), count(*), sum(length(body)) from changes"
        ).fetchone()
        self._kept_bytes = size or 0
        if count != meta["serial"] - meta["base"]:
            return f"{count} changes where {meta['base'] + 1} to {meta['serial']} should be"
        if count and (first, last, epoch) != (meta["base"] + 1, meta["serial"], meta["epoch"]):
            return f"the last change is {last} of epoch {epoch}, not {meta['serial']} of epoch {meta['epoch']}"
        return ""

    def _corrupt(self, what: str) -> Corrupt:
        return Corrupt(
            f"{self._path} is damaged ({what}); stop this host, move the file and its -wal away and let the host "
            "take a copy from another candidate, or put a backup in its place"
        )

    def _meta(self, db: sqlite3.Connection, name: str) -> int:
        (value,) = db.execute("select value from meta where name = ?", (name,)).fetchone()
        return int(value)

    def _position(self, db: sqlite3.Connection) -> Position:
        return Position(self._meta(db, "serial"), self._meta(db, "epoch"))

    def _move(self, db: sqlite3.Connection, **values: int) -> None:
        db.executemany("update meta set value = ? where name = ?", [(v, n) for n, v in values.items()])

    def _trim(self, db: sqlite3.Connection, last: int, kept: int) -> int:
        """Forget old changes when there are too many; bytes freed.

        A tenth more than allowed may gather, so that most appends have nothing to do here.
        """
        base = self._meta(db, "base")
        if (last - base) * 10 <= self._tail_changes * 11 and kept * 10 <= self._tail_bytes * 11:
            return 0
        new_base, freed = base, 0
        sizes = "select serial, length(body) from changes where serial < ? order by serial"
        for serial, size in db.execute(sizes, (last,)):
            if last - new_base <= self._tail_changes and kept - freed <= self._tail_bytes:
                break
            new_base, freed = serial, freed + size
        db.execute("delete from changes where serial <= ?", (new_base,))
        self._move(db, base=new_base)
        return freed
