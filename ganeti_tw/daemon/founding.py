"""A host that is in no cluster becomes the master of one."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ganeti_tw.agent.node import SetEnabled
from ganeti_tw.daemon.importing import Imported, import_cluster
from ganeti_tw.daemon.master import Master
from ganeti_tw.daemon.newcluster import NewCluster, make_cluster
from ganeti_tw.errors import WrongState

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

T = TypeVar("T")


class Founding:
    """Part of the host.  One cluster is made at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._busy = False

    async def init_cluster(self, new: NewCluster) -> int:
        """Make this host the master of a new cluster; gives the id of the first job."""
        _, master = await self._begin(make_cluster(self._host, new))
        return await master.api.submit([{"OP_ID": "OP_CLUSTER_POST_INIT", "reason": []}])

    async def import_cluster(self, text: str, force: bool) -> Imported:
        """Make this host the master of the cluster that a ``config.data`` describes."""
        found, _ = await self._begin(import_cluster(self._host, text, force))
        return found

    async def _begin(self, begin: Coroutine[Any, Any, T]) -> tuple[T, Master]:
        host = self._host
        try:
            if host.record is not None:
                raise WrongState(f"{host.name} is in cluster {host.record.cluster} already")
            if self._busy:
                raise WrongState("a cluster is being made already")
        except WrongState:
            begin.close()
            raise
        self._busy = True
        try:
            made = await begin
            host.hands.agent.tell(SetEnabled(host.hands.enabled(host.membership())))
            return made, await host.mastership.sought()
        finally:
            self._busy = False
