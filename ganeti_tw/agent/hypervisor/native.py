"""Whether this host's processor runs guests by itself."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

KVM_GET_API_VERSION = 0xAE00
KVM_API_VERSION = 12


def why_not_native(cpuinfo: str, device: str = "/dev/kvm", version_of: Callable[[str], int] | None = None) -> str:
    """Why guests must be emulated; empty when KVM can be used.

    The device alone proves nothing: in some virtual machines it opens and makes
    guests that never run, so a processor of this kind must own up to the ability.
    """
    try:
        version = (version_of or _api_version)(device)
    except OSError as e:
        return f"{device} cannot be used: {e.strerror}"
    if version != KVM_API_VERSION:
        return f"{device} speaks version {version} instead of {KVM_API_VERSION}"
    flags: set[str] = set()
    vendor = False
    for line in cpuinfo.splitlines():
        name, _, rest = line.partition(":")
        vendor = vendor or name.strip() == "vendor_id"
        if name.strip() == "flags":
            flags.update(rest.split())
    if vendor and not flags & {"vmx", "svm"}:
        return "the processor shows neither vmx nor svm"
    return ""


def _api_version(device: str) -> int:
    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(fd, KVM_GET_API_VERSION, 0)
    finally:
        os.close(fd)
