"""Listens for questions."""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import EAFNOSUPPORT
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from ganeti_tw.confd.packet import LARGEST_REQUEST

BATCH = 64  # datagrams in one turn of the reactor, at most
TURN = 0.005  # seconds in one turn, at most, but for the last datagram
QUEUE = 1 << 20  # bytes that may wait in the kernel while the reactor does something else

WILDCARDS = ("0.0.0.0", "::")


def open_sockets(address: str, port: int) -> list[socket.socket]:
    """Sockets that listen at an address; at a wildcard, one each for IPv4 and IPv6 where the host has both.

    OSError when one cannot.
    """
    wanted = WILDCARDS if address in WILDCARDS else (address,)
    found: list[socket.socket] = []
    try:
        for one in wanted:
            try:
                found.append(_open(one, port))
            except OSError as e:
                if not (len(wanted) > 1 and one == "::" and _no_ipv6(e)):
                    raise
            if port == 0:  # any: the same for both
                port = found[0].getsockname()[1]
    except OSError:
        for opened in found:
            opened.close()
        raise
    return found


def _no_ipv6(e: OSError) -> bool:
    return e.errno == EAFNOSUPPORT or not socket.has_ipv6


def _open(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            udp.setsockopt(socket.SOL_SOCKET, option, QUEUE)  # the kernel gives less where it allows less
        udp.bind((address, port))
    except OSError:
        udp.close()
        raise
    return udp


@implementer(IReadDescriptor)
class Reader:
    """Reads a socket as long as something is there, within the limits of a turn, and answers at once.

    Twisted's own datagram port does the same with checks of each address that
    take as long as the answer.
    """

    def __init__(
        self,
        reactor: Any,
        udp: socket.socket,
        answer: Callable[[bytes, tuple[Any, ...]], bytes | None],
        unsent: Callable[[], None],
        lost: Callable[[Failure], None],
        seconds: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._udp = udp
        self._answer = answer
        self._unsent = unsent
        self._lost = lost
        self._seconds = seconds

    def start(self) -> None:
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Nothing is read any more, and the port is free."""
        if self._udp.fileno() >= 0:
            self._reactor.removeReader(self)
            self._udp.close()

    def fileno(self) -> int:
        return self._udp.fileno()

    def logPrefix(self) -> str:
        return "confd"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gave the socket up, after an error in :meth:`doRead` that nobody foresaw."""
        self.stop()
        self._lost(reason)

    def doRead(self) -> None:
        receive, send, answer, seconds = self._udp.recvfrom, self._udp.sendto, self._answer, self._seconds
        end = seconds() + TURN
        for _ in range(BATCH):
            try:
                # One byte more than is allowed, to tell what is too long from what was cut off.
                datagram, peer = receive(LARGEST_REQUEST + 1)
            except OSError:  # mostly: nothing there any more
                return
            reply = answer(datagram, peer)
            if reply is not None:
                try:
                    send(reply, peer)
                except OSError:  # the way out is full, or there is none
                    self._unsent()
            if seconds() > end:
                return
