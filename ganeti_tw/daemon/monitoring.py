"""mond, put together for a host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

import ganeti_tw.mond.collectors  # noqa: F401 - registers them all
from ganeti_tw.mond.guests import Guest, compared
from ganeti_tw.mond.host import LocalHost
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.registry import all_collectors
from ganeti_tw.mond.web import site
from ganeti_tw.protocol.instance import ListInstances

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host
    from ganeti_tw.daemon.process import Process

LIST_TIMEOUT = 8.0

log = Logger()


class Monitoring:
    """The monitoring service of a host while it runs."""

    def __init__(self, monitor: Monitor, port: Any) -> None:
        self._monitor = monitor
        self._port = port

    def stop(self) -> Deferred[Any]:
        """End it."""
        self._monitor.stop()
        return maybeDeferred(self._port.stopListening) if self._port is not None else maybeDeferred(lambda: None)


def start_monitor(host: Host, process: Process) -> Monitoring:
    """Begin to sample and to serve; a port that is taken is logged, the host runs without."""

    async def guests() -> Sequence[Guest]:
        return await list_guests(host)

    local = LocalHost(guests, process.now, os.sysconf("SC_CLK_TCK"))

    def active(name: str) -> bool:
        config = host.config
        settings = config.cluster.data_collectors.get(name, {}) if config is not None else {}
        return bool(settings.get("active", True))

    monitor = Monitor(process.reactor, local, all_collectors(), active)
    monitor.start()
    try:
        port = process.reactor.listenTCP(
            process.settings.ports.mond, site(monitor, process.reactor), interface=process.settings.address
        )
    except CannotListenError as e:
        log.error("mond cannot listen: {error}", error=str(e))
        port = None
    return Monitoring(monitor, port)


async def list_guests(host: Host) -> tuple[Guest, ...]:
    """What should run here, where this host knows it, beside what does."""
    record = host.record
    if record is None:
        return ()
    found = await host.hands.agent.ask(ListInstances(host.hands.enabled(record)), LIST_TIMEOUT)
    config = host.config
    wanted = config.primaries(record.uuid) if config is not None and record.uuid in config.nodes else ()
    return compared(
        (Guest(i.name, i.uuid, i.admin_state, "unknown", mtime=i.mtime) for i in wanted),
        found,
    )
