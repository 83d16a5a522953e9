"""The libvirt domain of an instance: a pure function of its parameters.

The parameters and what they mean are Ganeti's for kvm (``gnt-instance(8)``);
the elements are those of libvirt's ``formatdomain``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from attrs import frozen

from ganeti_tw.agent.hypervisor.kvm_devices import add_disks, add_graphics, add_nics
from ganeti_tw.errors import BadRequest
from ganeti_tw.protocol.instance import InstanceSpec

NAMESPACE = "urn:ganeti:instance:1"
"""Marks our domains: each has an element ``instance`` of it in its metadata."""

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_BOOT = {"disk": "hd", "cdrom": "cdrom", "floppy": "fd", "network": "network"}
_SOUND = {"ac97": "ac97", "es1370": "es1370", "sb16": "sb16", "hda": "ich6", "ich6": "ich6"}


@frozen
class Places:
    """What the domain refers to on this host."""

    emulator: str
    serial_socket: str
    console_log: str
    agent_socket: str
    ifup: str
    arch: str = "x86_64"
    vnc_password: str | None = None


def domain_xml(spec: InstanceSpec, disks: Mapping[int, str], places: Places, native: bool) -> str:
    """The domain; ``disks``: path by index; ``native``: by the processor (KVM), else emulated.

    BadRequest for parameters that cannot be had.
    """
    params = spec.hvparams
    domain = Element("domain", type="kvm" if native else "qemu")
    _text(domain, "name", spec.name)
    _text(domain, "uuid", spec.uuid)
    metadata = SubElement(domain, "metadata")
    SubElement(metadata, "ganeti:instance", {"xmlns:ganeti": NAMESPACE, "name": spec.name, "os": spec.os})
    _text(domain, "memory", str(spec.beparams["maxmem"]), unit="MiB")
    _text(domain, "currentMemory", str(spec.beparams["maxmem"]), unit="MiB")
    if params.get("mem_path"):
        SubElement(SubElement(domain, "memoryBacking"), "hugepages")
    _vcpus(domain, spec)
    _boot(domain, params, places.arch)
    features = SubElement(domain, "features")
    if params.get("acpi", True):
        SubElement(features, "acpi")
    SubElement(features, "apic")
    _cpu(domain, params, int(spec.beparams["vcpus"]))
    SubElement(domain, "clock", offset="localtime" if params.get("use_localtime") else "utc")
    _text(domain, "on_poweroff", "destroy")
    _text(domain, "on_reboot", "destroy" if params.get("reboot_behavior") == "exit" else "restart")
    _text(domain, "on_crash", "destroy")
    devices = SubElement(domain, "devices")
    _text(devices, "emulator", places.emulator)
    add_disks(devices, spec, disks)
    add_nics(devices, spec, places.ifup)
    _channels(devices, params, places)
    add_graphics(devices, spec, places.vnc_password)
    SubElement(devices, "memballoon", model="virtio")
    _extra(domain, str(params.get("kvm_extra") or ""))
    indent(domain)
    return tostring(domain, encoding="unicode") + "\n"


def _text(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element


def _vcpus(domain: Element, spec: InstanceSpec) -> None:
    """One list pins all vCPUs alike; lists divided by colons pin them one by one."""
    count = int(spec.beparams["vcpus"])
    mask = str(spec.hvparams.get("cpu_mask") or "all")
    vcpu = _text(domain, "vcpu", str(count), placement="static")
    if mask == "all":
        return
    each = mask.split(":")
    if len(each) == 1:
        vcpu.set("cpuset", mask)
        return
    if len(each) != count:
        raise BadRequest(f"cpu_mask {mask!r} of {spec.name} has {len(each)} lists for {count} vCPUs")
    tune = SubElement(domain, "cputune")
    for number, cpus in enumerate(each):
        if cpus != "all":
            SubElement(tune, "vcpupin", vcpu=str(number), cpuset=cpus)


def _boot(domain: Element, params: Mapping[str, Any], arch: str) -> None:
    """A kernel given is booted directly; else the first device of ``boot_order``."""
    os_ = SubElement(domain, "os")
    _text(os_, "type", "hvm", arch=arch, machine=str(params.get("machine_version") or "pc"))
    kernel = params.get("kernel_path")
    if not kernel:
        order = str(params.get("boot_order") or "disk")
        if order not in _BOOT:
            raise BadRequest(f"boot_order {order!r} is none of {', '.join(_BOOT)}")
        SubElement(os_, "boot", dev=_BOOT[order])
        return
    _text(os_, "kernel", str(kernel))
    if params.get("initrd_path"):
        _text(os_, "initrd", str(params["initrd_path"]))
    words = [f"root={params['root_path']}"] if params.get("root_path") else []
    words += str(params.get("kernel_args") or "").split()
    if params.get("serial_console", True):
        words.append(f"console=ttyS0,{params.get('serial_speed') or 38400}")
    _text(os_, "cmdline", " ".join(words))


def _cpu(domain: Element, params: Mapping[str, Any], vcpus: int) -> None:
    """``cpu_type``: ``host`` or a model, then ``+feature`` and ``-feature``, divided by commas."""
    model, *features = str(params.get("cpu_type") or "").split(",")
    sockets, cores, threads = (int(params.get(f"cpu_{what}") or 0) for what in ("sockets", "cores", "threads"))
    if not model and not (sockets or cores or threads):
        return
    if model == "host":
        cpu = SubElement(domain, "cpu", mode="host-passthrough")
    elif model:
        cpu = SubElement(domain, "cpu", mode="custom", match="exact")
        _text(cpu, "model", model, fallback="allow")
    else:
        cpu = SubElement(domain, "cpu")
    if sockets or cores or threads:
        cores, threads = cores or 1, threads or 1
        sockets = sockets or max(1, vcpus // (cores * threads))
        if sockets * cores * threads != vcpus:
            raise BadRequest(f"{sockets} sockets of {cores} cores of {threads} threads are not {vcpus} vCPUs")
        SubElement(cpu, "topology", sockets=str(sockets), cores=str(cores), threads=str(threads))
    for feature in features:
        policy = "disable" if feature.startswith("-") else "require"
        SubElement(cpu, "feature", policy=policy, name=feature.lstrip("+-"))


def _channels(devices: Element, params: Mapping[str, Any], places: Places) -> None:
    """The serial console is a socket; what it says is kept in a file besides."""
    if params.get("serial_console", True):
        serial = SubElement(devices, "serial", type="unix")
        SubElement(serial, "source", mode="bind", path=places.serial_socket)
        SubElement(serial, "log", file=places.console_log, append="on")
        SubElement(serial, "target", type="isa-serial", port="0")
    if params.get("use_guest_agent"):
        channel = SubElement(devices, "channel", type="unix")
        SubElement(channel, "source", mode="bind", path=places.agent_socket)
        SubElement(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    sound = str(params.get("soundhw") or "")
    if sound:
        if sound not in _SOUND:
            raise BadRequest(f"soundhw {sound!r} is none of {', '.join(_SOUND)}")
        SubElement(devices, "sound", model=_SOUND[sound])


def _extra(domain: Element, extra: str) -> None:
    """``kvm_extra``: arguments for QEMU, divided by blanks."""
    if extra.split():
        commandline = SubElement(domain, "qemu:commandline", {"xmlns:qemu": _QEMU})
        for argument in extra.split():
            SubElement(commandline, "qemu:arg", value=argument)
