"""Files of this host that are copied from node to node."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from twisted.logger import Logger

from ganeti_tw.agent.commands import put
from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.ancillary import LARGEST, mode_of
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.ancillary import FileCopy, ReadAncillary, WriteAncillary

DEADLINE = 60.0
FOLDER_MODE = 0o755  # of a directory that has to be made; the files have their own

log = Logger()


class AncillaryFiles:
    """Reads and writes them below the root directory of this host, and no others."""

    def __init__(self, paths: Paths, blocking: Blocking) -> None:
        self._paths = paths
        self._blocking = blocking

    async def read(self, m: ReadAncillary) -> tuple[FileCopy, ...]:
        """Those that are there."""
        check(m.paths)
        return await self._blocking.run(self._read, m.paths, deadline=DEADLINE)

    async def write(self, m: WriteAncillary) -> tuple[str, ...]:
        """Paths of those that were other."""
        check(f.path for f in m.files)
        changed = await self._blocking.run(self._write, m.files, deadline=DEADLINE)
        if changed:
            log.info("the master sent {paths}", paths=", ".join(changed))
        return changed

    def _read(self, paths: tuple[str, ...]) -> tuple[FileCopy, ...]:
        found = ((path, content_of(self._paths.below(path))) for path in paths)
        return tuple(FileCopy(path, *content) for path, content in found if content is not None)

    def _write(self, files: tuple[FileCopy, ...]) -> tuple[str, ...]:
        return tuple(f.path for f in files if replace(self._paths.below(f.path), f, mode_of(f.path) or 0))


def check(paths: Iterable[str]) -> None:
    """BadRequest for a path that may not be spread."""
    for path in paths:
        if mode_of(path) is None:
            raise BadRequest(f"{path!r} is no file that is spread over a cluster")


def content_of(path: str) -> tuple[bytes, float] | None:
    """Content and time of change, None when it is not there; DriverError when it cannot be read.  Blocks."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would hold us
            raise DriverError(f"{path} is no file")
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise DriverError(f"cannot read {path}: {e.strerror}") from None
    if len(content) > LARGEST:
        raise DriverError(f"{path} has more than {LARGEST} bytes, too many to be copied to other nodes")
    return content, found.st_mtime


def replace(path: str, wanted: FileCopy, mode: int) -> bool:
    """Whether something had to be done; readers see the old or the new content.  Blocks."""
    if len(wanted.content) > LARGEST:
        raise BadRequest(f"{wanted.path} has {len(wanted.content)} bytes, at most {LARGEST} are accepted")
    try:
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) == mode:
            with open(path, "rb") as file:
                if file.read() == wanted.content:
                    return False
    except OSError:
        pass  # it is written anew
    try:
        os.makedirs(os.path.dirname(path), FOLDER_MODE, exist_ok=True)
    except OSError as e:
        raise DriverError(f"cannot make {os.path.dirname(path)}: {e.strerror}") from None
    put(path, wanted.content, mode, wanted.mtime)
    return True
