"""``gnt-os info``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.listing import print_json
from ganeti_tw.errors import NotFound

FIELDS = ("name", "valid", "hidden", "blacklisted", "api_versions", "variants", "parameters", "trusted")


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode("OP_OS_DIAGNOSE", options, context, output_fields=list(FIELDS), names=[])
    oses = [dict(zip(FIELDS, row, strict=True)) for row in context.call("look", op=op)]
    wanted = [os for os in oses if not arguments or os["name"] in arguments]
    if options.json:
        print_json(context, wanted)
    else:
        for os in wanted:
            context.say_all(list(describe(os)))
    missing = [name for name in dict.fromkeys(arguments) if name not in {os["name"] for os in oses}]
    if missing:
        raise NotFound(f"there is no OS called {', '.join(missing)}; 'gnt-os diagnose' shows what nodes have")
    return 0


def describe(os: Mapping[str, Any]) -> Iterator[str]:
    """The lines about one OS; of an invalid one there is little to say."""
    yield f"{os['name']}:"
    for name in ("valid", "hidden", "blacklisted"):
        yield f"  - {name}: {os[name]}"
    if not os["valid"]:
        return
    yield from _listed("API versions", sorted(os["api_versions"]))
    yield from _listed("variants", os["variants"])
    yield from _listed("parameters", sorted(f"{name}: {text}" for name, text in os["parameters"]))
    yield f"  - trusted: {os['trusted']}"


def _listed(title: str, items: Iterable[Any]) -> Iterator[str]:
    yield f"  - {title}:"
    yield from (f"    - {item}" for item in items)


COMMAND = Command(
    purpose="Show what is known of operating systems",
    run=run,
    arguments=(Argument("os", 0, None),),
    options=("--priority",),
    additions=("--json",),
)
