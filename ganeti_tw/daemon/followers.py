"""Which nodes the ledger is copied to."""

from __future__ import annotations

from functools import partial

from attrs import frozen
from twisted.logger import Logger

from ganeti_tw.kernel import Actor, Outcome, Overflow, Rank, Ref, receive
from ganeti_tw.ledger.messages import SetFollowers
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.config import ConfigChanged

FOLLOWERS_TIMEOUT = 10.0
PAUSE = 5.0  # seconds after a failure

log = Logger()


@frozen
class _Told:
    """An attempt to tell the ledger ended."""

    names: frozenset[str]
    outcome: Outcome


@frozen
class _Again:
    """The pause after a failure is over."""


class FollowerKeeper(Actor):
    """Tells the ledger which nodes are master candidates, until it has heard it."""

    rank = Rank.CONFIG
    capacity = 100
    overflow = Overflow.KEEP_LATEST

    def __init__(self, own_name: str, ledger: Ref, directory: Directory) -> None:
        self._own_name = own_name
        self._ledger = ledger
        self._directory = directory
        self._refs: dict[str, Ref] = {}
        self._wanted: frozenset[str] | None = None
        self._told: frozenset[str] | None = None
        self._busy = False

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> None:
        self._wanted = frozenset(n.name for n in m.config.candidates if n.name != self._own_name and not n.offline)
        self._go_on()

    @receive(_Told)
    def told(self, m: _Told) -> None:
        failure = m.outcome.failure
        if failure is None:
            self._told, self._busy = m.names, False
            self._go_on()
            return
        log.warn(
            "the ledger cannot be told which nodes are master candidates, trying on: {reason}",
            reason=failure.getErrorMessage(),
        )
        self._told = None  # it may have heard it all the same
        self.later(PAUSE, _Again())

    @receive(_Again)
    def again(self, m: _Again) -> None:
        self._busy = False
        self._go_on()

    def _go_on(self) -> None:
        names = self._wanted
        if self._busy or names is None or names == self._told:
            return
        self._busy = True
        # The same ref for the same candidate: a new one would make the ledger begin anew with it.
        self._refs = {name: self._refs.get(name) or self._directory.ref(name, "follower") for name in sorted(names)}
        asked = self.ask(self._ledger, SetFollowers(dict(self._refs)), FOLLOWERS_TIMEOUT)
        self.aside(asked, then=partial(_Told, names))
