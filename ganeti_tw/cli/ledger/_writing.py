"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.ledger.file import sync_folder


@contextmanager
def replaced(path: str, mode: int) -> Iterator[str]:
    """The path of a new, empty file, which takes the place of ``path`` when all went well.

    It has reached the disk then.  DriverError names what cannot be written,
    BadRequest what is no file, such as a device.
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadRequest(f"{path} is no file that could be replaced; without -o the output goes to standard output")
    new = f"{path}.new"
    try:
        if os.path.lexists(new):
            os.unlink(new)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        try:
            yield new
            _sync(new)
            os.replace(new, path)
            sync_folder(path)
        finally:
            if os.path.lexists(new):
                os.unlink(new)
    except OSError as e:
        raise DriverError(f"cannot write {path}: {e.strerror}") from None


def write(path: str, content: bytes, mode: int) -> None:
    """Replace a file whole."""
    with replaced(path, mode) as new, open(new, "wb") as file:
        file.write(content)


def _sync(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
