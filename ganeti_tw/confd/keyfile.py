"""Where the cluster's key is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from ganeti_tw.confd.key import Key

LOOK_EVERY = 1.0  # seconds between two looks whether the file was replaced

log = Logger()


class KeyFile:
    """The key as it is on disk now, give or take :data:`LOOK_EVERY`.

    Nothing watches the file: whoever needs the key has a look, at most once a
    second, so that a renewed key counts and the old one does not.  One that
    cannot be read any more is used on.
    """

    def __init__(self, path: str, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._looked = float("-inf")
        self._seen: Any = None
        self._key: Key | None = None

    def key(self) -> Key | None:
        """None while there never was one."""
        now = self._now()
        if not 0 <= now - self._looked < LOOK_EVERY:  # the wall clock may be set back
            self._looked = now
            self._look()
        return self._key

    def _look(self) -> None:
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return
            with open(self._path, "rb") as file:
                content = file.read()
        except OSError as e:
            if self._seen is not False:
                self._seen = False
                log.error("confd cannot read {path}: {reason}", path=self._path, reason=e.strerror)
            return
        if content:  # empty while somebody writes it in place
            if self._key is not None:
                log.info("confd uses the new key in {path}", path=self._path)
            self._seen, self._key = seen, Key(content)
