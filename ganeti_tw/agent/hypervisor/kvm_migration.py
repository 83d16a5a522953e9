"""Live migration from libvirt to libvirt: that of the source drives it, and talks to that of the target.

Everything here blocks: call it in threads only.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol
from xml.etree.ElementTree import fromstring, tostring

from attrs import frozen

from ganeti_tw.agent.hypervisor.libvirt_api import OFF, SHUTDOWN, LibvirtConnection
from ganeti_tw.errors import DriverError, NotFound
from ganeti_tw.protocol.migration import Doorway

# virDomainMigrateFlags
_LIVE, _PEER2PEER, _PERSIST_DEST, _UNDEFINE_SOURCE, _UNSAFE = 1, 2, 8, 16, 512
_XML = 1 | 8  # virDomainXMLFlags: with secrets, and fit for another version of libvirt
_PAUSED_FOR_MIGRATION = (3, 2)  # virDomainState, virDomainPausedReason
_NO_JOB = 0  # virDomainJobType
_END = 60.0  # seconds until an aborted migration must have ended
# libvirt 9.0 loses the news that QEMU has stopped when that comes while it asks for the first figures: then it
# waits for ever.  So a migration is not aborted before it is so many milliseconds old.
_SETTLED = 1000
_LOOK = 0.2


@frozen
class Speed:
    """``bandwidth`` in MiB/s, ``downtime`` in milliseconds that the guest may stand still."""

    bandwidth: int
    downtime: int


def moved(xml: str, here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """The description of a domain with the paths of another host."""
    paths = {path: there[what] for what, path in here.items() if there.get(what, path) != path}
    domain = fromstring(xml)
    for element in domain.iter() if paths else ():
        for name, value in element.attrib.items():
            element.set(name, paths.get(value, value))
        if element.text in paths:
            element.text = paths[element.text]
    return tostring(domain, encoding="unicode")


def send(
    libvirt: LibvirtConnection, name: str, door: Doorway, here: Mapping[str, str], port: int, live: bool, speed: Speed
) -> None:
    """Give a running domain to the libvirt behind the door.

    DriverError when it could not and the domain is still here; NotFound when it was not here at all.
    """

    def migrate(domain: Any) -> None:
        xml = moved(domain.XMLDesc(_XML), here, door.places)
        where = f"[{door.address}]" if ":" in door.address else door.address
        parameters = {
            "migrate_uri": f"tcp://{where}:{port}",
            "destination_xml": xml,
            "persistent_xml": xml,
            "bandwidth": speed.bandwidth,
        }
        # Unsafe: libvirt cannot tell that files are shared; we know, and they are not cached.
        flags = _PEER2PEER | _PERSIST_DEST | _UNDEFINE_SOURCE | _UNSAFE | (_LIVE if live else 0)
        domain.migrateSetMaxDowntime(speed.downtime, 0)
        domain.migrateToURI3(door.to, parameters, flags)

    try:
        libvirt.on(name, f"give to {door.to}", migrate)
    except NotFound as e:
        # The libvirt that takes it may be the one without the domain: it was refused there on the way.
        if libvirt.state(name) is None:
            raise
        raise DriverError(f"{name} was refused by {door.to} on its way: {e.text}") from None


def sent(libvirt: LibvirtConnection, name: str) -> tuple[int, int]:
    """Bytes sent, of how many; zeros when nothing is being sent."""
    stats = _job(libvirt, name)
    total = int(stats.get("memory_total", 0))
    return max(0, total - int(stats.get("memory_remaining", 0))), total


def end(libvirt: LibvirtConnection, name: str) -> None:
    """Abort what comes or goes; nothing does any more afterwards."""
    waiting = threading.Event()
    for _ in range(int(_END / _LOOK)):
        if libvirt.state(name) in (None, OFF, SHUTDOWN):
            return
        try:
            job = _job(libvirt, name)
        except _Incoming:
            libvirt.destroy(name)
            libvirt.undefine(name)
            return
        if job.get("type", _NO_JOB) == _NO_JOB:
            return
        if job.get("time_elapsed", _SETTLED) >= _SETTLED:
            # It may just have ended, or be too far for that: the next look tells.
            with suppress(DriverError, NotFound):
                libvirt.on(name, "stop sending", lambda d: d.abortJob())
        waiting.wait(_LOOK)
    raise DriverError(
        f"libvirt is still sending {name}, {_END:g} seconds after it was told to stop: "
        "restart libvirtd on this node, guests run on"
    )


class _Incoming(Exception):
    """The domain is on its way to this host."""


class _Domain(Protocol):
    def jobStats(self) -> dict[str, Any]: ...


def _job(libvirt: LibvirtConnection, name: str) -> dict[str, Any]:
    """What libvirt is doing with the domain, as ``virDomainGetJobStats`` says it."""

    def stats(domain: _Domain) -> dict[str, Any]:
        return domain.jobStats()

    try:
        try:
            return libvirt.on(name, "look how far it is with", stats)
        except DriverError:  # only the source has figures
            if tuple(libvirt.on(name, "look at", lambda d: d.state())) == _PAUSED_FOR_MIGRATION:
                raise _Incoming from None
            raise
    except NotFound:  # it may leave at any moment
        return {}
