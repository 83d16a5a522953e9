"""How guests of the fake hypervisor go from host to host: as their files do.

The host that expects a guest makes a directory, its door.  Whoever renames the
guest's file into it, or takes the directory away, has decided where the guest
is; each is one step of the file system, in which both hosts' directories must
be, as those of virtual hosts are.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ganeti_tw.errors import DriverError, WrongState
from ganeti_tw.kernel import Blocking

DEADLINE = 10.0
GUEST = "guest"  # name of the file in the door


class _Way:
    """A guest that is being sent."""

    def __init__(self, total: int) -> None:
        self.done, self.total = 0, total
        self.aborted = False
        self.pause: Deferred[Any] | None = None
        self.waiting: list[Deferred[None]] = []

    def abort(self) -> Deferred[None]:
        """Fires when it is sent no more."""
        ended: Deferred[None] = Deferred()
        self.waiting.append(ended)
        self.aborted = True
        if self.pause is not None:
            self.pause.cancel()
        return ended


class FakeMigration:
    """The guests of a host whose files are in ``directory``."""

    def __init__(self, directory: str, clock: IReactorTime, blocking: Blocking) -> None:
        self._directory = directory
        self._clock = clock
        self._run = blocking.run
        self._ways: dict[str, _Way] = {}

    async def open_door(self, name: str) -> str:
        """The door for a guest; it may be there already."""
        door = os.path.abspath(self._door(name))
        await self._run(_make_door, door, deadline=DEADLINE)
        return door

    async def send(self, name: str, door: str, total: int, begin: Callable[[], Awaitable[int]]) -> None:
        """Send ``total`` bytes in so many seconds as ``begin`` says.  DriverError when the guest stays here."""
        way = self._ways[name] = _Way(total)
        try:
            seconds = await begin()
            for second in range(seconds):
                way.done = total * second // seconds
                if not way.aborted:
                    way.pause = deferLater(self._clock, 1.0)
                    with suppress(CancelledError):
                        await way.pause
            if way.aborted:
                raise DriverError(f"fake: {name} was not sent: that was aborted")
            await self._run(_hand_over, os.path.join(self._directory, name), door, deadline=DEADLINE)
        finally:
            del self._ways[name]
            for ended in way.waiting:
                ended.callback(None)

    def sent(self, name: str) -> tuple[int, int]:
        """Bytes sent, of how many."""
        way = self._ways.get(name)
        return (way.done, way.total) if way is not None else (0, 0)

    async def end(self, name: str) -> None:
        """Nothing comes or goes any more."""
        way = self._ways.get(name)
        if way is not None:
            await way.abort()
        await self._run(_let_in, self._door(name), os.path.join(self._directory, name), deadline=DEADLINE)

    def _door(self, name: str) -> str:
        return os.path.join(self._directory, f".{name}.incoming")


def _make_door(door: str) -> None:
    try:
        os.makedirs(door, exist_ok=True)
    except OSError as e:
        raise DriverError(f"fake: cannot make {door}: {e.strerror}") from None


def _hand_over(path: str, door: str) -> None:
    name = os.path.basename(path)
    if not os.path.exists(path):
        raise WrongState(f"{name} does not run")
    try:
        os.rename(path, os.path.join(door, GUEST))
    except OSError as e:
        why = "it is on another machine" if e.errno == errno.EXDEV else e.strerror
        raise DriverError(f"fake: {name} cannot go to {door}: {why}") from None
    _let_in(door, os.path.join(os.path.dirname(door), name))


def _let_in(door: str, path: str) -> None:
    """Close the door, the guest in it let in; both hosts may do that."""
    while True:
        with suppress(FileNotFoundError):
            os.rename(os.path.join(door, GUEST), path)
        try:
            os.rmdir(door)
            return
        except FileNotFoundError:
            return
        except OSError as e:
            if e.errno != errno.ENOTEMPTY:  # it came this moment
                raise DriverError(f"fake: cannot remove {door}: {e.strerror}") from None
