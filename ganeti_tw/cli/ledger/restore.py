"""``ganeti-ledger restore``."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context, Paths
from ganeti_tw.cli.ledger._audit import REPLACE, findings
from ganeti_tw.cli.ledger._contents import Contents, contents
from ganeti_tw.cli.ledger._writing import write
from ganeti_tw.errors import BadRequest, Corrupt, DriverError, GanetiError, NotFound, WrongState
from ganeti_tw.ledger.file import INDEX, JOURNAL, LedgerFile, files_of, sync_folder
from ganeti_tw.ledger.mark import ENDING, NOTHING, Mark, read
from ganeti_tw.ledger.seam import REIGN, Snapshot
from ganeti_tw.model.codec import CLASSES, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import Put
from ganeti_tw.model.takeover import made_master
from ganeti_tw.protocol.ledger import Change, Position

NO_HOST = """there is no {file}, so this host is in no cluster and has nothing to restore a ledger for.
- With a backup of this host: put host.json, hmac.key and tls/ back into {data}, then repeat the command.
- With another master candidate: run 'gnt-cluster master-failover' there, with --no-voting if too few nodes answer;
  then 'gnt-node token' here and 'gnt-node add --readd' on it.
- With nothing but this file: 'ganeti-ledger export --config-data -o config.data' of it, start this host's process
  and run 'gnt-cluster import config.data'.  Instances, nodes and settings are as they were; jobs and certificates
  are not, so every other node needs 'gnt-node token --leave' and 'gnt-node add --readd'."""


def run(options: Values, arguments: list[str], context: Context) -> int:
    paths, now = context.paths, context.now()
    _check_stopped(paths)
    record = _record(paths)
    found = _sound(arguments[0], record)
    fixes = _fixes(found, record, now)
    mark = Mark(paths.ledger + ENDING)
    mark.lock()
    try:
        before, least = _before(paths.ledger)
        epoch = max(found.at.epoch, before.at.epoch, least.epoch, record["epoch"], options.epoch - 1) + 1
        at = Position(found.at.serial + 1, epoch)
        _build(paths.ledger + ".new", found, Change(at.serial, epoch, (_reign(epoch, now), *fixes)))
        # Higher before the ledger is: the host does not begin in an epoch that the ledger has seen.
        write(paths.host_state, _text({**record, "epoch": epoch, "serial": 0}), 0o600)
        aside = _exchange(paths.ledger, mark, at, now)
    except OSError as e:
        raise DriverError(f"{paths.ledger} was not replaced: {e.strerror}; mend that and repeat the command") from None
    finally:
        mark.close()
        with suppress(OSError):
            _remove(*files_of(paths.ledger + ".new"))
    for line in _report(found, before, least, at, aside):
        context.say(line)
    return 0


def _check_stopped(paths: Paths) -> None:
    """WrongState when the host's process answers; one that has the ledger open without answering holds its lock."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line, suppress(OSError):
        line.settimeout(5.0)
        line.connect(paths.socket)
        raise WrongState(f"the host's process runs and listens on {paths.socket}: stop it first")


def _record(paths: Paths) -> dict[str, Any]:
    """Who this host is; WrongState unless it is the master."""
    try:
        with open(paths.host_state, "rb") as file:
            record: dict[str, Any] = json.load(file)
            name, master = str(record["name"]), str(record["master"])
            record["epoch"] = int(record["epoch"])
    except FileNotFoundError:
        raise NotFound(NO_HOST.format(file=paths.host_state, data=os.path.dirname(paths.host_state))) from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise Corrupt(f"{paths.host_state} cannot be read: {e}; restore it from a backup") from None
    if name != master:
        raise WrongState(
            f"{name} is not the master, {master} is: nothing needs to be restored here.  Move {paths.ledger} and the "
            "files beside it away and start the host, the master sends a copy"
        )
    return record


def _sound(path: str, record: Mapping[str, Any]) -> Contents:
    """What is to be restored; Corrupt when it must not be."""
    found = contents(path)
    wrong = [finding.text for finding in findings(found) if finding.remedy == REPLACE]
    if wrong:
        raise Corrupt(f"{path} is not sound itself, nothing was changed:\n" + "\n".join(f"- {text}" for text in wrong))
    if found.at.serial == 0 or not found.rows:
        raise BadRequest(f"{path} is an empty ledger, nothing was changed")
    cluster = _config(found).cluster
    if cluster.uuid != record.get("cluster_uuid"):
        raise BadRequest(
            f"{path} is of cluster {cluster.cluster_name} ({cluster.uuid}), this host is in "
            f"{record.get('cluster')} ({record.get('cluster_uuid')}); nothing was changed"
        )
    return found


def _config(found: Contents) -> Config:
    return Config.from_rows({row: value for row, value in found.rows.items() if row[0] in CLASSES})


def _fixes(found: Contents, record: Mapping[str, Any], now: float) -> list[Put]:
    """What makes this host the master, where the ledger names the one before."""
    config = _config(found)
    node = config.nodes.get(str(record.get("uuid")))
    if node is None:
        raise WrongState(f"{found.path} knows no node {record['name']} ({record.get('uuid')}); nothing was changed")
    return [row(thing) for thing in made_master(config, node, now)]


def _before(path: str) -> tuple[Contents, Position]:
    """What can be read of the present ledger, and what it is known to have had."""
    try:
        found = contents(path)
    except GanetiError:
        found = Contents(path, NOTHING, {})
        with suppress(GanetiError):
            return found, read(path + ENDING)
    return found, found.least


def _reign(epoch: int, now: float) -> Put:
    """The row that opens an epoch."""
    return Put(REIGN, "current", json.dumps({"epoch": epoch, "since": now}).encode())


def _build(path: str, found: Contents, last: Change) -> None:
    """A new ledger of the rows and one more change, closed and on disk."""
    _remove(*files_of(path))
    file = LedgerFile(path)
    try:
        file.install(Snapshot(found.at.serial, found.at.epoch, found.rows))
        file.append((last,))
    finally:
        file.close()
    made = contents(path)
    if made.faults:
        raise Corrupt(f"{path} does not hold what was written to it: {made.faults[0]}; the disk or the memory is bad")


def _exchange(path: str, mark: Mark, at: Position, now: float) -> str:
    """Put the new ledger in the place of the old one; gives where that is now, empty when there was none.

    The mark is set first: whatever is found when this is interrupted has less,
    and no host begins with it.
    """
    aside = f"{os.path.dirname(path)}/ledger.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    mark.set(at, sync=True)
    there = os.path.exists(path)
    for ending in ("", JOURNAL):
        if os.path.exists(path + ending):
            os.rename(path + ending, aside + ending)
    _remove(path + INDEX)
    os.rename(f"{path}.new", path)
    sync_folder(path)
    return aside if there else ""


def _remove(*paths: str) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _report(found: Contents, before: Contents, least: Position, at: Position, aside: str) -> list[str]:
    old = max(before.at, least, key=lambda p: (p.epoch, p.serial))
    lines = [f"Restored: change {found.at.serial} of epoch {found.at.epoch}."]
    if old == NOTHING:
        lines.append("How far the ledger before had come cannot be read.")
    else:
        source = "as it says" if old == before.at else "as the mark beside it says"
        lines.append(f"Before: change {old.serial} of epoch {old.epoch}, {source}.")
        if old.serial > found.at.serial:
            lines.append(f"Lost: changes {found.at.serial + 1} to {old.serial}.")
        elif (old.epoch, old.serial) <= (found.at.epoch, found.at.serial):
            lines.append("Lost: nothing that the ledger before is known to have had.")
        else:
            lines.append("Lost: what was changed since the epoch that was restored.")
    differing = Counter(
        kind
        for kind, key in before.rows.keys() | found.rows.keys()
        if before.rows.get((kind, key)) != found.rows.get((kind, key))
    )
    if before.rows and differing:
        counts = ", ".join(f"{differing[kind]} {kind}" for kind in sorted(differing))
        lines.append(f"Rows that differ from those that could be read before: {counts}.")
    if aside:
        lines.append(f"The file before is kept as {aside}.")
    lines.append(f"The ledger is at change {at.serial} and begins epoch {at.epoch}: nothing old continues it.")
    lines.append("Start the host's process now; then run 'gnt-cluster verify'.")
    return lines


def _text(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, indent=2).encode() + b"\n"


COMMAND = Command(
    purpose="Put a backup, a dump or another candidate's ledger in the place of the master's",
    run=run,
    arguments=(Argument("file"),),
    usage="[--epoch NUMBER] <file>",
    options=("--epoch",),
)
