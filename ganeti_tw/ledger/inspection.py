"""What is wrong with the file of a ledger in itself, whatever its rows mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

from ganeti_tw.ledger.checksums import State, of_change, of_row
from ganeti_tw.protocol.ledger import Change, Position

FORMAT = 2  # of the tables; a file of another format is refused

TABLES = {
    "rows": "CREATE TABLE rows (kind text not null, key text not null, value blob not null, crc integer not null, "
    "primary key (kind, key)) without rowid",
    "changes": "CREATE TABLE changes (serial integer primary key, epoch integer not null, body blob not null, "
    "crc integer not null)",
    "meta": "CREATE TABLE meta (name text primary key, value integer not null) without rowid",
}

MOST_FAULTS = 100  # of one kind; more tell nothing new
_NUMBERS = ("serial", "epoch", "base", "total", "crc")

decode_change = msgspec.msgpack.Decoder(Change).decode


def faults(db: sqlite3.Connection, thorough: bool = False) -> Iterator[str]:
    """Each thing that is wrong, named by its row.  ``db`` must be in a transaction.

    ``thorough`` also compares all indexes, and reads the changes.  Raises
    sqlite3's errors when it cannot go on.
    """
    structure = list(_structure(db, thorough))
    yield from structure
    schema = _schema(db)
    if schema:
        yield schema
        return
    yield from _rows(db)
    yield from _changes(db, thorough)


def tables_of(db: sqlite3.Connection) -> dict[str, str]:
    """Name and definition of every table."""
    return dict(db.execute("select name, sql from sqlite_master where type = 'table'"))


def state_of(db: sqlite3.Connection) -> State | None:
    """The numbers of the file; None when they do not fit their checksum."""
    meta = dict(db.execute("select name, value from meta"))
    try:
        state = State(*(meta[name] for name in _NUMBERS[:-1]))
        return state if state.checksum == meta["crc"] else None
    except (KeyError, TypeError):
        return None


def save_state(db: sqlite3.Connection, state: State) -> None:
    """Write the numbers of the file."""
    values = (state.serial, state.epoch, state.base, state.total, state.checksum)
    db.executemany("insert or replace into meta values (?, ?)", zip(_NUMBERS, values, strict=True))


def other_format(db: sqlite3.Connection) -> str:
    """What to say of a ledger of another format; empty for one of ours and for what is no ledger."""
    if "meta" not in tables_of(db):
        return ""
    found = db.execute("select value from meta where name = 'format'").fetchone()
    if found is None or found[0] == FORMAT:
        return ""
    return f"its format is {found[0]} and this version of the program knows format {FORMAT}"


def _structure(db: sqlite3.Connection, thorough: bool) -> Iterator[str]:
    pragma = f"integrity_check({MOST_FAULTS})" if thorough else "quick_check(1)"
    for (verdict,) in db.execute(f"pragma {pragma}"):
        if verdict != "ok":
            yield " ".join(str(verdict).split())


def _schema(db: sqlite3.Connection) -> str:
    tables = tables_of(db)
    missing = sorted(TABLES.keys() - tables.keys())
    if missing:
        return f"it is no ledger, or has lost a part: there is no table {', '.join(missing)}"
    other = other_format(db)
    if other:
        return other
    wrong = sorted(name for name in TABLES if tables[name] != TABLES[name])
    if wrong:
        return f"table {', '.join(wrong)} is defined in another way than it was"
    if state_of(db) is None:
        return "the numbers in table meta do not fit their checksum"
    return ""


def _rows(db: sqlite3.Connection) -> Iterator[str]:
    total = 0
    wrong = 0
    for kind, key, value, crc in db.execute("select kind, key, value, crc from rows"):
        if not row_fits(kind, key, value, crc):
            wrong += 1
            if wrong <= MOST_FAULTS:
                yield f"row {_shown(kind)} {_shown(key)} does not fit its checksum"
        else:
            total += crc
    state = state_of(db)
    if not wrong and state is not None and total != state.total:
        yield "a row is missing or is not the latest one, for the rows do not fit the checksum over all of them"


def row_fits(kind: object, key: object, value: object, crc: object) -> bool:
    """Whether a row is as it was written."""
    return type(kind) is str and type(key) is str and type(value) is bytes and of_row(kind, key, value) == crc


def _changes(db: sqlite3.Connection, thorough: bool) -> Iterator[str]:
    state = state_of(db)
    if state is None:
        return
    last = Position(state.base, 0)
    for serial, epoch, body, crc in db.execute("select serial, epoch, body, crc from changes order by serial"):
        if serial != last.serial + 1:
            yield f"changes {last.serial + 1} to {serial - 1} are missing"
        if type(epoch) is not int or type(body) is not bytes or of_change(serial, epoch, body) != crc:
            yield f"change {serial} does not fit its checksum"
            last = Position(serial, last.epoch)
            continue
        if epoch < last.epoch:
            yield f"change {serial} of epoch {epoch} follows one of epoch {last.epoch}"
        if thorough:
            yield from _content(serial, epoch, body)
        last = Position(serial, epoch)
    if last.serial != state.serial:
        yield f"the last change is {last.serial}, not {state.serial}"
    elif last.serial > state.base and last.epoch != state.epoch:
        yield f"the last change is of epoch {last.epoch}, not {state.epoch}"


def _content(serial: int, epoch: int, body: bytes) -> Iterator[str]:
    try:
        change = decode_change(body)
    except msgspec.MsgspecError as e:
        yield f"change {serial} cannot be read: {e}"
        return
    if (change.serial, change.epoch) != (serial, epoch):
        yield f"change {serial} of epoch {epoch} says it is change {change.serial} of epoch {change.epoch}"


def _shown(text: object) -> str:
    """Text for a message, also when a flipped bit made something else of it."""
    return text if type(text) is str and text.isprintable() else repr(text)[:100]
