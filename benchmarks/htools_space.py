"""hspace on made-up clusters, beside Ganeti's own in the same run.

CPU seconds of whole processes, start-up included; the answers must be equal to the
last character.  Ganeti's binary is named by ``--peer``; without it only our own
goals are looked at.  With ``--check`` the exit code is 1 when a goal is missed.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from htools_both import UUID, Tools, both, yardstick

MEMORY, DISK, OWN, CPUS = 131072, 4194304, 2048, 64
SPEC = "128,1,1024,1,1,1"
LIMITS = f"{SPEC}|{SPEC};32768,8,1048576,16,8,12|drbd,plain,ext|4.0|32.0"


def make(nodes: int, instances: int, seed: int) -> str:
    """A cluster in one group, mirrored instances spread at random, with room left on every node."""
    chance = random.Random(seed)
    used = [[OWN, 0] for _ in range(nodes)]
    lines = []
    for number in range(instances):
        memory, disk = chance.choice([512, 1024, 2048, 4096]), chance.choice([10240, 20480, 40960])
        one, other = chance.sample(range(nodes), 2)
        used[one][0] += memory
        used[one][1] += disk
        used[other][1] += disk
        cpus = chance.choice([1, 1, 2, 4])
        lines.append(f"inst{number}|{memory}|{disk}|{cpus}|running|Y|node{one}|node{other}|drbd||1")
    rows = [
        f"node{n}|{MEMORY}|{OWN}|{MEMORY - memory}|{DISK}|{DISK - disk}|{CPUS}|{'N' if n else 'M'}|{UUID}|4"
        for n, (memory, disk) in enumerate(used)
    ]
    return "\n".join([f"main|{UUID}|preferred||", "", *rows, "", *lines, "", "", f"|{LIMITS}", f"main|{LIMITS}", ""])


class Case(NamedTuple):
    """``ratio``: how many times the peer's CPU we must save; ``most``: the CPU seconds allowed."""

    nodes: int
    instances: int
    more: tuple[str, ...] = ()
    ratio: float | None = None
    most: float | None = None
    long: bool = False

    @property
    def name(self) -> str:
        return " ".join(["hspace", f"{self.nodes}/{self.instances}", *self.more])


CASES = (
    Case(4, 40, most=0.3),
    Case(12, 150, ratio=2.0),
    Case(4, 40, ("--disk-template=ext",), most=1.0),
    Case(4, 40, ("--disk-template=plain",), most=1.0),
    Case(12, 150, ("--disk-template=ext",), ratio=1.1),
    Case(12, 150, ("--disk-template=plain",), ratio=4.0),
    Case(40, 1000, ratio=8.0),
    Case(40, 1000, ("--disk-template=ext", "--no-capacity-checks"), ratio=4.0),
    Case(80, 2000, ratio=8.0, long=True),
)


def main() -> int:
    wanted, ours, peer = here = both(__doc__)
    print(yardstick())
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if wanted.only in case.name and (wanted.long or not case.long):
                path = Path(folder, "made.data")
                path.write_text(make(case.nodes, case.instances, wanted.seed))
                missed += [f"{case.name}: {what}" for what in _measure(case, path, ours, peer)]
    return here.finish(missed)


def _measure(case: Case, path: Path, ours: Tools, peer: Tools | None) -> Iterator[str]:
    """Print one line; what was missed."""
    arguments = ("-t", str(path), "--machine-readable", *case.more)
    seconds, shown = min(ours.run("hspace", *arguments) for _ in range(3))
    line = f"{case.name:60} {seconds:8.3f} s"
    if case.most is not None and seconds > case.most:
        yield f"{seconds:.2f} s, wanted at most {case.most:.2f}"
    if peer is not None:
        theirs, text = peer.run("hspace", *arguments)
        line += f"  peer {theirs:8.3f} s  ratio {theirs / seconds:6.1f}"
        if text != shown:
            yield "another answer than the peer's"
        if case.ratio is not None and theirs < case.ratio * seconds:
            yield f"ratio {theirs / seconds:.1f}, wanted {case.ratio:g}"
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
