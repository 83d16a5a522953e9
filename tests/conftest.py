"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# What hypothesis has learnt is kept from run to run, wherever the tests run.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).resolve().parents[1] / ".hypothesis"))


@pytest.fixture(scope="session", autouse=True)
def _somewhere_else(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in a directory that goes away: trial's ``mktemp`` makes its files where the tests run."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("trial"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session", autouse=True)
def _no_host_selected() -> None:
    """The host that the caller's shell has chosen must not leak into tests."""
    for name in ("GANETI_ROOTDIR", "GANETI_HOSTNAME", "GANETI_VCLUSTER"):
        os.environ.pop(name, None)
