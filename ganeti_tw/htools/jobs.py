"""Moves as work to do: shell commands and operations, in sets that may run side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ganeti_tw.htools.balance import Step
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import PARTS, Move

Opcode = dict[str, Any]


def shown(cluster: Cluster, move: Move) -> str:
    """``r:node f`` and the like."""
    return move.kind.value.format(cluster.nodes[move.target].hardware.alias)


def commands(cluster: Cluster, instance: Instance, move: Move, *, whole_name: bool = False) -> list[str]:
    """The arguments of ``gnt-instance``, one call after the other."""
    name = instance.name if whole_name else instance.alias
    target = cluster.nodes[move.target].hardware.alias
    verb = "migrate" if instance.running else "failover"
    words = {
        "M": f"{verb} -f {name}",
        "T": f"{verb} -f -n {target} {name}",
        "R": f"replace-disks -n {target} {name}",
    }
    return [words[part] for part in PARTS[move.kind]]


def opcodes(cluster: Cluster, instance: Instance, move: Move) -> list[Opcode]:
    """One job's operations, in Ganeti's order of fields."""
    target = cluster.nodes[move.target].hardware.name
    return [_opcode(part, instance, target) for part in PARTS[move.kind]]


def _opcode(part: str, instance: Instance, target: str) -> Opcode:
    if part == "R":
        return {
            "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
            "instance_name": instance.name,
            "early_release": False,
            "ignore_ipolicy": False,
            "mode": "replace_new_secondary",
            "disks": [],
            "remote_node": target,
        }
    chosen = {"target_node": target} if part == "T" else {}
    if instance.forthcoming:
        return {
            "OP_ID": "OP_INSTANCE_FAILOVER",
            "instance_name": instance.name,
            "shutdown_timeout": 120,
            "ignore_consistency": False,
            **chosen,
            "ignore_ipolicy": False,
            "cleanup": False,
        }
    return {
        "OP_ID": "OP_INSTANCE_MIGRATE",
        "instance_name": instance.name,
        **chosen,
        "allow_runtime_changes": False,
        "ignore_ipolicy": False,
        "cleanup": False,
        "allow_failover": True,
        "ignore_hvversions": True,
    }


def tag_opcode(node: str, tag: str) -> Opcode:
    return {"OP_ID": "OP_TAGS_SET", "kind": "node", "tags": [tag], "name": node}


def power_opcodes(nodes: Sequence[str], *, on: bool) -> list[Opcode]:
    """One job: nodes are marked offline before they are switched off, and online after they are switched on."""
    marks = [
        {"OP_ID": "OP_NODE_SET_PARAMS", "node_name": name, "force": False, "offline": not on, "auto_promote": False}
        for name in nodes
    ]
    power = {
        "OP_ID": "OP_OOB_COMMAND",
        "node_names": list(nodes),
        "command": "power-on" if on else "power-off",
        "timeout": 60,
        "ignore_status": False,
        "power_delay": 2.0,
    }
    return [power, *marks] if on else [*marks, power]


def job_sets(steps: Iterable[Step]) -> list[list[Step]]:
    """Moves in order, cut where one touches a node that its set touches already.

    The sets are formed from the last move backwards, as in Ganeti.
    """
    sets: list[list[Step]] = []
    touched: set[int] = set()
    for step in reversed(list(steps)):
        nodes = {*step.old[:2], *step.new[:2]} - {NOWHERE}
        if sets and touched.isdisjoint(nodes):
            sets[-1].append(step)
            touched |= nodes
        else:
            sets.append([step])
            touched = nodes
    return [each[::-1] for each in reversed(sets)]


def script(cluster: Cluster, sets: Sequence[Sequence[Step]], *, whole_names: bool = False) -> list[str]:
    """The lines of the shell script that makes the moves; ``check`` is defined by its head."""
    lines: list[str] = []
    for number, steps in enumerate(sets, start=1):
        lines += ["", f"echo jobset {number}, {len(steps)} jobs"]
        for job, step in enumerate(steps, start=1):
            lines += [f"  echo job {number}/{job}", "  check"]
            calls = commands(cluster, step.instance, step.move, whole_name=whole_names)
            lines += [f"  gnt-instance {words}" for words in calls]
    return lines


SCRIPT_HEAD = """#!/bin/sh

# Auto-generated script for executing cluster rebalancing

# To stop, touch the file /tmp/stop-htools

set -e

check() {
  if [ -f /tmp/stop-htools ]; then
    echo 'Stop requested, exiting'
    exit 0
  fi
}

"""
