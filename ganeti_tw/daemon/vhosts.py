"""Virtual hosts: several hosts of one machine, each with a directory and a loopback address of its own.

Only files here; processes are in :mod:`ganeti_tw.daemon.vprocess`.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

import ganeti_tw
from ganeti_tw.daemon.settings import Ports
from ganeti_tw.errors import BadRequest, Exists, NotFound, WrongState
from ganeti_tw.model.paths import Paths

MARKER = ".ganeti-vcluster.json"  # a directory without it is not ours to touch
LONGEST_SOCKET_PATH = 107  # bytes; sun_path of unix(7) less its end
MOST_HOSTS = 250
CLUSTER_ADDRESS = 254  # last number of the cluster's own address

_DIRECTORIES = (
    "etc/ganeti",
    "srv/ganeti/file-storage",
    "srv/ganeti/os",
    "var/lib/ganeti",
    "var/log/ganeti/os",
    "var/run/ganeti/socket",
)

_SETTINGS = """\
# Made by ganeti-vcluster; all keys are explained in the example of the package.

[host]
name = {name}
address = {address}

[storage]
file_storage_dirs =
    /srv/ganeti/file-storage
    /srv/ganeti/shared-file-storage
"""


@frozen
class VirtualHost:
    """A host's name, address and directory."""

    name: str
    address: str
    root: Path

    @property
    def paths(self) -> Paths:
        return Paths(str(self.root))

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment that selects this host for every command."""
        kept = {key: value for key, value in base.items() if not key.startswith("GANETI_")}
        return {**kept, "GANETI_ROOTDIR": str(self.root), "GANETI_HOSTNAME": self.name}

    def pid(self) -> int | None:
        """The number of the host's process, None when it does not run.

        A number that another process has by now is not taken for the host's.
        """
        try:
            pid = int(Path(self.paths.pid).read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) and self._is_mine(pid) else None

    def _is_mine(self, pid: int) -> bool:
        """That of another user shows its command line only."""
        try:
            return _environment(pid, "GANETI_ROOTDIR") == str(self.root)
        except PermissionError:
            return os.fsencode(self.paths.pid) in _words_of(pid)

    def processes(self) -> list[int]:
        """Numbers of all that were started with this host's environment, its process among them."""
        numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return sorted(pid for pid in numbers if _root_of(pid) == str(self.root))

    def crashed(self) -> bool:
        """Whether a process was here that did not end in order."""
        return self.pid() is None and os.path.exists(self.paths.pid)


@frozen
class VirtualCluster:
    """Some hosts, below one directory.  ``name`` is that of the cluster, which has an address too."""

    directory: Path
    name: str
    address: str
    hosts: tuple[VirtualHost, ...]

    def select(self, names: Sequence[str]) -> tuple[VirtualHost, ...]:
        """The hosts of these names, all without any.  NotFound names the first there is none of."""
        by_name = {host.name: host for host in self.hosts}
        for name in names:
            if name not in by_name:
                raise NotFound(f"no host {name!r} in {self.directory}, only {', '.join(by_name)}")
        return tuple(by_name[name] for name in names) if names else self.hosts


def create(directory: Path, count: int, base: str = "", prefix: str = "node", name: str = "cluster") -> VirtualCluster:
    """Directories and files for ``count`` hosts; nothing is started.

    ``base`` is the first three numbers of their addresses, chosen when empty.
    """
    directory = directory.absolute()
    if not 1 <= count <= MOST_HOSTS:
        raise BadRequest(f"{count} hosts: it must be 1 to {MOST_HOSTS}")
    if (directory / MARKER).exists():
        raise Exists(f"{directory} holds a virtual cluster already: remove it with ganeti-vcluster destroy {directory}")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Exists(f"{directory} is not an empty directory: name another")
    _check_socket_path(directory, f"{prefix}{count}")
    network = _checked_base(base) if base else free_network(str(directory))
    hosts = tuple(
        VirtualHost(f"{prefix}{i}", f"{network}.{i}", directory / f"{prefix}{i}") for i in range(1, count + 1)
    )
    cluster = VirtualCluster(directory, name, f"{network}.{CLUSTER_ADDRESS}", hosts)
    directory.mkdir(parents=True, exist_ok=True)
    _write_marker(cluster)
    (directory / "shared").mkdir()
    for host in hosts:
        _furnish(cluster, host)
    return cluster


def find(directory: Path) -> VirtualCluster:
    """The virtual cluster in a directory.  NotFound unless ``create`` made it."""
    directory = directory.absolute()
    try:
        known = json.loads((directory / MARKER).read_text())
        hosts = tuple(VirtualHost(h["name"], h["address"], directory / h["name"]) for h in known["hosts"])
        return VirtualCluster(directory, known["name"], known["address"], hosts)
    except OSError:
        raise NotFound(f"{directory} holds no virtual cluster: make one with ganeti-vcluster create") from None
    except (ValueError, KeyError, TypeError) as e:
        raise WrongState(f"{directory / MARKER} is damaged: {e!r}") from None


def remove(cluster: VirtualCluster) -> None:
    """Delete the directory with all in it.  WrongState while a host runs."""
    running = [host.name for host in cluster.hosts if host.pid() is not None]
    if running:
        raise WrongState(f"{', '.join(running)} still run; stop them first")
    if not (cluster.directory / MARKER).is_file():
        raise WrongState(f"{cluster.directory} was not made by ganeti-vcluster and is left alone")
    shutil.rmtree(cluster.directory)


def free_network(seed: str) -> str:
    """Three numbers such that nobody listens at the first address on a port of ours.

    The search begins at a place that depends on ``seed``, so that clusters made
    but not yet started seldom meet.
    """
    start = zlib.crc32(seed.encode())
    for i in range(254):
        network = f"127.77.{(start + i) % 254 + 1}"
        if all(_is_free(f"{network}.1", port) for port in (Ports().wire, Ports().mond)):
            return network
    raise WrongState("all of 127.77.1.0 to 127.77.254.0 is taken: stop a virtual cluster")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
        except OSError:
            return False
    return True


def _checked_base(base: str) -> str:
    parts = base.split(".")
    good = all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts)
    if not good or len(parts) not in (3, 4) or parts[0] != "127" or parts[3:] not in ([], ["0"]):
        raise BadRequest(f"{base!r}: the base must look like 127.77.1.0")
    return ".".join(str(int(part)) for part in parts[:3])


def _check_socket_path(directory: Path, longest_name: str) -> None:
    path = Paths(str(directory / longest_name)).socket
    length = len(os.fsencode(path))
    if length > LONGEST_SOCKET_PATH:
        raise BadRequest(
            f"{path} has {length} bytes and a socket's path must not have more than {LONGEST_SOCKET_PATH}: "
            f"name a directory that is {length - LONGEST_SOCKET_PATH} bytes shorter"
        )


def _write_marker(cluster: VirtualCluster) -> None:
    known = {
        "name": cluster.name,
        "address": cluster.address,
        "hosts": [{"name": host.name, "address": host.address} for host in cluster.hosts],
    }
    (cluster.directory / MARKER).write_text(json.dumps(known, indent=1) + "\n")


def _furnish(cluster: VirtualCluster, host: VirtualHost) -> None:
    for directory in _DIRECTORIES:
        (host.root / directory).mkdir(parents=True)
    Path(host.paths.data).chmod(0o700)
    # What is shared between real hosts by a network file system is one directory here.
    (host.root / "srv/ganeti/shared-file-storage").symlink_to("../../../shared")
    for definition in shipped_os_definitions():
        (host.root / "srv/ganeti/os" / definition.name).symlink_to(definition)
    Path(host.paths.settings).write_text(_SETTINGS.format(name=host.name, address=host.address))
    names = [(cluster.address, cluster.name), *((other.address, other.name) for other in cluster.hosts)]
    Path(host.paths.hosts).write_text("".join(f"{address}\t{name}\n" for address, name in names))


def shipped_os_definitions() -> list[Path]:
    """Directories of the OS definitions that come with this package: of a checkout, else of the installation."""
    package = Path(ganeti_tw.__file__).parent
    # lib/python3.x/site-packages/ganeti_tw of the prefix it was installed to, which need not be Python's own.
    prefixes = (Path(sys.prefix), *package.parents[3:4])
    for place in (package.parent / "etc/os", *(prefix / "share/ganeti/os" for prefix in prefixes)):
        found = sorted(path.parent for path in place.glob("*/ganeti_api_version"))
        if found:
            return found
    return []


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended but was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _root_of(pid: int) -> str:
    """What a process has as GANETI_ROOTDIR; nothing for one that may not be looked at."""
    try:
        return _environment(pid, "GANETI_ROOTDIR")
    except PermissionError:
        return ""


def _environment(pid: int, key: str) -> str:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    name = os.fsencode(f"{key}=")
    return next((os.fsdecode(entry[len(name) :]) for entry in environ.split(b"\0") if entry.startswith(name)), "")


def _words_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
