"""Questions to the person at the terminal, not to whatever stdin is."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TextIO

WIDTH = 70
MANY = 20
"""With more affected objects than this, their names are shown on request only."""


class Terminal(Protocol):
    """A place to write a question and to read a line."""

    def write(self, text: str) -> None: ...

    def readline(self) -> str:
        """A line with its end; empty when there is no more."""
        ...


class DeviceTerminal:
    """The controlling terminal, opened twice since it cannot be seeked."""

    def __init__(self, reading: TextIO, writing: TextIO) -> None:
        self._reading = reading
        self._writing = writing

    def write(self, text: str) -> None:
        self._writing.write(text)
        self._writing.flush()

    def readline(self) -> str:
        return self._reading.readline()


def open_terminal() -> Terminal | None:
    """``/dev/tty``; None for a process without a terminal."""
    try:
        return DeviceTerminal(open("/dev/tty", encoding="utf-8"), open("/dev/tty", "w", encoding="utf-8"))
    except OSError:
        return None


class Choice(NamedTuple):
    key: str
    value: str
    meaning: str


def ask(terminal: Terminal | None, text: str, choices: Sequence[Choice]) -> str:
    """The value of the choice made.

    The last choice is the default: taken without a terminal, at its end and
    for an empty line.  An unknown letter asks again, ``?`` explains.
    """
    default = choices[-1].value
    if terminal is None:
        return default
    keys = [choice.key for choice in choices[:-1]] + [f"[{choices[-1].key}]", "?"]
    answers = {choice.key: choice.value for choice in choices}
    terminal.write(_wrapped(text) + "\n")
    while True:
        terminal.write("/".join(keys) + ": ")
        line = terminal.readline()
        letter = line.strip().lower()[:1]
        if not letter:
            if not line:
                terminal.write("\n")
            return default
        if letter in answers:
            return answers[letter]
        if letter == "?":
            for choice in choices:
                terminal.write(f" {choice.key} - {choice.meaning}\n")


def confirm(terminal: Terminal | None, text: str) -> bool:
    """Whether a question was answered with yes."""
    choices = (Choice("y", "yes", "Do it"), Choice("n", "no", "Do not do it"))
    return ask(terminal, text, choices) == "yes"


def confirm_many(terminal: Terminal | None, names: Sequence[str], what: str, action: str, extra: str = "") -> bool:
    """Whether to do ``action`` to all of ``names``, which are ``what`` (in the plural)."""
    question = f"The {action} will operate on {len(names)} {what}.\n{extra}Do you want to continue?"
    affected = f"\nAffected {what}:\n" + "\n".join(f"  {name}" for name in names)
    yes, no = Choice("y", "yes", f"Yes, do the {action}"), Choice("n", "no", f"No, leave the {what} alone")
    if len(names) <= MANY:
        return ask(terminal, question + affected, (yes, no)) == "yes"
    view = Choice("v", "view", f"View the affected {what}")
    answer = ask(terminal, question, (yes, view, no))
    if answer == "view":
        answer = ask(terminal, question + affected, (yes, no))
    return answer == "yes"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.fill(line, WIDTH, replace_whitespace=False) for line in text.splitlines())
