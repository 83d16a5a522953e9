"""``gnt-network remove``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import naturally
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, network_hooks
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.network.users import occurrences
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NETWORK_REMOVE", summary="network_name")
@frozen
class NetworkRemove:
    """Remove a network that no group is connected to."""

    network_name: Filled
    force: bool = False  # accepted, but what is in use stays

    def locks(self, config: Config) -> dict[str, int]:
        network = config.network(self.network_name)
        return {
            f"network/{network.uuid}": EXCLUSIVE,
            **{f"nodegroup/{uuid}": SHARED for uuid in config.groups},
        }

    def check(self, config: Config) -> None:
        network = config.network(self.network_name)
        connected = naturally(g.name for g in config.groups.values() if network.uuid in g.networks)
        if connected:
            raise WrongState(
                f"network {network.name} is connected to {', '.join(connected)}; gnt-network disconnect it first"
            )
        used = occurrences(config.instances_by_name(), lambda nic: nic.network == network.uuid)
        if used:
            raise WrongState(f"network {network.name} is used by {used}; remove these NICs first")

    def hooks(self, config: Config) -> Hooks:
        return network_hooks(config, "network-remove", {"NETWORK_NAME": config.network(self.network_name).name})

    async def run(self, context: Context) -> None:
        uuid = context.config.network(self.network_name).uuid

        def remove(config: Config) -> Changes:
            self.check(config)
            return Changes(deletes=(config.network(uuid),))

        await context.edit(remove)
