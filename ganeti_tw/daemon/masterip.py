"""The address of the cluster at the beginning and the end of a reign."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.logger import Logger

from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.steps.masterip import try_to_bring_up, try_to_take_down

log = Logger()


class _Nodes:
    """Asks nodes without a job; what there is to tell goes to the log."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def on_node(self, node: str, message: Any, timeout: float) -> Awaitable[Any]:
        return self._directory.ref(node).ask(message, timeout)

    def inform(self, text: str) -> None:
        log.info("{text}", text=text)

    def warn(self, text: str) -> None:
        log.warn("{text}", text=text)


async def bring_up(directory: Directory, config: Config) -> bool:
    """Have the address on the master of this configuration.  Whether it went well; a failure is logged."""
    return await try_to_bring_up(_Nodes(directory), config)


async def take_down(directory: Directory, config: Config, node: str | None = None) -> bool:
    """Have it no longer on the master, or on the node named.  Whether it went well; a failure is logged."""
    return await try_to_take_down(_Nodes(directory), config, node)
