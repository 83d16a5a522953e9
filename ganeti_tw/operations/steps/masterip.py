"""Bringing the address of the cluster to a node, and taking it away.

For jobs, and for the host's process at the beginning and end of a reign: both
bring their own way to the nodes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import POST, PRE, Hooks, environment
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.masterip import MasterAddress, MasterIpEnd, SetMasterIp

TIMEOUT = 180.0  # the node's own limits come first: 30 s for the script, 60 s for the hooks of each phase
TURN_UP = ("master-ip-turnup", "OP_CLUSTER_IP_TURNUP")
TURN_DOWN = ("master-ip-turndown", "OP_CLUSTER_IP_TURNDOWN")

_IP_VERSIONS = {2: 4, 10: 6}


class Nodes(Protocol):
    """The way to the nodes; the context of a job is one."""

    def on_node(self, node: Any, message: Any, timeout: float) -> Awaitable[Any]:
        """Ask a node, by name."""

    def inform(self, text: str) -> None:
        """Tell a detail."""

    def warn(self, text: str) -> None:
        """Tell what somebody should look at."""


def master_address(config: Config) -> MasterAddress:
    """The address of the cluster, as it is configured."""
    c = config.cluster
    version = _IP_VERSIONS.get(c.primary_ip_family, 4)
    return MasterAddress(c.master_ip, c.master_netmask, c.master_netdev, version, c.use_external_mip_script)


async def bring_up(nodes: Nodes, config: Config) -> None:
    """Have the address on the master of this configuration; the errors of the wire and of the node."""
    await _set(nodes, config, config.master.name, True)


async def take_down(nodes: Nodes, config: Config, node: str | None = None) -> None:
    """Have it no longer on a node: on the master, or the one named."""
    await _set(nodes, config, node or config.master.name, False)


async def try_to_bring_up(nodes: Nodes, config: Config) -> bool:
    """The same; a failure is a warning.  Whether it went well."""
    try:
        await bring_up(nodes, config)
    except GanetiError as e:
        nodes.warn(
            f"the master IP {config.cluster.master_ip} could not be brought up on {config.master.name}: {e.text}; "
            "when that is repaired, run 'gnt-cluster activate-master-ip'"
        )
        return False
    return True


async def try_to_take_down(nodes: Nodes, config: Config) -> None:
    """The same on the master; a failure is a warning."""
    try:
        await take_down(nodes, config)
    except GanetiError as e:
        where = config.master.name
        nodes.warn(f"the master IP {config.cluster.master_ip} could not be taken down on {where}: {e.text}")


async def moved(context: Context, change: Callable[[Config], Changes], *, force: bool = False) -> Config:
    """Change the configuration while the address is down; it comes up again as it is configured then.

    When it cannot be taken down nothing changes, unless ``force``; when it does not
    come up again, that is a warning.
    """
    before = context.config
    if force:
        await try_to_take_down(context, before)
    else:
        await take_down(context, before)
    context.undo("that the master IP is down", lambda: bring_up(context, before))
    config = await context.edit(change)
    context.keep()
    await try_to_bring_up(context, config)
    return config


async def _set(nodes: Nodes, config: Config, node: str, up: bool) -> None:
    end: MasterIpEnd = await nodes.on_node(node, set_master_ip(config, up), TIMEOUT)
    if end.said:
        nodes.inform(f"{node}: {end.said}")
    for text in end.warnings:
        nodes.warn(f"{node}: {text}")


def set_master_ip(config: Config, up: bool) -> SetMasterIp:
    """The message, with what the scripts of the hooks see."""
    address = master_address(config)
    name, op_id = TURN_UP if up else TURN_DOWN
    variables: Mapping[str, Any] = {
        "MASTER_NETDEV": address.netdev,
        "MASTER_IP": address.ip,
        "MASTER_NETMASK": address.netmask,
        "CLUSTER_IP_VERSION": address.ip_version,
    }
    hooks = Hooks(name, "CLUSTER", variables)
    before = environment(config, op_id, hooks, PRE)
    return SetMasterIp(up, address, before, environment(config, op_id, hooks, POST, after=variables))
