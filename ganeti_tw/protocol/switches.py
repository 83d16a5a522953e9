"""What the keeper of the cluster's switches is told.  Stays in the master's process."""

from __future__ import annotations

from attrs import frozen


@frozen
class SetDrained:
    """Whether the job queue refuses new jobs.  Answer: None once it is safely stored."""

    drained: bool


@frozen
class SetWatcherPause:
    """Seconds since the epoch until which the watcher does nothing, or None.  Answer: None once safely stored."""

    until: float | None
