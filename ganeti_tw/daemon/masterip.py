"""The address of the cluster on one host: here while it reigns, and off afterwards."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.daemon.readledger import read_ledger
from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.steps.masterip import bring_up, try_to_take_down

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
        self._one_at_a_time = DeferredLock()
        self._rising: Deferred[None] | None = None

    def bring_up(self) -> None:
        """Have it here in the present reign, as soon as nothing is in the way.

        The master before may still have it, until it hears that it is none.
        """
        self._rising = Deferred.fromCoroutine(self._bring_up()).addErrback(self._bug)

    def end_reign(self) -> None:
        """Try no more to bring it up."""
        rising, self._rising = self._rising, None
        if rising is not None:
            rising.cancel()

    def take_off(self, config: Config | None = None) -> None:
        """Have it off this host, which is the master no longer, if a reign left it here.

        Without ``config`` it is the address that the ledger here knows.
        """
        Deferred.fromCoroutine(self._take_off(config or self._host.config)).addErrback(self._bug)

    async def _bring_up(self) -> None:
        host, pause, obstacle = self._host, FIRST_PAUSE, ""
        while host.master is not None:
            try:
                await bring_up(_Nodes(host.directory), host.master.published.config)
                return
            except GanetiError as e:
                if e.text != obstacle:
                    log.warn(
                        "the master IP is not on {name} yet, and is tried again: {reason}",
                        name=host.name,
                        reason=e.text,
                    )
                obstacle = e.text
            await deferLater(host.outside.clock, pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _take_off(self, config: Config | None) -> None:
        host = self._host
        async with self._one_at_a_time:
            reign = host.record.address_epoch if host.record is not None else 0
            if not reign:
                return
            try:
                config = config or (await read_ledger(host.outside.store, host.outside.files)).config
                if host.master is not None:
                    return  # again, meanwhile: it belongs here
                if not await try_to_take_down(_Nodes(host.directory), config, host.name):
                    return  # the log says why; it is tried again at the next start
                # On disk only when it is gone: who is killed before that takes it off when it starts again.
                if host.record is not None and host.record.address_epoch == reign:
                    host.keep(evolve(host.record, address_epoch=0))
            except GanetiError as e:
                log.warn("{name} takes the master IP off when it starts again: {reason}", name=host.name, reason=e.text)

    def _bug(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("the master IP on {name}: a bug", failure=failure, name=self._host.name)
