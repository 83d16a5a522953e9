"""``gnt-network connect``."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.parameters import CLUSTER
from ganeti_tw.model.parameters import nicparams as nic_input
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, connection_hooks
from ganeti_tw.operations.inputs import Filled, NetworkMode
from ganeti_tw.operations.network.users import instances_of, occurrences
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NETWORK_CONNECT", summary="network_name")
@frozen
class NetworkConnect:
    """Make a network usable in a group, and say how NICs are attached to it there.

    With the check, no NIC outside of networks may have one of its addresses.
    """

    group_name: Filled
    network_name: Filled
    network_mode: NetworkMode
    network_link: Filled
    network_vlan: str = ""
    conflicts_check: bool = True

    def locks(self, config: Config) -> dict[str, int]:
        group, network = config.group(self.group_name), config.network(self.network_name)
        wanted = {f"nodegroup/{group.uuid}": EXCLUSIVE}
        if self.conflicts_check:
            wanted.update({f"instance/{instance.name}": SHARED for instance in instances_of(config, group)})
            wanted[f"network/{network.uuid}"] = SHARED
        return wanted

    def check(self, config: Config) -> None:
        self._connected(config)

    def hooks(self, config: Config) -> Hooks:
        return connection_hooks(config, "network-connect", config.group(self.group_name), self._connection())

    async def run(self, context: Context) -> None:
        group = context.config.group(self.group_name)
        network = context.config.network(self.network_name)
        if network.uuid in group.networks:
            context.warn(f"network {network.name} is connected to group {group.name} already; nothing was changed")
            return
        await context.edit(self._connected)

    def _connected(self, config: Config) -> Changes:
        group, network = config.group(self.group_name), config.network(self.network_name)
        connection = self._connection()
        if network.uuid in group.networks:
            return Changes()
        if self.conflicts_check:
            pool = IpPool.of(network)
            used = occurrences(instances_of(config, group), lambda nic: nic.network is None and nic.ip in pool)
            if used:
                raise WrongState(
                    f"addresses of network {network.name} ({network.network}) are used in group {group.name} "
                    f"outside of it: {used}; change these NICs, or use --no-conflicts-check"
                )
        return Changes(puts=(evolve(group, networks={**group.networks, network.uuid: connection}),))

    def _connection(self) -> dict[str, Any]:
        given = {"mode": self.network_mode, "link": self.network_link, "vlan": self.network_vlan}
        return nic_input({}, given, level=CLUSTER)
