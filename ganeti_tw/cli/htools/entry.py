"""From a command line to an exit status."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import ganeti_tw
from ganeti_tw.cli.htools.call import Call, EndAtOnce, ProgramError, later
from ganeti_tw.cli.htools.getopt import UsageError, usage
from ganeti_tw.cli.htools.options import BadValue, options_of, read_options
from ganeti_tw.cli.htools.outside import Outside

TOOLS = ("hail", "harep", "hbal", "hcheck", "hinfo", "hroller", "hscan", "hspace", "hsqueeze")

# Kind, least and most number of arguments, for the tools that take any.
_ARGUMENTS = {"hail": "file 1 1", "hscan": "host 0 none"}


def main(
    tool: str,
    argv: Sequence[str],
    *,
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    outside: Outside | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Run a tool with the arguments after its name; the exit status."""
    options_here = options_of(tool)
    try:
        options, rest, asked = read_options(tool, argv)
    except UsageError as error:
        stderr.write(f"Command line error: {error}\n{_usage(tool)}")
        return 2
    except BadValue as error:
        stderr.write(f"Error while parsing command line arguments:\n{error}\n")
        return 1
    if "help" in asked:
        stdout.write(f"{tool} (ganeti) {ganeti_tw.__version__}\n\n{_usage(tool)}")
        return 0
    if "help-completion" in asked:
        for option in options_here:
            names = ",".join([*([f"-{option.short}"] if option.short else []), f"--{option.long}"])
            stdout.write(f"{names} {option.completes}\n")
        if tool in _ARGUMENTS:
            stdout.write(f"{_ARGUMENTS[tool]}\n")
        return 0
    if "version" in asked:
        stdout.write(f"{tool} (ganeti) version {ganeti_tw.__version__}\n")
        stdout.write(f"compiled with python {sys.version.split()[0]}\nrunning on {sys.platform}\n")
        return 0
    outside = outside or _outside()
    call = Call(tool, options, rest, stdin=stdin, stdout=stdout, stderr=stderr, outside=outside, clock=clock)
    try:
        if rest and tool not in _ARGUMENTS:
            raise ProgramError(f"{'this' if tool == 'harep' else 'This'} program doesn't take any arguments.")
        if options.json and options.machine_readable:
            raise ProgramError("Only one of --json and --machine-readable can be given")
        module = importlib.import_module(f"ganeti_tw.cli.htools.{tool}")
        status: int = module.run(call)
        return status
    except ProgramError as error:
        stdout.flush()
        stderr.write(f"Error: {error}\n")
        return 1
    except EndAtOnce:
        return 2


def _outside() -> Outside:
    """The real world; what speaks to it is imported when it is needed."""

    def source(name: str) -> Any:
        return lambda *arguments: getattr(later("sources"), name)(*arguments)

    return Outside(source("connect"), source("fetch"), time.time, source("new_uuid"), source("heed"))


def _usage(tool: str) -> str:
    arguments = {"hail": " FILE", "hscan": " [HOST...]"}.get(tool, "")
    return usage(tool, options_of(tool), arguments)


def dispatch(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """The tool named by the variable HTOOLS, by the program's name, or by the first argument."""
    words = list(sys.argv if argv is None else argv)
    name = (os.environ if environ is None else environ).get("HTOOLS", "").lower()
    called = os.path.basename(words[0]).lower() if words else ""
    rest = words[1:]
    if called not in TOOLS and rest and rest[0].lower() in TOOLS:
        called, rest = rest[0].lower(), rest[1:]
    tool = name or called
    if tool not in TOOLS:
        sys.stderr.write(f"Unrecognised tool '{tool}': must be one of {', '.join(TOOLS)}\n")
        return 1
    return _run(tool, rest)


def _run(tool: str, argv: Sequence[str]) -> int:
    # NumPy's threads would only cost: its products here are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = main(tool, argv, stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads our output has gone; keep the interpreter from complaining about it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def console() -> None:
    """The entry point of all the console scripts: each is told by its name."""
    sys.exit(dispatch())
