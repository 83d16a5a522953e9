"""The lock manager: one actor, the only one that grants locks."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ganeti_tw.errors import NoRoom
from ganeti_tw.kernel import Actor, Gone, Rank, receive
from ganeti_tw.locks.allocation import Allocation, LockState
from ganeti_tw.locks.table import Mode, Wanted
from ganeti_tw.protocol.locks import Acquire, ChangeUrgency, Keep, ListLocks, Release, WhyWaiting


class LockManager(Actor):
    """Grants locks whole, in order of urgency and age; takes back those of owners that ended."""

    rank = Rank.LOCKS
    capacity = 20000

    def __init__(self) -> None:
        self._allocation = Allocation()
        self._answers: dict[str, Deferred[Wanted]] = {}
        self._owners: dict[str, set[str]] = {}  # actor path -> owners it stands for

    @receive(Acquire)
    def acquire(self, m: Acquire) -> Deferred[Wanted]:
        if len(m.some) < m.least:
            raise NoRoom(f"{m.owner} needs {m.least} of only {len(m.some)} to choose from")
        answer = self._answers[m.owner] = Deferred()
        if m.ref.path not in self._owners:
            self._owners[m.ref.path] = set()
            m.ref.watch(self.me)
        self._owners[m.ref.path].add(m.owner)
        wanted, *some = ({name: Mode(mode) for name, mode in part.items()} for part in (m.wanted, *m.some))
        self._tell_granted(self._allocation.request(m.owner, wanted, m.priority, some, m.least))
        return answer

    @receive(ChangeUrgency)
    def change_urgency(self, m: ChangeUrgency) -> None:
        for owner in self._owners.get(m.path, ()):
            self._tell_granted(self._allocation.change_priority(owner, m.priority))

    @receive(Keep)
    def keep(self, m: Keep) -> Wanted:
        self._tell_granted(self._allocation.keep(m.owner, m.names))
        return self._allocation.holds(m.owner)

    @receive(Release)
    def release(self, m: Release) -> None:
        self._give_up(m.owner)

    @receive(Gone)
    def owner_gone(self, m: Gone) -> None:
        for owner in self._owners.pop(m.path, set()):
            self._give_up(owner)

    @receive(ListLocks)
    def list_locks(self, m: ListLocks) -> list[LockState]:
        return self._allocation.locks()

    @receive(WhyWaiting)
    def why_waiting(self, m: WhyWaiting) -> list[tuple[str, tuple[str, ...]]]:
        owners = self._owners.get(m.owner, {m.owner})
        return [waited for owner in sorted(owners) for waited in self._allocation.waits_for(owner)]

    def _give_up(self, owner: str) -> None:
        self._answers.pop(owner, None)  # whoever asked is gone or has stopped waiting
        self._tell_granted(self._allocation.release(owner))

    def _tell_granted(self, owners: list[str]) -> None:
        for owner in owners:
            answer = self._answers.pop(owner, None)
            if answer is not None and not answer.called:
                answer.callback(self._allocation.holds(owner))
