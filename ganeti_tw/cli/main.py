# PYTHON_ARGCOMPLETE_OK
"""From a command line to an exit code.

A program is a folder, a subcommand a file in it with a ``COMMAND``; the file is
imported when it is asked for.  Subcommands of Ganeti's that have no file yet are
refused by name; see ``names.py``.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import ganeti_tw
from ganeti_tw.cli.command import Command, expectation
from ganeti_tw.cli.context import Client, Context, Machine, Paths
from ganeti_tw.cli.endings import forget_output
from ganeti_tw.cli.failures import describe
from ganeti_tw.cli.names import ALIASES, SUBCOMMANDS
from ganeti_tw.cli.parser import Parser, Stop
from ganeti_tw.cli.terminal import Terminal, open_terminal
from ganeti_tw.errors import GanetiError

FAILURE = 1

_PREFIXES = re.compile("^(gnt|ganeti)-")


def main(
    program: str,
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    now: Callable[[], float],
    connect: Callable[[Paths], Client] | None = None,
    terminal: Callable[[], Terminal | None] = open_terminal,
    machine: Callable[[], Machine] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run ``program`` (``gnt-instance``, ...) with the arguments after its name; the exit code."""
    context = Context(
        program,
        argv[0] if argv else "",
        environ=environ,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        connect=connect or _connect,
        find_paths=_find_paths,
        open_terminal=terminal,
        open_machine=machine or _open_machine,
        now=now,
        sleep=sleep,
    )
    try:
        return _dispatch(context, argv)
    except Stop as e:
        return e.code
    except GanetiError as e:
        for line in describe(e):
            context.warn(line)
        return FAILURE
    except KeyboardInterrupt:
        context.warn("Interrupted. Jobs that were submitted go on; 'gnt-job list' shows them.")
        return FAILURE
    except BrokenPipeError:
        return FAILURE


def _dispatch(context: Context, argv: Sequence[str]) -> int:
    if not argv:
        _show_commands(context)
        return FAILURE
    if argv[0] == "--version":
        context.say(f"{context.program} (ganeti {ganeti_tw.__name__}) {ganeti_tw.__version__}")
        return 0
    if argv[0] in ("--help", "-h"):
        _show_commands(context)
        return 0
    command = find(context.program, argv[0])
    if command is None:
        if full_name(context.program, argv[0]) in not_yet(context.program):
            context.warn(f"{context.program} {argv[0]} is one of Ganeti's commands that does not work here yet")
        else:
            _show_commands(context)
        return FAILURE
    words = list(argv[1:])
    if command.default_arguments:
        words = shlex.split(context.environ.get(command.default_arguments, "")) + words
    parser = Parser(context.program, argv[0], command, context.stdout, context.stderr)
    options, arguments = parser.parse(words)
    wrong = expectation(command, len(arguments))
    if wrong is not None:
        context.warn(f"Error: Command {argv[0]} {wrong}")
        return FAILURE
    code = command.run(options, arguments, context)
    context.stdout.flush()
    return code


def find(program: str, subcommand: str) -> Command | None:
    """The command of that name or alias; None when the program has none."""
    name = full_name(program, subcommand)
    if name not in subcommands(program):
        return None
    command: Command = importlib.import_module(f"{_package(program)}.{name.replace('-', '_')}").COMMAND
    return command


def subcommands(program: str) -> list[str]:
    """Names of the program's subcommands, sorted."""
    package = importlib.import_module(_package(program))
    files = {file for folder in package.__path__ for file in os.listdir(folder)}
    names = (file.removesuffix(".py") for file in files if file.endswith(".py"))
    return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))


def not_yet(program: str) -> tuple[str, ...]:
    """Subcommands of Ganeti's program that are known here by name only."""
    here = subcommands(program)
    return tuple(name for name in SUBCOMMANDS.get(program, ()) if name not in here)


def full_name(program: str, subcommand: str) -> str:
    """What an alias stands for; any other name as it is."""
    return ALIASES.get(program, {}).get(subcommand, subcommand)


def _package(program: str) -> str:
    return f"{__package__}.{_PREFIXES.sub('', program)}"


def _show_commands(context: Context) -> None:
    names = subcommands(context.program)
    width = max((len(name) for name in names), default=0)
    context.say(f"Usage: {context.program} {{command}} [options...] [argument...]")
    context.say(f"{context.program} <command> --help tells more about a command.")
    context.say("\nCommands:\n")
    for name in names:
        command = find(context.program, name)
        context.say(f" {name:<{width}} - {command.purpose.splitlines()[0] if command else ''}")
    missing = not_yet(context.program)
    if missing:
        context.say("")
        context.say(textwrap.fill(f"Not working yet: {', '.join(missing)}", 78, break_on_hyphens=False))
    context.say("")


def _connect(paths: Paths) -> Client:
    client: Client = _imported("client").Client(paths.socket)
    return client


def _find_paths(environ: Mapping[str, str]) -> Paths:
    paths: Paths = importlib.import_module("ganeti_tw.model.paths").paths_from(dict(environ))
    return paths


def _open_machine() -> Machine:
    machine: Machine = _imported("machine").LocalMachine()
    return machine


def _imported(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{name}")


def _console_script(program: str) -> int:
    if "_ARGCOMPLETE" in os.environ:
        _imported("completion").complete(program, os.environ)
        return FAILURE
    try:
        code = main(
            program,
            sys.argv[1:],
            environ=os.environ,
            stdin=sys.stdin,
            stdout=sys.stdout,
            stderr=sys.stderr,
            now=time.time,
        )
        sys.stdout.flush()
    except BrokenPipeError:
        code = FAILURE
    if code:
        forget_output()
    return code


def gnt_cluster() -> int:
    return _console_script("gnt-cluster")


def gnt_node() -> int:
    return _console_script("gnt-node")


def gnt_instance() -> int:
    return _console_script("gnt-instance")


def gnt_group() -> int:
    return _console_script("gnt-group")


def gnt_job() -> int:
    return _console_script("gnt-job")


def gnt_network() -> int:
    return _console_script("gnt-network")


def gnt_os() -> int:
    return _console_script("gnt-os")


def gnt_debug() -> int:
    return _console_script("gnt-debug")


def gnt_backup() -> int:
    return _console_script("gnt-backup")


def gnt_filter() -> int:
    return _console_script("gnt-filter")


def gnt_storage() -> int:
    return _console_script("gnt-storage")


def ganeti_ledger() -> int:
    return _console_script("ganeti-ledger")
