"""Guests under QEMU, through libvirt.

Domains are persistent while the instance is meant to run, so a guest that
shut itself down is told from one that crashed; stopping forgets the domain.
Nothing is kept here: after a restart the domains are found again by their
metadata.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from ganeti_tw.agent.figures import read_text
from ganeti_tw.agent.hypervisor import kvm_migration
from ganeti_tw.agent.hypervisor.base import GuestNews, HypervisorHost, check_name
from ganeti_tw.agent.hypervisor.consolelog import trim
from ganeti_tw.agent.hypervisor.kvm_plugging import described, found
from ganeti_tw.agent.hypervisor.kvm_xml import Places, domain_xml
from ganeti_tw.agent.hypervisor.libvirt_api import OFF, PAUSED, RUNNING, Domain, LibvirtConnection
from ganeti_tw.agent.hypervisor.libvirt_host import prepare
from ganeti_tw.agent.hypervisor.native import why_not_native
from ganeti_tw.agent.hypervisor.registry import hypervisors
from ganeti_tw.agent.hypervisor.sockets import check_socket
from ganeti_tw.errors import DriverError, WrongState
from ganeti_tw.protocol.instance import Console, DiskSpec, InstanceSpec, NicSpec, RunningInstance
from ganeti_tw.protocol.migration import Doorway

log = Logger()

DEADLINE = 30.0
LOOKS = 5  # seconds for which a guest may keep a device that is to be unplugged
START_DEADLINE = 120.0  # the first start probes QEMU, which takes seconds
SEND_DEADLINE = 6 * 3600.0  # who is impatient aborts it
DEFAULT_BINARY = "/usr/bin/kvm"  # the default of kvm_path; a script that insists on KVM


def emulator(params: Mapping[str, Any], arch: str, exists: Callable[[str], bool] = os.path.exists) -> str:
    """The QEMU binary: ``kvm_path``, unless that is the default."""
    path = str(params.get("kvm_path") or DEFAULT_BINARY)
    if path == DEFAULT_BINARY:
        path = f"/usr/bin/qemu-system-{arch}"
    if not exists(path):
        raise DriverError(f"{path} is missing on this node: install QEMU or set kvm_path")
    return path


def libvirt_uri(host: HypervisorHost) -> str:
    """Where this host's libvirt is; that of a virtual host is prepared."""
    if host.libvirt_uri:
        return host.libvirt_uri
    return prepare(host.root) if host.root else "qemu:///system"


@hypervisors.add("kvm")
class KvmHypervisor:
    """See the module."""

    name = "kvm"

    def __init__(
        self,
        host: HypervisorHost,
        connect: Callable[[Callable[[], str], Callable[[str, bool], None]], LibvirtConnection] = LibvirtConnection,
        reason_to_emulate: Callable[[], str] = lambda: why_not_native(read_text("/proc/cpuinfo")),
        arch: str = os.uname().machine,
    ) -> None:
        self._host = host
        self._run = host.blocking.run
        self._directory = os.path.join(host.run, "kvm-hypervisor")
        self._reason_to_emulate = reason_to_emulate
        self._native: bool | None = None
        self._arch = arch
        self._tell: Callable[[GuestNews], None] | None = None
        self._libvirt = connect(partial(libvirt_uri, host), self._news)

    # --- the guests ---

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        await self._run(self._start, spec, dict(disks), paused, deadline=START_DEADLINE)

    async def stop(self, name: str, force: bool) -> None:
        if force:
            await self._run(self._libvirt.destroy, name, deadline=DEADLINE)
        elif await self.is_running(name):
            await self._run(self._libvirt.shutdown, name, deadline=DEADLINE)

    async def forget(self, name: str) -> None:
        await self._run(self._forget, name, deadline=DEADLINE)

    async def reboot(self, name: str) -> None:
        if not await self.is_running(name):
            raise WrongState(f"{name} does not run")
        await self._run(self._libvirt.reboot, name, deadline=DEADLINE)

    async def is_running(self, name: str) -> bool:
        return await self._run(self._libvirt.state, name, deadline=DEADLINE) in (RUNNING, PAUSED)

    async def list(self, names: Collection[str] = ()) -> tuple[RunningInstance, ...]:
        return await self._run(self._list, names, deadline=DEADLINE)

    async def console(self, spec: InstanceSpec) -> Console:
        if not await self.is_running(spec.name):
            raise WrongState(f"{spec.name} does not run")
        if spec.hvparams.get("serial_console", True):
            await self._run(trim, self.console_log(spec.name), deadline=DEADLINE)
            # Our own program, found by the interpreter of this node: it shows what the guest said last.
            attach = (sys.executable, "-m", "ganeti_tw.cli.console", "--linger", "5")
            command = (*attach, "--log", self.console_log(spec.name), self.serial_socket(spec.name))
            return Console(spec.name, "ssh", host=self._host.node, user="root", command=command)
        address = str(spec.hvparams.get("vnc_bind_address") or "")
        if address and not address.startswith("/") and spec.network_port is not None:
            host = self._host.node if address in ("0.0.0.0", "::") else address
            return Console(spec.name, "vnc", host=host, port=spec.network_port, display=spec.network_port - 5900)
        return Console(spec.name, "msg", message=f"{spec.name} has neither a serial console nor VNC over TCP")

    async def set_memory(self, name: str, memory_mib: int) -> None:
        if not await self.is_running(name):
            raise WrongState(f"{name} does not run")
        await self._run(self._libvirt.set_memory, name, memory_mib, deadline=DEADLINE)

    # --- devices ---

    async def plugging_obstacle(self) -> str:
        return ""

    async def plug(self, spec: InstanceSpec, device: DiskSpec | NicSpec, path: str) -> None:
        await self._run(self._plug, spec, device, path, deadline=DEADLINE)

    async def unplug(self, spec: InstanceSpec, device: DiskSpec | NicSpec) -> None:
        await self._run(self._unplug, spec, device, deadline=DEADLINE)
        for _ in range(LOOKS):
            if found(device, await self._run(self._libvirt.description, spec.name, deadline=DEADLINE)) is None:
                return
            await deferLater(self._host.clock, 1.0)
        raise DriverError(f"the guest in {spec.name} does not let go of the device: its system must be up and help")

    async def close(self) -> None:
        await self._run(self._libvirt.close, deadline=DEADLINE)

    def watch(self, tell: Callable[[GuestNews], None]) -> None:
        """As :class:`~ganeti_tw.agent.hypervisor.base.Newsgiver`."""
        self._tell = tell

    # --- from node to node ---

    async def obstacle(self) -> str:
        return await self._run(self._obstacle, deadline=DEADLINE)

    async def accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        return await self._run(self._accept, spec, dict(disks), address, deadline=DEADLINE)

    async def send(self, spec: InstanceSpec, disks: Mapping[int, str], door: Doorway, live: bool) -> None:
        await self._run(self._send, spec, dict(disks), door, live, deadline=SEND_DEADLINE)

    async def sent(self, name: str) -> tuple[int, int]:
        return await self._run(kvm_migration.sent, self._libvirt, name, deadline=DEADLINE)

    async def end_migration(self, name: str) -> None:
        await self._run(kvm_migration.end, self._libvirt, name, deadline=2 * DEADLINE)

    # --- places ---

    def serial_socket(self, name: str) -> str:
        """The UNIX socket of its serial console."""
        return os.path.join(self._directory, "ctrl", f"{name}.serial")

    def console_log(self, name: str) -> str:
        """What its serial console said; the end of it when that was much."""
        return os.path.join(self._directory, "console", f"{name}.log")

    def _agent_socket(self, name: str) -> str:
        return os.path.join(self._directory, "ctrl", f"{name}.qga")

    def _start_mark(self, name: str) -> str:
        """An empty file as old as the guest has been running; libvirt does not know."""
        return os.path.join(self._directory, "ctrl", f"{name}.started")

    # --- in threads ---

    def _start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool) -> None:
        self._prepare(spec.name)
        self._libvirt.define(domain_xml(spec, disks, self._places(spec), self._is_native(spec)))
        try:
            self._libvirt.start(spec.name, paused)
        except DriverError:
            self._forget(spec.name)
            raise
        self._mark_start(spec.name)

    def _mark_start(self, name: str) -> None:
        with open(self._start_mark(name), "w", encoding="utf-8"):
            pass

    def _prepare(self, name: str) -> None:
        """See that there is a place for all that the guest is going to have."""
        check_name(name)
        for socket in (self.serial_socket(name), self._agent_socket(name)):
            check_socket(socket)
        for folder in ("ctrl", "console"):
            os.makedirs(os.path.join(self._directory, folder), exist_ok=True)
        self._drop_files(name)
        trim(self.console_log(name))

    def _obstacle(self) -> str:
        uri = libvirt_uri(self._host)
        if ":///embed" in uri:
            return "its libvirt is a part of this program, which neither gives nor takes guests"
        if not self._door():
            return f"migration_uri is not set in its ganeti.conf, so others cannot reach its libvirt ({uri})"
        return ""

    def _door(self) -> str:
        if self._host.migration_uri:
            return self._host.migration_uri
        return f"qemu+tls://{self._host.node}/system" if libvirt_uri(self._host) == "qemu:///system" else ""

    def _accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        self._prepare(spec.name)
        self._libvirt.expect(spec.uuid, spec.name)
        self._mark_start(spec.name)  # on this host
        return Doorway(self._door(), address, self._own_paths(spec, disks))

    def _send(self, spec: InstanceSpec, disks: Mapping[int, str], door: Doorway, live: bool) -> None:
        params = spec.hvparams
        speed = kvm_migration.Speed(int(params["migration_bandwidth"]), int(params["migration_downtime"]))
        here = self._own_paths(spec, disks)
        kvm_migration.send(self._libvirt, spec.name, door, here, int(params["migration_port"]), live, speed)
        self._drop_files(spec.name)

    def _own_paths(self, spec: InstanceSpec, disks: Mapping[int, str]) -> dict[str, str]:
        """Paths of this host that are in the description of the domain, by what they are for."""
        return {
            "serial": self.serial_socket(spec.name),
            "log": self.console_log(spec.name),
            "agent": self._agent_socket(spec.name),
            "emulator": emulator(spec.hvparams, self._arch),
            "ifup": self._host.ifup,
            **{f"disk/{index}": path for index, path in disks.items()},
        }

    def _plug(self, spec: InstanceSpec, device: DiskSpec | NicSpec, path: str) -> None:
        domain = self._libvirt.description(spec.name)
        if found(device, domain) is None:
            self._libvirt.attach(spec.name, described(spec, device, path, self._host.ifup, domain))

    def _unplug(self, spec: InstanceSpec, device: DiskSpec | NicSpec) -> None:
        there = found(device, self._libvirt.description(spec.name))
        if there is not None:
            self._libvirt.detach(spec.name, there)

    def _forget(self, name: str) -> None:
        if self._libvirt.state(name) not in (RUNNING, PAUSED):
            self._libvirt.undefine(name)
            self._drop_files(name)
            trim(self.console_log(name))

    def _list(self, names: Collection[str]) -> tuple[RunningInstance, ...]:
        known = [d for d in self._libvirt.domains(names) if d.state != OFF]
        return tuple(
            RunningInstance(
                d.name, self.name, d.state, d.memory_mib, d.vcpus, d.cpu_seconds, d.resident_bytes, self._started(d)
            )
            for d in sorted(known, key=lambda d: d.name)
        )

    def _started(self, domain: Domain) -> float | None:
        try:
            return os.stat(self._start_mark(domain.name)).st_mtime if domain.state in (RUNNING, PAUSED) else None
        except OSError:
            return None

    def _drop_files(self, name: str) -> None:
        for path in (self.serial_socket(name), self._agent_socket(name), self._start_mark(name)):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _places(self, spec: InstanceSpec) -> Places:
        password = spec.hvparams.get("vnc_password_file")
        try:
            secret = read_text(str(password)).strip() if password else None
        except OSError as e:
            raise DriverError(f"cannot read the VNC password of {spec.name}: {e}") from None
        return Places(
            emulator=emulator(spec.hvparams, self._arch),
            serial_socket=self.serial_socket(spec.name),
            console_log=self.console_log(spec.name),
            agent_socket=self._agent_socket(spec.name),
            ifup=self._host.ifup,
            arch=self._arch,
            vnc_password=secret,
        )

    def _is_native(self, spec: InstanceSpec) -> bool:
        """``kvm_flag`` decides; else what the host can do, which is found out and told once."""
        flag = spec.hvparams.get("kvm_flag")
        if flag in ("enabled", "disabled"):
            return bool(flag == "enabled")
        if self._native is None:
            reason = self._reason_to_emulate()
            self._native = not reason
            if reason:
                log.warn("guests are emulated, which is slow: {reason}", reason=reason)
            else:
                log.info("guests run on the processor itself (KVM)")
        return self._native

    def _news(self, name: str, running: bool) -> None:
        if self._tell is not None:
            self._host.from_thread(self._tell, GuestNews(name, running))
