"""All disk templates there are."""

from __future__ import annotations

from collections.abc import Callable

from ganeti_tw.agent.drivers import Drivers
from ganeti_tw.agent.storage.base import Storage, StorageHost

storages: Drivers[Callable[[StorageHost], Storage]] = Drivers("ganeti_tw.agent.storage", "ganeti_tw.storages")


def build_storages(host: StorageHost) -> dict[str, Storage]:
    """A storage for every template, by name."""
    return {name: make(host) for name, make in storages.load().items()}
