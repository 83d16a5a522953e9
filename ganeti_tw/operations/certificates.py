"""How operations renew the certificates of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ganeti_tw.config.secrets import Renewal


class Certificates(Protocol):
    """What the master does with the certificates of nodes; see :mod:`ganeti_tw.daemon.certificates`."""

    def renewal(self) -> Renewal | None:
        """The renewal that has begun and not ended."""

    def outdated(self, names: Iterable[str]) -> list[str]:
        """Those of the nodes that still have a certificate that the renewal replaces."""

    def lowest(self) -> Mapping[str, int]:
        """Numbers of the certificates that are good, by name of the node."""

    async def begin(self, *, authority: bool) -> None:
        """Renew all certificates, and with ``authority`` what vouches for them; one that has begun stays as it is."""

    async def trust(self, name: str, *, leaving: bool) -> None:
        """Tell a node which authorities to trust: all there are, or all but the one that is leaving."""

    async def adopt(self) -> None:
        """The coming authority issues from now on."""

    async def renew(self, name: str) -> None:
        """Give a node a new key and certificate, and see that it uses them."""

    async def end(self, behind: Iterable[str]) -> None:
        """The renewal is done; ``behind`` are the nodes that could not be reached."""

    async def set_hmac_key(self, key: str) -> None:
        """Store the key of confd that nodes are given from now on."""
