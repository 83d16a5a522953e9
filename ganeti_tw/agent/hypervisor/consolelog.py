"""What a guest said on its serial console: a file that its emulator appends to, for as long as the guest is there."""

from __future__ import annotations

import os

from twisted.logger import Logger

MOST = 2**20  # bytes it may have, looked at when the guest starts or stops and when somebody attaches to its console
KEPT = 2**18  # bytes of its end that are left then

log = Logger()


def trim(path: str) -> None:
    """Leave the end of a log that has become too long.  The emulator may write to it meanwhile.  Blocks."""
    try:
        if os.stat(path).st_size <= MOST:
            return
        with open(path, "r+b") as file:
            file.seek(-KEPT, os.SEEK_END)
            end = file.read()
            os.truncate(path, 0)
        # Appended, as the emulator does: nothing that it says now is overwritten.
        with open(path, "ab") as file:
            file.write(end.partition(b"\n")[2] or end)
    except FileNotFoundError:
        return
    except OSError as e:
        log.warn("{path} is too long and cannot be cut: {reason}", path=path, reason=e.strerror)
