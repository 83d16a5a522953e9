"""What clients ask for: operations, and what holds of their subjects afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from attrs import evolve, frozen

MOST_INSTANCES = 5  # of one client
MOST_TAGS = 60
STEP = 4  # MiB: memory is rounded up to it


@frozen
class Wish:
    """An operation; ``facts`` are all that is to be known of its subjects when it has succeeded."""

    op: dict[str, Any]
    about: tuple[str, ...]
    facts: dict[str, Any]
    made: tuple[Machine, ...] = ()  # the instances there are instead of those in ``about``


@frozen
class Machine:
    """An instance as its client knows it."""

    name: str
    memory: int
    up: bool = False
    tags: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            f"instance {self.name}": True,
            f"memory {self.name}": self.memory,
            f"admin {self.name}": "up" if self.up else "down",
            f"runs {self.name}": self.up,
            f"tags {self.name}": sorted(self.tags),
        }


def changed(machine: Machine, op: dict[str, Any], after: Machine) -> Wish:
    return Wish(op, (machine.name,), after.facts(), (after,))


def create(name: str, memory: int, node: str) -> Wish:
    machine = Machine(name, memory)
    op = {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": name,
        "mode": "create",
        "disk_template": "diskless",
        "disks": [],
        "nics": [{}],
        "beparams": {"maxmem": memory, "minmem": memory},
        "pnode": node,
        "no_install": True,
        "name_check": False,
        "ip_check": False,
        "start": False,
    }
    return Wish(op, (name,), machine.facts(), (machine,))


def remove(machine: Machine) -> Wish:
    op = {"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": machine.name, "shutdown_timeout": 0}
    return Wish(op, (machine.name,), {f"instance {machine.name}": False})


def rename(machine: Machine, name: str) -> Wish:
    after = evolve(machine, name=name)
    op = {
        "OP_ID": "OP_INSTANCE_RENAME",
        "instance_name": machine.name,
        "new_name": name,
        "name_check": False,
        "ip_check": False,
    }
    return Wish(op, (machine.name, name), {f"instance {machine.name}": False, **after.facts()}, (after,))


def resize(machine: Machine, memory: int) -> Wish:
    op = {
        "OP_ID": "OP_INSTANCE_SET_PARAMS",
        "instance_name": machine.name,
        "beparams": {"maxmem": memory, "minmem": memory},
    }
    return changed(machine, op, evolve(machine, memory=memory))


def label(machine: Machine, tag: str) -> Wish:
    op = {"OP_ID": "OP_TAGS_SET", "kind": "instance", "name": machine.name, "tags": [tag]}
    return changed(machine, op, evolve(machine, tags=(*machine.tags, tag)))


def switch(machine: Machine) -> Wish:
    """On when it is off, off when it is on."""
    if machine.up:
        op = {"OP_ID": "OP_INSTANCE_SHUTDOWN", "instance_name": machine.name, "timeout": 0}
    else:
        op = {"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": machine.name}
    return changed(machine, op, evolve(machine, up=not machine.up))


def tag(name: str, present: bool = True) -> Wish:
    """A tag of the cluster."""
    op = {"OP_ID": "OP_TAGS_SET" if present else "OP_TAGS_DEL", "kind": "cluster", "tags": [name]}
    return Wish(op, (name,), {f"tag {name}": present})


def about_instances(random: Random, machines: Sequence[Machine], fresh: str, nodes: Sequence[str]) -> Wish:
    """Something to do with a few instances; ``fresh`` is a name that nobody has had."""
    if not machines or (len(machines) < MOST_INSTANCES and random.random() < 0.3):
        return create(fresh, random.randrange(128, 512, STEP), random.choice(nodes))
    machine = random.choice(machines)
    off = [m for m in machines if not m.up]
    kinds = {
        "resize": lambda: resize(machine, random.randrange(128, 512, STEP)),
        "label": lambda: label(machine, f"l{len(machine.tags)}"),
        "switch": lambda: switch(machine),
        "rename": lambda: rename(off[0], fresh) if off else switch(machine),
        "remove": lambda: remove(machine),
    }
    (kind,) = random.choices(list(kinds), (4, 3, 4, 2, 1))
    return kinds[kind]()


def about_tags(random: Random, known: Sequence[str], fresh: str) -> Wish:
    """A new tag of the cluster, or the end of a known one."""
    if known and random.random() < len(known) / MOST_TAGS:
        return tag(random.choice(known), present=False)
    return tag(fresh)
