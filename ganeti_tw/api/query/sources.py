"""Where the master finds what queries show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import asdict

from ganeti_tw.config.keeper import Published
from ganeti_tw.jobs.record import JobRecord
from ganeti_tw.kernel import Ref
from ganeti_tw.locks.allocation import LockState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.nodes.patience import Patience
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.operations.steps.storages import storage_shown
from ganeti_tw.protocol.instance import GetConsole, ListInstances, RunningInstance
from ganeti_tw.protocol.jobs import ListJobs
from ganeti_tw.protocol.locks import ListLocks
from ganeti_tw.protocol.node import GetFigures, NodeFigures

QUEUE_TIMEOUT = 30.0  # reading every job there is takes longer than a question to a node


class ClusterSources:
    """The published configuration, the agents of the nodes, the job queue and the lock manager.

    ``timeout``: seconds that each node has for an answer, if it is there at all.
    """

    def __init__(self, published: Published, nodes: Patience, queue: Ref, locks: Ref, timeout: float = 10.0) -> None:
        self._published = published
        self._nodes = nodes
        self._queue = queue
        self._locks = locks
        self._timeout = timeout

    @property
    def config(self) -> Config:
        """The latest stored configuration."""
        return self._published.config

    async def instances_on(self, node: Node, names: tuple[str, ...] = ()) -> Sequence[RunningInstance]:
        """What the enabled hypervisors of a node know, of all instances or those named."""
        found: Sequence[RunningInstance] = await self._ask(
            node.name, ListInstances(self.config.cluster.enabled_hypervisors, names)
        )
        return found

    async def figures(self, node: Node) -> NodeFigures:
        """Of the storage, that of the first enabled disk template that has some."""
        cluster = self.config.cluster
        figures: NodeFigures = await self._ask(
            node.name, GetFigures(cluster.default_hypervisor, *storage_shown(self.config))
        )
        return figures

    async def console(self, instance: Instance) -> dict[str, Any]:
        """What there is to say of it; keys without a value are left out."""
        config = self.config
        spec = instance_spec(config, instance)
        console = await self._ask(config.node(instance.primary_node).name, GetConsole(spec))
        return {key: value for key, value in asdict(console).items() if value is not None and value != ()}

    async def jobs(self, ids: tuple[int, ...] | None, archived: bool = False) -> Sequence[JobRecord]:
        """From the queue and what it stored; of the archive those in ``ids``, or all if ``archived``."""
        found: Sequence[JobRecord] = await self._queue.ask(ListJobs(ids, archived), QUEUE_TIMEOUT)
        return found

    async def locks(self) -> Sequence[LockState]:
        """From the lock manager."""
        found: Sequence[LockState] = await self._locks.ask(ListLocks(), self._timeout)
        return found

    async def _ask(self, node: str, message: Any) -> Any:
        return await self._nodes.ask(node, message, self._timeout)
