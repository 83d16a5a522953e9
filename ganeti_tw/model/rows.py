"""Rows of the ledger, and which kinds of them make up the configuration."""

from __future__ import annotations

from attrs import frozen


@frozen
class Put:
    """A row as it is from now on.  ``value`` is JSON."""

    kind: str
    key: str
    value: bytes


@frozen
class Delete:
    """A row that is no more."""

    kind: str
    key: str


TOP = ("config", "top")
CLUSTER = ("cluster", "cluster")
SECRET = "secret"  # kind of rows: what only master candidates know
