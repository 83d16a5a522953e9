"""``gnt-node modify``."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, GanetiError, NotUnique, Refused, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import disk_state, hv_state, ndparams
from ganeti_tw.model.roles import pool, promotions, should_promote_self
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.hooks import Hooks, master_and
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.operations.steps.ancillary import spread_files
from ganeti_tw.operations.steps.hostnews import tell_hosts
from ganeti_tw.operations.steps.nodes import at_random
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.node import Ping

ROLES = ("master_candidate", "drained", "offline")
CHANGEABLE = (
    *ROLES,
    "master_capable",
    "vm_capable",
    "secondary_ip",
    "ndparams",
    "powered",
    "hv_state",
    "disk_state",
)
PING_TIMEOUT = 10.0
INQUIRY = 3.0  # seconds in which a node asks others who is master

Choose = Callable[[Sequence[Node], int], Sequence[Node]]


@operation("OP_NODE_SET_PARAMS", summary="node_name")
@frozen
class NodeSetParams:
    """Change the role, the abilities and the parameters of a node.

    A node that comes back becomes a master candidate again when the pool has
    room.  Result: pairs of a flag or address that changed and its new value as text.
    """

    node_name: Filled
    node_uuid: Filled | None = None
    force: bool = False
    hv_state: dict[str, Any] | None = None
    disk_state: dict[str, Any] | None = None
    master_candidate: bool | None = None
    offline: bool | None = None
    drained: bool | None = None
    auto_promote: bool = False
    master_capable: bool | None = None
    vm_capable: bool | None = None
    secondary_ip: Filled | None = None
    ndparams: dict[str, Any] | None = None
    powered: bool | None = None

    def locks(self, config: Config) -> dict[str, int]:
        node = self._node(config)
        fill = self.auto_promote and self._may_demote
        chosen = sorted(config.nodes) if fill else [node.uuid]
        wanted = {f"{level}/{uuid}": EXCLUSIVE for level in ("node", "node-res") for uuid in chosen}
        if self.secondary_ip is not None:
            for instance in config.instances_on(node.uuid):
                wanted[f"instance/{instance.name}"] = SHARED
        return wanted

    def check(self, config: Config) -> None:
        if all(getattr(self, name) is None for name in CHANGEABLE):
            raise BadRequest(f"nothing to change is given; it could be {', '.join(CHANGEABLE)}")
        wished = [name for name in ROLES if getattr(self, name)]
        if len(wished) > 1:
            raise BadRequest(f"a node has one role only: {' and '.join(wished)} cannot be set together")
        self._changed(config)

    def hooks(self, config: Config) -> Hooks:
        node = self._node(config)
        given = {
            "OP_TARGET": node.name,
            "MASTER_CANDIDATE": self.master_candidate,
            "OFFLINE": self.offline,
            "DRAINED": self.drained,
            "MASTER_CAPABLE": self.master_capable,
            "VM_CAPABLE": self.vm_capable,
        }
        nodes = master_and(config, node.uuid)
        return Hooks("node-modify", "NODE", given, nodes, nodes)

    async def run(self, context: Context) -> list[tuple[str, Any]]:
        before = self._node(context.config)
        for name in ROLES:
            if getattr(self, name) is False and not getattr(before, name):
                context.inform(f"{before.name} is not {name.replace('_', ' ')} anyway")
        if before.offline and not self._changed(context.config).offline:
            await self._awake(context, before)
        choose = at_random(context)
        candidates = {n.uuid for n in context.config.candidates}
        config = await context.edit(lambda config: self._changes(config, choose))
        after = config.nodes[before.uuid]
        for node in config.candidates:
            if node.uuid not in candidates and (node.uuid != before.uuid or not self.master_candidate):
                context.inform(f"{node.name} is a master candidate now")
        if before.offline and not after.offline:
            # Who is master may have changed while it was away, and it takes files from the master alone.
            await spread_files(context, await tell_hosts(context, [after]))
        return self._told(before, after)

    def _changes(self, config: Config, choose: Choose) -> Changes:
        self.check(config)
        before, after = self._node(config), self._changed(config)
        others: tuple[Node, ...] = ()
        if before.master_candidate and not after.master_candidate and self.auto_promote:
            size = config.cluster.candidate_pool_size
            others = promotions(config.nodes.values(), size, choose, (before.uuid,))
        return Changes(puts=(after, *(evolve(n, master_candidate=True) for n in others)))

    def _told(self, before: Node, after: Node) -> list[tuple[str, Any]]:
        told: list[tuple[str, Any]] = []
        for name in ("master_capable", "vm_capable"):
            if getattr(self, name) is not None:
                told.append((name, str(getattr(after, name))))
        told += [(name, str(getattr(after, name))) for name in ROLES if getattr(before, name) != getattr(after, name)]
        if self.secondary_ip is not None:
            told.append(("secondary_ip", after.secondary_ip))
        return told

    async def _awake(self, context: Context, node: Node) -> None:
        """Refuse a node that does not answer: an online node is spoken to by everybody."""
        online = evolve(node, offline=False)
        try:
            try:
                await context.on_node(online, Ping(), PING_TIMEOUT)
            except Refused:
                # It was never told of this master, and asks the candidates it knows, which takes a moment.
                await context.sleep(INQUIRY)
                await context.on_node(online, Ping(), PING_TIMEOUT)
        except GanetiError as e:
            raise WrongState(f"{node.name} stays offline, it does not answer: {e.text}") from None
        context.warn(f"{node.name} comes back as it is; if it was broken meanwhile, remove it and add it again instead")

    # -- what it will be, from the configuration alone -------------------------------------------------------------

    @property
    def _may_demote(self) -> bool:
        return self.master_candidate is False or bool(self.offline or self.drained) or self.master_capable is False

    def _node(self, config: Config) -> Node:
        return config.node(self.node_name, self.node_uuid)

    def _changed(self, config: Config) -> Node:
        """The node as it will be; every reason why it cannot be is raised."""
        node = self._node(config)
        self._check_flags(config, node)
        self._check_power(config, node)
        new = self._with_role(config, self._with_settings(config, node))
        demoted = node.master_candidate and not new.master_candidate
        if demoted and not self.auto_promote:
            left = pool(config.nodes.values(), config.cluster.candidate_pool_size, (node.uuid,))
            if left.missing:
                raise WrongState(
                    f"without {node.name} there are {left.now} master candidates and {left.wanted} are wanted; "
                    "--auto-promote makes others candidates"
                )
        return new

    def _check_flags(self, config: Config, node: Node) -> None:
        master = node.uuid == config.cluster.master_node
        if master and any(getattr(self, name) is not None for name in ROLES):
            raise BadRequest(f"{node.name} is the master: its role changes only when another node becomes master")
        if master and self.master_capable is False:
            raise BadRequest(f"{node.name} is the master, so it must stay master_capable")
        if self.master_candidate and not (node.master_capable if self.master_capable is None else self.master_capable):
            raise WrongState(f"{node.name} is not master_capable: it cannot be a master candidate")
        if self.vm_capable is False:
            held = config.instances_on(node.uuid)
            if held:
                raise WrongState(f"{node.name} holds instances, so it must stay vm_capable: {names(held)}")

    def _check_power(self, config: Config, node: Node) -> None:
        oob = config.filled_ndparams(self._with_settings(config, node))["oob_program"]
        if self.powered is not None and not oob:
            raise WrongState(f"{node.name} has no oob_program: its power state is not known and not recorded")
        if self.offline is False and node.offline and oob and not (node.powered or self.powered):
            raise WrongState(f"{node.name} is powered off: run 'gnt-node power on {node.name}' first")

    def _with_settings(self, config: Config, node: Node) -> Node:
        return evolve(
            node,
            ndparams=ndparams(node.ndparams, self.ndparams or {}),
            hv_state_static=hv_state(node.hv_state_static, self.hv_state or {}),
            disk_state_static=disk_state(node.disk_state_static, self.disk_state or {}),
            powered=node.powered if self.powered is None else self.powered,
            master_capable=node.master_capable if self.master_capable is None else self.master_capable,
            vm_capable=node.vm_capable if self.vm_capable is None else self.vm_capable,
            secondary_ip=node.secondary_ip if self.secondary_ip is None else self._address(config, node),
        )

    def _with_role(self, config: Config, node: Node) -> Node:
        """``node`` still has the role it had."""
        before = self._node(config)
        given = {name: getattr(self, name) for name in ROLES}
        # Unsetting what is not set says nothing.
        given = {name: None if value is False and not getattr(before, name) else value for name, value in given.items()}
        capable_now = node.master_capable and not before.master_capable
        comes_back = given["drained"] is False or given["offline"] is False or capable_now
        if comes_back and not any(given.values()):
            regular = evolve(node, master_candidate=False, drained=False, offline=False)
            role = regular if any(value is False for value in given.values()) else node
            size = config.cluster.candidate_pool_size
            given["master_candidate"] = should_promote_self(config.nodes.values(), size, role) or None
        if not node.master_capable and node.master_candidate and not any(given.values()):
            given["master_candidate"] = False
        if all(value is None for value in given.values()):
            return node
        return evolve(
            node,
            master_candidate=bool(given["master_candidate"]),
            drained=bool(given["drained"]),
            offline=bool(given["offline"]),
        )

    def _address(self, config: Config, node: Node) -> str:
        """The new secondary address."""
        assert self.secondary_ip is not None, "only then there is one"
        try:
            address = str(ipaddress.IPv4Address(self.secondary_ip))
        except ValueError:
            raise BadRequest(f"secondary_ip: {self.secondary_ip!r} is no IPv4 address") from None
        for other in config.nodes.values():
            if other.uuid != node.uuid and address in (other.primary_ip, other.secondary_ip):
                raise NotUnique(f"address {address} belongs to node {other.name}")
        if address == config.cluster.master_ip:
            raise NotUnique(f"address {address} is the one of the cluster")
        self._check_networks(config, node, address)
        self._check_users(config, node)
        return address

    def _check_networks(self, config: Config, node: Node, address: str) -> None:
        """All nodes have a network of its own for replication, or none has; the master goes first."""
        master = config.master
        apart = master.secondary_ip != master.primary_ip
        if apart == (address != node.primary_ip):
            return
        if not (self.force and node.uuid == master.uuid):
            raise BadRequest(
                f"the nodes have {'two networks' if apart else 'one network'}, which {address} would change for "
                f"{node.name}; begin with the master, with --force"
            )

    def _check_users(self, config: Config, node: Node) -> None:
        users = config.instances_on(node.uuid)
        mirrored = [i for i in users if config.disk_template(i) == "drbd"]
        if mirrored and node.offline:
            raise WrongState(f"{node.name} is offline and holds instances that use its address: {names(mirrored)}")
        up = [i for i in mirrored if i.admin_state == "up"]
        if up:
            raise WrongState(f"instances that use the secondary address must be down: {names(up)}")
