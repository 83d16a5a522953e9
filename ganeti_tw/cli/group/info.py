"""``gnt-group info``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.listing import objects, print_json
from ganeti_tw.cli.structured import Pair, comma_joined, lines, parameters, plain

FIELDS = ("name", "ndparams", "custom_ndparams", "diskparams", "custom_diskparams", "ipolicy", "custom_ipolicy")
BOUNDS = ("max", "min")


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = any_of("name", arguments) if arguments else None
    groups = objects(context.call("query", what="group", fields=list(FIELDS), filter=chosen))
    if options.json:
        print_json(context, groups)
    elif groups:
        context.say_all(lines([describe(group) for group in groups]))
    return 0


def describe(group: Mapping[str, Any]) -> list[Pair]:
    """What is shown of one group: its own values, and those it inherits as defaults."""
    own, filled = group["custom_diskparams"], group["diskparams"]
    disks = {
        template: parameters(own.get(template, {}), values) if values else "default ({})"
        for template, values in filled.items()
    }
    return [
        Pair("Node group", group["name"]),
        Pair("Node parameters", parameters(group["custom_ndparams"], group["ndparams"])),
        Pair("Disk parameters", disks),
        Pair("Instance policy", policy(group["custom_ipolicy"], group["ipolicy"])),
    ]


def policy(own: Mapping[str, Any], filled: Mapping[str, Any]) -> list[Pair]:
    """The instance policy; the group's own keys as they are, the cluster's as defaults."""
    bounds = [
        [Pair(f"{name}/{index}", parameters(pair[name] if "minmax" in own else {}, pair[name])) for name in BOUNDS]
        for index, pair in enumerate(filled["minmax"])
    ]
    return [
        Pair("bounds specs", bounds),
        Pair("allowed disk templates", _templates(own.get("disk-templates"), filled["disk-templates"])),
        *(Pair(key, _ratio(own.get(key), filled[key])) for key in ("spindle-ratio", "vcpu-ratio")),
    ]


def _templates(own: Sequence[str] | None, filled: Sequence[str]) -> str:
    return comma_joined(own) if own is not None else f"default ({comma_joined(filled)})"


def _ratio(own: float | None, filled: float) -> str:
    return plain(own) if own is not None else f"default ({plain(filled)})"


COMMAND = Command(
    purpose="Show node groups in detail",
    run=run,
    arguments=(Argument("group", 0, None),),
    usage="[<group>...]",
    additions=("--json",),
)
