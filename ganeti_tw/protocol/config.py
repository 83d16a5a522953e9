"""What the configuration keeper is asked.  Stays in the master's process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen


@frozen
class GetConfig:
    """Answer: the latest Config that is safely stored."""


@frozen
class Changes:
    """Objects of the model as they shall be, and those that shall be no more."""

    puts: tuple[Any, ...] = ()
    deletes: tuple[Any, ...] = ()


@frozen
class Edit:
    """Change the configuration.

    ``change`` gets the newest Config, with edits that are still being stored,
    and returns Changes; what it raises is the answer and nothing is changed.
    Serial numbers and times of the objects are set by the keeper.
    Answer: the Config with the change, once it is safely stored.
    """

    change: Callable[[Any], Changes]


@frozen
class ConfigChanged:
    """News to those who follow the configuration; the latest wins.

    Against ``before``, the Config of the news before, only the rows ``changed``
    (kind and key) differ; None: anything may.
    """

    config: Any
    before: Any = None
    changed: frozenset[tuple[str, str]] = frozenset()


@frozen
class Follow:
    """Tell ``ref`` ConfigChanged from now on, beginning with what is.  Answer: None."""

    ref: Any
