"""``gnt-cluster verify``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import follow, opcode
from ganeti_tw.cli.many import follow_submitted


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode(
        "OP_CLUSTER_VERIFY",
        options,
        context,
        verbose=options.verbose,
        error_codes=options.error_codes,
        debug_simulate_errors=options.simulate_errors,
        skip_checks=["nplusone_mem"] if options.skip_nplusone_mem else [],
        ignore_errors=options.ignore_errors,
        group_name=options.nodegroup,
        verify_clutter=options.verify_clutter,
    )
    (result,) = follow(context, context.call("submit", ops=[op]))
    if result is None:
        return 0  # a dry run
    done = follow_submitted(context, result["jobs"])
    return 0 if all(results is not None and bool(results[0]) for results in done) else 1


COMMAND = Command(
    purpose="Look for what is wrong with the cluster",
    run=run,
    usage="[-v] [--error-codes] [--no-nplus1-mem] [--node-group <nodegroup>]",
    options=(
        "-v/--verbose",
        "--debug-simulate-errors",
        "--error-codes",
        "--no-nplus1-mem",
        "--dry-run",
        "--priority",
        "-g/--node-group",
        "-I/--ignore-errors",
        "--verify-ssh-clutter",
    ),
)
