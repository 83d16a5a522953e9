"""The htools but hspace on made-up clusters, beside Ganeti's own in the same run.

CPU seconds of whole processes, start-up included.  Ganeti's binary is named by
``--peer``; without it only our own goals are looked at.  With ``--check`` the exit
code is 1 when a goal is missed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from htools_both import UUID, Tools, both, yardstick

MEMORY, DISK, OWN = 262144, 8388608, 2048


class Made(NamedTuple):
    """A skewed cluster in one group: most instances are on the first nodes."""

    nodes: list[tuple[str, int, int]]  # name, memory and disk used
    instances: list[tuple[str, int, int, int, str, int, int]]  # name, memory, disk, CPUs, status, both nodes


def make(nodes: int, instances: int, seed: int) -> Made:
    chance = random.Random(seed)
    used = [[OWN, 0] for _ in range(nodes)]
    made = []
    for number in range(instances):
        memory = chance.choice([512, 1024, 2048, 4096, 8192])
        disk = chance.choice([10, 20, 40, 80, 100]) * 1024
        cpus = chance.choice([1, 1, 2, 4])
        for _ in range(100):
            one, other = (min(int(chance.expovariate(3.0 / nodes)), nodes - 1) for _ in range(2))
            fits = used[one][0] + memory < MEMORY * 0.7 and max(used[one][1], used[other][1]) + disk < DISK * 0.8
            if one != other and fits:
                break
        else:
            one, other = chance.sample(range(nodes), 2)
        status = chance.choice(["running"] * 9 + ["ADMIN_down"])
        used[one][0] += memory if status == "running" else 0
        used[one][1] += disk
        used[other][1] += disk
        made.append((f"inst{number:05d}.example.com", memory, disk, cpus, status, one, other))
    return Made([(f"node{n:03d}.example.com", *used[n]) for n in range(nodes)], made)


def text_of(made: Made) -> str:
    lines = [f"main|{UUID}|preferred||", ""]
    for number, (name, memory, disk) in enumerate(made.nodes):
        role = "N" if number else "M"
        lines.append(f"{name}|{MEMORY}|{OWN}|{MEMORY - memory}|{DISK}|{DISK - disk}|32|{role}|{UUID}|8|")
    lines.append("")
    for name, memory, disk, cpus, status, one, other in made.instances:
        where = f"{made.nodes[one][0]}|{made.nodes[other][0]}"
        lines.append(f"{name}|{memory}|{disk}|{cpus}|{status}|Y|{where}|drbd||1")
    return "\n".join([*lines, "", "", ""])


def _described(memory: int, disk: int, cpus: int) -> dict[str, object]:
    return {
        "disk_space_total": disk,
        "disks": [{"size": disk, "mode": "rw"}],
        "memory": memory,
        "vcpus": cpus,
        "tags": [],
        "disk_template": "drbd",
        "spindle_use": 1,
        "nics": [],
        "os": "none",
        "hypervisor": "xen-pvm",
    }


def question_of(made: Made) -> str:
    """An iallocator's request for a mirrored instance of 1 GiB on this cluster."""
    size = {"memory-size": 128, "cpu-count": 1, "disk-size": 1024, "disk-count": 1, "nic-count": 0, "spindle-use": 1}
    most = {name: value * 1024 for name, value in size.items()}
    policy = {
        "std": size,
        "minmax": [{"min": size, "max": most}],
        "disk-templates": ["drbd"],
        "vcpu-ratio": 8.0,
        "spindle-ratio": 32.0,
    }
    nodes = {
        name: {
            "offline": False,
            "drained": False,
            "vm_capable": True,
            "group": UUID,
            "tags": [],
            "ndparams": {"exclusive_storage": False, "spindle_count": 8},
            "total_memory": MEMORY,
            "reserved_memory": OWN,
            "free_memory": MEMORY - memory,
            "total_disk": DISK,
            "free_disk": DISK - disk,
            "total_cpus": 32,
            "reserved_cpus": 1,
            "free_spindles": 0,
        }
        for name, memory, disk in made.nodes
    }
    instances = {
        name: {
            **_described(memory, disk, cpus),
            "admin_state": "up" if status == "running" else "down",
            "nodes": [made.nodes[one][0], made.nodes[other][0]],
        }
        for name, memory, disk, cpus, status, one, other in made.instances
    }
    request = {"type": "allocate", "name": "new.example.com", "required_nodes": 2, **_described(1024, 10240, 1)}
    group = {"name": "main", "alloc_policy": "preferred", "networks": [], "ipolicy": policy, "tags": []}
    return json.dumps(
        {
            "version": 2,
            "cluster_name": "made.example.com",
            "cluster_tags": [],
            "enabled_hypervisors": ["xen-pvm"],
            "nodegroups": {UUID: group},
            "nodes": nodes,
            "instances": instances,
            "request": request,
        }
    )


class Case(NamedTuple):
    """``ratio``: how many times the peer's CPU we must save; ``most``: the CPU seconds allowed.

    ``peer_more`` are arguments for the peer only, which would take too long otherwise;
    then seconds for each step are compared, ours without the start.
    """

    name: str
    arguments: tuple[str, ...]
    ratio: float | None = None
    most: float | None = None
    peer_more: tuple[str, ...] | None = None
    long: bool = False


CASES = (
    Case("hbal 4/40", ("hbal", "-t", "4-40.data"), most=0.3),
    Case("hbal 4/40, 2 steps", ("hbal", "-t", "4-40.data", "-l", "2"), most=0.3),
    *(Case(f"{tool} 4/40", (tool, "-t", "4-40.data"), most=0.3) for tool in ("hinfo", "hcheck", "hroller")),
    Case("hsqueeze 4/40", ("hsqueeze", "-t", "4-40.data"), most=0.3),
    Case("hail 4/40", ("hail", "4-40.json"), most=0.3),
    Case("hbal 12/150", ("hbal", "-t", "12-150.data"), ratio=20.0),
    Case("hbal 40/1000, 2 steps", ("hbal", "-t", "40-1000.data", "-l", "2"), ratio=20.0),
    Case("hbal 40/1000, a step", ("hbal", "-t", "40-1000.data", "-l", "60"), ratio=50.0, peer_more=("-l", "2")),
    Case("hail 40/1000", ("hail", "40-1000.json"), ratio=1.0),
    Case("hail 200/5000", ("hail", "200-5000.json"), ratio=1.0),
    Case("hroller 200/5000", ("hroller", "-t", "200-5000.data"), ratio=1.0),
    Case("hbal 200/5000, to the end", ("hbal", "-t", "200-5000.data"), most=180.0, long=True),
)
SIZES = ((4, 40), (12, 150), (40, 1000), (200, 5000))


def main() -> int:
    wanted, ours, peer = here = both(__doc__)
    print(yardstick())
    root = os.getcwd()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for nodes, instances in SIZES:
            made = make(nodes, instances, wanted.seed)
            Path(f"{nodes}-{instances}.data").write_text(text_of(made))
            Path(f"{nodes}-{instances}.json").write_text(question_of(made))
        for case in CASES:
            if wanted.only in case.name and (wanted.long or not case.long):
                missed += [f"{case.name}: {what}" for what in _measure(case, ours, peer)]
        os.chdir(root)
    return here.finish(missed)


def _measure(case: Case, ours: Tools, peer: Tools | None) -> Iterator[str]:
    """Print one line; what was missed."""
    seconds, shown = min(ours.run(*case.arguments) for _ in range(1 if case.long else 3))
    line = f"{case.name:28} {seconds:9.3f} s"
    if case.most is not None and seconds > case.most:
        yield f"{seconds:.2f} s, wanted at most {case.most:.2f}"
    if peer is not None and not case.long:
        theirs, text = peer.run(*case.arguments, *(case.peer_more or ()))
        if case.peer_more is None:
            if text != shown:
                yield "another answer than the peer's"
        else:
            first, start = ours.run(*case.arguments, "-l", "1")
            seconds = (seconds - first) / max(1, shown.count(" => ") - start.count(" => "))
            theirs /= max(1, text.count(" => "))
            line = f"{case.name:28} {seconds:9.3f} s"
        line += f"  peer {theirs:9.3f} s  ratio {theirs / seconds:8.1f}"
        if case.ratio is not None and theirs < case.ratio * seconds:
            yield f"ratio {theirs / seconds:.1f}, wanted {case.ratio:g}"
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
