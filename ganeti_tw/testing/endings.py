"""Programs that start processes: when a signal ends them they stop first what they started."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def endings() -> Iterator[None]:
    """Inside, the first signal that asks for the end raises KeyboardInterrupt with its name; others are ignored then.

    So ``finally`` is reached, and nothing interrupts what is done there.
    """
    before = {number: signal.signal(number, _tell) for number in ENDING}
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, signals that ask for the end are ignored: it is the cleaning up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        _restore(before)


def ended(name: str) -> int:
    """The exit code of a program that a signal of this name has ended."""
    return 128 + signal.Signals[name]


def run(program: Callable[[], int]) -> int:
    """The exit code of a program that stops what it started in its ``finally`` clauses."""
    with endings():
        try:
            return program()
        except KeyboardInterrupt as e:
            sys.stderr.write(f"{e}: what was started is stopped\n")
            return ended(str(e))


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _tell(number: int, frame: FrameType | None) -> NoReturn:
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    # The exact kind: subprocess waits for no child then.
    raise KeyboardInterrupt(signal.Signals(number).name)
