"""Where queries find what the configuration does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ganeti_tw.jobs.record import JobRecord
from ganeti_tw.locks.allocation import LockState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.protocol.instance import RunningInstance
from ganeti_tw.protocol.node import NodeFigures


class Sources(Protocol):
    """Each answers within a few seconds or raises a GanetiError."""

    @property
    def config(self) -> Config:
        """The latest stored configuration."""

    async def instances_on(self, node: Node, names: tuple[str, ...] = ()) -> Sequence[RunningInstance]:
        """What the hypervisors of a node know, of all instances or those named."""

    async def figures(self, node: Node) -> NodeFigures:
        """Memory, processors and storage of a node."""

    async def console(self, instance: Instance) -> dict[str, Any]:
        """How to reach the console of a running instance.  WrongState when it does not run."""

    async def jobs(self, ids: tuple[int, ...] | None, archived: bool = False) -> Sequence[JobRecord]:
        """The jobs of these numbers, without unknown ones, or all."""

    async def locks(self) -> Sequence[LockState]:
        """The locks that are held or waited for."""
