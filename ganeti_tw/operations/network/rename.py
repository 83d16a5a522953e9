"""Another name for a network."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import Exists
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import object_name
from ganeti_tw.model.network import Network
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NETWORK_RENAME", summary="network_name")
@frozen
class NetworkRename:
    """Give a network another name.  Result: that name."""

    network_name: Filled
    new_name: Filled

    def locks(self, config: Config) -> dict[str, int]:
        return {f"network/{config.network(self.network_name).uuid}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        self._renamed(config)

    async def run(self, context: Context) -> str:
        await context.edit(lambda config: Changes(puts=(self._renamed(config),)))
        return self.new_name

    def _renamed(self, config: Config) -> Network:
        network = config.network(self.network_name)
        if config.find_network(object_name(self.new_name)) is not None:
            raise Exists(f"there is a network {self.new_name} already")
        return evolve(network, name=self.new_name)
