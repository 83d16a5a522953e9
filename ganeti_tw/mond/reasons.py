"""Why instances are in their state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from ganeti_tw.mond.guests import Guest


def state_reasons(run: str) -> Mapping[str, tuple[Any, ...]]:
    """Why instances are in their state, as far as somebody wrote it down on this node, by name.  Blocks.

    ``run``: the directory of what lasts until the node is booted.
    """
    directory = os.path.join(run, "instance-reason")
    found = {}
    try:
        names = os.listdir(directory)
    except OSError:
        return {}
    for name in names:
        try:
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                trail = json.load(file)
        except (OSError, ValueError):
            continue
        if isinstance(trail, list):
            found[name] = tuple(trail)
    return found


def with_reasons(guests: Iterable[Guest], reasons: Mapping[str, tuple[Any, ...]]) -> tuple[Guest, ...]:
    """The same, with what is known of why."""
    return tuple(evolve(g, state_reason=reasons[g.name]) if g.name in reasons else g for g in guests)
