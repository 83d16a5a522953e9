"""One run of a tool: its options, its streams, and the cluster it asks for."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from ganeti_tw.cli.htools.options import Options
from ganeti_tw.cli.htools.outside import Client, Outside
from ganeti_tw.errors import GanetiError
from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.prepare import Prepared, Wishes, prepare, set_offline
from ganeti_tw.htools.simulate import simulated
from ganeti_tw.htools.text import parse, serialize


class ProgramError(Exception):
    """Stop with ``Error: TEXT`` and status 1."""


class EndAtOnce(Exception):
    """Stop with status 2: somebody does not want to wait for what is going on."""


class Call:
    """What a tool's ``run`` is given; ``clock`` counts seconds."""

    def __init__(
        self,
        tool: str,
        options: Options,
        arguments: Sequence[str],
        *,
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        outside: Outside,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.tool = tool
        self.options = options
        self.arguments = list(arguments)
        self.stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self.outside = outside
        self._client: Client | None = None
        self._as_loaded: str | None = None

    def say(self, text: str = "", level: int = -100) -> None:
        """A line on standard output, at this verbosity and above; none where a document is wanted."""
        if self.options.verbose >= level and not self.options.json:
            self._stdout.write(text + "\n")

    def report(self, text: str) -> None:
        """What is going on, shown at once; on standard error where a document is wanted."""
        (self.warn if self.options.json else self.say)(text)
        self._stdout.flush()

    def give(self, document: Mapping[str, Any]) -> None:
        """The JSON document of ``--json``."""
        self._stdout.write(later("reports").shown(document) + "\n")

    def warn(self, text: str = "") -> None:
        """A line on standard error."""
        self._stderr.write(text + "\n")

    def read_file(self, path: str) -> str:
        """A text file, ``-`` for standard input; BadData when it cannot be read."""
        try:
            if path == "-":
                return self.stdin.read()
            with open(path, encoding="utf-8", newline="") as file:
                return file.read()
        except OSError as error:
            raise BadData(f"{path}: openFile: {_describe(error)}") from error
        except ValueError as error:
            raise BadData(f"{path}: hGetContents: invalid argument (cannot decode byte sequence)") from error

    def load(self) -> Prepared:
        """The cluster the options name, completed; problems in it are warned of."""
        options = self.options
        try:
            cluster = self._load_raw()
        except GanetiError as error:
            raise ProgramError(f"failed to load data, aborting: {error}") from error
        return self.complete(cluster, utilisation=self._utilisation(options), ignore_utilisation=options.ignore_dynu)

    def complete(
        self, cluster: Cluster, *, utilisation: str | None = None, ignore_utilisation: bool = False
    ) -> Prepared:
        options = self.options
        wishes = Wishes(
            utilisation=utilisation,
            ignore_utilisation=ignore_utilisation,
            exclusion_tags=options.exclusion_tags,
            kvm_node_memory=options.static_kvm_node_memory,
            max_cpu=options.max_cpu,
            min_disk=options.min_disk,
        )
        try:
            prepared = prepare(cluster, wishes)
        except BadData as error:
            raise ProgramError(f"can't parse utilisation data: {error}") from error
        if prepared.missing and options.verbose != 0:
            self.warn("Warning: cluster has inconsistent data:")
            for text in prepared.missing:
                self.warn(f"  - {text}")
            self.warn()
        if options.save is not None and options.offline:
            self._as_loaded = serialize(prepared.cluster)
        try:
            set_offline(prepared.cluster, options.offline)
        except BadData as error:
            raise ProgramError(str(error)) from error
        if options.mond and not options.ignore_dynu:
            importlib.import_module("ganeti_tw.cli.htools.monitoring").use_monitoring(self, prepared.cluster)
        return prepared

    def save_original(self, cluster: Cluster, when: str) -> None:
        """Write the state as it was read: no node is offline in it just because ``-O`` names it."""
        self._save(lambda: self._as_loaded or serialize(cluster), "original", when)

    def save(self, cluster: Cluster, suffix: str, when: str, newest: int = 0) -> None:
        """Write the state beside the others of this run, if asked to; its ``newest`` instances come first."""
        self._save(lambda: serialize(cluster, newest), suffix, when)

    def _save(self, text: Callable[[], str], suffix: str, when: str) -> None:
        if self.options.save is None:
            return
        path = f"{self.options.save}.{suffix}"
        self.write_file(path, text())
        self.warn(f"The cluster state {when} has been written to file '{path}'")

    def write_file(self, path: str, text: str) -> None:
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ProgramError(f"{path}: openFile: {_describe(error)}") from error

    def _utilisation(self, options: Options) -> str | None:
        if options.dynu_file is None or options.ignore_dynu:
            return None
        try:
            return self.read_file(options.dynu_file)
        except BadData as error:
            raise ProgramError(str(error)) from error

    def _load_raw(self) -> Cluster:
        options = self.options
        files = [options.master, options.luxi, options.data_file]
        if len([each for each in files if each is not None]) > 1:
            raise ProgramError("Only one of the rapi, luxi, and data files options should be given.")
        if options.master is not None:
            remote: Cluster = later("sources").from_remote(self.outside.fetch, options.master)
            return remote
        if options.luxi is not None:
            live: Cluster = later("sources").from_master(self.client)
            return live
        if options.simulate:
            return simulated(options.simulate)
        if options.data_file is not None:
            return parse(self.read_file(options.data_file))
        if options.ialloc_source is not None:
            reader = importlib.import_module("ganeti_tw.htools.iallocator")
            asked: Cluster = reader.load_request(self.read_file(options.ialloc_source)).cluster
            return asked
        raise BadData("No backend selected! Exiting.")

    @property
    def client(self) -> Client:
        """The master at the socket that ``-L`` names."""
        if self._client is None:
            self._client = self.outside.connect(self.options.luxi or "")
        return self._client


def later(name: str) -> Any:
    """A module beside this one that most runs do without."""
    return importlib.import_module(f"ganeti_tw.cli.htools.{name}")


def _describe(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist (No such file or directory)"
    if isinstance(error, PermissionError):
        return "permission denied (Permission denied)"
    if isinstance(error, IsADirectoryError):
        return "inappropriate type (is a directory)"
    return f"failed ({error.strerror})"
