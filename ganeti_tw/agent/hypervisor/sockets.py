"""UNIX sockets have short names."""

from __future__ import annotations

import os

from ganeti_tw.errors import BadRequest

LONGEST = 107
"""Bytes of a path that fit ``sun_path`` of ``unix(7)``."""


def check_socket(path: str) -> str:
    """The path, when a UNIX socket can be there.  BadRequest says how much too long it is."""
    excess = len(os.fsencode(path)) - LONGEST
    if excess > 0:
        raise BadRequest(
            f"the path of a UNIX socket has at most {LONGEST} bytes; {path} has {excess} too many: "
            "use a shorter root directory"
        )
    return path
