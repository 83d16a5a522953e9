"""Disks as files on the node; ``logical_id`` is ``[driver, path]``."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from ganeti_tw.agent.figures import file_system_space
from ganeti_tw.agent.storage.allowed import check_place
from ganeti_tw.agent.storage.base import Abilities, StorageHost
from ganeti_tw.agent.storage.registry import storages
from ganeti_tw.errors import BadRequest, DriverError, Exists, NoRoom
from ganeti_tw.protocol.instance import DiskSpec

MIB = 1 << 20
DEADLINE = 60.0
FILL_DEADLINE = 600.0
AT_ONCE = MIB


@storages.add("file")
class FileStorage:
    """Sparse raw files of exactly the size of the disk."""

    template = "file"
    abilities = Abilities.CREATE | Abilities.FILES

    def __init__(
        self,
        host: StorageHost,
        space: Callable[[str], tuple[int, int]] = file_system_space,
    ) -> None:
        self._run = host.blocking.run
        self._allowed = host.allowed
        self._space = space

    async def create(self, instance: str, disk: DiskSpec) -> str:
        return await self._run(self._create, disk, deadline=DEADLINE)

    async def remove(self, instance: str, disk: DiskSpec) -> None:
        await self._run(self._remove, disk, deadline=DEADLINE)

    async def rename(self, instance: str, disk: DiskSpec, to: DiskSpec) -> None:
        await self._run(self._rename, disk, to, deadline=DEADLINE)

    async def fill(self, instance: str, disk: DiskSpec, source: str, start_mib: int, size_mib: int) -> None:
        await self._run(self._fill, disk, source, start_mib * MIB, size_mib * MIB, deadline=FILL_DEADLINE)

    async def find(self, instance: str, disk: DiskSpec) -> str | None:
        found = await self._run(self._look, disk, deadline=DEADLINE)
        return None if found is None else found[0]

    async def size(self, instance: str, disk: DiskSpec) -> int | None:
        found = await self._run(self._look, disk, deadline=DEADLINE)
        return None if found is None else found[1] // MIB

    def _place(self, disk: DiskSpec) -> str:
        if len(disk.logical_id) != 2 or not isinstance(disk.logical_id[1], str):
            raise BadRequest(f"logical_id of {self.template} disk {disk.uuid} is not [driver, path]")
        return check_place(disk.logical_id[1], self._allowed())

    def _create(self, disk: DiskSpec) -> str:
        path, size = self._place(disk), disk.size_mib * MIB
        found = self._look(disk)
        if found is not None:
            if found[1] != size:
                raise Exists(f"{path} is there with {found[1]} bytes instead of {size}: remove it first")
            return path
        try:
            free = self._space(_existing(os.path.dirname(path)))[1]
            if free < size:
                raise NoRoom(f"{path} needs {disk.size_mib} MiB, its file system has {free // MIB} free")
            _make_directory(os.path.dirname(path))
            self._write(path, size)
        except OSError as e:
            raise DriverError(f"cannot create {path}: {e.strerror}") from None
        return path

    def _write(self, path: str, size: int) -> None:
        # Under another name first: a crash must not leave a short disk.
        fresh = path + ".new"
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
        try:
            os.ftruncate(fd, size)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(fresh, path)
        _sync(os.path.dirname(path))

    def _remove(self, disk: DiskSpec) -> None:
        path = self._place(disk)
        try:
            with suppress(FileNotFoundError):
                os.unlink(path)
        except OSError as e:
            raise DriverError(f"cannot remove {path}: {e.strerror}") from None
        self._remove_empty(os.path.dirname(path))

    def _remove_empty(self, directory: str) -> None:
        if directory not in [os.path.normpath(d) for d in self._allowed()]:
            with suppress(OSError):  # other disks are still there
                os.rmdir(directory)

    def _rename(self, disk: DiskSpec, to: DiskSpec) -> None:
        path, new = self._place(disk), self._place(to)
        if path == new:
            return
        here, there = self._look(disk), self._look(to)
        if here is not None and there is not None:
            raise Exists(f"cannot rename {path}: there is a {new} already; remove the one that is not needed")
        if here is None:
            if there is None:
                raise DriverError(f"cannot rename {path}: it is not there, and neither is {new}")
            return
        try:
            _make_directory(os.path.dirname(new))
            os.rename(path, new)
            _sync(os.path.dirname(new))
        except OSError as e:
            raise DriverError(f"cannot rename {path} to {new}: {e.strerror}") from None
        self._remove_empty(os.path.dirname(path))

    def _fill(self, disk: DiskSpec, source: str, start: int, size: int) -> None:
        path = self._place(disk)
        try:
            with open(source, "rb", buffering=0) as old, open(path, "r+b", buffering=0) as new:
                copy_part(old.fileno(), new.fileno(), start, size)
                os.fsync(new.fileno())
        except OSError as e:
            raise DriverError(f"cannot copy {source} to {path}: {e.strerror}") from None

    def _look(self, disk: DiskSpec) -> tuple[str, int] | None:
        path = self._place(disk)
        try:
            return path, os.stat(path, follow_symlinks=False).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            raise DriverError(f"cannot look at {path}: {e.strerror}") from None


def copy_part(old: int, new: int, start: int, size: int) -> None:
    """Copy from one open file to another, at the same place; what is zero and was not there stays a hole.  Blocks."""
    end = start + size
    zeros = bytes(AT_ONCE)
    while start < end:
        data = os.pread(old, min(AT_ONCE, end - start), start)
        if not data:
            raise OSError(errno.EIO, f"it ends after {start} bytes")
        if data != zeros[: len(data)] or os.pread(new, len(data), start) != data:
            done = 0
            while done < len(data):
                done += os.pwrite(new, data[done:], start + done)
        start += len(data)


def _existing(directory: str) -> str:
    """The directory, or the nearest above it that is there."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory


def _make_directory(directory: str) -> None:
    """With all above it; on disk when it returns."""
    known = _existing(directory)
    os.makedirs(directory, mode=0o750, exist_ok=True)
    while directory != known:
        directory = os.path.dirname(directory)
        _sync(directory)


def _sync(directory: str) -> None:
    """Have the names in a directory on disk: what is recorded elsewhere must not lose its file with the power."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems on the network keep no names back
            raise
    finally:
        os.close(folder)
