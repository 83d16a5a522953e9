"""What a subcommand's file declares."""

from __future__ import annotations

from collections.abc import Callable
from optparse import Values
from typing import NamedTuple

from ganeti_tw.cli.context import Context


class Argument(NamedTuple):
    """Positional arguments of one kind (host, node, instance, jobid, ...); ``most`` None means any number.

    ``choices``: the words of kind ``choice``, and examples of kind ``suggest``.
    """

    kind: str
    least: int = 1
    most: int | None = 1
    choices: tuple[str, ...] = ()


class Command(NamedTuple):
    """``COMMAND`` of each subcommand's file.

    ``options`` and ``additions`` are keys of the shared table; additions are
    ours, Ganeti's command does not have them.  ``not_yet`` are options of
    Ganeti's command that are recognised and refused by name.  ``run`` gives
    the exit code.
    """

    purpose: str
    run: Callable[[Values, list[str], Context], int]
    arguments: tuple[Argument, ...] = ()
    usage: str = ""
    options: tuple[str, ...] = ()
    additions: tuple[str, ...] = ()
    not_yet: tuple[str, ...] = ()
    default_arguments: str | None = None
    """Environment variable whose words are put before the given ones, parsed like a shell line."""
    interspersed: bool = True
    """Whether options may also stand after the first argument."""


def expectation(command: Command, given: int) -> str | None:
    """What is wrong with the number of arguments, in the words of an error line; None when nothing is."""
    least = sum(argument.least for argument in command.arguments)
    counts = [argument.most for argument in command.arguments]
    most = None if None in counts else sum(count for count in counts if count is not None)
    if least <= given and (most is None or given <= most):
        return None
    if most == 0:
        return "expects no arguments"
    if most == least:
        return f"expects {least} argument(s)"
    if given < least:
        return f"expects at least {least} argument(s)"
    return f"expects only {most} argument(s)"
