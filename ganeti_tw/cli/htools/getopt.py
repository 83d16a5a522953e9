"""Options the GNU way: anywhere among the arguments, long ones abbreviated at will."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Option(NamedTuple):
    """``argument`` names what it takes, None for nothing; an ``optional`` one must be attached.

    ``completes`` is what ``--help-completion`` says about the argument.  One that is
    ``ours`` is not in Ganeti's htools: it makes no abbreviation ambiguous that was good there.
    """

    long: str
    short: str = ""
    argument: str | None = None
    optional: bool = False
    completes: str = "none"
    text: str = ""
    ours: bool = False


class Given(NamedTuple):
    """An option as it was given; ``value`` is None where there was no argument."""

    option: Option
    value: str | None


class UsageError(Exception):
    """The options cannot be told apart; the text says which."""


def parse(options: Sequence[Option], words: Sequence[str]) -> tuple[list[Given], list[str]]:
    """Options in the order given, and everything else."""
    given: list[Given] = []
    rest: list[str] = []
    problems: list[str] = []
    todo = list(reversed(words))
    while todo:
        word = todo.pop()
        if word == "--":
            rest.extend(reversed(todo))
            break
        try:
            if word.startswith("--"):
                given.append(_long(options, word[2:], todo))
            elif word.startswith("-") and len(word) > 1:
                given.extend(_short(options, word[1:], todo))
            else:
                rest.append(word)
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("".join(problems))
    return given, rest


def _long(options: Sequence[Option], word: str, todo: list[str]) -> Given:
    name, equals, attached = word.partition("=")
    matches = [option for option in options if option.long == name]
    if not matches:
        matches = [option for option in options if option.long.startswith(name)]
    matches = [option for option in matches if not option.ours] or matches
    if len(matches) > 1:
        could_be = "".join(f"  --{option.long}\n" for option in matches)
        raise UsageError(f"option `--{name}' is ambiguous; could be one of:\n{could_be}")
    if not matches:
        raise UsageError(f"unrecognized option `--{word}'\n")
    option = matches[0]
    if option.argument is None:
        if equals:
            raise UsageError(f"option `--{name}' doesn't allow an argument\n")
        return Given(option, None)
    if equals:
        return Given(option, attached)
    return Given(option, None if option.optional else _next(f"--{name}", option, todo))


def _short(options: Sequence[Option], letters: str, todo: list[str]) -> list[Given]:
    given = []
    while letters:
        letter, letters = letters[0], letters[1:]
        option = next((option for option in options if option.short == letter), None)
        if option is None:
            raise UsageError(f"unrecognized option `-{letter}'\n")
        if option.argument is None:
            given.append(Given(option, None))
            continue
        if letters:
            given.append(Given(option, letters))
        else:
            given.append(Given(option, None if option.optional else _next(f"-{letter}", option, todo)))
        break
    return given


def _next(shown: str, option: Option, todo: list[str]) -> str:
    if not todo:
        raise UsageError(f"option `{shown}' requires an argument {option.argument}\n")
    return todo.pop()


def usage(program: str, options: Sequence[Option], arguments: str) -> str:
    """What ``--help`` prints below the version."""
    rows = []
    for option in options:
        argument = "" if option.argument is None else option.argument
        short = f"-{option.short}{f'[{argument}]' if option.optional else f' {argument}' if argument else ''}"
        long = f"--{option.long}{f'[={argument}]' if option.optional else f'={argument}' if argument else ''}"
        rows.append((short.strip() if option.short else "", long, option.text))
    short_width = max(len(row[0]) for row in rows)
    long_width = max(len(row[1]) for row in rows)
    lines = [f"  {short:{short_width}}  {long:{long_width}}  {text}".rstrip() for short, long, text in rows]
    return "\n".join([f"Usage: {program} [OPTION...]{arguments}", *lines]) + "\n"
