"""Scenarios with an expected transcript: text files that read like a story.

::

    # What it shows, in a sentence or two.
    hosts 3
    seed 1
    until 30
    1.0 tag blue
    2.0 power node1
    5.0 failover node2
    ----
        1.000  > tag blue
        ...

Above the line of dashes is what is played; the lines ``hosts``, ``spare``, ``seed``,
``until`` and ``administrator`` (``yes``: one looks after the cluster) come in
any order, the others are those of a script.  Below it is what must come of it.
After the script all faults end and all must be well again.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.testing.simulator.script import Action, parse
from ganeti_tw.testing.simulator.world import World

DASHES = "----\n"
LOGGED = re.compile(r"^ *[\d.]+ {6}\w")  # lines of the log, which scenarios leave out


@frozen
class Scenario:
    """``text`` is the part above the dashes, as it was written."""

    text: str
    expected: tuple[str, ...]
    script: tuple[Action, ...] = ()
    hosts: int = 3
    spare: int = 0  # hosts that are in no cluster at first
    seed: int = 0
    until: float = 60.0
    administrator: bool = False


def read(content: str) -> Scenario:
    """The scenario in a file; BadRequest names the line that makes no sense."""
    text, _, expected = content.partition(DASHES)
    found = Scenario(text, tuple(expected.splitlines()))
    lines = []
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        try:
            if word == "hosts":
                found = evolve(found, hosts=int(value))
            elif word == "spare":
                found = evolve(found, spare=int(value))
            elif word == "seed":
                found = evolve(found, seed=int(value))
            elif word == "until":
                found = evolve(found, until=float(value))
            elif word == "administrator":
                found = evolve(found, administrator=value.strip() == "yes")
            else:
                lines.append(line)
        except ValueError:
            raise BadRequest(f"{line!r}: {value!r} is not a number") from None
    return evolve(found, script=parse("\n".join(lines)))


def transcript(scenario: Scenario) -> tuple[str, ...]:
    """What comes of it; Broken when an invariant is."""
    world = World(scenario.hosts, scenario.seed, spare=scenario.spare)
    try:
        world.lines.clear()  # how the cluster began is the same in all
        world.play(scenario.script, scenario.until, administered=scenario.administrator)
        if not scenario.administrator:
            world.administrator.begin()
        world.recover()
        return tuple(line for line in map(str, world.lines) if not LOGGED.match(line))
    finally:
        world.close()


def rewrite(path: Path) -> None:
    """Write what comes of it into the file, to be reviewed like code."""
    scenario = read(path.read_text())
    path.write_text(scenario.text + DASHES + "".join(f"{line}\n" for line in transcript(scenario)))
