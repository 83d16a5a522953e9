from __future__ import annotations

from twisted.internet.error import MessageLengthError
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.confd.packet import read_reply, write_request
from ganeti_tw.confd.server import ConfdServer

KEY = b"key\n"
PEER = ("192.0.2.9", 4000)


class Transport:
    """Keeps what was sent; ``broken`` is raised instead."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.broken: Exception | None = None

    def write(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if self.broken:
            raise self.broken
        self.sent.append((datagram, addr))


class ServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = ConfdServer(lambda: None, lambda: KEY, lambda: 1000.0)
        self.transport = self.server.transport = Transport()  # type: ignore[assignment]

    def test_a_question_is_answered_to_who_asked(self) -> None:
        self.server.datagramReceived(write_request(0, None, "r", KEY, 1000.0), PEER)
        ((datagram, addr),) = self.transport.sent
        self.assertEqual((addr, read_reply(datagram, KEY, "r").status), (PEER, 1))

    def test_garbage_and_unknown_types_get_no_answer(self) -> None:
        self.server.datagramReceived(b"plj0garbage", PEER)
        self.server.datagramReceived(write_request(99, None, "r", KEY, 1000.0), PEER)
        self.assertEqual((self.transport.sent, self.server.dropped), ([], 2))

    def test_an_answer_that_cannot_leave_does_no_harm(self) -> None:
        for broken in (OSError("no route"), MessageLengthError("too long")):
            self.transport.broken = broken
            self.server.datagramReceived(write_request(0, None, "r", KEY, 1000.0), PEER)
        self.assertEqual((self.server.answered, self.server.dropped), (0, 2))
