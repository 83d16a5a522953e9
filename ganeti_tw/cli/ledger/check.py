"""``ganeti-ledger check``."""

from __future__ import annotations

from collections import Counter
from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.ledger._audit import findings
from ganeti_tw.cli.ledger._contents import contents


def run(options: Values, arguments: list[str], context: Context) -> int:
    path = arguments[0] if arguments else context.paths.ledger
    found = contents(path)
    told = findings(found)
    kinds = Counter(kind for kind, _ in found.rows)
    context.say(f"{path}: change {found.at.serial} of epoch {found.at.epoch}")
    context.say(f"  rows: {', '.join(f'{kinds[kind]} {kind}' for kind in sorted(kinds)) or 'none'}")
    if found.changes:
        context.say(f"  changes kept: {found.changes[0].serial} to {found.changes[-1].serial}")
    remedies: dict[str, None] = {}
    for finding in told:
        remedies.setdefault(finding.remedy)
        context.say(f"  - {finding.text} [{list(remedies).index(finding.remedy) + 1}]")
    for number, remedy in enumerate(remedies, 1):
        context.say(f"  [{number}] {remedy}")
    context.say(f"  {len(told)} things are wrong" if told else "  nothing is wrong")
    return 1 if told else 0


COMMAND = Command(
    purpose="Say whether a ledger is sound",
    run=run,
    arguments=(Argument("file", 0, 1),),
    usage="[<file>]",
)
