"""The collectors, one per file; one more file is one more collector.

Those of other packages are found by entry points of the group
``ganeti_tw.collectors``.  Importing this package registers them all.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules


def _load_all() -> None:
    for name in sorted(module.name for module in iter_modules(__path__)):
        import_module(f"{__name__}.{name}")
    for entry in sorted(entry_points(group="ganeti_tw.collectors"), key=lambda e: e.name):
        entry.load()


_load_all()
