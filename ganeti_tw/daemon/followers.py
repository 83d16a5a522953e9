"""Which nodes the ledger is copied to."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti_tw.kernel import Actor, Overflow, Rank, Ref, receive
from ganeti_tw.ledger.messages import SetFollowers
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.config import ConfigChanged

FOLLOWERS_TIMEOUT = 10.0


class FollowerKeeper(Actor):
    """Tells the ledger which nodes are master candidates."""

    rank = Rank.CONFIG
    capacity = 100
    overflow = Overflow.KEEP_LATEST

    def __init__(self, own_name: str, ledger: Ref, directory: Directory) -> None:
        self._own_name = own_name
        self._ledger = ledger
        self._directory = directory
        self._refs: dict[str, Ref] = {}
        self._told: frozenset[str] | None = None

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> Deferred[None] | None:
        names = frozenset(n.name for n in m.config.candidates if n.name != self._own_name and not n.offline)
        if names == self._told:
            return None
        # The same ref for the same candidate: a new one would make the ledger begin anew with it.
        self._refs = {name: self._refs.get(name) or self._directory.ref(name, "follower") for name in sorted(names)}
        self._told = names
        return self.ask(self._ledger, SetFollowers(dict(self._refs)), FOLLOWERS_TIMEOUT).addErrback(self._not_told)

    def _not_told(self, failure: Failure) -> Failure:
        self._told = None  # the next change of the configuration tries again
        return failure
