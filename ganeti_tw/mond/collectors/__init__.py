"""The collectors, one per file; one more file is one more collector.

Importing this package registers them all.  Those of other packages are found by
entry points of the group :data:`SITE`, and loaded by whoever wants them.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

SITE = "ganeti_tw.collectors"


def _load_all() -> None:
    for name in sorted(module.name for module in iter_modules(__path__)):
        import_module(f"{__name__}.{name}")


_load_all()
