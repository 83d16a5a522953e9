"""``gnt-debug test-osparams``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode("OP_TEST_OS_PARAMS", options, context, osparams_secret=options.osparams_secret)
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="See whether secret OS parameters reach an operation, in a job",
    run=run,
    usage="[--os-parameters-secret <params>]",
    options=("--os-parameters-secret", "--submit", "--print-jobid"),
)
