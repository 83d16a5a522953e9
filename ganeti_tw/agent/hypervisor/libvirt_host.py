"""A libvirt of its own for each virtual host: QEMU's driver inside the host's process.

``qemu:///embed`` keeps all its files below one directory, so virtual hosts do
not see each other's guests; no further daemon has to run, nor anything as root.  Guests outlive
the process and are found again by the next one; so somebody must end them when
the host is removed, see :func:`cleanup`.

Limits: one such connection per process, kept open; no live migration.  Why it
is so: ``docs/decisions/002-libvirt-per-host.rst``.
"""

from __future__ import annotations

import os
import shutil
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import quote

from twisted.logger import Logger

from ganeti_tw.agent.hypervisor.sockets import LONGEST, check_socket
from ganeti_tw.errors import Refused

log = Logger()

# No user of its own, no systemd, no cgroups, no security driver: what a test machine lacks.
QEMU_CONF = """\
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""

# Refused where the process is not root's: there guests are its own user's anyway.
QEMU_CONF_OF_ROOT = """\
user = "root"
group = "root"
"""

# libvirt shortens names of domains to 20 characters in the names of their directories.
_LONGEST_MONITOR = "/lib/qemu/domain-9999999-" + 20 * "x" + "/monitor.sock"


def libvirt_directory(root_dir: str) -> str:
    """Where the libvirt of the virtual host at ``root_dir`` keeps its files."""
    return os.path.join(os.path.abspath(root_dir), "var/lib/libvirt")


def way_to(root_dir: str, ways: str = "/tmp") -> str:
    """The path by which libvirt reaches its directory: itself, or a link in ``ways`` when that is too long.

    The sockets below it have short names, see :mod:`ganeti_tw.agent.hypervisor.sockets`.
    """
    directory = libvirt_directory(root_dir)
    if len(os.fsencode(directory + _LONGEST_MONITOR)) <= LONGEST:
        return directory
    return os.path.join(ways, f"gtw-{os.geteuid()}-{zlib.crc32(os.fsencode(directory)):08x}")


def _make_way(directory: str, way: str) -> None:
    """Make the link; Refused when somebody else put something there, since guests would land in his hands."""
    if way == directory:
        return
    with suppress(FileExistsError):
        os.symlink(directory, way)
    found = os.lstat(way)
    if found.st_uid != os.geteuid() or not os.path.islink(way) or os.readlink(way) != directory:
        raise Refused(f"{way} is not a link to {directory} that this user made; remove it")


def prepare(root_dir: str, capabilities: str | None = None, ways: str = "/tmp") -> str:
    """The URI of the virtual host's libvirt, its configuration written; may be repeated.

    ``capabilities``: a directory shared by several hosts for what libvirt
    learns of QEMU, which takes it seconds.  ``ways``: where a link is made when
    ``root_dir`` is too long for the sockets below it.
    """
    directory = libvirt_directory(root_dir)
    way = way_to(root_dir, ways)
    check_socket(way + _LONGEST_MONITOR)
    os.makedirs(os.path.join(directory, "etc"), exist_ok=True)
    configuration = os.path.join(directory, "etc/qemu.conf")
    if not os.path.exists(configuration):
        with open(configuration, "w", encoding="utf-8") as f:
            f.write(QEMU_CONF + (QEMU_CONF_OF_ROOT if os.geteuid() == 0 else ""))
    if capabilities is not None:
        os.makedirs(os.path.join(directory, "cache/qemu"), exist_ok=True)
        os.makedirs(capabilities, exist_ok=True)
        with suppress(FileExistsError):
            os.symlink(os.path.abspath(capabilities), os.path.join(directory, "cache/qemu/capabilities"))
    _make_way(directory, way)
    return "qemu:///embed?root=" + quote(way)


def guests(root_dir: str) -> Iterator[tuple[str, int]]:
    """Name and process of each guest of the virtual host that lives."""
    directory = os.path.join(libvirt_directory(root_dir), "run/qemu")
    try:
        names = sorted(n for n in os.listdir(directory) if n.endswith(".pid") and n != "driver.pid")
    except FileNotFoundError:
        return
    for file in names:
        name = file.removesuffix(".pid")
        with suppress(OSError, ValueError):
            with open(os.path.join(directory, file), encoding="ascii") as f:
                pid = int(f.read())
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                arguments = f.read().split(b"\0")
            # The number may belong to another program by now.
            if any(a.startswith(f"guest={name},".encode()) for a in arguments):
                yield name, pid


def cleanup(root_dir: str, kill: Callable[[int, int], None] = os.kill, ways: str = "/tmp") -> tuple[str, ...]:
    """End every guest of the virtual host, whose process must not run any more, and drop libvirt's files.

    Answer: the names of the guests that were ended.
    """
    ended = []
    for name, pid in guests(root_dir):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
            ended.append(name)
            log.info("ended guest {name} of {root}", name=name, root=root_dir)
    directory = libvirt_directory(root_dir)
    shutil.rmtree(directory, ignore_errors=True)
    way = way_to(root_dir, ways)
    if way != directory and os.path.islink(way) and os.readlink(way) == directory:
        os.unlink(way)
    return tuple(ended)
