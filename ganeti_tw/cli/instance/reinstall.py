"""``gnt-instance reinstall``."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import Opcode, opcode
from ganeti_tw.cli.many import Wanted, run_jobs
from ganeti_tw.cli.os.list import names_to_choose
from ganeti_tw.cli.selection import INSTANCES, SELECTION_OPTIONS, select
from ganeti_tw.errors import BadRequest

EXIT = "x"


def run(options: Values, arguments: list[str], context: Context) -> int:
    mode = options.multi_mode or INSTANCES
    names = select(context, mode, arguments)
    if not names:
        raise BadRequest("the selection matches no instances")
    os = options.os
    if options.select_os:
        os = _selected(context, options)
        if os is None:
            return 1
    several = mode != INSTANCES or len(names) > 1
    if not _agreed(context, options, names, several, os):
        return 1
    parameters: dict[str, Any] = {"os_type": os, "force_variant": options.force_variant}
    for name in ("osparams", "osparams_private", "osparams_secret"):
        if getattr(options, name):
            parameters[name] = getattr(options, name)

    def make(name: str) -> Opcode:
        return opcode("OP_INSTANCE_REINSTALL", options, context, instance_name=name, **parameters)

    return run_jobs(context, options, [Wanted(name, [make(name)]) for name in names], verbose=several)


def _agreed(context: Context, options: Values, names: list[str], several: bool, os: str | None) -> bool:
    """Several are only forced by ``--force-multiple``; one by ``--force`` too."""
    warning = f"It will install {os or 'their OS'} again, and what is on their disks may be lost.\n"
    if options.force_multi:
        return True
    if several:
        return context.confirm_many(names, "instances", "reinstall", warning)
    question = f"This will install {os or 'its OS'} on {names[0]} again, what is on its disks may be lost. Continue?"
    return bool(options.force) or context.confirm(question)


def _selected(context: Context, options: Values) -> str | None:
    """The OS chosen from a menu; None for the way out."""
    names = names_to_choose(context, options)
    if not names:
        raise BadRequest("there is no operating system to choose from; see gnt-os diagnose")
    context.say("Available operating systems:")
    for number, name in enumerate(names):
        context.say(f"{number:4}: {name}")
    context.say(f"{EXIT:>4}: leave, and install nothing")
    while True:
        context.say(f"Number of the operating system, or {EXIT}:")
        line = context.stdin.readline()
        answer = line.strip()
        if not line or answer.lower() in (EXIT, "exit"):
            context.warn("Nothing was installed")
            return None
        if answer.isascii() and answer.isdigit() and int(answer[:9]) < len(names):
            return names[int(answer)]
        context.warn(f"'{answer}' is none of the numbers")


COMMAND = Command(
    purpose="Install the operating system of instances again",
    run=run,
    arguments=(Argument("instance", 0, None),),
    usage="[-f] <instance>",
    options=(
        "-f/--force",
        "-o/--os-type",
        "--select-os",
        "--force-variant",
        "-O/--os-parameters",
        "--os-parameters-private",
        "--os-parameters-secret",
        *SELECTION_OPTIONS,
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
