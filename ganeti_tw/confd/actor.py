"""The actor ``confd``: listens while it lives, and follows the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.desk import Answers, Desk
from ganeti_tw.confd.drops import Drops
from ganeti_tw.confd.keyfile import KeyFile
from ganeti_tw.confd.packet import Reason
from ganeti_tw.confd.server import Reader, open_sockets
from ganeti_tw.kernel import Actor, Blocking, Overflow, receive
from ganeti_tw.model.config import Config
from ganeti_tw.protocol.config import ConfigChanged

BUILD_DEADLINE = 60.0
LISTEN_AGAIN = 10.0  # seconds

log = Logger()


@frozen
class ConfdFigures:
    """How many datagrams got an answer since this actor began, and how many got none."""

    answered: int
    dropped: int


@frozen
class GetConfdFigures:
    """Answer: ConfdFigures."""


@frozen
class _Listen:
    """Try again."""


@frozen
class _Broken:
    """A socket was given up."""

    failure: Failure


class Confd(Actor):
    """Answers at ``address`` and ``port`` from the configuration that :class:`ConfigChanged` brings.

    ``config`` gives the one to begin with, None where there is none yet.
    ``monotonic`` measures how long the reactor is held.
    """

    rank = 1
    overflow = Overflow.KEEP_LATEST  # news that follow on none that was seen make it begin anew
    restarts = 3

    def __init__(
        self,
        *,
        address: str,
        port: int,
        reactor: Any,
        key_file: str,
        config: Callable[[], Config | None],
        blocking: Blocking,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._address, self._port = address, port
        self._reactor = reactor
        self._config = config
        self._blocking = blocking
        self._monotonic = monotonic
        self._readers: list[Reader] = []
        self._said = ""
        self._drops = Drops(reactor)
        self._answers = Answers()
        self._desk = Desk(self._answers, KeyFile(key_file, now).key, now, self._drops.count)

    async def started(self) -> None:
        config = self._config()
        if config is not None:
            await self._begin(config)
        self._listen()

    def stopped(self) -> None:
        for reader in self._readers:
            reader.stop()
        self._drops.stop()

    @receive(ConfigChanged)
    async def config_changed(self, m: ConfigChanged) -> None:
        known = self._answers.config
        if m.config is known:
            return
        if m.before is None or m.before is not known or not self._answers.change(m.config, m.changed):
            await self._begin(m.config)

    @receive(GetConfdFigures)
    def figures(self, m: GetConfdFigures) -> ConfdFigures:
        return ConfdFigures(self._desk.answered, self._drops.number)

    @receive(_Broken)
    def broken(self, m: _Broken) -> None:
        # A bug: begin anew, and if that does not help, end.
        m.failure.raiseException()

    @receive(_Listen)
    def listen_again(self, m: _Listen) -> None:
        self._listen()

    async def _begin(self, config: Config) -> None:
        # Tens of milliseconds for 10,000 instances.
        self._answers.begin(await self._blocking.run(Addresses, config, deadline=BUILD_DEADLINE))

    def _listen(self) -> None:
        try:
            sockets = open_sockets(self._address, self._port)
        except OSError as e:
            if self._said != str(e):
                self._said = str(e)
                log.error(
                    "confd cannot listen at {address} port {port}, and goes on trying: {reason}",
                    address=self._address,
                    port=self._port,
                    reason=e.strerror,
                )
            self.later(LISTEN_AGAIN, _Listen())
            return
        for udp in sockets:
            reader = Reader(self._reactor, udp, self._desk.answer, self._unsent, self._lost, self._monotonic)
            reader.start()
            self._readers.append(reader)

    def _lost(self, failure: Failure) -> None:
        self.me.tell(_Broken(failure))

    def _unsent(self) -> None:
        self._drops.count(Reason.UNSENT, "this host, whose sending failed")
