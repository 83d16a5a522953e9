"""``gnt-instance batch-create``."""

from __future__ import annotations

import json
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.cli.many import follow_submitted

CREATE = "OP_INSTANCE_CREATE"


def run(options: Values, arguments: list[str], context: Context) -> int:
    try:
        instances = _read(arguments[0])
    except (OSError, ValueError) as e:
        context.warn(f"Cannot read instances from {arguments[0]}: {e}")
        return 1
    op = opcode(
        "OP_INSTANCE_MULTI_ALLOC",
        options,
        context,
        iallocator=options.iallocator,
        instances=[{**instance, "OP_ID": CREATE} for instance in instances],
    )
    results = submit(context, options, op)
    if not results or results[0] is None:
        return 0
    names, failed = results[0]["allocatable"], results[0]["failed"]
    for name in failed:
        context.warn(f"There is no place for {name}: it is not created")
    ended = follow_submitted(context, results[0]["jobs"], names)
    return 1 if failed or None in ended else 0


def _read(path: str) -> list[dict[str, Any]]:
    """One object per instance, with the parameters of its creation."""
    with open(path, encoding="utf-8") as file:
        instances = json.load(file)
    if not isinstance(instances, list) or not all(isinstance(instance, dict) for instance in instances):
        raise ValueError("a list of objects is expected, one for each instance")
    return instances


COMMAND = Command(
    purpose="Create the instances described in a JSON file",
    run=run,
    arguments=(Argument("file"),),
    usage="<instances.json>",
    options=("-I/--iallocator", "--submit", "--print-jobid", "--dry-run", "--priority"),
)
