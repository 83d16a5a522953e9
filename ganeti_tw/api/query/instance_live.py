"""Fields about what instances do at the moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ganeti_tw.api.query.fields import NO_ANSWER, NO_VALUE, NORMAL, NOT_ASKED, Cell, Field, Source
from ganeti_tw.api.query.view import View
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.status import status
from ganeti_tw.protocol.instance import RunningInstance

_GUESTS = frozenset({Source.GUESTS})


def _silence(i: Instance, view: View) -> Cell | None:
    """The cell of an instance whose primary node did not say what it runs."""
    if i.primary_node in view.answered:
        return None
    node = view.config.nodes.get(i.primary_node)
    if node is None:
        return NO_VALUE
    return NOT_ASKED if node.offline else NO_ANSWER


def _guest(i: Instance, view: View) -> RunningInstance | None:
    """What runs, if it runs."""
    guest = view.guests.get(i.name)
    return guest if guest is not None and guest.state != "shutdown" else None


def _status(i: Instance, view: View) -> Cell:
    return [NORMAL, status(view.config, i, i.primary_node in view.answered, view.seen.get(i.name))]


def _running(i: Instance, view: View) -> Cell:
    return _silence(i, view) or [NORMAL, _guest(i, view) is not None]


def _of_guest(value: Callable[[RunningInstance], Any]) -> Callable[[Instance, View], Cell]:
    def get(i: Instance, view: View) -> Cell:
        silence = _silence(i, view)
        if silence is not None:
            return silence
        guest = _guest(i, view)
        return [NORMAL, value(guest)] if guest is not None else NO_VALUE

    return get


def _console(i: Instance, view: View) -> Cell:
    silence = _silence(i, view)
    if silence is not None:
        return silence
    if _guest(i, view) is None:
        return NO_VALUE
    if i.uuid not in view.consoles:
        return NO_ANSWER
    console = view.consoles[i.uuid]
    return [NORMAL, console] if console is not None else NO_VALUE


LIVE_FIELDS = (
    Field(
        "console",
        "Console",
        "other",
        "How to reach its console",
        _console,
        live=frozenset({Source.GUESTS, Source.CONSOLES}),
    ),
    Field("oper_ram", "Memory", "unit", "Memory it has now", _of_guest(lambda g: g.memory_mib), live=_GUESTS),
    Field("oper_state", "Running", "bool", "Whether it runs", _running, live=_GUESTS),
    Field("oper_vcpus", "VCPUs", "number", "Virtual processors it has now", _of_guest(lambda g: g.vcpus), live=_GUESTS),
    Field("status", "Status", "text", "Whether it is as it should be, and if not what is wrong", _status, live=_GUESTS),
)
