"""How drivers are found: one module of a package each, or an entry point."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Generic, TypeVar

from ganeti_tw.errors import NotFound

T = TypeVar("T")


class Drivers(Generic[T]):
    """The drivers of one kind by name.

    ``package`` is the folder whose modules declare them with ``add``;
    ``group`` names the entry points by which other distributions add theirs.
    """

    def __init__(
        self,
        package: str,
        group: str,
        points: Callable[[str], list[EntryPoint]] = lambda group: list(entry_points(group=group)),
    ) -> None:
        self._package = package
        self._group = group
        self._points = points
        self._found: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str) -> Callable[[T], T]:
        """Class decorator: this is the driver called ``name``.  ValueError when there is one already."""

        def register(driver: T) -> T:
            if name in self._found:
                raise ValueError(f"two drivers in {self._package} are called {name}")
            self._found[name] = driver
            return driver

        return register

    def load(self) -> dict[str, T]:
        """All drivers, sorted by name.  Modules are imported once, in the order of their names."""
        if not self._loaded:
            self._loaded = True
            folder = import_module(self._package)
            for module in sorted(m.name for m in iter_modules(folder.__path__)):
                import_module(f"{self._package}.{module}")
            for point in sorted(self._points(self._group), key=lambda p: p.name):
                self.add(point.name)(point.load())
        return dict(sorted(self._found.items()))

    def get(self, name: str) -> T:
        """The driver of that name.  NotFound lists those there are."""
        found = self.load()
        if name not in found:
            raise NotFound(f"there is no driver {name!r} in {self._package}, only {', '.join(found)}")
        return found[name]
