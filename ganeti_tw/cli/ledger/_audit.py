"""What is wrong with what a ledger holds: every row, and what rows say of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from ganeti_tw.cli.ledger._contents import Contents
from ganeti_tw.errors import Corrupt, NoCluster
from ganeti_tw.jobs.record import ARCHIVED, KIND, LIVE
from ganeti_tw.jobs.record import decode as decode_job
from ganeti_tw.ledger.seam import Row
from ganeti_tw.model.codec import CLASSES, decode
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import CLUSTER, SECRET, TOP
from ganeti_tw.model.verify import verify_config

LAST_JOB = ("queue", "serial")  # the row with the last job number given out
SECRETS = ("ca", "hmac")

REPLACE = (
    "bring back a whole ledger: on the master 'ganeti-ledger restore' with a backup or the file of another candidate; "
    "on any other node move the file and those beside it away and start the host, the master sends a copy"
)
CORRECT = "correct it with the gnt commands; 'gnt-cluster verify' says the same"
JOBS = "if the job matters, look at what it did with 'gnt-job info' on a candidate; the host starts without it"


class Finding(NamedTuple):
    """What is wrong, and what to do about it."""

    text: str
    remedy: str


def findings(found: Contents) -> list[Finding]:
    """All that is wrong; empty for a sound ledger."""
    told = [Finding(fault, REPLACE) for fault in found.faults]
    rows = list(_rows(found.rows))
    told += [Finding(text, REPLACE) for text in rows]
    told += [Finding(text, REPLACE) for text in _history(found)]
    told += [Finding(text, JOBS) for text in _jobs(found.rows)]
    if not rows and found.rows:
        told += _references(found.rows)
    return told


def _rows(rows: Mapping[Row, bytes]) -> Iterator[str]:
    """What is wrong with each row alone."""
    for kind, key in sorted(rows):
        value = rows[kind, key]
        try:
            if kind in CLASSES:
                decode(kind, key, value)
            elif kind in (KIND, ARCHIVED):
                decode_job(key, value)
            else:
                msgspec.json.decode(value)
        except Corrupt as e:
            yield f"row {e.text}"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
            yield f"row {kind} {key}: it is no JSON: {e}"


def _history(found: Contents) -> Iterator[str]:
    """Whether the rows are what the kept changes made of them."""
    latest: dict[Row, tuple[int, bytes | None]] = {}
    for change in found.changes:
        latest.update({(p.kind, p.key): (change.serial, p.value) for p in change.puts})
        latest.update({(d.kind, d.key): (change.serial, None) for d in change.deletes})
    for row, (serial, value) in sorted(latest.items()):
        if found.rows.get(row) != value:
            yield f"row {row[0]} {row[1]}: it is not as change {serial} left it"


def _jobs(rows: Mapping[Row, bytes]) -> Iterator[str]:
    """What jobs and the records about them say of each other."""
    numbers = [key for kind, key in rows if kind in (KIND, ARCHIVED)]
    for kind, key in sorted(rows):
        if kind == LIVE and (KIND, key) not in rows:
            yield f"row {LIVE} {key}: there is no job {key}, which should be unfinished"
    last = rows.get(LAST_JOB, b"0")
    if last.isdigit():
        beyond = sorted(int(key) for key in numbers if key.isdigit() and int(key) > int(last))
        if beyond:
            yield f"row {' '.join(LAST_JOB)}: the last job is said to be {int(last)}, but there is job {beyond[-1]}"
    else:
        yield f"row {' '.join(LAST_JOB)}: it is no number"


def _references(rows: Mapping[Row, bytes]) -> Iterator[Finding]:
    """What the objects of the configuration say of each other."""
    try:
        config = Config.from_rows({row: value for row, value in rows.items() if row[0] in CLASSES})
    except NoCluster as e:
        lone = next((f"row {kind} {key}" for kind, key in sorted(rows) if kind in CLASSES), "")
        if lone or any(kind == SECRET for kind, _ in rows):
            yield Finding(f"{e.text}, though there is {lone or 'a secret of one'}", REPLACE)
        return
    except Corrupt as e:
        yield Finding(f"row {e.text}", REPLACE)
        return
    for row in (TOP, CLUSTER):
        extra = sorted(key for kind, key in rows if kind == row[0] and key != row[1])
        for key in extra:
            yield Finding(f"row {row[0]} {key}: only {row[1]} belongs there", REPLACE)
    for name in SECRETS:
        if (SECRET, name) not in rows:
            yield Finding(f"row {SECRET} {name}: it is missing, and a master cannot begin without it", REPLACE)
    for finding in verify_config(config):
        where = "" if finding.kind == "cluster" else f"{finding.kind} {finding.name}: "
        yield Finding(f"configuration: {where}{finding.text}", CORRECT)
