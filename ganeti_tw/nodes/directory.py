"""Refs of the actors on other hosts, by node name."""

from __future__ import annotations

from typing import Protocol

from ganeti_tw.errors import NotFound
from ganeti_tw.kernel import ActorSystem, Rank, Ref


class Links(Protocol):
    """What the directory needs of the links to other hosts."""

    def ref(self, node_name: str, actor_path: str, rank: int = Rank.NODE) -> Ref:
        """The actor of that path on another host."""


class Directory:
    """Finds the actor of a path on any node; this host's own without the wire."""

    def __init__(self, own_name: str, system: ActorSystem, links: Links) -> None:
        self._own_name = own_name
        self._system = system
        self._links = links

    def ref(self, node: str, path: str = "node") -> Ref:
        """The actor ``path`` on ``node``; NotFound when it is this host and has none."""
        if node != self._own_name:
            return self._links.ref(node, path, Rank.NODE)
        ref = self._system.find(path)
        if ref is None:
            raise NotFound(f"this host runs no {path}")
        return ref
