"""``gnt-os modify``: settings of the cluster about one operating system, or one variant of it."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli import parameters
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    wanted = wanted_of(options, arguments[0])
    if not wanted:
        context.warn(
            f"Nothing to change of {arguments[0]} was given: parameters of the operating system or of hypervisors, "
            "--hidden or --blacklisted"
        )
        return 1
    return submit_and_follow(context, options, opcode("OP_CLUSTER_SET_PARAMS", options, context, **wanted))


def wanted_of(options: Values, os: str) -> dict[str, Any]:
    """What was given, by parameter of the operation; BadRequest names what is wrong."""
    by_os = {
        "os_hvp": parameters.by_name(options.hvparams, lambda _, values: parameters.hypervisor(values)),
        "osparams": options.osparams,
        "osparams_private_cluster": options.osparams_private,
    }
    wanted: dict[str, Any] = {name: {os: values} for name, values in by_os.items() if values}
    for name, flag in (("hidden_os", options.hidden), ("blacklisted_os", options.blacklisted)):
        if flag is not None:
            wanted[name] = [["add" if flag else "remove", os]]
    return wanted


COMMAND = Command(
    purpose="Change what the cluster says of an operating system",
    run=run,
    arguments=(Argument("os"),),
    options=(
        "-H/--hypervisor-parameters",
        "-O/--os-parameters",
        "--os-parameters-private",
        "--dry-run",
        "--priority",
        "--hidden",
        "--blacklisted",
        "--submit",
        "--print-jobid",
    ),
)
