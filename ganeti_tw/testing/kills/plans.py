"""What happens in a round, by a seed.  Pure."""

from __future__ import annotations

from random import Random

from attrs import frozen

RESTART, FAILOVER, BOTH = "start", "failover", "both"


@frozen
class Plan:
    """Hosts are places: 0 is the master of that moment, the others follow by their names.

    ``rescue``: the dead are started; or another becomes master first; or both
    at once.  ``interrupted``: seconds from the beginning of the failover until
    the new master is killed too, negative for not.
    """

    victims: tuple[int, ...]
    rescue: str
    successor: int
    before: float  # seconds of work until the kill
    between: float  # from the first kill to the second
    dead: float  # until somebody comes
    after: float  # of work when all is well again
    interrupted: float = -1.0


def plan(random: Random, hosts: int) -> Plan:
    """One round for that many hosts, of which most always live."""
    first = 0 if random.random() < 0.4 else random.randrange(1, hosts)
    victims = [first]
    if hosts >= 5 and random.random() < 0.15:
        victims.append(random.choice([place for place in range(hosts) if place != first]))
    if 0 in victims:
        rescue = random.choices((RESTART, FAILOVER, BOTH), (3, 5, 2))[0]
    else:
        rescue = random.choices((RESTART, FAILOVER), (4, 1))[0]
    alive = [place for place in range(1, hosts) if place not in victims]
    able = hosts >= 2 * (len(victims) + 1) + (0 not in victims)
    interrupted = random.uniform(0, 0.6) if rescue != RESTART and able and random.random() < 0.2 else -1.0
    return Plan(
        victims=tuple(victims),
        rescue=rescue,
        successor=random.choice(alive),
        before=random.uniform(0.1, 1.5),
        between=random.uniform(0, 0.5),
        dead=random.choice((0.0, 0.0, random.uniform(0, 1), random.uniform(0, 1), random.uniform(1, 7))),
        after=random.uniform(0.1, 1.0),
        interrupted=interrupted,
    )
