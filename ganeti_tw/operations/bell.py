"""A place where somebody outside can give a sign to a running operation."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred


class Bell(Protocol):
    """A UNIX socket: whoever connects to ``path`` and sends a byte, or hangs up, rings.

    ``reached`` fires when somebody has connected, ``rung`` when it rang; each once.
    """

    path: str
    reached: Deferred[None]
    rung: Deferred[None]

    def close(self) -> None:
        """Take it down; what has not fired never does."""


class Bells(Protocol):
    """Where bells come from."""

    def open(self) -> Bell:
        """A new one; DriverError when the socket cannot be made."""
