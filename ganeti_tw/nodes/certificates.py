"""Keeping the configuration told of the certificates of the master candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError
from ganeti_tw.kernel import Actor, Outcome, Overflow, Rank, Ref, receive
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.certificates import LowestChanged
from ganeti_tw.protocol.config import Changes, ConfigChanged, Edit
from ganeti_tw.protocol.node import GetHostState, HostState

ASK_TIMEOUT, EDIT_TIMEOUT = 10.0, 70.0
PAUSE = 30.0  # seconds until candidates that gave no answer are asked again

log = Logger()


@frozen
class _Ended:
    """An attempt is over; its value are the names of the nodes that answered."""

    asked: frozenset[str]
    outcome: Outcome


@frozen
class _Retry:
    """The pause after a change that could not be stored is over."""


@frozen
class _Again:
    """The pause after these nodes gave no answer is over."""

    nodes: frozenset[str]


class CertificateKeeper(Actor):
    """Follows the configuration and keeps its ``candidate_certs`` those of its candidates.

    Each candidate is asked once in a reign, or until it answers.  The
    configuration is changed only when something in it is other.
    """

    rank = Rank.CONFIG + 1
    capacity = 100  # the ends of timers and of work aside take places too: with 1 news would be refused
    overflow = Overflow.KEEP_LATEST
    restarts = 3

    def __init__(self, keeper: Ref, directory: Directory, lowest: Mapping[str, int] | None = None) -> None:
        self._keeper = keeper
        self._directory = directory
        self._lowest = lowest or {}
        self._config: Config | None = None
        self._known: frozenset[str] = frozenset()  # names of candidates that answered
        self._silent: frozenset[str] = frozenset()  # and of those that are left in peace for a while
        self._renewed: frozenset[str] = frozenset()  # since those that are being asked were asked
        self._busy = False

    @receive(ConfigChanged)
    def config_changed(self, m: ConfigChanged) -> None:
        self._config = m.config
        self._go_on()

    @receive(LowestChanged)
    def lowest_changed(self, m: LowestChanged) -> None:
        """A candidate that has another certificate now is asked again."""
        renewed = {name for name, number in m.lowest.items() if number != self._lowest.get(name)}
        self._lowest = m.lowest
        self._known -= renewed
        if self._busy:
            self._renewed |= renewed
        self._go_on()

    @receive(_Ended)
    def ended(self, m: _Ended) -> None:
        failure = m.outcome.failure
        if failure is not None:
            log.warn("certificates of candidates were not stored: {error}", error=failure.getErrorMessage())
            self.later(PAUSE, _Retry())
            return
        self._busy = False
        answered: frozenset[str] = m.outcome.value
        self._known |= answered - self._renewed
        self._renewed = frozenset()
        silent = m.asked - answered
        if silent:
            self._silent |= silent
            self.later(PAUSE, _Again(silent))
        self._go_on()

    @receive(_Retry)
    def retry(self, m: _Retry) -> None:
        self._busy = False
        self._go_on()

    @receive(_Again)
    def again(self, m: _Again) -> None:
        self._silent -= m.nodes
        self._go_on()

    def _go_on(self) -> None:
        if self._busy or self._config is None:
            return
        candidates = {n.name: n.uuid for n in self._config.candidates}
        self._known &= candidates.keys()  # one that becomes a candidate again is asked again
        asked = frozenset(candidates.keys() - self._known - self._silent)
        left = set(self._config.cluster.candidate_certs) - set(candidates.values())
        if asked or left:
            self._busy = True
            work = _renew(self.ask, self._keeper, self._directory, sorted(asked))
            self.aside(work, then=partial(_Ended, asked))


async def _renew(
    ask: Callable[..., Deferred[Any]], keeper: Ref, directory: Directory, nodes: Iterable[str]
) -> frozenset[str]:
    """Ask these nodes, store what they say; gives the names of those that answered."""
    asked = {name: Deferred.fromCoroutine(_certificate(ask, directory, name)) for name in nodes}
    found: dict[str, str] = {}
    outcomes: list[tuple[bool, Any]] = await DeferredList(list(asked.values()), consumeErrors=True)
    for name, (good, value) in zip(asked, outcomes, strict=True):
        if good:
            found[name] = value
        elif isinstance(value.value, GanetiError):
            log.debug("{node} did not tell its certificate: {error}", node=name, error=value.value.text)
        else:
            value.raiseException()
    await ask(keeper, Edit(lambda config: with_certificates(config, found)), EDIT_TIMEOUT)
    return frozenset(found)


async def _certificate(ask: Callable[..., Deferred[Any]], directory: Directory, node: str) -> str:
    state: HostState = await ask(directory.ref(node, "host"), GetHostState(), ASK_TIMEOUT)
    return state.certificate


def with_certificates(config: Config, found: Mapping[str, str]) -> Changes:
    """``candidate_certs`` with what was ``found``, by node name, and without those of nodes that are no candidates."""
    known = config.cluster.candidate_certs
    certificates = {n.uuid: found.get(n.name) or known.get(n.uuid) for n in config.candidates}
    wanted = {uuid: certificate for uuid, certificate in sorted(certificates.items()) if certificate}
    if wanted == dict(known):
        return Changes()
    return Changes(puts=(evolve(config.cluster, candidate_certs=wanted),))


def without_certificate(config: Config, uuids: Iterable[str]) -> Changes:
    """What takes the certificates of nodes that leave out of the configuration."""
    known = config.cluster.candidate_certs
    wanted = {uuid: certificate for uuid, certificate in known.items() if uuid not in set(uuids)}
    return Changes(puts=(evolve(config.cluster, candidate_certs=wanted),)) if wanted != dict(known) else Changes()
