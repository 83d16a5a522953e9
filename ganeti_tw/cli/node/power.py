"""``gnt-node power``."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import names_of
from ganeti_tw.cli.jobs import follow, opcode
from ganeti_tw.cli.node._oob import exit_code, show, word
from ganeti_tw.cli.table import NORMAL
from ganeti_tw.errors import BadRequest

WORDS = ("on", "off", "cycle", "status")


def run(options: Values, arguments: list[str], context: Context) -> int:
    what, *given = arguments
    if what not in WORDS:
        raise BadRequest(f"'{what}' is none of {', '.join(WORDS)}")
    risky = what in ("off", "cycle")
    if risky and not given:
        context.warn(f"Name the nodes for power {what}")
        return 1
    names = names_of(context, "node", given) if given else []
    if risky and not options.force and not context.confirm_many(names, "nodes", f"power {what}"):
        return 1
    offline: list[Any] = []
    if what == "off" and not options.ignore_status:
        marks = {"offline": True, "auto_promote": options.auto_promote}
        offline = [opcode("OP_NODE_SET_PARAMS", options, context, node_name=name, **marks) for name in names]
    op = opcode(
        "OP_OOB_COMMAND",
        options,
        context,
        node_names=names,
        command=f"power-{what}",
        ignore_status=options.ignore_status,
        timeout=options.oob_timeout,
        power_delay=options.power_delay,
    )
    job_id = context.call("submit", ops=[*offline, op])
    if options.print_jobid:
        context.say(str(job_id))
    result = follow(context, job_id)[-1]
    show(context, options, _rows(what, result))
    return exit_code(result)


def _rows(what: str, result: Sequence[Any]) -> list[tuple[str, str]]:
    rows = []
    for (_, name), (status, said) in result:
        if status != NORMAL:
            text = word(status)
        elif what == "status":
            text = "powered" if said["powered"] else "unpowered"
        else:
            text = "invoked"
        rows.append((name, text))
    return rows


COMMAND = Command(
    purpose="Switch nodes on and off by their out-of-band helpers, or tell whether they are on",
    run=run,
    arguments=(Argument("choice", choices=("cycle", "off", "on", "status")), Argument("node", 0, None)),
    usage="on|off|cycle|status [<node-name>...]",
    options=(
        "--submit",
        "--print-jobid",
        "--auto-promote",
        "--priority",
        "--ignore-status",
        "-f/--force",
        "--no-headers",
        "--separator",
        "--oob-timeout",
        "--power-delay",
    ),
)
