"""``gnt-network disconnect``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, connection_hooks
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.network.users import instances_of, occurrences
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NETWORK_DISCONNECT", summary="network_name")
@frozen
class NetworkDisconnect:
    """Make a network unusable in a group none of whose instances uses it."""

    group_name: Filled
    network_name: Filled

    def locks(self, config: Config) -> dict[str, int]:
        group = config.group(self.group_name)
        return {
            f"nodegroup/{group.uuid}": EXCLUSIVE,
            **{f"instance/{instance.name}": SHARED for instance in instances_of(config, group)},
        }

    def check(self, config: Config) -> None:
        self._disconnected(config)

    def hooks(self, config: Config) -> Hooks:
        group, network = config.group(self.group_name), config.network(self.network_name)
        connection = group.networks.get(network.uuid, {})
        return connection_hooks(config, "network-disconnect", group, connection)

    async def run(self, context: Context) -> None:
        group = context.config.group(self.group_name)
        network = context.config.network(self.network_name)
        if network.uuid not in group.networks:
            context.warn(f"network {network.name} is not connected to group {group.name}; nothing was changed")
            return
        await context.edit(self._disconnected)

    def _disconnected(self, config: Config) -> Changes:
        group, network = config.group(self.group_name), config.network(self.network_name)
        if network.uuid not in group.networks:
            return Changes()
        used = occurrences(instances_of(config, group), lambda nic: nic.network == network.uuid)
        if used:
            raise WrongState(f"network {network.name} is used in group {group.name} by {used}; remove these NICs first")
        rest = {uuid: connection for uuid, connection in group.networks.items() if uuid != network.uuid}
        return Changes(puts=(evolve(group, networks=rest),))
