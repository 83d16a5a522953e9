"""Completion of command lines by argcomplete, for those who have set it up.

``eval "$(register-python-argcomplete gnt-instance gnt-node ...)"`` does, or
argcomplete's completion of everything that is marked.  It calls the command
itself with ``_ARGCOMPLETE`` set; names come from the master, none when it does
not answer within a second.  ``etc/bash-completion/ganeti_tw`` does the same without it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ganeti_tw.cli.client import Client
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.main import find, full_name, subcommands
from ganeti_tw.cli.options import OPTIONS
from ganeti_tw.cli.parser import COMMON, flags
from ganeti_tw.errors import GanetiError
from ganeti_tw.model.paths import paths_from

DEADLINE = 1.0  # seconds; a shell that waits longer seems to hang

RESOURCES = {
    "filter": ("filter", "uuid"),
    "group": ("group", "name"),
    "instance": ("instance", "name"),
    "jobid": ("job", "id"),
    "network": ("network", "name"),
    "node": ("node", "name"),
}
"""Kinds of arguments that can be listed, by resource and field of a query."""

VALUES = {
    "dst_node": "node",
    "node": "node",
    "nodegroup": "group",
    "nodes": "node",
    "on_nodes": "node",
    "os": "os",
    "src_node": "node",
    "tags_source": "file",
    "to": "group",
}
"""Kinds of the values of options, by their name in the program, which says more than the flags."""

Ask = Callable[[str, str], Iterable[str]]
"""All names of a kind, at least those that begin in a certain way."""


def complete(program: str, environ: Mapping[str, str]) -> None:
    """Tell the shell what can follow, and end the process; without argcomplete tell it nothing."""
    # Whatever hangs, a disk or the master: the shell gets its line back.
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    try:
        argcomplete = importlib.import_module("argcomplete")
    except ImportError:
        return
    line = environ.get("COMP_LINE", "")[: _number(environ.get("COMP_POINT", ""))]
    parser = parser_of(program, line, lambda kind, start: names(kind, environ, start))
    argcomplete.autocomplete(parser, always_complete_options=False)


def names(kind: str, environ: Mapping[str, str], start: str = "") -> list[str]:
    """From the master; none when it does not answer.  Of instances, of which there may be very many, only a part."""
    try:
        with Client(paths_from(dict(environ)).socket, timeout=DEADLINE) as client:
            if kind == "os":
                op = {"OP_ID": "OP_OS_DIAGNOSE", "output_fields": ["name"], "names": []}
                return [row[0] for row in client.call("look", op=op)]
            what, field = RESOURCES[kind]
            chosen = ["=~", field, "^" + re.escape(start)] if start and kind == "instance" else None
            answer = client.call("query", what=what, fields=[field], filter=chosen)
            return [str(row[0][1]) for row in answer["data"]]
    except GanetiError:
        return []


def parser_of(program: str, line: str, ask: Ask) -> argparse.ArgumentParser:
    """What argcomplete looks at: the subcommands, and of the one in the line everything else."""
    parser = argparse.ArgumentParser(prog=program, add_help=False)
    commands = parser.add_subparsers(dest="command")
    words = line.split()
    typed = words[1] if len(words) > 2 or (len(words) == 2 and line[-1:].isspace()) else ""
    for name in subcommands(program):
        below = commands.add_parser(name, add_help=False)
        if name == full_name(program, typed):
            command = find(program, name)
            if command is not None:
                _describe(below, command, ask)
            if typed != name:
                commands.choices[typed] = below
    return parser


def _describe(parser: argparse.ArgumentParser, command: Command, ask: Ask) -> None:
    for key in (*command.options, *command.additions, *COMMON):
        _add_option(parser, key, ask)
    for number, argument in enumerate(command.arguments):
        action = parser.add_argument(f"argument{number}", nargs=_count(argument), choices=argument.choices or None)
        if not argument.choices:
            _complete(action, argument.kind, ask)


def _add_option(parser: argparse.ArgumentParser, key: str, ask: Ask) -> None:
    entry = OPTIONS[key]
    if entry.type is None and not entry.choices:
        parser.add_argument(*flags(key), dest=entry.dest, action="store_true")
        return
    words = tuple(entry.choices) if entry.choices else ("yes", "no") if entry.type == "bool" else None
    action = parser.add_argument(*flags(key), dest=entry.dest, action="append", choices=words)
    if words is None:
        _complete(action, VALUES.get(entry.dest, ""), ask)


def _count(argument: Argument) -> int | str:
    if argument.most is None:
        return "*"
    return argument.most if argument.most > 1 else "?"


def _complete(action: argparse.Action, kind: str, ask: Ask) -> None:
    """Files are completed as files; of what nothing is known nothing is said."""
    if kind in RESOURCES or kind == "os":
        completer: Any = lambda prefix="", **_: ask(kind, prefix)  # noqa: E731
    elif kind == "file":
        completer = _files
    else:
        completer = _nothing
    action.completer = completer  # type: ignore[attr-defined]


def _files(prefix: str, **_: Any) -> list[str]:
    at = prefix.rfind("/") + 1
    place, start = prefix[:at], prefix[at:]
    try:
        entries = [entry for entry in os.scandir(place or ".") if entry.name.startswith(start)]
    except OSError:
        return []
    return [f"{place}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries]


def _nothing(**_: Any) -> list[str]:
    return []


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
