"""The part of libvirt that is used, typed, and with our errors.

Every method blocks: call them in threads only.  The library is loaded at the
first call, so a host without it can do everything else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, TypeVar, cast

from attrs import frozen
from twisted.logger import Logger

from ganeti_tw.agent.hypervisor.kvm_xml import NAMESPACE
from ganeti_tw.errors import DriverError, NotFound

T = TypeVar("T")

log = Logger()

RUNNING, PAUSED, SHUTDOWN, OFF = "running", "paused", "shutdown", "off"
_STATES = {1: RUNNING, 2: RUNNING, 3: PAUSED, 4: RUNNING, 7: PAUSED}
_SHUTOFF, _BY_ITSELF = 5, 1  # virDomainState, virDomainShutoffReason
_STARTED, _STOPPED, _CRASHED = 2, 5, 8  # virDomainEventType

_loop_lock = threading.Lock()
_loop_runs = False


@frozen
class Domain:
    """A domain of ours.  ``state``: running, paused, shutdown (by the guest itself) or off."""

    name: str
    state: str
    memory_mib: int
    vcpus: int
    cpu_seconds: float
    resident_bytes: int | None = None  # memory its process has


def _library() -> Any:
    """libvirt's module, its event loop in a thread of its own.

    Once per process and before the first connection; callbacks come in that
    thread.
    """
    global _loop_runs
    try:
        import libvirt
    except ImportError:
        raise DriverError("hypervisor kvm needs the Python package libvirt-python on this node") from None
    with _loop_lock:
        if not _loop_runs:
            libvirt.registerErrorHandler(lambda context, error: None, None)  # they are raised as well
            libvirt.virEventRegisterDefaultImpl()
            threading.Thread(target=_turn, args=(libvirt,), name="libvirt-events", daemon=True).start()
            _loop_runs = True
    return libvirt


def _turn(libvirt: Any) -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


class LibvirtConnection:
    """One connection, opened when first needed and again when it was lost.

    ``uri`` is asked for it then.
    ``news(name, running)`` is called in a thread of libvirt's for each domain
    of ours that starts or ends.
    """

    def __init__(self, uri: Callable[[], str], news: Callable[[str, bool], None]) -> None:
        self._uri_now = uri
        self._uri = "(not connected)"
        self._news = news
        self._lock = threading.Lock()
        self._connection: Any = None
        self._ours: dict[str, str] = {}  # UUID -> name
        self._others: set[str] = set()

    def define(self, xml: str) -> None:
        """Make a domain known, or another description of it."""
        domain = self._do("define a domain", lambda c: c.defineXML(xml))
        self._others.discard(domain.UUIDString())
        self._ours[domain.UUIDString()] = domain.name()

    def start(self, name: str, paused: bool) -> None:
        """Start a domain that is known."""
        self._on(name, "start", lambda d: d.createWithFlags(1 if paused else 0))  # VIR_DOMAIN_START_PAUSED

    def shutdown(self, name: str) -> None:
        """Press its power button."""
        self._on(name, "shut down", lambda d: d.shutdown())

    def reboot(self, name: str) -> None:
        """Ask it to reboot."""
        self._on(name, "reboot", lambda d: d.reboot(0))

    def set_memory(self, name: str, memory_mib: int) -> None:
        """Have its balloon leave it so much, until it ends."""
        live = 1  # VIR_DOMAIN_AFFECT_LIVE
        self._on(name, "set the memory of", lambda d: d.setMemoryFlags(memory_mib * 1024, live))

    def description(self, name: str) -> str:
        """The XML of a domain as it runs."""
        return str(self._on(name, "look at", lambda d: d.XMLDesc(0)))

    def attach(self, name: str, xml: str) -> None:
        """Plug a device in, until the domain ends."""
        self._on(name, "plug a device into", lambda d: d.attachDeviceFlags(xml, 1))  # VIR_DOMAIN_AFFECT_LIVE

    def detach(self, name: str, xml: str) -> None:
        """Ask the guest to let go of a device, which it may do later or never."""
        self._on(name, "unplug a device from", lambda d: d.detachDeviceFlags(xml, 1))

    def destroy(self, name: str) -> None:
        """Pull its plug; one that does not run stays as it is."""
        with suppress(NotFound):
            if self.state(name) in (RUNNING, PAUSED):
                self._on(name, "destroy", lambda d: d.destroy())

    def undefine(self, name: str) -> None:
        """Forget a domain that does not run."""
        with suppress(NotFound):
            self._on(name, "undefine", lambda d: d.undefine())

    def expect(self, uuid: str, name: str) -> None:
        """A domain of ours may come from another host."""
        self._others.discard(uuid)
        self._ours[uuid] = name

    def on(self, name: str, what: str, call: Callable[[Any], T]) -> T:
        """The value of a call of the domain.  NotFound; DriverError tells ``what`` could not be done."""
        return cast("T", self._on(name, what, call))

    def state(self, name: str) -> str | None:
        """Its state; None when there is no such domain."""
        try:
            state, reason = self._on(name, "look at", lambda d: d.state())
        except NotFound:
            return None
        return _state(state, reason)

    def domains(self, names: Collection[str] = ()) -> list[Domain]:
        """All domains of ours, or those of them that are named, in one call that waits for no guest."""
        what = 1 | 2 | 4 | 8  # state, cpu total, balloon, vcpu
        nowait = 1 << 29
        if names:
            chosen = [found for name in set(names) if (found := self._find(name)) is not None]
            found = self._do("look at domains", lambda c: c.domainListGetStats(chosen, what, nowait)) if chosen else []
        else:
            found = self._do("list domains", lambda c: c.getAllDomainStats(what, nowait))
        result = []
        for domain, figures in found:
            if not self._is_ours(domain):
                continue
            state = _state(figures.get("state.state", _SHUTOFF), figures.get("state.reason", 0))
            memory = figures.get("balloon.current", figures.get("balloon.maximum", 0)) // 1024
            vcpus = figures.get("vcpu.current", 0)
            resident = figures["balloon.rss"] * 1024 if "balloon.rss" in figures else None
            seconds = figures.get("cpu.time", 0) / 1e9
            result.append(Domain(domain.name(), state, memory, vcpus, seconds, resident))
        return result

    def close(self) -> None:
        """Let go; the domains run on."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(_library().libvirtError):
                connection.close()

    def _is_ours(self, domain: Any) -> bool:
        uuid = domain.UUIDString()
        if uuid in self._ours or uuid in self._others:
            return uuid in self._ours
        libvirt = _library()

        def look(connection: Any) -> bool:
            try:
                domain.metadata(2, NAMESPACE, 0)  # VIR_DOMAIN_METADATA_ELEMENT
            except libvirt.libvirtError as e:
                # Any other error says nothing of whose it is: one of ours must not vanish for good because of it.
                if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
                    return False
                raise
            return True

        try:
            ours = bool(self._do(f"see whose domain {domain.name()} is", look))
        except NotFound:  # it has just gone
            return False
        if ours:
            self._ours[uuid] = domain.name()
        else:
            self._others.add(uuid)
        return ours

    def _open(self) -> Any:
        libvirt = _library()
        with self._lock:
            if self._connection is not None and self._connection.isAlive():
                return self._connection
            self._connection = None
            self._uri = self._uri_now()
            connection = libvirt.open(self._uri)
            with suppress(libvirt.libvirtError):
                connection.setKeepAlive(1, 3)  # not for drivers in this process
            connection.domainEventRegisterAny(None, 0, self._event, None)  # VIR_DOMAIN_EVENT_ID_LIFECYCLE
            self._connection = connection
            log.info("connected to libvirt at {uri}", uri=self._uri)
            return connection

    def _event(self, connection: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        name = self._ours.get(domain.UUIDString())
        if name is not None and event in (_STARTED, _STOPPED, _CRASHED):
            self._news(name, event == _STARTED)

    def _do(self, what: str, call: Callable[[Any], Any]) -> Any:
        libvirt = _library()
        try:
            return call(self._open())
        except libvirt.libvirtError as e:
            if e.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                raise NotFound(f"libvirt knows no such domain: {e}") from None
            raise DriverError(f"libvirt at {self._uri} cannot {what}: {e}") from None

    def _find(self, name: str) -> Any:
        """The domain, None when there is none."""
        try:
            return self._on(name, "look at", lambda d: d)
        except NotFound:
            return None

    def _on(self, name: str, what: str, call: Callable[[Any], Any]) -> Any:
        return self._do(f"{what} {name}", lambda c: call(c.lookupByName(name)))


def _state(state: int, reason: int) -> str:
    if state == _SHUTOFF and reason == _BY_ITSELF:
        return SHUTDOWN
    return _STATES.get(state, OFF)
