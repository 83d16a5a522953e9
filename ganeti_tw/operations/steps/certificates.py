"""Renewing the certificates of all nodes, while they speak to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.internet.defer import Deferred

from ganeti_tw.errors import GanetiError, TryLater
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context

AGAIN = "bring them back, or mark them offline, and run the command again: it goes on from here"


async def renew_certificates(context: Context, *, authority: bool, verbose: bool = False) -> None:
    """One node after the other, the master last; with ``authority`` they are from a new one.

    A new authority is trusted everywhere before it issues anything, and the one
    before it until nothing of it is in use.  TryLater names the nodes that
    could not be reached; those marked offline are tried too, and not waited for.
    """
    certificates = context.certificates
    if certificates.renewal() is not None:
        context.say("Finishing the renewal of certificates that was begun before")
    await certificates.begin(authority=authority)
    renewal = certificates.renewal()
    if renewal is not None and renewal.coming:
        context.say("Telling all nodes of the new certificate authority")
        await _on_all(context, lambda name: certificates.trust(name, leaving=True), "was not told of the new authority")
        await certificates.adopt()
    await _renew(context, verbose)
    behind = certificates.outdated(n.name for n in context.config.nodes.values())
    renewal = certificates.renewal()
    if renewal is not None and renewal.leaving:
        context.say("Telling all nodes to forget the certificate authority before")
        told = [n for n in _in_order(context) if n.name not in behind]
        await _on_all(
            context, lambda name: certificates.trust(name, leaving=False), "still trusts the authority before", told
        )
        if behind:
            context.warn(
                f"{', '.join(behind)}: the certificate is of the authority that nobody trusts any more; when it is "
                "back, run 'gnt-cluster renew-crypto --new-node-certificates', before it is marked online"
            )
    await certificates.end(behind)
    context.say("All certificates are new" if not behind else "All other certificates are new")


async def _renew(context: Context, verbose: bool) -> None:
    certificates = context.certificates
    failed: list[str] = []
    nodes = [node for node in _in_order(context) if certificates.outdated([node.name])]
    progress = context.progress("renewing certificates", max(1, len(nodes)), "nodes")
    for number, node in enumerate(nodes):
        progress.at(number)
        if verbose:
            context.say(f"Renewing the certificate of {node.name}")
        try:
            await certificates.renew(node.name)
        except GanetiError as e:
            context.warn(f"{node.name} has no new certificate{_offline(node)}: {e.text}")
            if not node.offline:
                failed.append(node.name)
    if failed:
        raise TryLater(f"no new certificate on {', '.join(failed)}: {AGAIN}")


def _in_order(context: Context) -> list[Node]:
    """All nodes by name, the master last."""
    config = context.config
    return sorted(config.nodes.values(), key=lambda n: (n.uuid == config.cluster.master_node, n.name))


async def _on_all(
    context: Context, do: Callable[[str], Awaitable[None]], problem: str, nodes: Iterable[Node] | None = None
) -> None:
    """Do something with all nodes at once; TryLater names those with which it failed, but for those marked offline."""
    asked = [(node, Deferred.fromCoroutine(_outcome(do(node.name)))) for node in (nodes or _in_order(context))]
    failed: list[str] = []
    for node, outcome in asked:
        error = await outcome
        if error is not None:
            context.warn(f"{node.name} {problem}{_offline(node)}: {error.text}")
            if not node.offline:
                failed.append(node.name)
    if failed:
        raise TryLater(f"not done on {', '.join(failed)}: {AGAIN}")


async def _outcome(work: Awaitable[None]) -> GanetiError | None:
    try:
        await work
    except GanetiError as e:
        return e
    return None


def _offline(node: Node) -> str:
    return ", it is marked offline" if node.offline else ""
