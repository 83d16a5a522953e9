"""``gnt-instance console``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, names_of
from ganeti_tw.cli.table import NORMAL
from ganeti_tw.errors import DriverError, WrongState

SSH = ("ssh", "-t", "-oEscapeChar=none", "-oHashKnownHosts=no")


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = names_of(context, "instance", arguments)[0]
    answer = context.call("query", what="instance", fields=["console"], filter=any_of("name", [name]))
    status, console = answer["data"][0][0]
    if status != NORMAL or console is None:
        raise WrongState(f"the console of {name} cannot be reached: the instance or its node does not run")
    kind = console["kind"]
    if kind == "ssh":
        return _run(command_of(console, context), console, options.show_command, context)
    context.say(_TEXTS[kind](console) if kind in _TEXTS else f"{name} has a console of unknown kind {kind}")
    return 0 if kind in _TEXTS else 1


def command_of(console: Mapping[str, Any], context: Context) -> list[str]:
    """The command itself when its node is this computer, else the ssh command that runs it there."""
    command = [str(word) for word in console["command"]]
    if context.machine.is_here(console["host"], context.paths.hosts):
        return command
    port = [f"-p{console['port']}"] if console.get("port") else []
    user = f"{console['user']}@" if console.get("user") else ""
    return [*SSH, *port, f"{user}{console['host']}", shlex.join(command)]


def _run(command: list[str], console: Mapping[str, Any], show: bool, context: Context) -> int:
    if show:
        context.say(shlex.join(command))
        return 0
    status = context.machine.run(command)
    if status:
        raise DriverError(f"{shlex.join(command)}, the console of {console['instance']}, ended with status {status}")
    return 0


def _vnc(console: Mapping[str, Any]) -> str:
    host, port = console["host"], console["port"]
    shown = f"{host}:{port} (display {console['display']})"
    return f"{console['instance']} has a VNC console at {shown}: vnc://{host}:{port}/"


def _spice(console: Mapping[str, Any]) -> str:
    return f"{console['instance']} has a SPICE console at {console['host']}:{console['port']}"


_TEXTS = {"msg": lambda console: str(console["message"]), "vnc": _vnc, "spice": _spice}

COMMAND = Command(
    purpose="Connect to an instance's console",
    run=run,
    arguments=(Argument("instance"),),
    usage="[--show-cmd] <instance-name>",
    options=("--show-cmd", "--priority"),
)
