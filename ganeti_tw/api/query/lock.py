"""Locks that are held or waited for."""

from __future__ import annotations

from typing import Any

from ganeti_tw.api.query.fields import field, own, table
from ganeti_tw.api.query.resource import Pause, Resource
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.api.query.view import View
from ganeti_tw.locks.allocation import LockState
from ganeti_tw.locks.table import Mode
from ganeti_tw.model.config import Config

_MODES = {Mode.SHARED: "shared", Mode.EXCLUSIVE: "exclusive"}


async def _find(config: Config, sources: Sources, names: tuple[Any, ...] | None, pause: Pause) -> list[Any]:
    return list(await sources.locks())


def _owner(text: str) -> str:
    """The job, without the number of its opcode."""
    return "/".join(text.split("/")[:2])


def _mode(lock: LockState, view: View) -> str | None:
    return None if lock.mode is None else _MODES[lock.mode]


def _owners(lock: LockState, view: View) -> list[str] | None:
    return [_owner(o) for o in lock.owners] or None


def _pending(lock: LockState, view: View) -> list[list[Any]] | None:
    """Neighbours that want the same mode stand together."""
    waiting: list[list[Any]] = []
    for mode, owner in lock.pending:
        if not waiting or waiting[-1][0] != _MODES[mode]:
            waiting.append([_MODES[mode], []])
        waiting[-1][1].append(_owner(owner))
    return waiting or None


RESOURCE = Resource(
    "lock",
    table(
        field("mode", "Mode", "other", "How it is held: shared or exclusive", _mode),
        own("name", "Name", "other", "Level and name of what is locked"),
        field("owner", "Owner", "other", "The jobs that hold it", _owners),
        field("pending", "Pending", "other", "Who waits for it and how it is wanted, next first", _pending),
    ),
    _find,
)
