"""What a client was told, on disk before it goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from attrs import asdict, frozen

Facts: TypeAlias = Mapping[str, Any]
"""What is known: ``"kind subject"`` -> value, ``{"tag blue": True, "memory web1": 256}``."""

SUCCESS = "success"
FINAL = (SUCCESS, "error", "canceled")


@frozen
class Asked:
    """Number ``number`` of a client: an operation, and what holds of its subjects once it succeeded."""

    number: int
    op: dict[str, Any]
    about: tuple[str, ...]
    facts: dict[str, Any]


@frozen
class Accepted:
    """The job has this id."""

    number: int
    job: int


@frozen
class Unknown:
    """Nobody knows whether there is such a job: its submission was not answered."""

    number: int
    why: str


@frozen
class Ended:
    """The job ended like that; ``told`` is what else was said of it."""

    number: int
    status: str
    told: str = ""


Entry: TypeAlias = "Asked | Accepted | Unknown | Ended"
_KINDS: dict[str, type[Any]] = {"asked": Asked, "accepted": Accepted, "unknown": Unknown, "ended": Ended}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Journal:
    """A file to which entries are added; each is on disk when :meth:`write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, *entries: Entry) -> None:
        text = "".join(_line(entry) for entry in entries)
        os.write(self._file, text.encode())
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


class Reader:
    """Reads what others write to a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def new(self) -> Iterator[Entry]:
        """The entries that were not given yet, in their order."""
        with self._path.open() as file:
            file.seek(self._at)
            while line := file.readline():
                yield _entry(line)
            self._at = file.tell()


def _entry(line: str) -> Entry:
    values = json.loads(line)
    kind = _KINDS[values.pop("entry")]
    if kind is Asked:
        values["about"] = tuple(values["about"])
    entry: Entry = kind(**values)
    return entry


def _line(entry: Entry) -> str:
    return json.dumps({"entry": _NAMES[type(entry)], **asdict(entry)}, separators=(",", ":")) + "\n"
