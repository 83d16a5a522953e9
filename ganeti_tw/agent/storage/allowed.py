"""Which directories may hold file based disks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ganeti_tw.errors import BadRequest, DriverError

_SYSTEM = ("boot", "dev", "etc", "home", "proc", "root", "sys")
_PROGRAMS = ("bin", "lib", "lib32", "lib64", "sbin")

FORBIDDEN = frozenset(
    [f"/{name}" for name in _SYSTEM]
    + [f"{parent}/{name}" for parent in ("", "/usr", "/usr/local") for name in _PROGRAMS]
)


def is_below(path: str, directory: str) -> bool:
    """Whether a path lies below a directory, which it is not itself; both absolute and normal."""
    return path.startswith(directory.rstrip("/") + "/")


def check_directory(path: str) -> str:
    """Why a directory cannot be allowed; empty when it can (``file-storage-paths``)."""
    if not path.startswith("/"):
        return f"{path}: not an absolute path"
    normal = os.path.normpath(path)
    if any(normal == bad or is_below(normal, bad) for bad in FORBIDDEN) or normal == "/":
        return f"{path}: not a place for disks"
    return ""


def parse_allowed(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The directories of a ``file-storage-paths`` file that can be used, and complaints about the others."""
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    problems = [check_directory(line) for line in named]
    good = tuple(os.path.normpath(line) for line, problem in zip(named, problems, strict=True) if not problem)
    return good, tuple(p for p in problems if p)


def read_allowed(path: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The same of the file itself; None when there is none.  DriverError when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return parse_allowed(file.read())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise DriverError(f"{path} cannot be read, so no directory may hold disks: {e}") from None


def place_problem(path: str, listed: Sequence[str] | None) -> str:
    """Why a directory of the cluster's settings cannot be used here; ``listed``: the directories of the host's file."""
    problem = check_directory(path)
    if not problem and listed is not None and not any(path == d or is_below(path, d) for d in listed):
        return f"{path}: not below a directory in the host's file-storage-paths ({', '.join(listed) or 'it has none'})"
    return problem


def check_place(path: str, allowed: Sequence[str]) -> str:
    """The path, when it lies below an allowed directory in name and in fact.

    BadRequest for a relative path, one with ``..``, one elsewhere, one that a
    symbolic link leads elsewhere, and one that is a symbolic link itself.
    """
    if not path.startswith("/") or path != os.path.normpath(path) or path.startswith("//"):
        raise BadRequest(f"{path!r} is no plain absolute path")
    real = os.path.realpath(os.path.dirname(path))
    for directory in allowed:
        inside = os.path.realpath(directory)
        if is_below(path, directory) and (real == inside or is_below(real, inside)):
            if os.path.islink(path):
                raise BadRequest(f"{path} is a symbolic link")
            return path
    where = ", ".join(allowed) or "none is allowed on this node"
    raise BadRequest(f"{path} is not below a directory allowed for disks ({where})")
