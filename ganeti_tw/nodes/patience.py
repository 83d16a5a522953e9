"""How long whoever wants to see the present state waits for nodes that may be gone."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ganeti_tw.errors import Expired, GanetiError, NotSent, OutcomeUnknown
from ganeti_tw.kernel import Ref
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.node import Ping

PATIENCE = 0.5  # seconds for an answer, before a node is asked whether it is there at all
SIGN = 1.5  # seconds for that
SIGN_OF_SILENT = 0.5  # the same, for one that was silent when it was last asked


class Patience:
    """Asks nodes; those that show no sign of life are not waited for.

    One that is there but busy has all the time it was given.
    """

    def __init__(self, directory: Directory, clock: IReactorTime) -> None:
        self._directory, self._clock = directory, clock
        self._silent: set[str] = set()

    def ask(self, node: str, message: Any, timeout: float) -> Deferred[Any]:
        """The answer of a node, by its name; Expired soon when it is silent."""
        question = _Question(self._clock, self._directory.ref(node), message, timeout, node in self._silent)
        return question.answer.addBoth(self._learn, node, question)

    def _learn(self, result: Any, node: str, question: _Question) -> Any:
        if question.silence is not None:
            self._silent.add(node)
        elif not isinstance(result, Failure) or not result.check(NotSent, OutcomeUnknown, CancelledError):
            self._silent.discard(node)  # even if it said no
        return result


class _Question:
    """``silence``: why its answer was not waited for."""

    def __init__(self, clock: IReactorTime, ref: Ref, message: Any, timeout: float, silent: bool) -> None:
        self._ref = ref
        self.silence: Expired | None = None
        self._sign: Deferred[Any] | None = None
        self._asked = ref.ask(message, timeout)
        self._timer = clock.callLater(0.0 if silent else PATIENCE, self._look, SIGN_OF_SILENT if silent else SIGN)
        self.answer = self._asked.addBoth(self._ended)

    def _look(self, seconds: float) -> None:
        self._sign = self._ref.ask(Ping(), seconds).addErrback(self._no_sign)

    def _no_sign(self, failure: Failure) -> None:
        self._sign = None
        if failure.check(GanetiError) and not self._asked.called:
            self.silence = Expired(f"it shows no sign of life: {failure.getErrorMessage()}")
            self._asked.cancel()

    def _ended(self, result: Any) -> Any:
        if self._timer.active():
            self._timer.cancel()
        sign, self._sign = self._sign, None
        if sign is not None:
            sign.cancel()
        if self.silence is not None:
            raise self.silence
        return result
