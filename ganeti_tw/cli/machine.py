"""The computer a command runs on: its programs and its addresses."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence

from ganeti_tw.cli.context import Finished

NOT_STARTED = 127
RING_SECONDS = 10.0


class LocalMachine:
    """The real one."""

    def run(self, argv: Sequence[str]) -> int:
        try:
            return subprocess.run(list(argv), check=False).returncode
        except OSError:
            return NOT_STARTED

    def read(self, argv: Sequence[str]) -> Finished:
        try:
            done = subprocess.run(list(argv), check=False, capture_output=True, text=True, errors="replace")
        except OSError as e:
            return Finished(NOT_STARTED, "", str(e))
        return Finished(done.returncode, done.stdout, done.stderr)

    def ring(self, path: str) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(RING_SECONDS)
                connection.connect(path)
                connection.sendall(b"\0")
        except OSError:
            return False
        return True

    def is_here(self, host: str, hosts_file: str) -> bool:
        return any(_is_own(address) for address in addresses(host, hosts_file))


def addresses(host: str, hosts_file: str) -> Iterator[str]:
    """Addresses of a name: those of the host's own table, else those of the resolver."""
    found = list(from_table(host, hosts_file))
    if found:
        yield from found
        return
    try:
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            yield str(address[0])
    except OSError:
        return


def from_table(host: str, hosts_file: str) -> Iterator[str]:
    """Addresses of a name in a file like ``hosts(5)``; none where there is no such file."""
    try:
        with open(hosts_file, encoding="utf-8", errors="replace") as file:
            for line in file:
                address, *names = line.partition("#")[0].split() or [""]
                if host.lower() in (name.lower() for name in names):
                    yield address
    except OSError:
        return


def _is_own(address: str) -> bool:
    """Only addresses of this computer can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
