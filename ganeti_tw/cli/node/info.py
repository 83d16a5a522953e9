"""``gnt-node info``."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, names_of
from ganeti_tw.cli.listing import objects, print_json
from ganeti_tw.cli.structured import Pair, lines, natural, parameters

FIELDS = (
    "name",
    "pip",
    "sip",
    "pinst_list",
    "sinst_list",
    "master_candidate",
    "drained",
    "offline",
    "master_capable",
    "vm_capable",
    "powered",
    "ndparams",
    "custom_ndparams",
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = any_of("name", names_of(context, "node", arguments)) if arguments else None
    nodes = objects(context.call("query", what="node", fields=list(FIELDS), filter=chosen))
    if options.json:
        print_json(context, nodes)
    elif nodes:
        context.say_all(lines([describe(node) for node in nodes]))
    return 0


def describe(node: Mapping[str, Any]) -> list[Pair]:
    """What is shown of one node; whether it is powered only where that is known."""
    shown = [
        Pair("Node name", node["name"]),
        Pair("primary ip", node["pip"]),
        Pair("secondary ip", node["sip"]),
        Pair("master candidate", node["master_candidate"]),
        Pair("drained", node["drained"]),
        Pair("offline", node["offline"]),
    ]
    if node["powered"] is not None:
        shown.append(Pair("powered", node["powered"]))
    shown += [Pair("master_capable", node["master_capable"]), Pair("vm_capable", node["vm_capable"])]
    if node["vm_capable"]:
        shown += [
            Pair("primary for instances", sorted(node["pinst_list"] or (), key=natural)),
            Pair("secondary for instances", sorted(node["sinst_list"] or (), key=natural)),
        ]
    return [*shown, Pair("node parameters", parameters(node["custom_ndparams"] or {}, node["ndparams"] or {}))]


COMMAND = Command(
    purpose="Show nodes in detail",
    run=run,
    arguments=(Argument("node", 0, None),),
    usage="[<node>...]",
    additions=("--json",),
)
