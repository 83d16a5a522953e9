"""What the commands that migrate have in common."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.errors import BadRequest

CLEAN_UP = (
    "A migration of {name} that is still under way is aborted, and where it runs then becomes its primary node."
    " If it runs on two nodes, only you can tell which one to end. Continue?"
)


def mode_of(options: Values) -> str | None:
    """How guests travel, live or non-live; None for what their hypervisor is set to."""
    if options.live:
        mode: str | None = options.migration_mode
        return mode
    if options.migration_mode is not None:
        raise BadRequest("--non-live and --migration-mode say the same: give only one of them")
    return "non-live"
