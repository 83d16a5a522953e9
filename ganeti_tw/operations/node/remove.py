"""``gnt-node remove``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import GanetiError, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.roles import promotions
from ganeti_tw.nodes.certificates import without_certificate
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.hooks import Hooks, all_nodes
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NODE_REMOVE", summary="node_name", big_lock=True)
@frozen
class NodeRemove:
    """Take a node without instances out of the cluster; others are promoted to fill the candidate pool."""

    node_name: Filled
    node_uuid: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        node = config.node(self.node_name, self.node_uuid)
        if node.uuid == config.cluster.master_node:
            raise WrongState(f"{node.name} is the master: move the master to another node first")
        coming = [i for i in config.instances_by_name() if i.migrating_to == node.uuid]
        held = (*config.instances_on(node.uuid), *coming)
        if held:
            raise WrongState(f"{node.name} still holds instances: {names(held)}; move or remove them first")

    def hooks(self, config: Config) -> Hooks:
        """The node itself is told of its removal just before it leaves."""
        name = config.node(self.node_name, self.node_uuid).name
        others = tuple(other for other in all_nodes(config) if other != name)
        return Hooks("node-remove", "NODE", {"OP_TARGET": name, "NODE_NAME": name}, others, others)

    def interrupted(self, config: Config) -> str:
        name = self.node_name
        if config.find_node(name) is not None:
            return f"{name} still is a node: run 'gnt-node remove {name}' again"
        return (
            f"{name} is no node any more and no node listens to it; whether its host was told so is not known: "
            f"run 'gnt-node token --leave' on {name} before it joins a cluster again"
        )

    async def run(self, context: Context) -> None:
        node = context.config.node(self.node_name, self.node_uuid)

        def remove(config: Config) -> Changes:
            self.check(config)
            chosen = promotions(
                config.nodes.values(), config.cluster.candidate_pool_size, lambda nodes, n: nodes[:n], (node.uuid,)
            )
            promoted = tuple(evolve(n, master_candidate=True) for n in chosen)
            # At once, so that nobody ever sees the certificate of a node that is not there.
            forgotten = without_certificate(config, [node.uuid]).puts
            return Changes(puts=(*promoted, *forgotten), deletes=(config.node(node.uuid),))

        before = {n.uuid for n in context.config.candidates}
        config = await context.edit(remove)
        for other in config.candidates:
            if other.uuid not in before:
                context.inform(f"{other.name} is a master candidate now")
        if not node.offline:
            await context.leaving_hooks(node.name)
        try:
            await context.leave(node.name)
        except GanetiError as e:
            context.warn(
                f"{node.name} could not be told to leave: {e.text}; "
                "before it joins a cluster again, run 'gnt-node token --leave' on it"
            )
