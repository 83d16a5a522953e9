"""How a collector declares itself, and the list of all there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum, IntEnum
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar

from attrs import evolve, frozen

from ganeti_tw.errors import Exists, Expired, GanetiError
from ganeti_tw.mond.families import Family
from ganeti_tw.mond.guests import Guest

DEADLINE = 10.0  # seconds a collector may take
F = TypeVar("F", bound=Callable[..., Any])


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

    async def run(self, *argv: str) -> str:
        """What a program prints; NotFound when there is no such program, DriverError when it fails."""

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        """What a function that may block returns; Expired when it takes too long."""

    async def volume_owners(self) -> Mapping[str, str]:
        """Instance by logical volume, ``group/name``, for the disks of this node."""

    async def minor_owners(self) -> Mapping[int, str]:
        """Instance by DRBD minor, for the disks of this node."""

    def now(self) -> float:
        """Seconds since the epoch."""

    @property
    def hypervisors(self) -> frozenset[str]:
        """Those the cluster has enabled."""

    @property
    def ticks_per_second(self) -> int:
        """The unit of CPU times in ``/proc/stat``."""

    @property
    def page_size(self) -> int:
        """Bytes."""


Collect = Callable[[Host, Sequence[Any]], Awaitable[Any]]
Sample = Callable[[Host], Awaitable[Any]]
Families = Callable[[Any], Iterable[Family]]


@frozen
class Collector:
    """``collect`` gives the ``data`` of a report from the host and, oldest first, the samples kept.

    With ``sample`` one is taken before each report and the last ``keep`` are
    kept.  ``interval``: seconds, unless the cluster says otherwise.  A
    ``costly`` one rests while nobody asks.  One with ``hypervisors`` is active
    only where one of them is enabled.  ``families`` makes figures of the data.
    """

    name: str
    category: Category | None
    kind: Kind
    interval: float
    collect: Collect
    sample: Sample | None = None
    keep: int = 0
    deadline: float = DEADLINE
    costly: bool = False
    hypervisors: frozenset[str] = frozenset()
    version: str = "B"
    format_version: int = 1
    families: Families | None = None

    @property
    def category_word(self) -> str:
        return self.category.value if self.category else "default"


class _InThread:
    """A plain function as a collector: in a thread, and never in two at a time."""

    def __init__(self, name: str, function: Callable[[], Any]) -> None:
        self._name, self._function = name, function
        self._inside = False

    def __call__(self) -> Any:
        self._inside = True
        try:
            return self._function()
        finally:
            self._inside = False

    async def collect(self, host: Host, samples: Sequence[Any]) -> Any:
        if self._inside:
            raise Expired(f"{self._name} was called earlier and has not come back")
        return await host.in_thread(self)


_collectors: dict[str, Collector] = {}


def collector(
    name: str, *, category: Category | None, kind: Kind, interval: float = 5, **more: Any
) -> Callable[[F], F]:
    """Make a function the collector of that name; ``more`` as in :class:`Collector`.

    An ``async def`` gets the host and must not block.  A plain function gets
    nothing, runs in a thread and may.
    """

    def register(function: F) -> F:
        if iscoroutinefunction(function):

            async def collect(host: Host, samples: Sequence[Any]) -> Any:
                return await function(host)

        else:
            collect = _InThread(name, function).collect
        add(Collector(name, category, kind, interval, collect, **more))
        return function

    return register


def sampling_collector(
    name: str, *, category: Category | None, kind: Kind, sample: Sample, keep: int, interval: float = 5, **more: Any
) -> Callable[[Collect], Collect]:
    """Make a function of the host and the samples kept the collector of that name."""

    def register(function: Collect) -> Collect:
        add(Collector(name, category, kind, interval, function, sample, keep, **more))
        return function

    return register


def figures(name: str) -> Callable[[Families], Families]:
    """Make a function of the data the source of that collector's figures."""

    def register(function: Families) -> Families:
        _collectors[name] = evolve(_collectors[name], families=function)
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
