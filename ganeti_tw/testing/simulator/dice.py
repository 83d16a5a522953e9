"""Scripts from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.testing.simulator.script import Action
from ganeti_tw.testing.simulator.world import Weather

Draw = Callable[[Random, list[str]], list[tuple[float, str, tuple[str, ...]]]]
"""One fault and its end: seconds after it began, verb and arguments of each part."""


def _two(random: Random, nodes: list[str]) -> tuple[str, str]:
    one, other = random.sample(nodes, 2)
    return one, other


def _hold(random: Random) -> float:
    """How long a fault lasts: mostly seconds, sometimes longer than any patience."""
    return random.choice((0.5, 2.0, 6.0, 12.0, 25.0)) * (0.5 + random.random())


def _kill(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    return [(0, random.choice(("kill", "power")), (random.choice(nodes),))]


def _restart(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    node = random.choice(nodes)
    return [(0, random.choice(("kill", "power")), (node,)), (random.choice((0.01, 0.3, 2.0)), "boot", (node,))]


def _blackout(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    """Several hosts lose power within a moment."""
    several = random.sample(nodes, random.randint(2, len(nodes)))
    return [(random.choice((0.0, 0.002, 0.1)), "power", (node,)) for node in several]


def _isolate(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    node = random.choice(nodes)
    return [(0, "isolate", (node, f"{random.choice((0.1, 5, 15, 60))}")), (_hold(random), "rejoin", (node,))]


def _cut(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    one, other = _two(random, nodes)
    verb = random.choice(("cut", "cut-to"))
    return [(0, verb, (one, other, f"{random.choice((0.1, 5, 15, 60))}")), (_hold(random), "mend", (one, other))]


def _split(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    """Two halves that hear nothing of each other."""
    half = random.sample(nodes, random.randint(1, len(nodes) - 1))
    rest = [node for node in nodes if node not in half]
    hold = _hold(random)
    pairs: list[tuple[str, ...]] = [(one, other) for one in half for other in rest]
    return [(0.0, "cut", pair) for pair in pairs] + [(hold, "mend", pair) for pair in pairs]


def _reset(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    one, other = _two(random, nodes)
    return [(0, "reset", (one, other))]


def _lag(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    node = random.choice(nodes)
    return [(0, "lag", (node, f"{random.choice((0.1, 1, 4))}")), (_hold(random), "lag", (node, "0"))]


def _disk(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    node = random.choice(nodes)
    begin = random.choice(
        (
            ("disk-slow", (node, f"{random.choice((0.05, 0.5, 3, 8))}")),
            ("disk-full", (node,)),
            ("disk-fail", (node, "early", "3")),
            ("disk-fail", (node, "late", "2")),
            ("disk-fail", (node, "record", "2")),
        )
    )
    return [(0, *begin), (_hold(random), "disk-ok", (node,))]


def _skew(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    return [(0, "skew", (random.choice(nodes), f"{random.choice((-3600, -5, 5, 86400))}"))]


def _guests(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    node = random.choice(nodes)
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("guest-slow", (node, "3")),
        ("guest-fail", (node, "2")),
        ("guest-dies", (node,)),
    )
    begin = random.choice(kinds)
    return [(0, *begin)]


def _failover(random: Random, nodes: list[str]) -> list[tuple[float, str, tuple[str, ...]]]:
    return [(0, "failover", (random.choice(nodes),))]


FAULTS: Mapping[str, tuple[Draw, ...]] = {
    "crash": (_kill, _restart, _blackout),
    "network": (_isolate, _cut, _split, _reset, _lag),
    "disk": (_disk,),
    "clock": (_skew,),
    "guest": (_guests,),
    "failover": (_failover,),
}
"""What ``--faults`` chooses from."""


@frozen
class Scenario:
    """How much of what: ``jobs`` and ``faults`` are how many happen in ``seconds``."""

    seconds: float
    jobs: int
    faults: int
    roles: int = 0  # changes of what nodes are
    members: int = 0  # hosts that join or leave
    moves: int = 0  # instances that go to another host


SCENARIOS = {
    "short": Scenario(40.0, 25, 6, 1, 1, 2),
    "mixed": Scenario(90.0, 60, 14, 4, 3, 10),
    "calm": Scenario(300.0, 100, 6, 2, 3, 15),
    "storm": Scenario(60.0, 80, 40, 4, 3, 10),
    "roles": Scenario(90.0, 30, 8, 20, 10, 10),
}
"""What ``--scenario`` chooses from."""


@frozen
class Throw:
    """All that a seed decides."""

    hosts: int
    weather: Weather
    script: tuple[Action, ...]
    seconds: float
    spare: int


def throw(
    seed: int, scenario: str = "short", *, hosts: int = 0, faults: tuple[str, ...] = (), seconds: float = 0.0
) -> Throw:
    """What a seed gives; BadRequest for a scenario or faults that do not exist."""
    if scenario not in SCENARIOS:
        raise BadRequest(f"there is no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    unknown = sorted(set(faults) - FAULTS.keys())
    if unknown:
        raise BadRequest(f"there are no faults {unknown[0]!r}; there are {', '.join(FAULTS)}")
    random = Random(f"{seed} {scenario}")
    count = hosts or random.choice((3, 3, 3, 4, 5, 5, 6, 7, 8, 9))
    nodes = [f"node{i}" for i in range(1, count + 1)]
    shape = SCENARIOS[scenario]
    length = seconds or shape.seconds
    more = length / shape.seconds
    kinds = [draw for name in FAULTS if not faults or name in faults for draw in FAULTS[name]]
    actions = [*_jobs(random, nodes, length, round(shape.jobs * more)), *_roles(random, nodes, length, shape.roles)]
    for _ in range(round(shape.faults * more)):
        begin = random.uniform(0.5, length)
        for after, verb, args in random.choice(kinds)(random, nodes):
            actions.append(_at(begin + after, verb, args))
    weather = Weather(
        usual=random.choice((0.0001, 0.0005, 0.02)),
        resent=random.choice((0.0, 0.0, 0.005, 0.05)),
        late=random.choice((0.0, 0.3, 0.9)),
    )
    # From dice of their own: the rest of a script stays what it was.
    spare, joins = _members(Random(f"{seed} {scenario} members"), count, length, round(shape.members * more))
    moves = _moves(Random(f"{seed} {scenario} moves"), nodes, length, round(shape.moves * more))
    return Throw(count, weather, tuple(sorted((*actions, *joins, *moves), key=lambda a: a.at)), length, spare)


def _at(when: float, verb: str, args: tuple[str, ...]) -> Action:
    return Action(round(when, 4), verb, args)


def _jobs(random: Random, nodes: list[str], length: float, count: int) -> list[Action]:
    actions, made = [], 0
    for number in range(count):
        when = random.uniform(0.0, length)
        instance = f"{random.randint(1, max(1, made))}"
        kind = random.choice(("tag", "tag", "tag", "create", "start", "stop", "remove", "sleep", "cancel"))
        if kind == "tag":
            args: tuple[str, ...] = (f"t{number}",)
        elif kind == "create":
            made += 1
            args = (f"{made}", random.choice(nodes))
        elif kind == "sleep":
            args = (f"{random.choice((0, 0.1, 2, 10))}", *random.sample(nodes, random.randint(0, 2)))
        elif kind == "cancel":
            args = (f"{random.randint(0, 50)}", *random.choice(((), ("kill",))))
        else:
            args = (instance,)
        actions.append(_at(when, kind, args))
    return actions


def _roles(random: Random, nodes: list[str], length: float, count: int) -> list[Action]:
    flags = ("offline=yes", "offline=no", "drained=yes", "drained=no", "master_candidate=no", "master_candidate=yes")
    return [_at(random.uniform(0, length), "set", (random.choice(nodes), random.choice(flags))) for _ in range(count)]


def _members(random: Random, hosts: int, length: float, count: int) -> tuple[int, list[Action]]:
    """How many hosts are in no cluster at first, and who joins and leaves."""
    spare = random.choice((0, 1, 1, 2))
    actions = []
    for _ in range(count):
        verb = random.choice(("add", "add", "remove-node"))
        first = hosts + 1 if verb == "add" and spare and random.random() < 0.7 else 1
        actions.append(_at(random.uniform(0, length), verb, (f"node{random.randint(first, hosts + spare)}",)))
    return spare, actions


def _moves(random: Random, nodes: list[str], length: float, count: int) -> list[Action]:
    """Instances that go elsewhere, most of them among the first few, and how long they are on their way."""
    actions = [_at(0.0, "travel", (node, f"{random.choice((0.1, 1, 5))}")) for node in nodes if count]
    for _ in range(count):
        verb = random.choice(("move", "migrate"))
        actions.append(_at(random.uniform(0, length), verb, (f"{random.randint(1, 4)}", random.choice(nodes))))
    return actions
