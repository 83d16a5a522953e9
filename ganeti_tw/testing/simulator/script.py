"""What happens to a cluster and when, as text: one line each, time and verb first."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from ganeti_tw.errors import BadRequest


@frozen(order=True)
class Action:
    """``verb`` is one of those in :mod:`.deeds`; ``at``: seconds after the cluster began."""

    at: float
    verb: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((f"{self.at:g}", self.verb, *self.args))


def parse(text: str) -> tuple[Action, ...]:
    """The actions in a text, by time; ``#`` begins a comment.  BadRequest names the line."""
    actions = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            actions.append(Action(float(words[0]), words[1], tuple(words[2:])))
        except (ValueError, IndexError):
            raise BadRequest(f"line {number}: {line.strip()!r} is not a time, a verb and its arguments") from None
    return tuple(sorted(actions, key=lambda action: action.at))


def text_of(actions: Iterable[Action]) -> str:
    """What :func:`parse` reads."""
    return "".join(f"{action}\n" for action in actions)
