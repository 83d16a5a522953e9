"""Where programs run that choose nodes for instances: Ganeti's iallocators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from ganeti_tw.protocol.node import ProgramEnd

T = TypeVar("T")


class Allocators(Protocol):
    """The iallocators of the master."""

    def find(self, name: str) -> Deferred[None]:
        """Whether there is a program of that name: NotFound, or BadRequest when there cannot be one."""

    def compose(self, make: Callable[[], T]) -> Deferred[T]:
        """What ``make`` gives, made aside: the document about a large cluster takes a while, as does a long answer."""

    def run(self, name: str, document: str, arguments: Sequence[str], deadline: float) -> Deferred[ProgramEnd]:
        """The program of that name run to its end, with a file that has the document, then the arguments.

        NotFound when there is none, BadRequest when there cannot be one.  Killed with all it
        started after ``deadline`` seconds, or when the Deferred is cancelled.
        """
