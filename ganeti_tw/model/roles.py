"""Roles of nodes, and how many master candidates there should be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from attrs import frozen

from ganeti_tw.model.node import Node

MASTER, CANDIDATE, REGULAR, DRAINED, OFFLINE = "M", "C", "R", "D", "O"


def role(node: Node, master_uuid: str) -> str:
    """The letter of its one role."""
    if node.uuid == master_uuid:
        return MASTER
    if node.master_candidate:
        return CANDIDATE
    if node.drained:
        return DRAINED
    return OFFLINE if node.offline else REGULAR


def may_be_candidate(node: Node) -> bool:
    return node.master_capable and not node.offline and not node.drained


@frozen
class Pool:
    """Candidates there are ``now`` and how many are ``wanted``."""

    now: int
    wanted: int
    size: int  # the cluster's candidate_pool_size

    @property
    def missing(self) -> int:
        return max(0, self.wanted - self.now)

    @property
    def takes_one_more(self) -> bool:
        """Whether a node that comes back should promote itself."""
        return self.now < min(self.wanted + 1, self.size)


def pool(nodes: Iterable[Node], pool_size: int, changing: Collection[str] = ()) -> Pool:
    """Counted without the nodes about to change, given by UUID."""
    others = [n for n in nodes if n.uuid not in changing]
    now = sum(n.master_candidate for n in others)
    possible = sum(may_be_candidate(n) for n in others)
    return Pool(now, min(pool_size, possible), pool_size)


def should_promote_self(nodes: Iterable[Node], pool_size: int, node: Node) -> bool:
    """Whether a node that is added or comes back becomes a candidate at once.

    ``node`` as it will be; whatever ``nodes`` says of it does not count.
    """
    return may_be_candidate(node) and pool(nodes, pool_size, (node.uuid,)).takes_one_more


def promotions(
    nodes: Iterable[Node],
    pool_size: int,
    choose: Callable[[Sequence[Node], int], Sequence[Node]],
    changing: Collection[str] = (),
) -> tuple[Node, ...]:
    """The nodes to promote until the pool is full, as they are now.

    ``choose(eligible, number)`` picks, for example ``random.sample``.  Nodes
    about to change are not promoted.
    """
    every = tuple(nodes)
    missing = pool(every, pool_size, changing).missing
    if not missing:
        return ()
    eligible = sorted(
        (n for n in every if n.uuid not in changing and may_be_candidate(n) and not n.master_candidate),
        key=lambda n: n.name,
    )
    return tuple(choose(eligible, min(missing, len(eligible))))
