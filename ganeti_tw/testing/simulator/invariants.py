"""What must hold whatever happens, checked as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ganeti_tw.ledger.seam import Row
from ganeti_tw.protocol.ledger import Change
from ganeti_tw.testing.simulator.hosts import WatchedHost


class Broken(Exception):
    """An invariant does not hold."""


class Invariants:
    """Hears what hosts do and raises nothing: what is wrong goes to ``broken``, the first time only.

    *Acknowledged* changes are those the ledger of a master told as committed,
    and all that was in that ledger before them.
    """

    def __init__(self, broken: Callable[[str], None], say: Callable[[str], None]) -> None:
        self._broken, self._say = broken, say
        self._contents: dict[tuple[int, int], bytes] = {}  # (serial, epoch) -> digest
        self._leaders: dict[int, str] = {}  # epoch -> who acts in it
        self._acting: dict[str, int] = {}  # host -> epoch of its reign
        self._acknowledged: dict[int, int] = {}  # serial -> epoch
        self._rows: dict[Row, bytes] = {}  # as they are after the last acknowledged change
        self._last = 0  # serial of that
        self._exact = 0  # before this serial the rows may be ahead
        self._based: set[int] = set()  # epochs in which something was acknowledged
        self._histories: dict[int, dict[int, int]] = {}  # epoch -> epochs by serial of what it began with
        self._hosts: tuple[WatchedHost, ...] = ()

    def watch(self, hosts: Iterable[WatchedHost]) -> None:
        """Hear these."""
        self._hosts = tuple(hosts)
        for host in self._hosts:
            host.witness = self

    # -- what hosts tell -------------------------------------------------------------------------------------------

    def reign_begins(self, host: WatchedHost, epoch: int) -> None:
        self._say(f"{host.name} is the master, in epoch {epoch}")
        if self._leaders.setdefault(epoch, host.name) != host.name:
            self._broken(f"{host.name} acts as master in epoch {epoch}, and so does {self._leaders[epoch]}")
        self._acting[host.name] = epoch
        if not self._last:  # the first of all: what the cluster begins with
            beginning = host.ledger.now()
            self._rows, self._last = dict(beginning.rows), beginning.serial
        history = {serial: change.epoch for serial, change in host.ledger.recent().items()}
        self._histories[epoch] = history
        self._check_complete(host)

    def reign_ends(self, host: WatchedHost) -> None:
        self._say(f"{host.name} is the master no longer")
        self._acting.pop(host.name, None)

    def acknowledged(self, host: WatchedHost, epoch: int, changes: Sequence[Change]) -> None:
        if self._acting.get(host.name) != epoch:
            self._broken(f"{host.name} acknowledges change {changes[0].serial} after its reign of epoch {epoch}")
        later = [e for e in self._histories if e > epoch]
        for change in changes:
            for reign in later:
                if self._histories[reign].get(change.serial) != change.epoch:
                    self._broken(
                        f"{host.name} acknowledges change {change.serial} of epoch {change.epoch}, "
                        f"which {self._leaders[reign]}, the master of epoch {reign}, does not have"
                    )
                    return
        if epoch not in self._based and not later:
            self._based.add(epoch)
            self._rebase(host, changes[0].serial)
        for change in changes:
            if change.serial == self._last + 1:
                self._count(change)
            elif change.serial > self._last or self._acknowledged.get(change.serial, change.epoch) != change.epoch:
                self._broken(f"{host.name} acknowledges {_name(change)} when change {self._last} was the last")
                return

    def written(self, host: WatchedHost, changes: Sequence[Change]) -> None:
        for change in changes:
            digest = _digest(change)
            known = self._contents.setdefault((change.serial, change.epoch), digest)
            if known != digest:
                self._broken(f"{host.name} writes another change {change.serial} of epoch {change.epoch}")

    def died(self, host: WatchedHost) -> None:
        """Its process is gone."""
        self._acting.pop(host.name, None)

    # -- the ledgers -----------------------------------------------------------------------------------------------

    def _count(self, change: Change) -> None:
        self._acknowledged[change.serial] = change.epoch
        self._last = change.serial
        apply(self._rows, change)

    def _rebase(self, host: WatchedHost, first: int) -> None:
        """What is before the first acknowledged change of a reign is acknowledged with it."""
        for serial, change in sorted(host.ledger.recent().items()):
            if serial == self._last + 1 and serial < first:
                self._count(change)
        if self._last != first - 1:
            now = host.ledger.now()
            self._rows, self._last, self._exact = dict(now.rows), first - 1, now.serial

    def _check_complete(self, host: WatchedHost) -> None:
        """The host has all that was acknowledged."""
        recent, now = host.ledger.recent(), host.ledger.now()
        for serial in sorted(self._acknowledged, reverse=True):
            if serial > now.serial:
                self._broken(f"{host.name} becomes master without change {serial}, which was acknowledged")
                return
            if serial not in recent:
                break
            if recent[serial].epoch != self._acknowledged[serial]:
                self._broken(
                    f"{host.name} becomes master with change {serial} of epoch {recent[serial].epoch}; "
                    f"that of epoch {self._acknowledged[serial]} was acknowledged"
                )
                return
        if self._last < max(1, self._exact) or (now.serial > self._last and self._last + 1 not in recent):
            return  # what came after is not known one by one
        rows = dict(self._rows)
        for serial in range(self._last + 1, now.serial + 1):
            apply(rows, recent[serial])
        if rows != now.rows:
            different = sorted(k for k in rows.keys() | now.rows.keys() if rows.get(k) != now.rows.get(k))
            self._broken(f"{host.name} becomes master with other rows than were acknowledged: {different[:3]}")


def apply(rows: dict[Row, bytes], change: Change) -> None:
    """Make a change to a copy of the rows."""
    for put in change.puts:
        rows[put.kind, put.key] = put.value
    for delete in change.deletes:
        rows.pop((delete.kind, delete.key), None)


def _name(change: Change) -> str:
    return f"change {change.serial} of epoch {change.epoch}"


def _digest(change: Any) -> bytes:
    return sha256(msgspec.msgpack.encode(change)).digest()
