"""Finding out who is master from the candidates a host knows: when a stranger speaks, or no master does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.daemon.election import believed, check_member
from ganeti_tw.errors import GanetiError, NoMember
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.mastership import GetStanding, Standing

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

ASK_TIMEOUT = 2.0  # a host that is up answers in milliseconds; one that is cut off holds everybody up
PAUSE = 1.0  # seconds between two inquiries, however many strangers knock
SILENCE = 60.0  # seconds without a word of the master, from the loss of its connection on, until a host asks
LONGEST_SILENCE = 600.0  # the same after it asked and nobody could tell

log = Logger()


class Inquiry:
    """Part of the host.  One at a time.

    Nothing that a stranger says is believed, nor that it is the master: it is
    only the occasion to ask those who were candidates when this host was last
    told.  It would obey each of them if they were master now.

    Who is removed while nobody can tell it so hears of it in this way alone.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._work: Deferred[None] | None = None
        self._not_before = 0.0
        self._silence: IDelayedCall | None = None
        self._patience = SILENCE
        self._stopped = False
        self.removed = ""  # why this host is taken for removed from the cluster; empty: it is not

    def begin(self) -> None:
        """Ask, unless that was done a moment ago."""
        now = self._host.outside.clock.seconds()
        if self._work is None and now >= self._not_before:
            self._not_before = now + PAUSE
            self._work = Deferred.fromCoroutine(self._inquire())
            self._work.addBoth(self._ended)

    def expect(self) -> None:
        """A master has yet to speak: ask when none does for a while."""
        if self._silence is None and not self._stopped:
            self._silence = self._host.outside.clock.callLater(self._patience, self._silent)

    def heard(self) -> None:
        """A master speaks."""
        self._expect_nobody()
        self._patience, self.removed = SILENCE, ""

    def stop(self) -> None:
        """Ask no more."""
        self.heard()
        self._stopped = True
        if self._work is not None:
            self._work.cancel()

    def _expect_nobody(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _silent(self) -> None:
        self._silence = None
        record = self._host.record
        if record is not None and not record.is_master:  # which finds out by itself
            self._patience = min(2 * self._patience, LONGEST_SILENCE)
            self.expect()  # whatever the others say of a master: it has yet to speak
            self.begin()

    def _ended(self, result: Any) -> None:
        self._work = None
        if not isinstance(result, Failure) or result.check(CancelledError):
            return
        if isinstance(result.value, GanetiError):  # the record could not be written; a stranger will knock again
            log.warn("{name} cannot find out who is master: {error}", name=self._host.name, error=result.value.text)
        else:
            log.failure("{name} cannot find out who is master", failure=result, name=self._host.name)

    async def _inquire(self) -> None:
        host = self._host
        asked = set(host.membership().candidates) - {host.name}
        heard, answers = await ask_each(host.directory, asked, GetStanding())
        record = host.record
        if record is None:  # it left meanwhile
            return
        # One that is master, or will be as soon as others agree, gives way to a later epoch only.
        earliest = record.epoch + 1 if record.is_master else record.epoch
        found = believed(heard.values(), len(asked), earliest)
        if found is None and not record.is_master:
            self._see_whether_removed(answers, len(asked))
        if found is None or found.master in (record.master, host.name):
            return
        reason = f"{found.master} is the master in epoch {found.epoch}, say most candidates that {host.name} knows"
        log.info("{name} hears of another master: {reason}", name=host.name, reason=reason)
        host.keep(evolve(record, epoch=found.epoch, promised="", master=found.master, serial=0))
        host.deposed(reason)

    def _see_whether_removed(self, answers: Mapping[str, GanetiError], asked: int) -> None:
        try:
            check_member(self._host.name, answers, asked)
        except NoMember as e:
            if not self.removed:
                log.warn("{reason}", reason=e.text)
            self.removed = e.text
            self._expect_nobody()
            self._host.removed()
        else:
            self.expect()


async def ask_all(
    directory: Directory, names: Iterable[str], message: Any
) -> tuple[dict[str, Standing], dict[str, str]]:
    """Answers by name, and by name why there is none."""
    heard, silent = await ask_each(directory, names, message)
    return heard, {name: error.text for name, error in silent.items()}


async def ask_each(
    directory: Directory, names: Iterable[str], message: Any
) -> tuple[dict[str, Standing], dict[str, GanetiError]]:
    """Answers by name, and by name the errors of the others."""
    asked = {name: ask_host(directory, name, message) for name in sorted(names)}
    heard: dict[str, Standing] = {}
    silent: dict[str, GanetiError] = {}
    outcomes = await DeferredList(list(asked.values()), consumeErrors=True)
    for name, (good, value) in zip(asked, outcomes, strict=True):
        if good:
            heard[name] = value
        elif isinstance(value, Failure) and isinstance(value.value, GanetiError):
            silent[name] = value.value
        else:
            value.raiseException()
    return heard, silent


def ask_host(directory: Directory, name: str, message: Any) -> Deferred[Any]:
    """The answer of one host."""
    return directory.ref(name, "host").ask(message, ASK_TIMEOUT)
