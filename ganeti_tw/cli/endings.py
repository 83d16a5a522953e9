"""How a program ends early: nobody reads its output, or a file cannot be had."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def piped(run: Callable[[], int]) -> int:
    """The exit code of ``run``; 1, without a word, when whoever reads its output has gone."""
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        return 1
    return code


def forget_output() -> None:
    """Python flushes standard output once more at its end; a reader that has gone must not make it complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_words(error: OSError) -> str:
    """What the system refused, and of which file; to whom it is not refused."""
    if isinstance(error, PermissionError):
        return f"{error.filename or 'a process'}: {error.strerror}; run this as its owner or as root"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)
