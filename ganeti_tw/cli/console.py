"""``ganeti-console``: a guest's serial line on this terminal.

Connects standard input and output to the UNIX socket of the line.  On a
terminal every key goes to the guest, and ``^]`` leaves; with pipes, what comes
in is sent and what the guest says is written until it closes the line.
"""

from __future__ import annotations

import contextlib
import optparse
import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Iterator

from ganeti_tw import __version__

ESCAPE = b"\x1d"
"""``^]``."""

SHOWN_LINES = 20
_BLOCK = 65536
_LOG_TAIL = 16384


def attach(line: socket.socket, source: int, target: int, *, escape: bytes | None, linger: float | None) -> None:
    """Carry bytes both ways until the guest closes the line or ``escape`` is typed.

    After the end of the input, ``linger`` seconds without a word from the guest
    end it too; None waits for the guest.
    """
    open_input = True
    while True:
        watched: list[socket.socket | int] = [line, source] if open_input else [line]
        ready, _, _ = select.select(watched, (), (), None if open_input else linger)
        if not ready:
            return
        if line in ready:
            said = line.recv(_BLOCK)
            if not said:
                return
            _write_all(target, said)
        if source in ready:
            typed = os.read(source, _BLOCK)
            before, found, _ = typed.partition(escape) if escape else (typed, b"", b"")
            open_input = bool(typed) and _sent(line, before)
            if found:
                return


def _sent(line: socket.socket, data: bytes) -> bool:
    """Whether the guest still listens; what it said before it hung up is yet to be read."""
    try:
        line.sendall(data)
    except BrokenPipeError:
        return False
    return True


def _write_all(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


def last_lines(path: str, count: int) -> bytes:
    """The end of a log, without its first, perhaps incomplete, line; empty when it cannot be read."""
    try:
        with open(path, "rb") as file:
            start = max(file.seek(0, os.SEEK_END) - _LOG_TAIL, 0)
            file.seek(start)
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return b""
    return b"".join(lines[1 if start else 0 :][-count:])


@contextlib.contextmanager
def raw_keys(source: int) -> Iterator[None]:
    """The terminal passes on every key, unchanged and at once."""
    before = termios.tcgetattr(source)
    tty.setraw(source)
    try:
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)


def run(argv: list[str], source: int, target: int, errors: int) -> int:
    """Exit code 1 when the line cannot be opened or breaks."""
    parser = optparse.OptionParser(
        "%prog [--log FILE] [--linger SECONDS] SOCKET",
        prog="ganeti-console",
        version=f"%prog (ganeti_tw) {__version__}",
    )
    parser.add_option("--log", metavar="FILE", help="show the end of this log of the line first")
    parser.add_option(
        "--linger", type="float", metavar="SECONDS", help="after the end of the input, leave when it was quiet so long"
    )
    options, arguments = parser.parse_args(argv)
    if len(arguments) != 1:
        parser.error("one socket is needed")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(arguments[0])
        except OSError as e:
            _write_all(errors, f"cannot connect to {arguments[0]}: {e.strerror or e}\n".encode())
            return 1
        return _session(line, options, source, target, errors)


def _session(line: socket.socket, options: optparse.Values, source: int, target: int, errors: int) -> int:
    is_terminal = os.isatty(source)
    if is_terminal:
        _write_all(errors, b"Connected; ^] leaves.\r\n")
    try:
        if options.log:
            _write_all(target, last_lines(options.log, SHOWN_LINES))
        with raw_keys(source) if is_terminal else contextlib.nullcontext():
            attach(line, source, target, escape=ESCAPE if is_terminal else None, linger=options.linger)
    except BrokenPipeError:
        return 1
    except ConnectionError as e:
        _write_all(errors, f"the line broke: {e.strerror or e}\n".encode())
        return 1
    if is_terminal:
        _write_all(errors, b"\r\nDisconnected.\r\n")
    return 0


def main() -> int:
    try:
        return run(sys.argv[1:], 0, 1, 2)
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":  # the command that nodes give for their consoles
    sys.exit(main())
