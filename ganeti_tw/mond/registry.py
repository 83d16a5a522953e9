"""How a collector declares itself, and the list of all there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, IntEnum
from typing import Any, Protocol

from attrs import frozen

from ganeti_tw.errors import Exists, GanetiError
from ganeti_tw.mond.guests import Guest


class Category(Enum):
    """The word in the URL."""

    INSTANCE = "instance"
    STORAGE = "storage"
    DAEMON = "daemon"
    HYPERVISOR = "hypervisor"


class Kind(IntEnum):
    """As in a report."""

    PERFORMANCE = 0
    STATUS = 1


class BadReport(GanetiError):
    """The host's own report cannot be read; the text names the first line that does not fit."""

    code = "environment_error"


class Host(Protocol):
    """What collectors look at."""

    async def read_text(self, path: str) -> str:
        """The content of a file; OSError when there is none."""

    async def guests(self) -> Sequence[Guest]:
        """The instances of this node; DriverError when they cannot be listed."""

    def now(self) -> float:
        """Seconds since the epoch."""

    @property
    def ticks_per_second(self) -> int:
        """The unit of CPU times in ``/proc/stat``."""


Collect = Callable[[Host, Sequence[Any]], Awaitable[Any]]
Sample = Callable[[Host], Awaitable[Any]]


@frozen
class Collector:
    """``collect`` gives the ``data`` of a report from the host and, oldest first, the samples kept.

    With ``sample`` one is taken every ``interval`` seconds and the last ``keep`` are kept.
    """

    name: str
    category: Category | None
    kind: Kind
    interval: float
    collect: Collect
    sample: Sample | None = None
    keep: int = 0

    @property
    def category_word(self) -> str:
        return self.category.value if self.category else "default"


_collectors: dict[str, Collector] = {}


def collector(name: str, *, category: Category | None, kind: Kind, interval: float = 5) -> Callable[[Sample], Sample]:
    """Make a function of the host the collector of that name; it runs when a report is asked for."""

    def register(function: Sample) -> Sample:
        async def collect(host: Host, samples: Sequence[Any]) -> Any:
            return await function(host)

        add(Collector(name, category, kind, interval, collect))
        return function

    return register


def sampling_collector(
    name: str, *, category: Category | None, kind: Kind, sample: Sample, keep: int, interval: float = 5
) -> Callable[[Collect], Collect]:
    """Make a function of the host and the samples kept the collector of that name."""

    def register(function: Collect) -> Collect:
        add(Collector(name, category, kind, interval, function, sample, keep))
        return function

    return register


def add(new: Collector) -> None:
    """One more.  Exists when the name is taken."""
    if new.name in _collectors:
        raise Exists(f"two collectors are called {new.name}")
    _collectors[new.name] = new


def all_collectors() -> tuple[Collector, ...]:
    """Those without a category first, then by name: the order of lists and reports."""
    return tuple(sorted(_collectors.values(), key=lambda c: (c.category is not None, c.name)))
