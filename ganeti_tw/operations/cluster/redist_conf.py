"""``gnt-cluster redist-conf``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import GanetiError
from ganeti_tw.locks.table import LOCKSET
from ganeti_tw.model.config import Config
from ganeti_tw.model.versions import RELEASE
from ganeti_tw.nodes.updater import host_update
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps.ancillary import spread_files
from ganeti_tw.protocol.config import Changes

TIMEOUT = 30.0


@operation("OP_CLUSTER_REDIST_CONF")
@frozen
class ClusterRedistConf:
    """Send the configuration, ssconf and the files of the master to all nodes again.

    The job waits for the nodes and names those that could not be told; they
    hear of the configuration as soon as they are back.
    """

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{LOCKSET}": SHARED}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> None:
        # A change like any other, though nothing is changed: it is stored on all candidates that are in
        # sync, and they write their files anew.
        config = await context.edit(lambda config: Changes(puts=(config.cluster,)))
        nodes = sorted((n for n in config.nodes.values() if not n.offline), key=lambda n: n.name)
        regular = host_update(config, RELEASE, context.certificates.lowest())
        messages = [(n, evolve(regular, candidate=n.master_candidate)) for n in nodes]
        reached = []
        for node, answer in await context.on_each(messages, TIMEOUT, path="host", what="telling the nodes"):
            if isinstance(answer, GanetiError):
                context.warn(f"{node.name} was not told of the configuration: {answer.text}")
            else:
                reached.append(node)
        await spread_files(context, reached, etc_hosts=config.cluster.modify_etc_hosts)
        for follower in (await context.ledger_state()).followers:
            if not follower.in_sync:
                why = follower.last_error or f"{follower.lag} changes behind"
                context.warn(f"the ledger on {follower.name} is not in sync: {why}")
