"""Programs others wrote, from Debian's packages, unpacked and not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import SkipTest

TIMEOUT = 300.0


class Missing(AssertionError):
    """It was said to be here."""


def missing(what: str) -> Exception:
    """To be raised: a test that is skipped, and says what it lacks.

    A failure with GANETI_TW_NEED_PEERS: that Debian's archive cannot be reached is no fault of ours.
    """
    return Missing(what) if os.environ.get("GANETI_TW_NEED_PEERS") else SkipTest(what)


def unpacked(*packages: str) -> Path:
    """The root of a tree with these packages in it, fetched once.

    GANETI_TW_PEERS names the directory they are kept in, below the user's cache
    without it.  Raises :func:`missing` where they cannot be had.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    place = Path(os.environ.get("GANETI_TW_PEERS") or Path(cache) / "ganeti_tw" / "peers") / packages[0]
    if place.exists():
        return place
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise missing(f"{packages[0]} is a Debian package, and there is no {tool} here")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as work:
        root = Path(work) / "root"
        root.mkdir()
        # A sandboxed download runs as another user, who may not write here.
        done = _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages, cwd=work)
        debs = sorted(Path(work).glob("*.deb"))
        if done.returncode or len(debs) < len(packages):
            raise missing(f"cannot download {', '.join(packages)}: {done.stderr.strip() or 'try apt-get update'}")
        for deb in debs:
            _run("dpkg-deb", "-x", str(deb), str(root), cwd=work).check_returncode()
        try:
            root.rename(place)
        except OSError:  # another run was quicker
            if not place.exists():
                raise
    return place


def _run(*argv: str, cwd: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT)
