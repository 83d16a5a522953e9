"""The client for programs that must not wait: Twisted's and asyncio's, by way of txaio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ganeti_tw.confd.client.exchange import (
    PATIENCE,
    RETRIES,
    TIMEOUT,
    Candidates,
    Exchange,
    OnReply,
    retry_times,
)
from ganeti_tw.confd.packet import BadPacket, salt_of
from ganeti_tw.errors import GanetiError, WrongState

Send = Callable[[bytes, str, int], str | None]
"""Sends a datagram to an address and port; why it cannot, None when it could."""


class _Pending:
    """A question that was asked, until its future has its end."""

    def __init__(self, exchange: Exchange, future: Any, timeout: float, patience: float) -> None:
        self.exchange = exchange
        self.future = future
        self.timeout = timeout
        self.patience = patience
        self.on_reply: OnReply | None = None
        self.timers: dict[object, Any] = {}


class Client:
    """Asks as often as one likes over one socket; made by ``connect`` of the two modules beside this one.

    ``api`` is one of txaio's: its futures are Deferreds or asyncio's.
    ``call_later`` is the reactor's or the loop's.
    """

    def __init__(
        self,
        candidates: Candidates,
        api: Any,
        call_later: Callable[..., Any],
        send: Send,
        close: Callable[[], Any],
    ) -> None:
        self.candidates = candidates
        self._api = api
        self._call_later = call_later
        self._send = send
        self._close = close
        self._pending: dict[str, _Pending] = {}
        self._closed = False

    def ask(
        self,
        type: int,
        query: Any = None,
        *,
        coverage: int = 0,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        patience: float = PATIENCE,
        on_reply: OnReply | None = None,
    ) -> Any:
        """A future of the Answer; when it comes and how it fails as :func:`ganeti_tw.confd.client.blocking.ask` says.

        BadRequest is raised here and now.  The future may be cancelled.
        """
        if self._closed:
            raise WrongState("this confd client was closed")
        exchange = self.candidates.exchange(type, query, coverage)
        future = self._api.create_future(canceller=lambda future: self._forget(exchange.rsalt))
        pending = self._pending[exchange.rsalt] = _Pending(exchange, future, timeout, patience)
        pending.on_reply = on_reply
        self._later(pending, timeout, self._end)
        for at in retry_times(timeout, retries):
            self._later(pending, at, self._put)
        self._put(pending)
        return future

    def received(self, datagram: bytes, address: str) -> None:
        """What came in at the socket; what answers no question is ignored."""
        try:
            pending = self._pending.get(salt_of(datagram))
        except BadPacket:
            return
        if pending is None:
            return
        first = not pending.exchange.answered
        reply = pending.exchange.received(datagram, address)
        if reply is None:
            return
        if first:
            self._later(pending, pending.patience, self._end)
        if pending.exchange.over:
            self._end(pending)
        if pending.on_reply is not None:
            pending.on_reply(reply, address)

    def close(self) -> Any:
        """Fail what is still asked with WrongState and close the socket; gives what closing it gives."""
        self._closed = True
        for rsalt in list(self._pending):
            pending = self._forget(rsalt)
            if pending is not None:
                self._api.reject(pending.future, WrongState("this confd client was closed"))
        return self._close()

    def _put(self, pending: _Pending) -> None:
        exchange = pending.exchange
        for address in exchange.silent:
            problem = self._send(exchange.datagram, address, exchange.port)
            if problem is not None:
                exchange.refused[address] = problem
        if exchange.over:
            self._end(pending)

    def _end(self, pending: _Pending) -> None:
        if self._forget(pending.exchange.rsalt) is None:
            return
        try:
            answer = pending.exchange.answer(pending.timeout)
        except GanetiError as e:
            self._api.reject(pending.future, e)
        else:
            self._api.resolve(pending.future, answer)

    def _forget(self, rsalt: str) -> _Pending | None:
        pending = self._pending.pop(rsalt, None)
        if pending is not None:
            for timer in pending.timers.values():
                timer.cancel()
            pending.timers.clear()
        return pending

    def _later(self, pending: _Pending, seconds: float, what: Callable[[_Pending], None]) -> None:
        token = object()

        def fire() -> None:
            pending.timers.pop(token, None)
            what(pending)

        pending.timers[token] = self._call_later(seconds, fire)
