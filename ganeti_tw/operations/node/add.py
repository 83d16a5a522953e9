"""``gnt-node add``."""

from __future__ import annotations

import ipaddress
from typing import Any

from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, Exists, NotFound, NotUnique, OutcomeUnknown, WrongState
from ganeti_tw.model.cluster import IPV6_FAMILY
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import host_name
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import disk_state, hv_state
from ganeti_tw.model.parameters import ndparams as nd_input
from ganeti_tw.model.roles import should_promote_self
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, all_nodes
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import PRIVATE, operation
from ganeti_tw.operations.steps.ancillary import spread_files
from ganeti_tw.protocol.config import Changes


@operation("OP_NODE_ADD", summary="node_name", big_lock=True)
@frozen
class NodeAdd:
    """Bring a host into the cluster, or with ``readd`` back into the place it has in the configuration.

    ``token`` is what the host shows: it proves each to the other.  The node is
    in the configuration only once the host holds its certificate.  One that
    comes back keeps all but the flags offline and drained, and what is given.
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
        known = self._known(config)
        if self.readd:
            self._check_again(config, known)
        elif known is not None:
            raise Exists(
                f"there is a node {name} already, with address {known.primary_ip}; --readd brings its host back"
            )
        if not self.token:
            raise BadRequest(f"no token given: run 'gnt-node token' on {name} and pass what it prints with --token")
        if self.group is not None:
            config.group(self.group)
        for address in (self.primary_ip, self.secondary_ip):
            if address is not None:
                _free(config, address, known)
        _ip_version(config, self.primary_ip, self.secondary_ip)
        self._node(config, "", self.primary_ip or "")

    def hooks(self, config: Config) -> Hooks:
        name = host_name(self.node_name)
        known = self._known(config)
        given = {
            "OP_TARGET": name,
            "NODE_NAME": name,
            "NODE_PIP": self.primary_ip or "",
            "NODE_SIP": self.secondary_ip or (known.secondary_ip if known is not None else self.primary_ip or ""),
            "MASTER_CAPABLE": self._flag(known, "master_capable"),
            "VM_CAPABLE": self._flag(known, "vm_capable"),
        }

        def after(newest: Config) -> dict[str, Any]:
            node = newest.node(name)
            return {**given, "NODE_PIP": node.primary_ip, "NODE_SIP": node.secondary_ip}

        before = tuple(other for other in all_nodes(config) if other != name)
        return Hooks("node-add", "NODE", given, before, (*before, name), after)

    def interrupted(self, config: Config) -> str:
        name = host_name(self.node_name)
        again = "run 'gnt-node token --leave' on it, and add it with the token that 'gnt-node token' prints then"
        if self._known(config) is None:
            return f"{name} is no node; if its host says that it is in a cluster already, {again}"
        if self.readd:
            return f"whether {name} is back is not known; if 'gnt-cluster verify' cannot reach it, {again} and --readd"
        return f"{name} is a node; 'gnt-cluster redist-conf' copies the files to it that it may lack"

    async def run(self, context: Context) -> None:
        name = host_name(self.node_name)
        known = self._known(context.config)
        uuid = context.new_uuid() if known is None else known.uuid
        if self.node_setup:
            context.inform("node_setup changes nothing: nothing is set up over ssh, hosts prove themselves by a token")
        primary_ip = self.primary_ip or await context.resolve(name)
        _free(context.config, primary_ip, known)
        _ip_version(context.config, primary_ip, self.secondary_ip)
        _reachable(context.config, name, primary_ip)
        secondary_ip = self.secondary_ip if known is None else known.secondary_ip
        _same_networks(context.config, primary_ip, secondary_ip, known)
        try:
            await context.join(name, self.token, uuid)
        except OutcomeUnknown as e:
            raise OutcomeUnknown(
                f"{e.text}; {name} is not added, but may take itself for a node: look with 'gnt-node token' there, "
                "and with --leave it forgets that; then add it again"
            ) from None
        if known is None:
            context.undo(f"the membership of {name}", lambda: context.leave(name))

        def add(config: Config) -> Changes:
            self.check(config)
            node = self._node(config, uuid, primary_ip)
            candidate = should_promote_self(config.nodes.values(), config.cluster.candidate_pool_size, node)
            return Changes(puts=(evolve(node, master_candidate=candidate),))

        config = await context.edit(add)
        role = "master candidate" if config.node(uuid).master_candidate else "regular node"
        if known is None:
            context.inform(f"{name} ({primary_ip}) joined as {role}")
        else:
            context.inform(f"{name} ({primary_ip}) is back as {role}, neither offline nor drained")
        await spread_files(context, [config.node(uuid)])

    def _known(self, config: Config) -> Node | None:
        name = host_name(self.node_name)
        return next((n for n in config.nodes.values() if n.name == name), None)

    def _check_again(self, config: Config, known: Node | None) -> None:
        if known is None:
            raise NotFound(f"there is no node {host_name(self.node_name)} that could be added again")
        if known.uuid == config.cluster.master_node:
            raise WrongState(f"{known.name} is the master: it cannot be added to itself")
        if self.group is not None:
            raise BadRequest(f"{known.name} keeps its group; 'gnt-group assign-nodes' changes it")
        if self.secondary_ip not in (None, known.secondary_ip):
            raise BadRequest(f"{known.name} keeps its secondary address {known.secondary_ip} when it is added again")

    def _flag(self, known: Node | None, name: str) -> bool:
        given = getattr(self, name)
        return given if given is not None else known is None or bool(getattr(known, name))

    def _node(self, config: Config, uuid: str, primary_ip: str) -> Node:
        """The node as it will be; no master candidate yet."""
        known = self._known(config)
        node = known
        if node is None:
            node = Node(
                uuid=uuid,
                serial_no=1,
                name=host_name(self.node_name),
                primary_ip=primary_ip,
                secondary_ip=self.secondary_ip or primary_ip,
                group=_group(config, self.group),
            )
        elif node.secondary_ip == node.primary_ip:  # with one address only, it is that one
            node = evolve(node, secondary_ip=primary_ip)
        return evolve(
            node,
            primary_ip=primary_ip,
            master_candidate=False,
            offline=False,
            drained=False,
            powered=True,
            ndparams=nd_input(node.ndparams, self.ndparams or {}),
            hv_state_static=hv_state(node.hv_state_static, self.hv_state or {}),
            disk_state_static=disk_state(node.disk_state_static, self.disk_state or {}),
            master_capable=self._flag(known, "master_capable"),
            vm_capable=self._flag(known, "vm_capable"),
        )


def _group(config: Config, name: str | None) -> str:
    if name is not None:
        return config.group(name).uuid
    if len(config.groups) == 1:
        return next(iter(config.groups))
    found = config.find_group("default")
    if found is None:
        raise NotFound("there are several groups and none is called default: name one with --node-group")
    return found.uuid


def _same_networks(config: Config, primary_ip: str, secondary_ip: str | None, known: Node | None) -> None:
    """Either all nodes have a network of its own for replication, or none has."""
    apart = config.master.secondary_ip != config.master.primary_ip
    before = known.primary_ip if known is not None else primary_ip
    if apart != (secondary_ip not in (None, before, primary_ip)):
        raise BadRequest(
            "the master has a secondary address and this node has none: give one with --secondary-ip"
            if apart
            else "this node would have a secondary address and the master has none: leave --secondary-ip out"
        )


def _ip_version(config: Config, primary_ip: str | None, secondary_ip: str | None) -> None:
    """Primary addresses are of the cluster's version of IP, secondary ones always IPv4."""
    version = 6 if config.cluster.primary_ip_family == IPV6_FAMILY else 4
    if primary_ip is not None and ipaddress.ip_address(primary_ip).version != version:
        raise BadRequest(f"primary addresses in this cluster are of IP version {version}, {primary_ip} is not")
    if secondary_ip is not None and ipaddress.ip_address(secondary_ip).version != 4:
        raise BadRequest(f"secondary addresses are of IP version 4, {secondary_ip} is not")


def _reachable(config: Config, name: str, primary_ip: str) -> None:
    """Hosts of one machine have loopback addresses, all of them; others have none."""
    if ipaddress.ip_address(primary_ip).is_loopback and not ipaddress.ip_address(config.master.primary_ip).is_loopback:
        raise BadRequest(
            f"{name} has the address {primary_ip} on the master, which is the master itself: "
            "give it its address on the network in /etc/ganeti/hosts, /etc/hosts or the name server"
        )


def _free(config: Config, address: str, known: Node | None) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise BadRequest(f"{address!r} is no IP address") from None
    for node in config.nodes.values():
        if node is not known and address in (node.primary_ip, node.secondary_ip):
            raise NotUnique(f"address {address} belongs to node {node.name}")
    if address == config.cluster.master_ip:
        raise NotUnique(f"address {address} is the one of the cluster")
