"""What a command may reach besides its own arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TextIO

from ganeti_tw.cli.terminal import Terminal, confirm, confirm_many

ANSWER_SECONDS = 90
"""More than a question to nodes that do not answer takes."""


class Client(Protocol):
    """One connection to the host's process; see ``client.py``."""

    def call(self, method: str, arguments: Mapping[str, Any], /, *, timeout: float) -> Any:
        """The JSON answer.  GanetiError as the other side raised it, Expired after ``timeout`` seconds."""
        ...


class Paths(Protocol):
    """The part of :class:`ganeti_tw.model.paths.Paths` that commands need."""

    @property
    def socket(self) -> str: ...

    @property
    def hosts(self) -> str: ...

    @property
    def ledger(self) -> str: ...

    @property
    def host_state(self) -> str: ...

    @property
    def os_search_path(self) -> tuple[str, ...]: ...

    def below(self, path: str) -> str: ...


class Finished(NamedTuple):
    """How a program ended and what it wrote."""

    status: int
    output: str
    errors: str


class Machine(Protocol):
    """The computer the command runs on."""

    def run(self, argv: Sequence[str]) -> int:
        """Exit status of a program that shares our terminal; 127 when it cannot be started."""
        ...

    def read(self, argv: Sequence[str]) -> Finished:
        """A program run to its end without a terminal."""
        ...

    def ring(self, path: str) -> bool:
        """Connect to a UNIX socket and send a byte; whether that could be done."""
        ...

    def is_here(self, host: str, hosts_file: str) -> bool:
        """Whether a host name stands for an address of this computer."""
        ...


class Context:
    """Collaborators of one run of one command.

    ``connect``, ``open_terminal``, ``open_machine`` and ``find_paths`` are called
    when they are first needed, so that ``--help`` pays for none of them.
    """

    def __init__(
        self,
        program: str,
        subcommand: str,
        *,
        environ: Mapping[str, str],
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        connect: Callable[[Paths], Client],
        find_paths: Callable[[Mapping[str, str]], Paths],
        open_terminal: Callable[[], Terminal | None],
        open_machine: Callable[[], Machine],
        now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.program = program
        self.subcommand = subcommand
        self.environ = environ
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.now = now
        self.sleep = sleep
        self._connect = connect
        self._find_paths = find_paths
        self._open_terminal = open_terminal
        self._open_machine = open_machine
        self._client: Client | None = None
        self._paths: Paths | None = None
        self._machine: Machine | None = None

    @property
    def paths(self) -> Paths:
        if self._paths is None:
            self._paths = self._find_paths(self.environ)
        return self._paths

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = self._connect(self.paths)
        return self._client

    @property
    def machine(self) -> Machine:
        if self._machine is None:
            self._machine = self._open_machine()
        return self._machine

    def call(self, method: str, /, **arguments: Any) -> Any:
        """Ask the host's process; a method that waits says so with its ``timeout`` argument."""
        return self.client.call(method, arguments, timeout=arguments.get("timeout", 0) + ANSWER_SECONDS)

    def say(self, line: str) -> None:
        """A line of output, shown at once."""
        self.stdout.write(line + "\n")
        self.stdout.flush()

    def say_all(self, lines: Sequence[str]) -> None:
        """Many lines of output in one go."""
        self.stdout.write("".join(line + "\n" for line in lines))

    def warn(self, line: str) -> None:
        """A line for the person, not for the program that reads our output."""
        self.stderr.write(line + "\n")
        self.stderr.flush()

    def confirm(self, text: str) -> bool:
        return confirm(self._terminal(), text)

    def confirm_many(self, names: Sequence[str], what: str, action: str, extra: str = "") -> bool:
        return confirm_many(self._terminal(), names, what, action, extra)

    def _terminal(self) -> Terminal | None:
        found = self._open_terminal()
        if found is None:
            self.warn("there is no terminal to ask on, so the answer is no: see --help for the option that says yes")
        return found
