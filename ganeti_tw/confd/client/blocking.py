"""A client that waits, without Twisted and without asyncio."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ganeti_tw.confd.client.exchange import (
    PATIENCE,
    RETRIES,
    TIMEOUT,
    Answer,
    Candidates,
    Exchange,
    OnReply,
    retry_times,
)

LARGEST = 65535
# Linux: errors of earlier datagrams are queued with the address they were sent to (ip(7), ipv6(7)).
_REPORT_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}


def ask(
    candidates: Candidates,
    type: int,
    query: Any = None,
    *,
    coverage: int = 0,
    timeout: float = TIMEOUT,
    retries: int = RETRIES,
    patience: float = PATIENCE,
    on_reply: OnReply | None = None,
) -> Answer:
    """Ask several candidates and wait for the answer with the highest serial.

    It ends when all that were asked have answered, ``patience`` seconds after
    the first answer, or after ``timeout`` seconds.  NotSent when nobody could
    be asked, Expired when nobody answered; BadRequest as
    :meth:`Candidates.exchange`.
    """
    exchange = candidates.exchange(type, query, coverage)
    with _sockets(exchange) as sockets:
        begin = candidates.now()
        end = begin + timeout
        sendings = [begin, *(begin + at for at in retry_times(timeout, retries))]
        while not exchange.over and (now := candidates.now()) < end:
            if sendings and now >= sendings[0]:
                sendings.pop(0)
                for address in exchange.silent:
                    _send(sockets[_family(address)], exchange, address)
                continue
            wait = min([end, *sendings[:1]]) - now
            for udp in select.select(list(sockets.values()), [], [], wait)[0]:
                first = not exchange.answered
                _receive(udp, exchange, on_reply)
                if first and exchange.answered:
                    end = min(end, candidates.now() + patience)
    return exchange.answer(timeout)


@contextmanager
def _sockets(exchange: Exchange) -> Iterator[dict[socket.AddressFamily, socket.socket]]:
    found: dict[socket.AddressFamily, socket.socket] = {}
    try:
        for family in {_family(address) for address in exchange.asked}:
            udp = found[family] = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            udp.setsockopt(*_REPORT_ERRORS[family], 1)
        yield found
    finally:
        for udp in found.values():
            udp.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _send(udp: socket.socket, exchange: Exchange, address: str) -> None:
    try:
        udp.sendto(exchange.datagram, (address, exchange.port))
    except ConnectionRefusedError:  # of an earlier datagram; this one was not sent
        _take_errors(udp, exchange)
    except BlockingIOError:
        pass  # the next try
    except OSError as e:
        exchange.refused[address] = e.strerror or str(e)


def _receive(udp: socket.socket, exchange: Exchange, on_reply: OnReply | None) -> None:
    _take_errors(udp, exchange)
    try:
        datagram, peer = udp.recvfrom(LARGEST)
    except OSError:
        return
    reply = exchange.received(datagram, peer[0])
    if reply is not None and on_reply is not None:
        on_reply(reply, peer[0])


def _take_errors(udp: socket.socket, exchange: Exchange) -> None:
    while True:
        try:
            peer = udp.recvmsg(1, 512, socket.MSG_ERRQUEUE)[3]
        except OSError:
            return
        if peer and peer[0] in exchange.asked:
            exchange.refused[peer[0]] = "nobody listens there"
