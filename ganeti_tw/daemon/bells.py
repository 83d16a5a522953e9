"""Sockets by which somebody gives a sign to a running operation; only tests of the job queue need them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from ganeti_tw.errors import DriverError

MODE = 0o660
WAITING = 5  # connections; the first is enough


class _Rope(Protocol):
    def __init__(self, bell: SocketBell) -> None:
        self._bell = bell

    def connectionMade(self) -> None:
        self._bell.ropes.add(self)
        _fire(self._bell.reached)

    def dataReceived(self, data: bytes) -> None:
        _fire(self._bell.rung)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._bell.ropes.discard(self)
        _fire(self._bell.rung)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class SocketBell:
    """A bell that listens."""

    def __init__(self, reactor: Any, path: str) -> None:
        self.path = path
        self.reached: Deferred[None] = Deferred()
        self.rung: Deferred[None] = Deferred()
        self.ropes: set[_Rope] = set()
        factory = Factory.forProtocol(lambda: _Rope(self))
        factory.noisy = False
        try:
            self._port = reactor.listenUNIX(path, factory, backlog=WAITING, mode=MODE)
        except CannotListenError as e:
            raise DriverError(f"cannot listen on {path}: {e}") from None

    def close(self) -> None:
        self._port.stopListening()
        for rope in tuple(self.ropes):
            rope.hang_up()


class SocketBells:
    """Makes sockets in ``directory``."""

    def __init__(self, reactor: Any, directory: str, new_uuid: Callable[[], str]) -> None:
        self._reactor = reactor
        self._directory = directory
        self._new_uuid = new_uuid

    def open(self) -> SocketBell:
        return SocketBell(self._reactor, os.path.join(self._directory, f"bell-{self._new_uuid()[:8]}"))


def _fire(deferred: Deferred[None]) -> None:
    if not deferred.called:
        deferred.callback(None)
