"""A command's option parser, with the layout, abbreviations and exit codes of Ganeti's."""

from __future__ import annotations

import optparse
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.options import OPTIONS, PRIORITIES, Entry
from ganeti_tw.cli.values import PARSERS

COMMON = ("-d/--debug", "--reason")
USAGE_ERROR = 2


class Stop(Exception):
    """Nothing more to do: leave with ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _check(option: optparse.Option, flag: str, text: str) -> Any:
    try:
        return PARSERS[str(option.type)](text)
    except ValueError as e:
        raise optparse.OptionValueError(f"option {flag}: {e}") from None


class TypedOption(optparse.Option):
    TYPES = (*optparse.Option.TYPES, *PARSERS)
    TYPE_CHECKER = {**optparse.Option.TYPE_CHECKER, **dict.fromkeys(PARSERS, _check)}


class Parser(optparse.OptionParser):
    """Writes to the given streams and raises :class:`Stop` where the original ends the process."""

    def __init__(self, program: str, subcommand: str, command: Command, stdout: TextIO, stderr: TextIO) -> None:
        self._stdout = stdout
        self._stderr = stderr
        super().__init__(
            prog=program,
            usage=f"%prog {subcommand} {command.usage}".rstrip(),
            description=command.purpose,
            formatter=optparse.TitledHelpFormatter(),
            option_list=options_of(command),
        )
        if not command.interspersed:
            self.disable_interspersed_args()

    def parse(self, argv: Sequence[str]) -> tuple[optparse.Values, list[str]]:
        """The options and the arguments; :class:`Stop` after a help text or a usage error."""
        return self.parse_args(list(argv))

    def exit(self, status: int = 0, msg: str | None = None) -> NoReturn:
        if msg:
            self._stderr.write(msg)
        raise Stop(status)

    def error(self, msg: str) -> NoReturn:
        self.print_usage(self._stderr)
        self.exit(USAGE_ERROR, f"{self.get_prog_name()}: error: {msg}\n")

    def print_help(self, file: Any = None) -> None:
        super().print_help(file or self._stdout)


def options_of(command: Command) -> list[optparse.Option]:
    """The parser's options: the command's own, then those of every command, then the refused ones."""
    known = [_option(key, OPTIONS[key]) for key in (*command.options, *command.additions, *COMMON)]
    return known + [_refused(key, OPTIONS[key]) for key in command.not_yet]


def _option(key: str, entry: Entry) -> optparse.Option:
    attributes: dict[str, Any] = {
        "dest": entry.dest,
        "action": entry.action,
        "help": entry.help,
        "default": _own(entry.default),
    }
    for name in ("type", "metavar", "choices", "const"):
        value = getattr(entry, name)
        if value is not None:
            attributes[name] = value
    if entry.action == "callback":
        attributes["callback"] = _set_priority
    return TypedOption(*flags(key), **attributes)


def _refused(key: str, entry: Entry) -> optparse.Option:
    return TypedOption(
        *flags(key),
        dest=entry.dest,
        action="callback",
        callback=_refuse,
        type="string" if entry.type is not None else None,
        default=_own(entry.default),
        help=optparse.SUPPRESS_HELP,
    )


def _own(default: Any) -> Any:
    """Lists and dictionaries in the table are shared; the parser appends to its own."""
    return default.copy() if isinstance(default, (list, dict)) else default


def flags(key: str) -> list[str]:
    """``-o/--output#2`` -> ``-o``, ``--output``."""
    return key.partition("#")[0].split("/")


def _set_priority(option: optparse.Option, flag: str, value: str, parser: optparse.OptionParser) -> None:
    setattr(parser.values, str(option.dest), PRIORITIES[value])


def _refuse(option: optparse.Option, flag: str, value: str, parser: optparse.OptionParser) -> None:
    raise optparse.OptionValueError(f"option {flag} is one of Ganeti's that does not work here yet; leave it out")
