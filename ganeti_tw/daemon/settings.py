"""What one host is told before it knows any cluster: names, addresses, ports, directories."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError

from attrs import field, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.paths import Paths, paths_from

LEVELS = ("debug", "info", "warn", "error", "critical")
_NAME = re.compile(r"(?=.{1,255}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")


@frozen
class Ports:
    """Where a host listens; the same on every host of a cluster."""

    wire: int = 1811
    confd: int = 1814
    mond: int = 1815
    rapi: int = 5080


@frozen
class MondSettings:
    """Where mond listens if not at the host's address, and paths of PEM files when it is to speak HTTPS."""

    address: str = ""
    certificate: str = ""
    key: str = ""


@frozen
class Settings:
    """``etc/ganeti/ganeti.conf`` with its defaults.

    ``libvirt_uri`` and ``migration_uri`` are empty where the hypervisor chooses.  ``file_storage_dirs``
    are already below the root directory.
    """

    paths: Paths
    name: str
    address: str = "0.0.0.0"
    ports: Ports = field(factory=Ports)
    libvirt_uri: str = ""
    migration_uri: str = ""
    file_storage_dirs: tuple[str, ...] = ()
    log_level: str = "info"
    mond: MondSettings = field(factory=MondSettings)


def load(environ: Mapping[str, str], fqdn: Callable[[], str] = socket.getfqdn) -> Settings:
    """The settings of the host that the environment selects; a missing file means defaults.

    ``GANETI_HOSTNAME`` goes before the file, the file before ``fqdn``.
    BadRequest names the file, the section and the key that is wrong.
    """
    paths = paths_from(dict(environ))
    try:
        with open(paths.settings, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as e:
        raise BadRequest(f"{paths.settings} cannot be read: {e}") from None
    return parse(text, paths, environ.get("GANETI_HOSTNAME", ""), fqdn)


def parse(text: str, paths: Paths, hostname: str, fqdn: Callable[[], str]) -> Settings:
    """The settings in a file's text; ``hostname``, if there is one, goes before its name."""
    reader = _Reader(text, paths.settings)
    named = reader.take("host", "name", "")
    name = (hostname or named or fqdn()).lower()
    if not _NAME.match(name):
        where = "GANETI_HOSTNAME" if hostname else reader.place("host", "name") if named else "the system's host name"
        raise BadRequest(f"{where}: {name!r} is not a host name")
    address = reader.take("host", "address", "0.0.0.0")
    _check_address(reader.place("host", "address"), address)
    ports = _ports(reader)
    directories = reader.take("storage", "file_storage_dirs", "").split("\n")
    level = reader.take("logging", "level", "info")
    if level not in LEVELS:
        raise BadRequest(f"{reader.place('logging', 'level')}: {level!r} is not one of {', '.join(LEVELS)}")
    settings = Settings(
        paths=paths,
        name=name,
        address=address,
        ports=ports,
        libvirt_uri=reader.take("hypervisor", "libvirt_uri", ""),
        migration_uri=reader.take("hypervisor", "migration_uri", ""),
        file_storage_dirs=tuple(_directory(reader, d.strip(), paths) for d in directories if d.strip()),
        log_level=level,
        mond=_mond(reader, paths),
    )
    reader.refuse_the_rest()
    return settings


def _check_address(place: str, address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise BadRequest(f"{place}: {address!r} is not an IP address") from None


def _mond(reader: _Reader, paths: Paths) -> MondSettings:
    address = reader.take("mond", "address", "")
    if address:
        _check_address(reader.place("mond", "address"), address)
    files = {}
    for key in ("certificate", "key"):
        path = reader.take("mond", key, "")
        if path and not path.startswith("/"):
            raise BadRequest(f"{reader.place('mond', key)}: {path!r} is not an absolute path")
        files[key] = paths.below(path) if path else ""
    if files["key"] and not files["certificate"]:
        raise BadRequest(f"{reader.place('mond', 'key')}: a key without a certificate")
    return MondSettings(address, **files)


def _ports(reader: _Reader) -> Ports:
    default, found = Ports(), {}
    for key in ("wire", "confd", "mond", "rapi"):
        text = reader.take("ports", key, str(getattr(default, key)))
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise BadRequest(f"{reader.place('ports', key)}: {text!r} is not a port number, 1 to 65535")
        found[key] = int(text)
    # confd is the one that speaks UDP.
    streams = [found[key] for key in ("wire", "mond", "rapi")]
    if len(set(streams)) < len(streams):
        raise BadRequest(f"{reader.path}: [ports]: wire, mond and rapi need a port each, not {streams}")
    return Ports(**found)


def _directory(reader: _Reader, path: str, paths: Paths) -> str:
    if not path.startswith("/"):
        raise BadRequest(f"{reader.place('storage', 'file_storage_dirs')}: {path!r} is not an absolute path")
    return paths.below(path)


class _Reader:
    """An ini file of which every key must be known."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self._parser = ConfigParser(interpolation=None, comment_prefixes=("#", ";"), default_section="")
        try:
            self._parser.read_string(text, path)
        except ConfigError as e:
            raise BadRequest(f"{path}: {' '.join(str(e).split())}") from None
        self._known: dict[str, set[str]] = {}

    def place(self, section: str, key: str) -> str:
        return f"{self.path}: [{section}] {key}"

    def take(self, section: str, key: str, default: str) -> str:
        self._known.setdefault(section, set()).add(key)
        return self._parser.get(section, key, fallback=default).strip()

    def refuse_the_rest(self) -> None:
        """BadRequest for the first section or key that nobody asked for: most likely a slip of the pen."""
        for section in self._parser.sections():
            if section not in self._known:
                raise BadRequest(f"{self.path}: there is no section [{section}], only {_list(self._known)}")
            for key in self._parser.options(section):
                if key not in self._known[section]:
                    raise BadRequest(f"{self.place(section, key)}: no such key, only {_list(self._known[section])}")


def _list(words: Mapping[str, object] | set[str]) -> str:
    return ", ".join(sorted(words))
