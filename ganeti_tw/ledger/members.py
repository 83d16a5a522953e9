"""Which candidates count: the in-sync set and how far each of them is.  Pure."""

from __future__ import annotations

import enum
import json

from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.messages import FollowerState
from ganeti_tw.ledger.seam import IN_SYNC
from ganeti_tw.protocol.ledger import Delete, Put


class Standing(enum.Enum):
    """Whether a candidate is waited for.

    One that is AWAITED is waited for already, but may yet lack acknowledged
    changes; so nothing is recorded of it.  JOINING and LEAVING last until the
    change that records it counts.
    """

    OUT = "out"
    AWAITED = "awaited"
    JOINING = "joining"
    IN = "in"
    LEAVING = "leaving"


class Member:
    """One candidate."""

    def __init__(self, name: str, standing: Standing = Standing.OUT) -> None:
        self.name = name
        self.standing = standing
        self.record: int | None = None  # serial of the change that records JOINING or LEAVING
        self.asked = False  # that change is on its way
        self.witnessed = False  # enough nodes know of the LEAVING
        self.wanted = False  # is a candidate, as far as we were told
        self.level = False  # had all there was, when last heard
        self.has_row = False
        self.follower: Ref | None = None
        self.replicator: Ref | None = None
        self.told = 0  # the newest change its replicator knows of
        self.position = 0
        self.contact: float | None = None
        self.error = ""

    def becomes(self, standing: Standing) -> None:
        """Enter JOINING or LEAVING; its change is on its way."""
        self.standing, self.record, self.asked = standing, None, True
        self.has_row = True
        if standing is Standing.JOINING:
            self.witnessed = False

    def record_lost(self, elsewhere: bool) -> None:
        """The change that was to record it came to nothing; ``elsewhere``: but some follower may have it."""
        self.record, self.asked = None, False
        if self.standing is Standing.JOINING:
            self.standing = Standing.LEAVING if elsewhere else Standing.OUT

    def row(self, since: float) -> Put:
        """The row that records the standing it is about to have."""
        value: dict[str, object] = {"in_sync": self.standing is Standing.JOINING, "since": since}
        if self.standing is Standing.LEAVING and self.error:
            value["reason"] = self.error
        return Put(IN_SYNC, self.name, json.dumps(value).encode())

    def no_row(self) -> Delete:
        """For one that is no candidate any more."""
        return Delete(IN_SYNC, self.name)

    def state(self, stored: int, now: float) -> FollowerState:
        """What an administrator wants to know of it."""
        return FollowerState(
            name=self.name,
            in_sync=self.standing in (Standing.IN, Standing.LEAVING),
            position=self.position,
            lag=max(0, stored - self.position),
            last_contact=None if self.contact is None else now - self.contact,
            last_error=self.error,
        )


class Members(dict[str, Member]):
    """All candidates by name."""

    def of(self, replicator: Ref) -> Member | None:
        """Whose replicator it is; None for one that was replaced."""
        return next((m for m in self.values() if m.replicator is replicator), None)

    @classmethod
    def recorded(cls, rows: dict[str, bytes]) -> Members:
        """As the rows say; those that were in sync still are."""
        found = cls()
        for name, value in rows.items():
            in_sync = bool(json.loads(value)["in_sync"])
            found[name] = Member(name, Standing.IN if in_sync else Standing.OUT)
            found[name].has_row = True
        return found

    def acknowledged(self, stored: int) -> int:
        """Up to which serial all who count have everything; standings whose change counts are entered.

        A leaver counts until enough nodes know of it and its leaving is stored
        by all others that count, where those that may go at the same time do
        not wait for each other.  A joiner counts before its return is recorded.
        """
        low = stored
        leaving: list[Member] = []
        joining = False
        for member in self.values():
            standing = member.standing
            if standing is Standing.LEAVING:
                leaving.append(member)
            elif standing is not Standing.OUT:
                low = min(low, member.position)
                joining = joining or standing is Standing.JOINING
        if not leaving and not joining:
            return low
        gone = [m for m in leaving if m.record is not None and m.witnessed]
        while True:
            low_with_rest = min([low, *(m.position for m in leaving if m not in gone)])
            may_go = [m for m in gone if m.record is not None and m.record <= low_with_rest]
            if len(may_go) == len(gone):
                break
            gone = may_go
        for m in gone:
            m.standing = Standing.OUT
        for m in self.values():
            if m.standing is Standing.JOINING and m.record is not None and m.record <= low_with_rest:
                m.standing = Standing.IN
        return low_with_rest
