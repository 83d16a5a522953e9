"""What scenarios demand at a moment, beyond the invariants: ``expect`` and what is said here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ganeti_tw.errors import BadRequest

if TYPE_CHECKING:
    from ganeti_tw.testing.simulator.world import World

Look = Callable[..., str]
"""Gives what is there instead; empty when it is as expected."""

LOOKS: dict[str, Look] = {}


def look(subject: str) -> Callable[[Look], Look]:
    """Declare what can be expected; all arguments are texts."""

    def declare(function: Look) -> Look:
        LOOKS[subject] = function
        return function

    return declare


def compare(world: World, subject: str, *args: str) -> None:
    """Say that the world is broken unless it is as expected; BadRequest when it makes no sense."""
    function = LOOKS.get(subject)
    if function is None:
        raise BadRequest(f"expect {subject}: there is no such thing; there are {', '.join(sorted(LOOKS))}")
    try:
        inspect.signature(function).bind(world, *args)
    except TypeError:
        raise BadRequest(f"expect {subject} {' '.join(args)}: the arguments are {inspect.getdoc(function)}") from None
    found = function(world, *args)
    if found:
        world.broken(f"expected {' '.join((subject, *args))}, and {found}")


def _names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"


@look("master")
def master(world: World, *nodes: str) -> str:
    """NODE...: these act as master, each in an epoch of its own; none: nobody does."""
    acting = {h.name for h in world.hosts if h.alive and h.process.master is not None}
    return "" if acting == set(nodes) else f"it is {_names(acting)}"


@look("role")
def role(world: World, node: str, expected: str) -> str:
    """NODE none|node|candidate|master: what it takes itself for."""
    host = world.host(node)
    found = host.process.role() if host.alive else "down"
    return "" if found == expected else f"it is {found}"


@look("follows")
def follows(world: World, node: str, master: str) -> str:
    """NODE MASTER: whom it obeys."""
    found = world.host(node).record.master
    return "" if found == master else f"it follows {found}"


@look("level")
def level(world: World, *nodes: str) -> str:
    """NODE...: their ledgers are where that of the master is."""
    now = world.cluster.master_host.name
    there = world.host(now).ledger.now().serial
    behind = {node: world.host(node).ledger.now().serial for node in nodes}
    return "; ".join(f"{node} is at {at}, {now} at {there}" for node, at in behind.items() if at != there)


@look("address")
def address(world: World, *nodes: str) -> str:
    """NODE...: these have the address of the cluster."""
    found = {h.name for h in world.hosts if h.master_ip.up}
    return "" if found == set(nodes) else f"{_names(found)} has it"


@look("tags")
def tags(world: World, *expected: str) -> str:
    """TAG...: the cluster has these and no others."""
    found = set(world.cluster.config.cluster.tags)
    return "" if found == set(expected) else f"it has {_names(found)}"


@look("nodes")
def nodes(world: World, *expected: str) -> str:
    """NODE...: these are in the configuration."""
    found = {node.name for node in world.cluster.config.nodes.values()}
    return "" if found == set(expected) else f"there are {_names(found)}"


@look("candidates")
def candidates(world: World, *expected: str) -> str:
    """NODE...: these are master candidates."""
    found = {node.name for node in world.cluster.config.candidates}
    return "" if found == set(expected) else f"there are {_names(found)}"


@look("guest")
def guest(world: World, number: str, *nodes: str) -> str:
    """NUMBER NODE...: where an instance runs; none: nowhere."""
    found = {h.name for h in world.hosts if f"web{number}.example" in h.hypervisor.guests}
    return "" if found == set(nodes) else f"it runs on {_names(found)}"


@look("job")
def job(world: World, number: str, *statuses: str) -> str:
    """NUMBER STATUS...: a client was told one of these of it; none: of no end."""
    told = world.clients.jobs[int(number)].told if int(number) in world.clients.jobs else "unknown to all clients"
    return "" if told in (statuses or ("",)) else f"it is {told or 'not ended'}"


@look("jobs")
def jobs(world: World, count: str) -> str:
    """COUNT: so many were accepted so far."""
    found = len(world.clients.jobs)
    return "" if found == int(count) else f"there are {found}"


@look("refused")
def refused(world: World, count: str) -> str:
    """COUNT: so many requests came to nothing so far."""
    found = world.clients.refused
    return "" if found == int(count) else f"there are {found}"


@look("locks")
def locks(world: World, *owners: str) -> str:
    """OWNER...: who holds some on the master; none: nobody."""
    found = {owner.rpartition("/")[0] for owner in world.owners(world.cluster.master_host.name)}
    return "" if found == set(owners) else f"{_names(found)} holds some"
