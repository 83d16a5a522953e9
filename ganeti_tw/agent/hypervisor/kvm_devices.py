"""Disks, drives, NICs and screens of a libvirt domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement

from ganeti_tw.errors import BadRequest
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NicSpec

_BUSES = {
    "paravirtual": ("virtio", "vd"),
    "ide": ("ide", "hd"),
    "sd": ("sd", "sd"),
    "scsi": ("scsi", "sd"),
    "scsi-hd": ("scsi", "sd"),
    "scsi-cd": ("scsi", "sd"),
    "scsi-block": ("scsi", "sd"),
    "scsi-generic": ("scsi", "sd"),
}
_CONTROLLERS = {"lsi": "lsilogic", "megasas": "lsisas1078", "virtio-scsi-pci": "virtio-scsi"}
_SHARED_FILES = ("sharedfile", "gluster")
USER_LINK = "user"
"""A bridged NIC with this link gets QEMU's own network: no bridge and no root needed."""


def add_disks(devices: Element, spec: InstanceSpec, paths: Mapping[int, str]) -> None:
    """Disks in their order, then CD and floppy drives."""
    params = spec.hvparams
    bus, prefix = bus_of(params)
    for place, disk in enumerate(spec.disks):
        add_disk(devices, params, disk, paths[disk.index], _letters(prefix, place), bus)
    if bus == "scsi":
        model = _CONTROLLERS[str(params.get("scsi_controller_type") or "lsi")]
        SubElement(devices, "controller", type="scsi", index="0", model=model)
    _add_drives(devices, params)


def add_disk(devices: Element, params: Mapping[str, Any], disk: DiskSpec, path: str, target: str, bus: str) -> None:
    """One disk, under the name ``target``."""
    block = path.startswith("/dev/")
    element = SubElement(devices, "disk", type="block" if block else "file", device="disk")
    driver = SubElement(element, "driver", {"name": "qemu", "type": "raw"} | _caching(params, disk.dev_type))
    if str(params.get("disk_discard") or "default") != "default":
        driver.set("discard", str(params["disk_discard"]))
    SubElement(element, "source", {"dev" if block else "file": path})
    SubElement(element, "target", dev=target, bus=bus)
    if disk.mode == "ro":
        SubElement(element, "readonly")
    SubElement(element, "serial").text = serial_of(disk)


def serial_of(disk: DiskSpec) -> str:
    """By what guests, and we, know a disk again."""
    return disk.uuid.replace("-", "")[:20]


def bus_of(params: Mapping[str, Any]) -> tuple[str, str]:
    """Bus of the disks, and what their names begin with.  BadRequest for a type that libvirt does not offer."""
    return _bus(str(params.get("disk_type") or "paravirtual"))


def _bus(kind: str) -> tuple[str, str]:
    if kind not in _BUSES:
        raise BadRequest(f"disk type {kind!r} is not offered by libvirt, only {', '.join(_BUSES)}")
    return _BUSES[kind]


def _letters(prefix: str, place: int) -> str:
    if place >= 26:
        raise BadRequest("more than 26 disks cannot be named")
    return prefix + chr(ord("a") + place)


def _caching(params: Mapping[str, Any], template: str) -> dict[str, str]:
    """Native I/O needs an empty cache; so do files that another node may come to read."""
    aio = str(params.get("disk_aio") or "threads")
    cache = str(params.get("disk_cache") or "default")
    if aio == "native" or template in _SHARED_FILES:
        cache = "none"
    result = {"io": aio}
    if cache != "default":
        result["cache"] = cache
    return result


def _add_drives(devices: Element, params: Mapping[str, Any]) -> None:
    bus, prefix = _bus(str(params.get("cdrom_disk_type") or "ide"))
    # After the disks that may share the bus.
    for image, letter in (("cdrom_image_path", "y"), ("cdrom2_image_path", "z")):
        if params.get(image):
            _drive(devices, "cdrom", str(params[image]), _cd_name(bus, prefix, letter), bus)
    if params.get("floppy_image_path"):
        _drive(devices, "floppy", str(params["floppy_image_path"]), "fda", "fdc")


def _cd_name(bus: str, prefix: str, letter: str) -> str:
    """IDE has four places only: the CD drives take the last two."""
    return prefix + ({"y": "c", "z": "d"}[letter] if bus == "ide" else letter)


def _drive(devices: Element, device: str, image: str, name: str, bus: str) -> None:
    url = urlsplit(image)
    if url.scheme:
        element = SubElement(devices, "disk", type="network", device=device)
        SubElement(element, "driver", name="qemu", type="raw")
        source = SubElement(element, "source", protocol=url.scheme, name=url.path.lstrip("/"))
        default = {"http": 80, "https": 443, "ftp": 21}.get(url.scheme, 0)
        SubElement(source, "host", name=url.hostname or "", port=str(url.port or default))
    else:
        element = SubElement(devices, "disk", type="file", device=device)
        SubElement(element, "driver", name="qemu", type="raw")
        SubElement(element, "source", file=image)
    SubElement(element, "target", dev=name, bus=bus)
    SubElement(element, "readonly")


def add_nics(devices: Element, spec: InstanceSpec, ifup: str) -> None:
    """NICs in their order.  BadRequest for a mode that is none."""
    for nic in spec.nics:
        add_nic(devices, spec.hvparams, nic, ifup)


def add_nic(devices: Element, params: Mapping[str, Any], nic: NicSpec, ifup: str) -> None:
    """One NIC."""
    model = str(params.get("nic_type") or "paravirtual")
    element = _connected(devices, nic, ifup)
    SubElement(element, "mac", address=nic.mac)
    SubElement(element, "model", type="virtio" if model == "paravirtual" else model)
    if model == "paravirtual" and element.get("type") != "user":
        driver = SubElement(element, "driver", name="vhost" if params.get("vhost_net") else "qemu")
        queues = int(params.get("virtio_net_queues") or 1)
        if queues > 1:
            driver.set("queues", str(queues))


def _connected(devices: Element, nic: NicSpec, ifup: str) -> Element:
    if nic.mode == "bridged" and nic.link == USER_LINK:
        return SubElement(devices, "interface", type="user")
    if nic.mode == "bridged":
        element = SubElement(devices, "interface", type="bridge")
        SubElement(element, "source", bridge=nic.link)
        return element
    if nic.mode == "openvswitch":
        element = SubElement(devices, "interface", type="bridge")
        SubElement(element, "source", bridge=nic.link)
        SubElement(element, "virtualport", type="openvswitch")
        _vlans(element, nic.vlan)
        return element
    if nic.mode == "routed":
        element = SubElement(devices, "interface", type="ethernet")
        SubElement(element, "script", path=ifup)
        return element
    raise BadRequest(f"NIC {nic.index}: mode {nic.mode!r} is none of bridged, openvswitch, routed")


def _vlans(interface: Element, text: str) -> None:
    """``.5`` access; ``:6:7`` trunk; ``.5:6:7`` trunk whose untagged frames belong to 5."""
    if not text:
        return
    native, *trunk = text.split(":")
    native = native.lstrip(".")
    if not all(tag.isdigit() and 0 < int(tag) < 4095 for tag in [native or "1", *trunk]):
        raise BadRequest(f"vlan {text!r} is not of the form .N, :N:M or .N:M")
    vlan = SubElement(interface, "vlan", {"trunk": "yes"} if trunk else {})
    if native:
        SubElement(vlan, "tag", {"id": native} | ({"nativeMode": "untagged"} if trunk else {}))
    for tag in trunk:
        SubElement(vlan, "tag", id=tag)


def add_graphics(devices: Element, spec: InstanceSpec, vnc_password: str | None) -> None:
    """A screen for VNC or SPICE when one is asked for, else none at all."""
    params = spec.hvparams
    vnc, spice = str(params.get("vnc_bind_address") or ""), str(params.get("spice_bind") or "")
    if vnc and spice:
        raise BadRequest(f"{spec.name} cannot have VNC and SPICE together")
    if not vnc and not spice:
        SubElement(SubElement(devices, "video"), "model", type="none")
        return
    if params.get("usb_mouse") or vnc:
        SubElement(devices, "input", type=str(params.get("usb_mouse") or "tablet"), bus="usb")
    graphics = SubElement(devices, "graphics", type="vnc" if vnc else "spice")
    if vnc.startswith("/"):
        graphics.set("socket", f"{vnc}/{spec.name}.vnc")
    elif spec.network_port is not None:
        graphics.set("port", str(spec.network_port))
        graphics.set("autoport", "no")
    else:
        graphics.set("autoport", "yes")
    if not vnc.startswith("/"):
        graphics.set("listen", vnc or spice)
    if params.get("keymap"):
        graphics.set("keymap", str(params["keymap"]))
    if vnc and vnc_password:
        graphics.set("passwd", vnc_password)
    model = str(params.get("vga") or ("qxl" if spice else "std"))
    SubElement(SubElement(devices, "video"), "model", type={"std": "vga", "vmware": "vmvga"}.get(model, model))
