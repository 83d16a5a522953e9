"""Switches of the cluster that are no part of its configuration: the queue's drain flag and the watcher's pause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from attrs import evolve, frozen

from ganeti_tw.errors import Corrupt, GanetiError, OutcomeUnknown
from ganeti_tw.kernel import Actor, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Put
from ganeti_tw.protocol.switches import SetDrained, SetWatcherPause

KIND = "switch"
DRAINED = (KIND, "queue_drained")
WATCHER_PAUSE = (KIND, "watcher_pause")
COMMIT_TIMEOUT = 60.0


@frozen
class Positions:
    """How they stand."""

    drained: bool = False
    watcher_pause: float | None = None  # seconds since the epoch; may have passed


class Switches:
    """The latest stored positions, for all who only read."""

    def __init__(self, positions: Positions | None = None) -> None:
        self.positions = positions or Positions()


def positions_of(rows: Mapping[tuple[str, str], bytes]) -> Positions:
    """As the ledger has them; Corrupt names a row that is wrong."""
    return Positions(_value(rows, DRAINED, bool, False), _value(rows, WATCHER_PAUSE, float | None, None))


def _value(rows: Mapping[tuple[str, str], bytes], place: tuple[str, str], kind: Any, default: Any) -> Any:
    if place not in rows:
        return default
    try:
        return msgspec.json.decode(rows[place], type=kind)
    except msgspec.MsgspecError as e:
        raise Corrupt(f"ledger row {place[0]} {place[1]} cannot be read: {e}") from None


class SwitchKeeper(Actor):
    """Stores a switch and only then shows it; ``unsure`` ends the reign when nobody knows whether one was stored."""

    rank = Rank.CONFIG
    capacity = 100
    restarts = 3

    def __init__(self, switches: Switches, ledger: Ref, unsure: Callable[[GanetiError], None]) -> None:
        self._switches = switches
        self._ledger = ledger
        self._unsure = unsure

    @receive(SetDrained)
    async def set_drained(self, m: SetDrained) -> None:
        await self._store(DRAINED, m.drained)
        self._switches.positions = evolve(self._switches.positions, drained=m.drained)

    @receive(SetWatcherPause)
    async def set_watcher_pause(self, m: SetWatcherPause) -> None:
        await self._store(WATCHER_PAUSE, m.until)
        self._switches.positions = evolve(self._switches.positions, watcher_pause=m.until)

    async def _store(self, place: tuple[str, str], value: Any) -> None:
        try:
            await self.ask(self._ledger, Commit((Put(*place, msgspec.json.encode(value)),)), COMMIT_TIMEOUT)
        except OutcomeUnknown as e:
            self._unsure(e)  # the next reign reads what the ledger has
            raise
