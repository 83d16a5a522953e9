"""``gnt-network add``."""

from __future__ import annotations

from attrs import field, frozen

from ganeti_tw.errors import Exists
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool, gateway6, ipv4_address, ipv6_network
from ganeti_tw.model.names import added_tags, mac_prefix, object_name
from ganeti_tw.model.network import Network
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, network_hooks, network_variables
from ganeti_tw.operations.inputs import IPV4, IPV4_NETWORK, IPV4S, IPV6, IPV6_NETWORK, Filled
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NETWORK_ADD", summary="network_name")
@frozen
class NetworkAdd:
    """Make a network with its pool of addresses.

    With the check, addresses of nodes and of the cluster are kept from instances.
    """

    network_name: Filled
    network: str = field(validator=IPV4_NETWORK)
    gateway: str | None = field(default=None, validator=IPV4)
    network6: str | None = field(default=None, validator=IPV6_NETWORK)
    gateway6: str | None = field(default=None, validator=IPV6)
    mac_prefix: Filled | None = None
    add_reserved_ips: list[str] | None = field(default=None, validator=IPV4S)
    conflicts_check: bool = True
    tags: list[Filled] = field(factory=list)

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{uuid}": SHARED for uuid in config.nodes} if self.conflicts_check else {}

    def check(self, config: Config) -> None:
        self._made(config, "")

    def hooks(self, config: Config) -> Hooks:
        return network_hooks(config, "network-add", network_variables(self._made(config, "")))

    async def run(self, context: Context) -> None:
        uuid = context.new_uuid()
        config = await context.edit(lambda newest: Changes(puts=(self._made(newest, uuid),)))
        if self.conflicts_check:
            pool = IpPool.of(config.network(uuid))
            for owner, ip in _hosts(config).items():
                if ip in pool:
                    context.inform(f"{ip}, an address of {owner}, is kept from instances")

    def _made(self, config: Config, uuid: str) -> Network:
        name = object_name(self.network_name)
        if config.find_network(name) is not None:
            raise Exists(f"there is a network {name} already")
        pool = IpPool.new(self.network)
        gateway = None
        if self.gateway:
            gateway = str(ipv4_address(self.gateway))
            pool = pool.reserve_external(gateway)
        for ip in self.add_reserved_ips or ():
            pool = pool.reserve_external(ip)
        if self.conflicts_check:
            for ip in _hosts(config).values():
                if ip in pool and not pool.has_external(ip):
                    pool = pool.reserve_external(ip)
        network6 = ipv6_network(self.network6) if self.network6 else None
        network = Network(
            uuid=uuid,
            name=name,
            network=str(pool.subnet),
            serial_no=1,
            tags=added_tags((), self.tags),
            mac_prefix=mac_prefix(self.mac_prefix) if self.mac_prefix else None,
            gateway=gateway,
            network6=network6,
            gateway6=gateway6(self.gateway6, network6) if self.gateway6 else None,
        )
        return pool.stored_in(network)


def _hosts(config: Config) -> dict[str, str]:
    """Whose address it is -> address, of all that must never be an instance's."""
    found = {"the cluster": config.cluster.master_ip}
    for node in config.nodes.values():
        found[f"node {node.name}"] = node.primary_ip
        if node.secondary_ip != node.primary_ip:
            found[f"node {node.name} (secondary)"] = node.secondary_ip
    return found
