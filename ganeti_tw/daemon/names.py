"""Addresses of host names: the host's own list first, then the system's resolver."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping
from typing import Any

from ganeti_tw.errors import Corrupt, Expired, ResolverError, WrongState
from ganeti_tw.kernel import Blocking

RESOLVE_TIMEOUT = 10.0
ANSWER_TIMEOUT = 3.0  # of a host on the same network


def parse_hosts(text: str) -> dict[str, str]:
    """Name -> address of a file like ``/etc/hosts``; the first mention of a name counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            found.setdefault(name.lower(), address)
    return found


def check_reachable(name: str, address: str, path: str) -> None:
    """WrongState when a host's own name leads to an address that no other host reaches it at.

    ``path``: the host's own list, in which that can be put right.
    """
    if ipaddress.ip_address(address).is_loopback:
        raise WrongState(
            f"{name}, the name of this host, has the address {address}, at which no other host reaches it (Debian's "
            f"installer puts such a line into /etc/hosts): give it its address on the network, there or in {path}"
        )


class Names:
    """Finds addresses.  ``hosts``: path of the list, which is read anew each time since people edit it.

    The resolver has threads of its own, ``resolving``: without a name server each
    question holds one for a minute.
    """

    def __init__(
        self, hosts: str, blocking: Blocking, resolving: Blocking, getaddrinfo: Callable[..., Any] = socket.getaddrinfo
    ) -> None:
        self._hosts = hosts
        self._blocking = blocking
        self._resolving = resolving
        self._getaddrinfo = getaddrinfo

    async def address(self, name: str, family: int = 0) -> str:
        """The address of a name; ResolverError says where it was looked for.

        ``family``: the kind of address wanted of the resolver, 0 for any.
        """
        listed = await self._blocking.run(_listed, self._hosts, deadline=RESOLVE_TIMEOUT)
        if name.lower() in listed:
            return listed[name.lower()]
        unlisted = f"{name} has no address: it is not in {self._hosts}, and the resolver"
        try:
            return await self._resolving.run(self._resolve, name.lower(), family, unlisted, deadline=RESOLVE_TIMEOUT)
        except Expired:
            raise ResolverError(f"{unlisted} does not answer within {RESOLVE_TIMEOUT:g} s") from None

    def _resolve(self, name: str, family: int, unlisted: str) -> str:
        try:
            found = self._getaddrinfo(name, None, family, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as e:  # the latter for names with parts that are too long
            raise ResolverError(f"{unlisted} says: {getattr(e, 'strerror', None) or e}") from None
        return str(found[0][4][0])

    async def is_own(self, address: str) -> bool:
        """Whether an address belongs to this host."""
        return await self._blocking.run(_is_own, address, deadline=RESOLVE_TIMEOUT)

    async def has_interface(self, name: str) -> bool:
        """Whether this host has a network interface of this name."""
        return await self._blocking.run(_has_interface, name, deadline=RESOLVE_TIMEOUT)

    async def is_taken(self, address: str, port: int) -> bool:
        """Whether a host answers there, even if only that nobody listens on ``port``."""
        return await self._blocking.run(_is_taken, address, port, deadline=RESOLVE_TIMEOUT)


def _has_interface(name: str) -> bool:
    return any(name == found for _, found in socket.if_nameindex())


def _is_taken(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), ANSWER_TIMEOUT).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def _is_own(address: str) -> bool:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _listed(path: str) -> Mapping[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            return parse_hosts(file.read())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as e:
        raise Corrupt(f"{path} cannot be read: {e}") from None
