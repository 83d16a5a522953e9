"""What is said of a collector that fails: once, and again when the reason is another one."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError

QUIET = 3600.0  # seconds for which a reason that was told is not told again
MOST = 5  # reasons told in that time; one that holds a number is another each time

log = Logger()


class Complaints:
    """Of one collector.  ``seconds``: a clock; ``tell`` gets each line besides the log."""

    def __init__(self, collector: str, seconds: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._collector, self._seconds, self._tell = collector, seconds, tell
        self._told: dict[str, float] = {}  # reason -> when
        self._open = False  # that it fails was told, that it works again was not

    def failed(self, failure: Failure) -> None:
        """It failed once more; a bug is told with its traceback."""
        now, reason = self._seconds(), describe(failure)
        self._told = {text: when for text, when in self._told.items() if now - when < QUIET}
        if reason in self._told or len(self._told) >= MOST:
            return
        self._told[reason] = now
        self._open = True
        if failure.check(GanetiError, OSError):
            log.warn("collector {collector} fails: {reason}", collector=self._collector, reason=reason)
        else:
            log.failure("bug in collector {collector}", failure, collector=self._collector)
        self._tell(f"collector {self._collector} fails: {reason}")

    def worked(self) -> None:
        """It gave a report."""
        if self._open:
            self._open = False
            log.info("collector {collector} works again", collector=self._collector)
            self._tell(f"collector {self._collector} works again")


def describe(failure: Failure) -> str:
    """One line for people: what failed and how."""
    return f"{failure.type.__name__ if failure.type else 'error'}: {failure.getErrorMessage()}"
