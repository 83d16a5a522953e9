"""The followers of a ledger: their replicators, and who comes into and goes out of the in-sync set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.logger import Logger

from ganeti_tw.errors import GanetiError
from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.members import Member, Members, Standing
from ganeti_tw.ledger.messages import FollowerState
from ganeti_tw.ledger.pipeline import Entry, Pipeline
from ganeti_tw.ledger.replicator import Feed

log = Logger()


class Candidates:
    """Part of the ledger's actor.  What is to be recorded is added to ``line``; the ledger writes it.

    ``replicate`` starts a replicator for a candidate of some name; ``now`` is
    the time of day.
    """

    def __init__(self, line: Pipeline, replicate: Callable[[str, Ref], Ref], now: Callable[[], float]) -> None:
        self.named = False  # somebody has told us who the candidates are
        self._line = line
        self._replicate = replicate
        self._now = now
        self._members = Members()

    def in_sync(self) -> tuple[str, ...]:
        """Who has all that was acknowledged, and goes on to have it, by name."""
        return tuple(sorted(m.name for m in self._members.values() if m.standing is Standing.IN))

    def confirmed(self, in_sync: tuple[str, ...]) -> None:
        """Enough nodes know that these are in sync: those missing need not be waited for once that is stored."""
        for member in self._members.values():
            if member.standing is Standing.LEAVING and member.name not in in_sync:
                member.witnessed = True

    def recorded(self, rows: dict[str, bytes]) -> bool:
        """Begin with what the rows say; whether there is anyone to wait for."""
        self._members = Members.recorded(rows)
        return bool(self._members)

    def follow(self, wanted: Mapping[str, Ref]) -> None:
        """From now on these are the candidates."""
        self.named = True
        for name, follower in wanted.items():
            member = self._members.setdefault(name, Member(name))
            member.wanted = True
            if member.follower is not follower:
                self._stop(member)
                member.follower = follower
                self._start(member, follower)
        for name in self._members.keys() - wanted.keys():
            member = self._members[name]
            member.wanted, member.follower = False, None
            self._stop(member)
            self._leave(member, "it is no candidate any more")

    def nobody_named(self) -> None:
        """Wait no longer for those that are only known from the rows."""
        for member in self._members.values():
            self._leave(member, "it was not named as a candidate")

    def feed(self) -> None:
        """Hand the batch that is being written to all who do not have it.

        Those who came while it was on its way to the disk get it when it has arrived there.
        """
        for member in self._members.values():
            fresh = self._line.feed(member.told) if member.replicator is not None else ()
            if member.replicator is not None and fresh:
                member.told = fresh[-1].serial
                try:
                    member.replicator.tell(Feed(fresh))
                except GanetiError as e:
                    self._leave(member, f"its replicator did not take a change: {e}")

    def acknowledged(self) -> int:
        """Up to which serial all who count have everything."""
        return self._members.acknowledged(self._line.at.serial)

    def admit(self, told: int, eager: bool = False) -> None:
        """Let in who is level, forget who is out and no candidate; ``told`` is the last acknowledged serial.

        While our disk fails nobody is let in, unless ``eager``: it would fail at once, and be tried again at once.
        """
        for member in list(self._members.values()):
            if member.standing is Standing.OUT and not member.wanted and self.named:
                self._forget(member)
            elif member.standing is Standing.OUT and member.level and (eager or not self._line.cautious):
                member.standing = Standing.AWAITED
            if member.standing is Standing.AWAITED and member.position >= told:
                log.info("{name} is level and joins the in-sync set", name=member.name)
                self._record(member, Standing.JOINING)

    def reached(self, replicator: Ref, serial: int, level: bool, time: float) -> bool:
        """A follower has something new on its disk; False when its replicator was replaced."""
        member = self._members.of(replicator)
        if member is None:
            return False
        member.position, member.contact, member.error, member.level = serial, time, "", level
        return True

    def lost(self, replicator: Ref, reason: str) -> bool:
        """A follower failed; False when its replicator was replaced."""
        member = self._members.of(replicator)
        if member is None:
            return False
        self._leave(member, reason)
        return True

    def crashed(self, path: str) -> bool:
        """An actor is gone; whether it was a replicator of ours."""
        for member in self._members.values():
            if member.replicator is not None and member.replicator.path == path:
                member.replicator = None
                self._leave(member, "its replicator crashed")
                return True
        return False

    def retry(self, told: int) -> None:
        """Some time has passed: record again what the disk refused, and replace replicators that crashed."""
        for member in self._members.values():
            if member.standing is Standing.LEAVING and not member.asked:
                self._record(member, Standing.LEAVING)
            if member.follower is not None and member.replicator is None:
                self._start(member, member.follower)
        self.admit(told, eager=True)

    def stop(self) -> None:
        """No follower gets anything any more."""
        for member in self._members.values():
            self._stop(member)

    def states(self, time: float) -> tuple[FollowerState, ...]:
        """All of them by name."""
        return tuple(self._members[name].state(self._line.at.serial, time) for name in sorted(self._members))

    def _leave(self, member: Member, reason: str) -> None:
        member.error, member.level = reason, False
        if member.standing is Standing.AWAITED:
            member.standing = Standing.OUT
        elif member.standing in (Standing.IN, Standing.JOINING):
            log.warn("{name} leaves the in-sync set: {reason}", name=member.name, reason=reason)
            member.witnessed = False
            self._record(member, Standing.LEAVING)

    def _record(self, member: Member, standing: Standing) -> None:
        member.becomes(standing)
        self._line.add(Entry((member.row(self._now()),), member=member))

    def _forget(self, member: Member) -> None:
        del self._members[member.name]
        if member.has_row:
            self._line.add(Entry((), (member.no_row(),)))

    def _start(self, member: Member, follower: Ref) -> None:
        member.told = self._line.at.serial
        member.replicator = self._replicate(member.name, follower)

    def _stop(self, member: Member) -> None:
        replicator, member.replicator, member.level = member.replicator, None, False
        if replicator is not None:
            replicator.stop()
