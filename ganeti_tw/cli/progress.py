"""How far a job is: a bar on a terminal, a line now and then elsewhere.  Standard output has no part in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TextIO

KIND = "progress"
"""Type of the log entries that are shown so; their content: ``ganeti_tw/operations/progress.py``."""

WIDTH = 30
LINE = 79
STEP = 10.0
"""Percent between two lines."""

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def columns_of(out: TextIO) -> int:
    """The width of a terminal; 80 where that is not known."""
    try:
        return os.get_terminal_size(out.fileno()).columns or LINE + 1
    except OSError:
        return LINE + 1


class Bar:
    """For one job at a time.  ``columns`` gives those of the terminal, which may change at any time."""

    def __init__(self, out: TextIO, columns: Callable[[TextIO], int] = columns_of) -> None:
        self._out = out
        self._columns = columns
        self._terminal = out.isatty()
        self._drawn = 0
        self._told: dict[tuple[int, str], float] = {}

    def show(self, job_id: int, content: Mapping[str, Any]) -> None:
        """The latest news of a job."""
        percent = min(100.0, max(0.0, float(content["percent"])))
        text = f"{content['what']}: {_amount(content)}{_left(content['left'])}"
        if self._terminal:
            # A line that fills the last column wraps, and cannot be drawn over.
            room = self._columns(self._out) - 1
            width = min(WIDTH, room // 2)
            full = int(percent * width / 100)
            line = f"[{'#' * full}{'.' * (width - full)}] {percent:3.0f} % {text}"[: min(LINE, room)]
            self._out.write("\r" + line.ljust(min(self._drawn, room)))
            self._drawn = len(line)
        elif percent >= self._told.get((job_id, content["what"]), 0.0) + STEP or percent == 100.0:
            self._told[job_id, content["what"]] = percent
            self._out.write(f"Job {job_id}: {percent:.0f} % of {text}\n")
        self._out.flush()

    def clear(self) -> None:
        """Make room for a line of text."""
        if self._drawn:
            self._out.write("\r" + " " * min(self._drawn, self._columns(self._out) - 1) + "\r")
            self._out.flush()
            self._drawn = 0


def _amount(content: Mapping[str, Any]) -> str:
    done, total, unit = content["done"], content["total"], content["unit"]
    if unit == "bytes":
        return f"{_size(done)} of {_size(total)}"
    return f"{done:.0f} of {total:.0f} {unit}"


def _size(number: float) -> str:
    for name in _SIZES[:-1]:
        if number < 1024:
            return f"{number:.1f} {name}" if name != "B" else f"{number:.0f} B"
        number /= 1024
    return f"{number:.1f} {_SIZES[-1]}"


def _left(seconds: Any) -> str:
    if not seconds:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f", {hours}:{minutes:02}:{rest:02} left" if hours else f", {minutes}:{rest:02} left"
