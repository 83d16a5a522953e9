"""A small blocking client, without Twisted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from ganeti_tw.confd.packet import BadPacket, Reply, read_reply, write_request
from ganeti_tw.errors import Expired, NotSent

PORT = 1814


def ask(
    address: str,
    key: bytes,
    type: int,
    query: Any = None,
    *,
    rsalt: str,
    now: Callable[[], float],
    timeout: float = 5.0,
    port: int = PORT,
) -> Reply:
    """The answer of the confd at ``address``; ``rsalt`` must not have been used before.

    Expired when none comes within ``timeout`` seconds: nobody listens there, the
    key is another cluster's, or the clocks differ.  NotSent when there is no way.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        end = now() + timeout
        try:
            udp.connect((address, port))
            udp.send(write_request(type, query, rsalt, key, now()))
            while (left := end - now()) > 0:
                udp.settimeout(left)
                try:
                    return read_reply(udp.recv(65535), key, rsalt)
                except BadPacket:
                    continue
        except TimeoutError:
            pass
        except ConnectionRefusedError:
            raise NotSent(f"no confd listens at {address} port {port}") from None
        except OSError as e:
            raise NotSent(f"confd at {address} port {port} cannot be reached: {e}") from None
    raise Expired(f"confd at {address} port {port} gave no answer within {timeout:g} s")
