"""``gnt-cluster rename``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, NotUnique
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import host_name
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, all_nodes, master
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.masterip import moved
from ganeti_tw.protocol.config import Changes


@operation("OP_CLUSTER_RENAME", summary="name", big_lock=True)
@frozen
class ClusterRename:
    """Give the cluster another name, and the address that this name has.  Result: the name."""

    name: Filled

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        host_name(self.name)

    def hooks(self, config: Config) -> Hooks:
        names = {"OP_TARGET": config.cluster.cluster_name, "NEW_NAME": self.name}
        return Hooks("cluster-rename", "CLUSTER", names, master(config), all_nodes(config))

    async def run(self, context: Context) -> str:
        name = host_name(self.name)
        address = await context.resolve(name)
        cluster = context.config.cluster
        if (name, address) == (cluster.cluster_name, cluster.master_ip):
            raise BadRequest(f"the cluster is called {name} already, with address {address}")
        for node in context.config.nodes.values():
            if address in (node.primary_ip, node.secondary_ip):
                raise NotUnique(f"{name} has the address {address}, which is that of node {node.name}")
        if address != cluster.master_ip and await context.answers(address):
            raise NotUnique(f"something answers at {address}, the address of {name}")

        def rename(config: Config) -> Changes:
            return Changes(puts=(evolve(config.cluster, cluster_name=name, master_ip=address),))

        if address == cluster.master_ip:
            await context.edit(rename)
        else:
            await moved(context, rename)
        return name
