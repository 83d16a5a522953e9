"""What a tool may reach besides files: the master, other clusters, time, chance and signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

Handler = Callable[[], None]


class Client(Protocol):
    """One connection to the host's process; see ``cli/client.py``."""

    def call(self, method: str, arguments: Mapping[str, Any], /, *, timeout: float) -> Any:
        """The JSON answer.  GanetiError as the other side raised it, Expired after ``timeout`` seconds."""
        ...


class Outside(NamedTuple):
    """``connect`` takes the path of a socket, none for this host's own.

    ``fetch`` gives what is behind a URL, decoded from JSON; BadData when there is
    nothing to be had.  ``now``: seconds since the epoch.  ``heed`` takes what to
    do on an interrupt and on a request to end, for as long as it is entered.
    """

    connect: Callable[[str], Client]
    fetch: Callable[[str], Any]
    now: Callable[[], float]
    new_uuid: Callable[[], str]
    heed: Callable[[Handler, Handler], AbstractContextManager[None]]
