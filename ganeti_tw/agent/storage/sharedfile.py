"""Disks as files in a directory that all nodes share."""

from __future__ import annotations

from ganeti_tw.agent.storage.base import Abilities
from ganeti_tw.agent.storage.file import FileStorage
from ganeti_tw.agent.storage.registry import storages


@storages.add("sharedfile")
class SharedFileStorage(FileStorage):
    """As ``file``; whoever mounts the directory on all nodes makes it shared."""

    template = "sharedfile"
    abilities = Abilities.CREATE | Abilities.FILES | Abilities.SHARED
