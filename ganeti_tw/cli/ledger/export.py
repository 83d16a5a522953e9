"""``ganeti-ledger export``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.ledger._contents import contents, dump
from ganeti_tw.cli.ledger._writing import write
from ganeti_tw.errors import BadRequest, Corrupt
from ganeti_tw.model.config_data import config_data


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.config_data == options.json:
        raise BadRequest("say what to write: --config-data or --json")
    path = arguments[0] if arguments else context.paths.ledger
    found = contents(path)
    for fault in found.faults:
        context.warn(f"{path}: {fault}")
    if found.faults and not options.salvage:
        raise Corrupt(f"{path} is damaged; --salvage writes what can still be read of it")
    content = config_data(found.rows) if options.config_data else dump(found)
    if options.output is None:
        context.stdout.write(content.decode())
    else:
        write(options.output, content, 0o640 if options.config_data else 0o600)
    return 1 if found.faults else 0


COMMAND = Command(
    purpose="Write what a ledger holds as text",
    run=run,
    arguments=(Argument("file", 0, 1),),
    usage="--config-data|--json [-o FILE] [--salvage] [<file>]",
    options=("--config-data", "--json#2", "-o/--output#3", "--salvage"),
)
