"""What a node finds when it looks at itself for ``gnt-cluster verify``."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen
from cryptography import x509
from twisted.internet.defer import Deferred

from ganeti_tw.agent.figures import Figures
from ganeti_tw.agent.hypervisor.base import Hypervisor
from ganeti_tw.agent.reach import Reach
from ganeti_tw.agent.storage.allowed import check_directory, place_problem, read_allowed
from ganeti_tw.agent.storage.base import Storage, storage_of
from ganeti_tw.errors import DriverError, GanetiError
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.ancillary import mode_of
from ganeti_tw.model.paths import Paths
from ganeti_tw.model.versions import PROTOCOL_VERSION, VCS
from ganeti_tw.protocol.instance import RunningInstance
from ganeti_tw.protocol.node import InstanceDisk, NodeReport, OsStatus, VerifyNode

DEADLINE = 20.0
LEAST_MIB = 16  # free where the ledger and the files made from it are


class Definitions(Protocol):
    """The OS definitions of a host."""

    async def list(self) -> tuple[OsStatus, ...]:
        """All of them, sorted by name."""


@frozen
class Surroundings:
    """What a host finds in its file systems; fields as in NodeReport."""

    setup: tuple[str, ...]
    files: dict[str, str]
    certificates: dict[str, float]
    storage: dict[str, str]
    forbidden_paths: tuple[str, ...]
    paths: dict[str, str]


Survey = Callable[[VerifyNode], Surroundings]


class Inspector:
    """Looks at this host.  ``survey`` is called aside and may block."""

    def __init__(
        self,
        hypervisors: Mapping[str, Hypervisor],
        storages: Mapping[str, Storage],
        definitions: Definitions,
        figures: Figures,
        survey: Survey,
        blocking: Blocking,
        now: Callable[[], float],
        reach: Reach,
    ) -> None:
        self._reach = reach
        self._hypervisors = hypervisors
        self._storages = storages
        self._definitions = definitions
        self._figures = figures
        self._survey = survey
        self._blocking = blocking
        self._now = now

    async def inspect(self, m: VerifyNode) -> NodeReport:
        """NodeReport.  DriverError or Expired when the host cannot even be looked at."""
        around = await self._blocking.run(self._survey, m, deadline=DEADLINE)
        problems, guests = await self._guests(m.hypervisors)
        memory, setup = await self._memory()
        return NodeReport(
            protocol=PROTOCOL_VERSION,
            release=VCS,
            hypervisors=problems,
            guests=guests,
            setup=around.setup + setup,
            files=around.files,
            certificates=around.certificates,
            oses=await self._definitions.list(),
            storage=around.storage,
            forbidden_paths=around.forbidden_paths,
            paths=around.paths,
            disks=await self._disks(m.disks),
            memory_free=memory,
            unreachable=await self._unreachable(m),
            time=self._now(),  # last: the answer leaves right after
        )

    async def _guests(self, names: Sequence[str]) -> tuple[dict[str, str], tuple[RunningInstance, ...]]:
        problems: dict[str, str] = {}
        guests: list[RunningInstance] = []
        for name in names:
            problems[name] = ""
            if name not in self._hypervisors:
                problems[name] = "this host has no driver for it"
                continue
            try:
                guests += await self._hypervisors[name].list()
            except GanetiError as e:
                problems[name] = e.text
        return problems, tuple(guests)

    async def _memory(self) -> tuple[int | None, tuple[str, ...]]:
        try:
            return (await self._figures.get("", "")).memory_free, ()
        except GanetiError as e:
            return None, (e.text,)

    async def _unreachable(self, m: VerifyNode) -> dict[str, str]:
        """All are tried at once."""
        tries = {what: Deferred.fromCoroutine(self._reach.problem(address)) for what, address in m.peers.items()}
        for what, address in m.addresses.items():
            tries[what] = Deferred.fromCoroutine(self._reach.silence(address))
        found = {what: await trying for what, trying in tries.items()}
        return {what: problem for what, problem in found.items() if problem}

    async def _disks(self, disks: Sequence[InstanceDisk]) -> dict[str, str | None]:
        missing: dict[str, str | None] = {}
        for wanted in disks:
            try:
                if await storage_of(self._storages, wanted.disk).find(wanted.instance, wanted.disk) is None:
                    missing[wanted.disk.uuid] = None
            except GanetiError as e:
                missing[wanted.disk.uuid] = e.text
        return missing


class HostSurvey:
    """The file systems of a real host, or of a virtual one below its root.

    ``allowed``: the directories for disks in the settings of the host.
    """

    def __init__(self, paths: Paths, allowed: Sequence[str]) -> None:
        self._paths = paths
        self._allowed = allowed

    def __call__(self, m: VerifyNode) -> Surroundings:
        here = self._paths
        needed = (here.data, here.run, here.log, here.os_log)
        listed, forbidden = self._listed()
        unusable = {
            template: place_problem(path, listed) or directory_problem(here.below(path))
            for template, path in m.storage.items()
            if path
        }
        # Programs of administrators are below the root, as where they are run; what hypervisors open is the machine's.
        places = {path: here.below(path) if kind == "program" else path for path, kind in m.paths.items()}
        wrong = {path: path_problem(places[path], kind) for path, kind in m.paths.items()}
        ends, unreadable = certificate_ends(here)
        return Surroundings(
            setup=(
                *(problem for path in needed if (problem := writable_problem(path) or room_problem(path))),
                *(f"{path} holds no certificate that can be read" for path in unreadable),
                *(f"{path} can be read by every user of this machine: chmod o= it" for path in exposed(here)),
            ),
            files=self._files(m.files),
            certificates=ends,
            storage={template: problem for template, problem in unusable.items() if problem},
            forbidden_paths=forbidden,
            paths={path: problem for path, problem in wrong.items() if problem},
        )

    def _listed(self) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        """The directories of the host's own list, None without one, and what is wrong with those named for disks."""
        here = self._paths
        named = [check_directory(d.removeprefix(here.root)) for d in self._allowed]
        forbidden = [f"{here.settings}: {problem}" for problem in named if problem]
        try:
            found = read_allowed(here.file_storage_paths)
        except DriverError as e:
            return (), (*forbidden, e.text)
        if found is None:
            return None, tuple(forbidden)
        return found[0], (*forbidden, *(f"{here.file_storage_paths}: {problem}" for problem in found[1]))

    def _files(self, asked: Sequence[str]) -> dict[str, str]:
        here = self._paths
        ancillary = [here.below(path) for path in asked if mode_of(path) is not None]
        named = [*ancillary, here.hmac_key, here.config_data, *sorted(glob.glob(glob.escape(here.data) + "/ssconf_*"))]
        sums = {path.removeprefix(here.root): checksum(path) for path in named if not path.endswith(".new")}
        return {path: found for path, found in sums.items() if found is not None}


def certificate_ends(paths: Paths) -> tuple[dict[str, float], list[str]]:
    """When each certificate of a host ends, in seconds since 1970, by name; and files that hold none.  Blocks."""
    ends: dict[str, float] = {}
    unreadable: list[str] = []
    for path in (*sorted(glob.glob(glob.escape(paths.tls) + "/*.pem")), *paths.client_certificates):
        name = path.removeprefix(paths.root)
        try:
            with open(path, "rb") as file:
                found = x509.load_pem_x509_certificates(file.read())
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            unreadable.append(name)
            continue
        for number, certificate in enumerate(found):
            label = f"{name} (certificate {number + 1})" if number else name
            ends[label] = certificate.not_valid_after_utc.timestamp()
    return ends, unreadable


def exposed(paths: Paths) -> list[str]:
    """Files with keys of a host that others than its owner and its group may read."""
    patterns = ("tls/*.pem", "hmac.key", "rapi.pem", "spice.pem", "cluster-domain-secret", "ledger.db*")
    found = [path for p in patterns for path in glob.glob(f"{glob.escape(paths.data)}/{p}")]
    return sorted(path for path in found if _open_to_others(path, os.R_OK) and _open_to_others(paths.data, os.X_OK))


def _open_to_others(path: str, access: int) -> bool:
    try:
        return bool(os.stat(path).st_mode & access)
    except FileNotFoundError:
        return False


def checksum(path: str) -> str | None:
    """SHA-256 of a file in hex; None when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def writable_problem(directory: str) -> str:
    """Why nothing can be written there; empty when it can."""
    if not os.path.isdir(directory):
        return f"{directory} is not there or no directory"
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return f"{directory} cannot be written"
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        return f"{directory} is on a file system that is mounted read-only"
    return ""


def room_problem(directory: str, least_mib: int = LEAST_MIB) -> str:
    """Why it is soon too full to work in; empty when it is not."""
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize >> 20
    if free < least_mib:
        return f"{directory} is on a file system with {free} MiB free: at least {least_mib} MiB are needed"
    if found.f_files and not found.f_favail:
        return f"{directory} is on a file system that takes no more files: remove some"
    return ""


def directory_problem(directory: str) -> str:
    """Why a directory that is made when it is first needed cannot hold disks; empty when it can."""
    if os.path.isdir(directory):
        return writable_problem(directory)
    if os.path.lexists(directory):
        return f"{directory} is no directory"
    above = os.path.dirname(directory)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    problem = writable_problem(above)
    return f"{directory} cannot be made: {problem}" if problem else ""


def path_problem(path: str, kind: str) -> str:
    """What is wrong with a ``file``, ``directory`` or ``program`` that must be there; empty when nothing is."""
    if kind == "directory":
        return "" if os.path.isdir(path) else f"{path} is not there or no directory"
    if not os.path.isfile(path):
        return f"{path} is not there or no file"
    if kind == "program" and not os.access(path, os.X_OK):
        return f"{path} cannot be executed"
    return ""
