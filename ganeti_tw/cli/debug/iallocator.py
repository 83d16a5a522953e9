"""``gnt-debug iallocator``."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.cli.values import size_mib
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode(
        "OP_TEST_ALLOCATOR",
        options,
        context,
        mode=options.mode,
        direction=options.direction,
        iallocator=options.iallocator,
        name=arguments[0],
        instances=arguments,
        memory=options.memory,
        disks=_disks(options.disks),
        disk_template=options.disk_template,
        nics=_nics(options.nics),
        os=options.os,
        vcpus=options.vcpus,
        tags=[tag for tag in (options.tags or "").split(",") if tag],
        evac_mode=options.evac_mode,
        target_groups=options.target_groups,
        spindle_use=options.spindle_use,
        count=options.count,
    )
    results = submit(context, options, op)
    if results and results[0] is not None:
        context.say(results[0].rstrip("\n"))
    return 0


def _disks(text: str) -> list[dict[str, Any]]:
    """From sizes separated by commas."""
    try:
        return [{"size": size_mib(word), "mode": "rw"} for word in text.split(",")]
    except ValueError as e:
        raise BadRequest(f"--disks {text}: {e}") from None


def _nics(text: str) -> list[dict[str, str | None]]:
    """From ``MAC/IP/BRIDGE``, of which parts may be missing, separated by commas."""
    parts = [(*word.split("/"), "", "")[:3] for word in text.split(",")]
    return [{"mac": mac or None, "ip": ip or None, "bridge": bridge or None} for mac, ip, bridge in parts]


COMMAND = Command(
    purpose="Show what an iallocator is told, or what it answers",
    run=run,
    arguments=(Argument("unknown", 1, None),),
    usage="{<opts>...} <instance-name>",
    options=(
        "--dir",
        "-I/--iallocator",
        "-m/--mode",
        "--memory",
        "--disks#2",
        "-t/--disk-template",
        "--nics",
        "-o/--os-type",
        "-p/--vcpus",
        "--tags",
        "--evac-mode",
        "--target-groups",
        "--spindle-use",
        "--count",
        "--dry-run",
        "--priority",
    ),
)
