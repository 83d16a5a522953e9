"""How findings are told: the lines that tools read from the log of a verify job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal

from ganeti_tw.model.verify import Finding
from ganeti_tw.model.verify_codes import CODES

Optional = Literal["nplusone_mem"]
"""Checks that may be left out."""


class Report:
    """What was found; ``good`` until an error is told.

    Findings with a code in ``ignored`` are told as warnings.  With ``codes``
    lines are in the form for programs.
    """

    def __init__(self, say: Callable[[str], None], *, codes: bool, ignored: Collection[str], verbose: bool) -> None:
        self._say = say
        self._codes = codes
        self._ignored = ignored
        self._verbose = verbose
        self.good = True

    def heading(self, text: str) -> None:
        """What is looked at next."""
        self._say(f"* {text}")

    def detail(self, text: str) -> None:
        """The same, for those who want to know all."""
        if self._verbose:
            self._say(f"* {text}")

    def notice(self, text: str) -> None:
        """Something to know that is no error."""
        self._say(f"  - NOTICE: {text}")

    def tell(self, findings: Iterable[Finding]) -> None:
        """A line each."""
        for finding in findings:
            error = not finding.warning and finding.code not in self._ignored
            if error:
                self.good = False
            self._say(self._line("ERROR" if error else "WARNING", finding))

    def simulate(self, codes: Iterable[str]) -> None:
        """An error of each of these codes, about nothing."""
        self.tell(Finding(code, CODES[code], "simulated", "simulated error") for code in codes)

    def _line(self, level: str, f: Finding) -> str:
        text = "; ".join(line.strip() for line in f.text.splitlines())
        if self._codes:
            return f"  - {level}:{f.code}:{f.kind}:{f.name}:{text}"
        return f"  - {level}: {f.kind} {f.name}: {text}"
