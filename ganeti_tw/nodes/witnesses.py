"""Letting nodes know which hosts have all that was acknowledged.

Who wants to be master asks a majority of the nodes.  So one of them must know
of every host that fell behind: the master goes on without such a host only
when those who know of it are so many that no majority is without one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ganeti_tw.errors import DriverError, GanetiError, NoMajority, OutcomeUnknown, Refused, StaleEpoch
from ganeti_tw.kernel import Actor, Outcome, Rank, receive
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.config import ConfigChanged
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.mastership import Testify, Witness

ASK_TIMEOUT = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
REFUSALS = 3  # in a row, until a node is believed to have another master: once may be a certificate that changes
MOST_NAMED = 3  # nodes, in one message

log = Logger()


@frozen
class _Told:
    """An attempt to tell a node ended."""

    node: str
    witness: Witness
    outcome: Outcome


@frozen
class _Late:
    """The time to have enough nodes know is over."""

    at: Position


@frozen
class _Again:
    """The pause after a failure is over."""

    node: str


class Witnesses(Actor):
    """Tells every node, until it knows the latest.  Without ``voting`` nobody needs to know.

    When most nodes refuse to be told, this host was removed from the cluster by
    a later master: StaleEpoch, for no node will ever say more to it.
    """

    rank = Rank.REPLICATOR

    def __init__(
        self, own_name: str, directory: Directory, config: Config, random: Callable[[], float], voting: bool = True
    ) -> None:
        self._own_name = own_name
        self._directory = directory
        self._random = random
        self._voting = voting
        self._nodes = _online(config)
        self._wanted: Witness | None = None
        self._knows: dict[str, Witness] = {}
        self._busy: set[str] = set()
        self._failures: dict[str, int] = {}
        self._refusals: dict[str, int] = {}  # in a row
        self._unable: dict[str, str] = {}  # why they could not note what they were told last
        self._waiting: Deferred[None] | None = None

    @receive(Testify)
    def testify(self, m: Testify) -> Deferred[None]:
        self._give_up(OutcomeUnknown("something later is to be known"))
        self._wanted = Witness(m.in_sync, m.at)
        mine: Deferred[None] = Deferred()
        self._waiting = mine
        self.later(m.deadline, _Late(m.at))
        self._go_on()
        return mine

    @receive(_Late)
    def late(self, m: _Late) -> None:
        if self._wanted is not None and self._wanted.at == m.at:
            self._give_up(self._shortage())

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> None:
        nodes = _online(m.config)
        if nodes != self._nodes:
            self._nodes = nodes
            self._go_on()

    @receive(_Told)
    def told(self, m: _Told) -> None:
        failure = m.outcome.failure
        self._unable.pop(m.node, None)
        if failure is None:
            self._busy.discard(m.node)
            self._failures.pop(m.node, None)
            self._refusals.pop(m.node, None)
            self._knows[m.node] = m.witness
            self._go_on()
            return
        if isinstance(failure.value, StaleEpoch):
            self._give_up(failure.value)
        elif isinstance(failure.value, Refused):
            self._refusals[m.node] = self._refusals.get(m.node, 0) + 1
            self._failures[m.node] = min(self._failures.get(m.node, 0), self._refusals[m.node] - 1)  # it is there again
            self._see_whether_outcast(failure.value)
        elif isinstance(failure.value, DriverError):
            # Not just away: without a word of this it would look like that.
            self._unable[m.node] = failure.value.text
            if m.node not in self._failures:
                log.warn("{node} cannot note who is in sync: {reason}", node=m.node, reason=failure.value.text)
        count = self._failures[m.node] = self._failures.get(m.node, 0) + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(count - 1, 10))
        self.later(pause * (0.5 + self._random()), _Again(m.node))

    @receive(_Again)
    def again(self, m: _Again) -> None:
        self._busy.discard(m.node)
        self._go_on()

    def _go_on(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        for node in sorted(self._nodes - self._busy):
            if self._knows.get(node) != wanted:
                self._busy.add(node)
                asked = self.ask(self._directory.ref(node, "host"), wanted, ASK_TIMEOUT)
                self.aside(asked, then=partial(_Told, node, wanted))
        self._answer()

    def _answer(self) -> None:
        known = sum(1 for node in self._nodes if self._knows.get(node) == self._wanted)
        waiting = self._waiting
        if waiting is not None and (2 * known >= len(self._nodes) or not self._voting):
            self._waiting = None
            waiting.callback(None)

    def _see_whether_outcast(self, last: Refused) -> None:
        refusing = [node for node in self._nodes if self._refusals.get(node, 0) >= REFUSALS]
        if self._voting and 2 * len(refusing) > len(self._nodes):
            many = f"{len(refusing)} of {len(self._nodes)}"
            self._give_up(StaleEpoch(f"{many} nodes refuse {self._own_name}: {last.text}"))

    def _shortage(self) -> GanetiError:
        unable = sorted(self._nodes & self._unable.keys())
        if not unable:
            return NoMajority(
                "fewer than half of the nodes answer, there may be another master: nothing can be changed; bring nodes "
                "back, or 'gnt-cluster master-failover --no-voting' on the host that shall go on"
            )
        reasons = "; ".join(f"{node}: {self._unable[node]}" for node in unable[:MOST_NAMED])
        return DriverError(
            f"fewer than half of the nodes can note a change, {len(unable)} of {len(self._nodes)} cannot write to "
            f"their disk ({reasons}): nothing can be changed until that is repaired"
        )

    def _give_up(self, error: GanetiError) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(error)


def _online(config: Config) -> frozenset[str]:
    return frozenset(n.name for n in config.nodes.values() if not n.offline)
