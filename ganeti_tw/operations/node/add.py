"""``gnt-node add``."""

from __future__ import annotations

import ipaddress
from typing import Any

from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, Exists, NotFound, NotUnique
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import host_name
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import ndparams as nd_input
from ganeti_tw.model.roles import should_promote_self
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, all_nodes
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import PRIVATE, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_NODE_ADD", summary="node_name", big_lock=True, not_yet=("hv_state", "disk_state", "readd", "node_setup"))
@frozen
class NodeAdd:
    """Bring a host into the cluster.

    ``token`` is what the host shows: it proves each to the other.  The node is
    in the configuration only once the host holds its certificate.
    """

    node_name: Filled
    hv_state: dict[str, Any] | None = None
    disk_state: dict[str, Any] | None = None
    primary_ip: Filled | None = None
    secondary_ip: Filled | None = None
    readd: bool = False
    group: Filled | None = None
    master_capable: bool | None = None
    vm_capable: bool | None = None
    ndparams: dict[str, Any] | None = None
    node_setup: bool = False
    token: str = field(default="", metadata=PRIVATE)  # ours, not one of Ganeti's

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        name = host_name(self.node_name)
        taken = next((n for n in config.nodes.values() if n.name == name), None)
        if taken is not None:
            raise Exists(f"there is a node {name} already, with address {taken.primary_ip}")
        if not self.token:
            raise BadRequest(f"no token given: run 'gnt-node token' on {name} and pass what it prints with --token")
        if self.group is not None:
            config.group(self.group)
        for address in (self.primary_ip, self.secondary_ip):
            if address is not None:
                _free(config, address)
        nd_input({}, self.ndparams or {})

    def hooks(self, config: Config) -> Hooks:
        name = host_name(self.node_name)
        given = {
            "OP_TARGET": name,
            "NODE_NAME": name,
            "NODE_PIP": self.primary_ip or "",
            "NODE_SIP": self.secondary_ip or self.primary_ip or "",
            "MASTER_CAPABLE": self.master_capable is not False,
            "VM_CAPABLE": self.vm_capable is not False,
        }

        def after(newest: Config) -> dict[str, Any]:
            node = newest.node(name)
            return {**given, "NODE_PIP": node.primary_ip, "NODE_SIP": node.secondary_ip}

        return Hooks("node-add", "NODE", given, all_nodes(config), (*all_nodes(config), name), after)

    async def run(self, context: Context) -> None:
        name = host_name(self.node_name)
        uuid = context.new_uuid()
        primary_ip = self.primary_ip or await context.resolve(name)
        _free(context.config, primary_ip)
        _same_networks(context.config, primary_ip, self.secondary_ip)
        await context.join(name, self.token, uuid)
        context.undo(f"the membership of {name}", lambda: context.leave(name))
        node = Node(
            uuid=uuid,
            serial_no=1,
            name=name,
            primary_ip=primary_ip,
            secondary_ip=self.secondary_ip or primary_ip,
            master_candidate=False,
            offline=False,
            drained=False,
            group=_group(context.config, self.group),
            ndparams=nd_input({}, self.ndparams or {}),
            master_capable=self.master_capable is not False,
            vm_capable=self.vm_capable is not False,
            powered=True,
        )

        def add(config: Config) -> Changes:
            self.check(config)
            candidate = should_promote_self(config.nodes.values(), config.cluster.candidate_pool_size, node)
            return Changes(puts=(evolve(node, master_candidate=candidate),))

        config = await context.edit(add)
        role = "master candidate" if config.node(uuid).master_candidate else "regular node"
        context.inform(f"{name} ({primary_ip}) joined as {role}")


def _group(config: Config, name: str | None) -> str:
    if name is not None:
        return config.group(name).uuid
    if len(config.groups) == 1:
        return next(iter(config.groups))
    found = config.find_group("default")
    if found is None:
        raise NotFound("there are several groups and none is called default: name one with --node-group")
    return found.uuid


def _same_networks(config: Config, primary_ip: str, secondary_ip: str | None) -> None:
    """Either all nodes have a network of its own for replication, or none has."""
    apart = config.master.secondary_ip != config.master.primary_ip
    if apart != (secondary_ip not in (None, primary_ip)):
        raise BadRequest(
            "the master has a secondary address and this node has none: give one with --secondary-ip"
            if apart
            else "this node would have a secondary address and the master has none: leave --secondary-ip out"
        )


def _free(config: Config, address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise BadRequest(f"{address!r} is no IP address") from None
    for node in config.nodes.values():
        if address in (node.primary_ip, node.secondary_ip):
            raise NotUnique(f"address {address} belongs to node {node.name}")
    if address == config.cluster.master_ip:
        raise NotUnique(f"address {address} is the one of the cluster")
