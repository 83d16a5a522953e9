"""``gnt-network modify``."""

from __future__ import annotations

from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool, gateway6, ipv4_address, ipv6_network
from ganeti_tw.model.names import mac_prefix
from ganeti_tw.model.network import Network
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, network_hooks, network_variables
from ganeti_tw.operations.inputs import IPV4_OR_NONE, IPV4S, IPV6_NETWORK_OR_NONE, IPV6_OR_NONE, Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.config import Changes

NONE = "none"


@operation("OP_NETWORK_SET_PARAMS", summary="network_name")
@frozen
class NetworkSetParams:
    """Change gateways, IPv6 network, MAC prefix or external reservations; ``none`` takes a value away."""

    network_name: Filled
    gateway: str | None = field(default=None, validator=IPV4_OR_NONE)
    network6: str | None = field(default=None, validator=IPV6_NETWORK_OR_NONE)
    gateway6: str | None = field(default=None, validator=IPV6_OR_NONE)
    mac_prefix: Filled | None = None
    add_reserved_ips: list[str] | None = field(default=None, validator=IPV4S)
    remove_reserved_ips: list[str] | None = field(default=None, validator=IPV4S)

    def locks(self, config: Config) -> dict[str, int]:
        return {f"network/{config.network(self.network_name).uuid}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        if self.gateway and (self.add_reserved_ips or self.remove_reserved_ips):
            raise BadRequest(
                "the gateway and the reserved addresses cannot be changed together: do one after the other"
            )
        self._changed(config)

    def hooks(self, config: Config) -> Hooks:
        return network_hooks(config, "network-modify", network_variables(self._changed(config)))

    async def run(self, context: Context) -> None:
        network = context.config.network(self.network_name)
        if self.gateway and _value(self.gateway, None) == network.gateway:
            context.warn(f"the gateway of {network.name} is {network.gateway or NONE} already")
        await context.edit(lambda config: Changes(puts=(self._changed(config),)))

    def _changed(self, config: Config) -> Network:
        network = config.network(self.network_name)
        pool = IpPool.of(network)
        gateway = _value(self.gateway, network.gateway)
        if gateway != network.gateway:
            pool = _other_gateway(pool, network.gateway, gateway)
        for ip in self.add_reserved_ips or ():
            pool = pool.reserve_external(ip)
        for ip in self.remove_reserved_ips or ():
            if str(ipv4_address(ip)) == gateway:
                raise WrongState(f"address {ip} is the gateway of {network.name} and stays reserved")
            pool = pool.release_external(ip)
        network6, router6 = self._ipv6(network)
        prefix = _value(self.mac_prefix, network.mac_prefix)
        changed = evolve(
            network,
            gateway=gateway,
            mac_prefix=mac_prefix(prefix) if prefix else None,
            network6=network6,
            gateway6=router6,
        )
        return pool.stored_in(changed)

    def _ipv6(self, network: Network) -> tuple[str | None, str | None]:
        network6, router6 = _value(self.network6, network.network6), _value(self.gateway6, network.gateway6)
        if self.network6 and network6:
            network6 = ipv6_network(network6)
        if (self.network6 or self.gateway6) and router6:
            router6 = gateway6(router6, network6)
        return network6, router6


def _value(given: str | None, present: str | None) -> str | None:
    """The value after a change; nothing given changes nothing."""
    if not given:
        return present
    return None if given.lower() == NONE else given


def _other_gateway(pool: IpPool, old: str | None, new: str | None) -> IpPool:
    if new is not None:
        if pool.has_instance(new):
            raise WrongState(f"address {new} is used by an instance and cannot be the gateway")
        pool = pool.reserve_external(new)
    if old is not None and old in pool and pool.has_external(old):
        pool = pool.release_external(old)
    return pool
