"""What a file holds: a ledger, a backup of one, or a dump that ``export --json`` wrote."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import msgspec
from attrs import field, frozen

from ganeti_tw.errors import Corrupt, DriverError
from ganeti_tw.ledger import inspection
from ganeti_tw.ledger.file import JOURNAL, behind, is_damage, trouble
from ganeti_tw.ledger.mark import ENDING, read
from ganeti_tw.ledger.seam import Row
from ganeti_tw.protocol.ledger import Change, Position

DUMP = "ganeti_tw_ledger"  # the key by which a dump is known; its value is the version of its shape
VERSION = 1
SQLITE = b"SQLite format 3\0"


@frozen
class Contents:
    """All that could be read; ``faults`` say what could not, each naming its row."""

    path: str
    at: Position
    rows: Mapping[Row, bytes]
    changes: tuple[Change, ...] = ()  # those that are kept
    faults: tuple[str, ...] = ()
    least: Position = field(default=Position(0, 0))  # what it is known to have had


class _Raw(msgspec.Struct):
    """A dump; values stay as they are."""

    ganeti_tw_ledger: int
    serial: int
    epoch: int
    rows: list[tuple[str, str, msgspec.Raw]]


def contents(path: str) -> Contents:
    """What is in a file.  DriverError when it cannot be read, Corrupt when it is nothing of ours."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(SQLITE))
            if head.lstrip()[:1] == b"{":
                return _of_dump(path, head + file.read())
    except OSError as e:
        raise DriverError(f"{path} cannot be read: {e.strerror}") from None
    return _of_ledger(path)


def opened(path: str) -> sqlite3.Connection:
    """A file of SQLite, which is not changed; a process that writes to it is not disturbed.

    DriverError when it cannot be opened.
    """
    # Whoever has it open has a journal; without one no files are made beside it, which a backup need not have.
    alone = not os.path.exists(path + JOURNAL)
    quoted = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        return sqlite3.connect(
            f"file:{quoted}?mode=ro{'&immutable=1' if alone else ''}", uri=True, isolation_level=None
        )
    except sqlite3.Error as e:
        raise trouble(path, e) from None


def dump(found: Contents) -> bytes:
    """Everything as one JSON object.  Corrupt names a row whose value is no JSON."""
    rows = []
    for (kind, key), value in sorted(found.rows.items()):
        try:
            msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
            raise Corrupt(f"row {kind} {key!r} is no JSON: {e}") from None
        rows.append((kind, key, msgspec.Raw(value)))
    head = msgspec.json.encode({DUMP: VERSION, "serial": found.at.serial, "epoch": found.at.epoch})
    lines = [msgspec.json.encode(row) for row in rows]
    return head[:-1] + b',"rows":[\n' + b",\n".join(lines) + b"\n]}\n"


def _of_dump(path: str, text: bytes) -> Contents:
    try:
        raw = msgspec.json.decode(text, type=_Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise Corrupt(f"{path} is no dump of a ledger: {e}") from None
    if raw.ganeti_tw_ledger != VERSION:
        raise Corrupt(f"{path} is a dump of version {raw.ganeti_tw_ledger}, this program knows {VERSION}")
    rows = {(kind, key): bytes(value) for kind, key, value in raw.rows}
    faults = []
    if len(rows) < len(raw.rows):
        faults.append(f"{len(raw.rows) - len(rows)} rows are in the dump twice")
    if raw.serial < 1 or raw.epoch < 1:
        faults.append(f"it says it is at change {raw.serial} of epoch {raw.epoch}")
    return Contents(path, Position(raw.serial, raw.epoch), rows, faults=tuple(faults))


def _of_ledger(path: str) -> Contents:
    faults: list[str] = []
    least = Position(0, 0)
    try:
        least = read(path + ENDING)  # before the file: whoever writes to it notes it afterwards
    except Corrupt as e:
        faults.append(e.text)
    rows: dict[Row, bytes] = {}
    changes: list[Change] = []
    at = Position(0, 0)
    with closing(opened(path)) as db:
        try:
            db.execute("begin")
            other = inspection.other_format(db)
            if other:
                raise Corrupt(f"{path}: {other}; use the version that wrote it")
            for fault in _guarded(inspection.faults(db, thorough=True)):
                faults.append(fault)
            rows.update(_guarded(_rows(db), faults))
            changes.extend(_guarded(_changes(db), faults))
            state = inspection.state_of(db)
            if state is not None:
                at = Position(state.serial, state.epoch)
        except sqlite3.Error as e:
            if not is_damage(e) and not _is_no_ledger(e):
                raise trouble(path, e) from None
            faults.append(f"SQLite cannot read it: {e}")
    lacking = behind(at, least)
    if lacking and not faults:
        faults.append(lacking)
    return Contents(path, at, rows, tuple(changes), tuple(dict.fromkeys(faults)), least)


def _guarded(items: Iterator[Any], faults: list[str] | None = None) -> Iterator[Any]:
    """The items up to where the file is damaged, which is told as the last one or added to ``faults``."""
    try:
        yield from items
    except sqlite3.Error as e:
        if not is_damage(e) and not _is_no_ledger(e):
            raise
        text = f"SQLite cannot read all of it: {e}"
        if faults is None:
            yield text
        else:
            faults.append(text)


def _is_no_ledger(error: sqlite3.Error) -> bool:
    """Whether a table or column that was asked for is not there."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _rows(db: sqlite3.Connection) -> Iterator[tuple[Row, bytes]]:
    """Those that are as they were written."""
    for kind, key, value, crc in db.execute("select kind, key, value, crc from rows"):
        if inspection.row_fits(kind, key, value, crc):
            yield (kind, key), value


def _changes(db: sqlite3.Connection) -> Iterator[Change]:
    for (body,) in db.execute("select body from changes order by serial"):
        try:
            yield inspection.decode_change(body)
        except (msgspec.MsgspecError, TypeError):
            continue  # told by the inspection
