"""Files written from the ledger for the tools that read them; never read back."""

from __future__ import annotations

import glob
from collections.abc import Mapping

import msgspec
from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti_tw.daemon.record import remove_files, write_safely
from ganeti_tw.kernel import Actor, Blocking, Outcome, Overflow, Rank, receive
from ganeti_tw.ledger.seam import Snapshot, Store
from ganeti_tw.model.codec import CLASSES
from ganeti_tw.model.config_data import config_data
from ganeti_tw.model.paths import Paths
from ganeti_tw.model.rows import TOP
from ganeti_tw.protocol.config import ConfigChanged

DEADLINE = 60.0
INTERVAL = 0.5  # seconds between two writes of config.data, at least
SHARE = 10  # at most one part in this many of the time is spent writing it

log = Logger()


def write_ssconf(paths: Paths, wanted: Mapping[str, str]) -> list[str]:
    """Write what differs, remove what is no more; gives the keys that changed.  Blocks."""
    changed = []
    present = {p.rpartition("/ssconf_")[2] for p in glob.glob(glob.escape(paths.data) + "/ssconf_*")}
    for key, text in sorted(wanted.items()):
        content = text.encode()
        if key in present and _content(paths.ssconf(key)) == content:
            continue
        write_safely(paths.ssconf(key), content, 0o444, sync=False)
        changed.append(key)
    for key in sorted(present - set(wanted)):
        remove_files(paths.ssconf(key))
        changed.append(key)
    return changed


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


@frozen
class _Due:
    """The interval is over."""


@frozen
class _Written:
    """A write ended."""

    outcome: Outcome


class ConfigDataWriter(Actor):
    """Keeps ``config.data`` of this host equal to its ledger, a moment later.

    The file is written whole, so the time from one write to the next grows
    with what it takes.
    """

    rank = Rank.LEDGER + 1
    capacity = 100  # the ends of timers and of work aside take places too: with 1 news would be refused
    overflow = Overflow.KEEP_LATEST
    restarts = 3

    def __init__(self, path: str, store: Store, blocking: Blocking, clock: IReactorTime) -> None:
        self._path = path
        self._store = store
        self._blocking = blocking
        self._clock = clock
        self._wanted = 0  # serial of the configuration
        self._written = -1
        self._busy = False
        self._not_before = 0.0

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> None:
        self._wanted = m.config.serial
        self._go_on()

    @receive(_Due)
    def due(self, m: _Due) -> None:
        self._busy = False
        self._go_on()

    @receive(_Written)
    def written(self, m: _Written) -> None:
        if m.outcome.failure is not None:
            log.error("{path} was not written: {error}", path=self._path, error=m.outcome.failure.getErrorMessage())
            pause = 10.0
        else:
            self._written, took = m.outcome.value
            pause = max(INTERVAL, SHARE * took)
        self.later(pause, _Due())

    def _go_on(self) -> None:
        # The configuration that a reign begins with is told before its first change is in the ledger.
        if self._busy or self._wanted == self._written:
            return
        self._busy = True
        self.aside(_write(self._path, self._store, self._blocking, self._clock), then=_Written)


async def _write(path: str, store: Store, blocking: Blocking, clock: IReactorTime) -> tuple[int, float]:
    """The serial of what was written, and how many seconds it took."""
    begin = clock.seconds()
    snapshot = await store.load(tuple(CLASSES))
    await blocking.run(_write_file, path, snapshot, deadline=DEADLINE)
    return int(msgspec.json.decode(snapshot.rows[TOP])["serial_no"]), clock.seconds() - begin


def _write_file(path: str, snapshot: Snapshot) -> None:
    write_safely(path, config_data(snapshot.rows), 0o640)
