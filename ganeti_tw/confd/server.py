"""Listens for questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import MessageLengthError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from ganeti_tw.confd.answers import answer
from ganeti_tw.confd.packet import BadPacket, read_request, write_reply
from ganeti_tw.model.config import Config


class ConfdServer(DatagramProtocol):
    """Answers each good datagram with one; a bad one gets none and is only counted.

    ``config`` gives the latest configuration, None where there is none yet.
    ``key`` gives the whole content of the key file.
    """

    log = Logger()

    def __init__(self, config: Callable[[], Config | None], key: Callable[[], bytes], now: Callable[[], float]) -> None:
        self._config, self._key, self._now = config, key, now
        self.answered = 0
        self.dropped = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        key = self._key()
        try:
            request = read_request(datagram, key, self._now())
            reply = answer(self._config(), request)
        except BadPacket as e:
            self.dropped += 1
            self.log.debug("no answer to {peer}: {reason}", peer=addr[0], reason=str(e))
            return
        try:
            assert self.transport is not None, "datagrams come from a transport"
            self.transport.write(write_reply(reply, request.rsalt, key), addr)
        except (OSError, MessageLengthError) as e:
            self.dropped += 1
            self.log.warn("the answer to {peer} was not sent: {reason}", peer=addr[0], reason=str(e))
            return
        self.answered += 1
