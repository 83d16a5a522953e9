"""Who may be master: what follows from the standings of the hosts that answered.  Pure.

``docs/decisions/007-mastership.rst`` gives the rules and their reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from attrs import evolve, frozen

from ganeti_tw.errors import GanetiError, NoMajority, NoMember, WrongState
from ganeti_tw.protocol.mastership import Standing, order

OVERRIDE = "'gnt-cluster master-failover --no-voting' goes on without, and may lose changes"


class VoteSplit(NoMajority):
    """Others asked for the same epoch at the same time: try again with another."""


@frozen
class Poll:
    """What a host that wants to be master heard."""

    own: str
    electorate: int  # how many nodes count, those that were not asked included
    heard: Mapping[str, Standing]  # by name, itself included
    silent: Mapping[str, str]  # name -> why there is no answer

    @property
    def mine(self) -> Standing:
        return self.heard[self.own]

    def votes(self) -> Counter[str]:
        """How many hosts follow whom."""
        return Counter(s.master for s in self.heard.values())

    def is_majority(self, count: int) -> bool:
        return 2 * count > self.electorate


def successor(poll: Poll) -> Standing | None:
    """The word of someone who follows a later master that is certain to be one."""
    mine = poll.mine
    # One that was deposed has seen the epoch of its successor before it hears who that is.
    earliest = mine.epoch if mine.master == poll.own else mine.epoch + 1
    later = [s for s in poll.heard.values() if s.epoch >= earliest and s.master != poll.own]
    acting = [s for s in later if s.acting]
    votes = Counter(s.master for s in later)
    chosen = [s for s in later if poll.is_majority(votes[s.master])]
    return max(acting or chosen, key=lambda s: s.epoch, default=None)


def believed(heard: Iterable[Standing], asked: int, earliest: int) -> Standing | None:
    """The word of most of those ``asked`` who is master, in the ``earliest`` epoch or later; None without one.

    They agree when they name the same master and the same epoch.
    """
    same: dict[tuple[str, int], list[Standing]] = {}
    for standing in heard:
        if standing.epoch >= earliest:
            same.setdefault((standing.master, standing.epoch), []).append(standing)
    return next((agreed[0] for agreed in same.values() if 2 * len(agreed) > asked), None)


def check_member(own: str, answers: Mapping[str, GanetiError], asked: int) -> None:
    """NoMember when most of those ``asked`` answer that this host is no node of the cluster."""
    refusing = sorted(name for name, answer in answers.items() if isinstance(answer, NoMember))
    if 2 * len(refusing) > asked:
        raise NoMember(
            f"{own} was removed from the cluster: {', '.join(refusing)} know no such node; "
            f"'gnt-node token --leave' on {own} makes it leave, then it can be added again"
        )


def check_followed(poll: Poll) -> None:
    """NoMajority unless most nodes follow this host already, as after its restart."""
    count = poll.votes()[poll.own]
    if not poll.is_majority(count):
        others = ", ".join(sorted(f"{s.name} follows {s.master}" for s in poll.heard.values() if s.master != poll.own))
        raise NoMajority(
            f"only {count} of {poll.electorate} nodes follow {poll.own} as their master"
            f"{_reasons(poll)}{f' ({others})' if others else ''}; start the others, or {OVERRIDE}"
        )


def check_vacant(poll: Poll) -> None:
    """WrongState when there is a later master than the one that this host would succeed."""
    later = successor(poll)
    if later is not None and later.acting:
        raise WrongState(f"{later.name} is the master since epoch {later.epoch}, {poll.own} has not heard from it yet")


def check_may_succeed(poll: Poll) -> None:
    """NoMajority unless most nodes answer; WrongState when most of these follow somebody this host knows nothing of."""
    if not poll.is_majority(len(poll.heard)):
        raise NoMajority(
            f"only {len(poll.heard)} of {poll.electorate} nodes answer{_reasons(poll)}; start the others, "
            f"or mark those that are gone for good as offline and use --ignore-offline-nodes; {OVERRIDE}"
        )
    ((name, count), *_) = poll.votes().most_common(1)
    # As many for this one as for that: an attempt that failed leaves hosts divided.
    if name not in (poll.own, poll.mine.master) and 2 * count > len(poll.heard):
        raise WrongState(
            f"{poll.own} takes {poll.mine.master} for the master, but {count} of the {len(poll.heard)} nodes "
            f"that answer follow {name}: run the command on another master candidate, or use --no-voting"
        )


def check_promised(poll: Poll, promised: Mapping[str, Standing]) -> None:
    """VoteSplit unless most nodes obey this host alone."""
    if not poll.is_majority(len(promised)):
        raise VoteSplit(
            f"only {len(promised)} of {poll.electorate} nodes accept {poll.own} as master{_reasons(poll)}; try again"
        )


def check_still_majority(poll: Poll, promised: Iterable[str], online: Collection[str], electorate: int) -> None:
    """NoMajority unless those who promised are most of the nodes by the configuration that was found with them, too.

    It may be later than the one by which they were asked.  Whoever changed it
    counted by the later one from then on.
    """
    count = sum(1 for name in promised if name in online)
    if not evolve(poll, electorate=electorate).is_majority(count):
        raise NoMajority(
            f"by the latest configuration only {count} of {electorate} nodes, those that are marked offline left out, "
            f"accept {poll.own} as master; try again when more of them answer, or {OVERRIDE}"
        )


def check_complete(heard: Mapping[str, Standing]) -> None:
    """WrongState unless somebody who has all that was acknowledged is among those heard.

    Hosts leave that circle only when so many nodes know of it that no majority
    is without one of them.
    """
    latest = max(heard.values(), key=lambda s: order(s.in_sync_at))
    if latest.in_sync and not any(s.name in latest.in_sync and s.ledger is not None for s in heard.values()):
        raise WrongState(
            f"only {' and '.join(latest.in_sync)} had all changes that were acknowledged: "
            f"start one of them, or {OVERRIDE}"
        )


def most_advanced(own: str, heard: Mapping[str, Standing]) -> str:
    """Whose ledger has everything that any of them has; this host's own if it does."""
    return max(
        (s for s in heard.values() if s.ledger is not None),
        key=lambda s: (order(s.ledger or s.in_sync_at), s.name == own, s.name),
    ).name


def _reasons(poll: Poll) -> str:
    return "".join(f"; {name}: {why}" for name, why in sorted(poll.silent.items()))
