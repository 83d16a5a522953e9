"""``ganeti-ledger backup``."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.endings import in_words
from ganeti_tw.cli.ledger._contents import Contents, contents, opened
from ganeti_tw.cli.ledger._writing import replaced
from ganeti_tw.errors import BadRequest, Corrupt, DriverError, NotFound, WrongState
from ganeti_tw.ledger.file import damaged, files_of, is_damage, trouble


def run(options: Values, arguments: list[str], context: Context) -> int:
    source, target = context.paths.ledger, arguments[0]
    if os.path.abspath(target) in map(os.path.abspath, files_of(source)):
        raise BadRequest(f"{target} is the ledger itself")
    try:
        os.stat(source)
    except FileNotFoundError:
        raise NotFound(f"there is no ledger {source}: only the master and the master candidates have one") from None
    except OSError as e:
        raise DriverError(f"no backup was made: {in_words(e)}") from None
    made = save(source, target)
    context.say(f"{target}: change {made.at.serial} of epoch {made.at.epoch}, {len(made.rows)} rows")
    return 0


def save(source: str, target: str) -> Contents:
    """Write the ledger as it is at this moment to a file of its own, which is checked before it takes its place."""
    with replaced(target, 0o600) as new:
        with closing(opened(source)) as db:
            try:
                db.execute("vacuum into ?", (new,))
            except sqlite3.Error as e:
                raise damaged(source, str(e)) if is_damage(e) else trouble(target, e) from None
        made = contents(new)
        if made.faults:
            raise Corrupt(
                f"{source} is damaged, no backup was made: {'; '.join(made.faults)}; see 'ganeti-ledger check'"
            )
        if not made.rows:
            raise WrongState(
                f"{source} is empty, no backup was made: this host has not had a copy from the master yet; "
                "run it on the master, or on a candidate that 'gnt-cluster verify' calls in sync"
            )
    return made


COMMAND = Command(
    purpose="Save the ledger to a file, also while the host's process runs",
    run=run,
    arguments=(Argument("file"),),
    usage="<file>",
)
