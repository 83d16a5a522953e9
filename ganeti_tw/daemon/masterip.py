"""The address of the cluster on one host: here while it reigns, and off afterwards."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.daemon.readledger import read_ledger
from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.steps.masterip import bring_up, take_down

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0

log = Logger()


class _Nodes:
    """Asks nodes without a job; what there is to tell goes to the log."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def on_node(self, node: str, message: Any, timeout: float) -> Awaitable[Any]:
        return self._directory.ref(node).ask(message, timeout)

    def inform(self, text: str) -> None:
        log.info("{text}", text=text)

    def warn(self, text: str) -> None:
        log.warn("{text}", text=text)


class ClusterAddress:
    """Part of the host.

    That a reign may have left the address here is in the record of the host
    (``address_epoch``) from before the reign begins until it is off.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._rising: Deferred[None] | None = None
        self._falling: Deferred[None] | None = None

    def bring_up(self) -> None:
        """Have it here in the present reign, as soon as nothing is in the way.

        The master before may still have it, until it hears that it is none.
        """
        falling, self._falling = self._falling, None
        if falling is not None:
            falling.cancel()
        self._rising = Deferred.fromCoroutine(self._bring_up()).addErrback(self._bug)

    def end_reign(self) -> None:
        """Try no more to bring it up."""
        rising, self._rising = self._rising, None
        if rising is not None:
            rising.cancel()

    def take_off(self, config: Config | None = None) -> None:
        """Have it off this host, which is the master no longer, if a reign left it here.

        Tried until it succeeds: the successor cannot have it before.  Without
        ``config`` it is the address that the ledger here knows.
        """
        if self._falling is None:
            self._falling = falling = Deferred.fromCoroutine(self._take_off(config))
            falling.addErrback(self._bug).addCallback(self._fallen, falling)

    def stop(self) -> None:
        """Try nothing any more; what is left here is in the record."""
        self.end_reign()
        falling, self._falling = self._falling, None
        if falling is not None:
            falling.cancel()

    def _fallen(self, _: None, falling: Deferred[None]) -> None:
        if self._falling is falling:
            self._falling = None

    async def _bring_up(self) -> None:
        host, patience = self._host, _Patience(self._host, "the master IP is not on {name} yet")
        while host.master is not None:
            try:
                await bring_up(_Nodes(host.directory), host.master.published.config)
                return
            except GanetiError as e:
                await patience.pause(e)

    async def _take_off(self, config: Config | None) -> None:
        host, patience = self._host, _Patience(self._host, "the master IP is still on {name}")
        while not self._reigns() and host.record is not None and host.record.address_epoch:
            reign = host.record.address_epoch
            try:
                known = config or host.config or (await read_ledger(host.outside.store, host.outside.files)).config
                if self._reigns():
                    return  # again, meanwhile: it belongs here
                await take_down(_Nodes(host.directory), known, host.name)
                # On disk only when it is gone: who is killed before that takes it off when it starts again.
                if host.record is not None and host.record.address_epoch == reign:
                    host.keep(evolve(host.record, address_epoch=0))
            except GanetiError as e:
                await patience.pause(e)

    def _reigns(self) -> bool:
        return self._host.master is not None

    def _bug(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("the master IP on {name}: a bug", failure=failure, name=self._host.name)


class _Patience:
    """Tells what is in the way, once for each obstacle, and waits, longer each time."""

    def __init__(self, host: Host, state: str) -> None:
        self._host = host
        self._state = state
        self._obstacle = ""
        self._pause = FIRST_PAUSE

    async def pause(self, error: GanetiError) -> None:
        if error.text != self._obstacle:
            log.warn(self._state + ", and is tried again: {reason}", name=self._host.name, reason=error.text)
        self._obstacle = error.text
        await deferLater(self._host.outside.clock, self._pause)
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
