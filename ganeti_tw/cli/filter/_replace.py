"""What ``add`` and ``replace`` share."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.context import Context

OPTIONS = ("--priority#2", "--predicates", "--action")


def replace(uuid: str | None, options: Values, context: Context) -> int:
    """Make a rule as the options say, in place of the one of that UUID; prints its UUID."""
    reason = [["gnt:user", options.reason, int(context.now() * 1_000_000_000)]] if options.reason else []
    made = context.call(
        "replace_filter",
        uuid=uuid,
        priority=options.priority,
        predicates=options.predicates,
        action=options.action,
        reason=reason,
    )
    context.say(made)
    return 0
