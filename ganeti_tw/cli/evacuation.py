"""Following the jobs by which instances are moved."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import Opcode, submit
from ganeti_tw.cli.many import follow_submitted


def follow_moves(context: Context, options: Values, ops: Sequence[Opcode], done: str) -> int:
    """Follow the job of each opcode and those it returned; says ``done``, or how many failed, with exit code 1.

    Raises what the job of an opcode itself failed with.
    """
    ended = []
    for op in ops:
        results = submit(context, options, op)
        if results and results[0] is not None:
            ended += follow_submitted(context, results[0]["jobs"])
    if options.submit_only:
        return 0
    if None in ended:
        context.warn(f"{ended.count(None)} of {len(ended)} jobs did not end well")
        return 1
    context.say(done)
    return 0
