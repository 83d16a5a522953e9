"""What the master tells and asks a node itself."""

from __future__ import annotations

import re
from typing import Any

from attrs import field, frozen

from ganeti_tw.protocol.instance import DiskSpec, RunningInstance
from ganeti_tw.protocol.registry import wire


@frozen
class NodeFigures:
    """Live figures of a node: memory and disk in MiB; None where the host cannot say."""

    memory_total: int | None
    memory_free: int | None
    memory_node: int | None  # used by the host itself
    cpu_total: int
    cpu_nodes: int
    cpu_sockets: int
    disk_total: int | None
    disk_free: int | None
    boot_id: str


@wire("node.get_figures/1", what="tell how much memory and disk space it has", answer=NodeFigures, looks=True)
@frozen
class GetFigures:
    """Answer: NodeFigures.  ``storage`` is the directory or volume group asked about."""

    hypervisor: str
    storage_type: str = "file"
    storage: str = ""


@frozen
class StorageUnit:
    """A place on a node where disks are; sizes of its file system in MiB, ``used_mib`` what the place itself takes."""

    name: str
    size_mib: int
    used_mib: int
    free_mib: int
    allocatable: bool = True


@wire("node.list_storage/1", what="tell how full its storage is", answer=tuple[StorageUnit, ...], looks=True)
@frozen
class ListStorage:
    """Answer: a StorageUnit for each of the directories ``places``, in their order."""

    storage_type: str
    places: tuple[str, ...]


@frozen
class OsStatus:
    """An OS definition found on a node."""

    name: str
    path: str
    valid: bool
    problem: str  # empty when valid
    variants: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]  # (name, description)
    api_versions: tuple[int, ...]
    trusted: bool


@wire("node.list_oses/1", what="list its OS definitions", answer=tuple[OsStatus, ...], looks=True)
@frozen
class ListOses:
    """Answer: every OS definition of the node, sorted by name; the first on the search path wins."""


@wire("node.check_os/1", what="check the parameters of an OS", answer=None)
@frozen
class CheckOs:
    """Let the ``verify`` script of an OS look at parameters.

    Answer: None when it likes them, or the OS has no such script.  BadRequest
    with what it said; NotFound or WrongState when there is no OS to ask.
    """

    os: str  # with its variant
    osparams: dict[str, Any]


@frozen
class InstanceDisk:
    """A disk that a node should have."""

    instance: str
    disk: DiskSpec


@frozen
class NodeReport:
    """How a node finds itself.  Texts say what is wrong; where nothing is, they are empty or absent."""

    protocol: int
    release: str  # of this implementation
    time: float
    hypervisors: dict[str, str]  # name -> why it cannot be used, empty when it can
    guests: tuple[RunningInstance, ...]  # of those that can
    setup: tuple[str, ...]  # what is wrong with the host itself
    files: dict[str, str]  # path as on a real host -> sha256, without those that are not there
    certificates: dict[str, float]  # name -> end, in seconds since the epoch
    oses: tuple[OsStatus, ...]
    storage: dict[str, str]  # disk template -> why its directory cannot be used
    forbidden_paths: tuple[str, ...]  # directories for disks, in files of the host, that may be none
    paths: dict[str, str]  # those asked about -> what is wrong
    disks: dict[str, str | None]  # UUID -> None when it is not there, else why that is not known
    memory_free: int | None  # MiB
    unreachable: dict[str, str] = field(factory=dict)  # peers asked about -> why they cannot be reached


@wire("node.verify/1", what="verify itself", answer=NodeReport, looks=True)
@frozen
class VerifyNode:
    """Look at everything; change nothing.  Answer: NodeReport."""

    hypervisors: tuple[str, ...]
    storage: dict[str, str] = field(factory=dict)  # disk template -> directory
    disks: tuple[InstanceDisk, ...] = ()
    paths: dict[str, str] = field(factory=dict)  # path -> file, directory or program
    files: tuple[str, ...] = ()  # ancillary ones whose checksums are wanted too
    peers: dict[str, str] = field(factory=dict)  # what to call it -> address of another node
    addresses: dict[str, str] = field(factory=dict)  # what to call it -> address that some host must have


@wire("node.ping/1", what="show that it is there", answer=str, looks=True)
@frozen
class Ping:
    """Answer: ``text``."""

    text: str = ""


@frozen
class ProgramEnd:
    """How a program ended on a node; texts that are too long are cut at their ends."""

    status: int | None  # exit status; None when it was killed
    reason: str  # in words when it did not end well by itself; empty when it did, whatever its status
    stdout: str
    output: str  # standard output and error as they came

    @property
    def good(self) -> bool:
        return self.status == 0 and not self.reason


@wire("node.run_oob/1", what="run an out-of-band helper", answer=ProgramEnd)
@frozen
class RunOob:
    """Run an out-of-band helper: ``program command node``.  Answer: ProgramEnd.  DriverError when it cannot start."""

    program: str
    command: str
    node: str
    timeout: float


RESTRICTED_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
"""What restricted commands are called: names of files, not paths."""


@wire("node.run_restricted/1", what="run a restricted command", answer=str)
@frozen
class RunRestricted:
    """Run a program of the node's directory of restricted commands, without arguments and environment.

    Answer: what it said.  DriverError when it failed; when it may not be run
    the error does not tell why, the node's log does.
    """

    command: str


@wire("node.run_command/1", what="run a command", answer=ProgramEnd)
@frozen
class RunCommand:
    """Run a line of the shell.  Answer: ProgramEnd.  Only from the master."""

    command: str
    timeout: float


@wire("node.put_file/1", what="store a file", answer=None)
@frozen
class PutFile:
    """Replace a file, whole, in a directory that exists.  Only from the master.  Answer: None."""

    path: str
    content: bytes
    mode: int
    mtime: float


@wire("node.powercycle/1", what="reboot its machine", answer=str)
@frozen
class PowercycleNode:
    """Reboot the machine at once, as the hypervisor does it.  Answer: what will happen.  BadRequest when it cannot."""

    hypervisor: str


@frozen
class HookEnd:
    """How a script ended: ``status`` is success, fail or skip; what was skipped said nothing."""

    script: str  # its file name
    status: str
    output: str


@wire("node.run_hooks/1", what="run hooks", answer=tuple[HookEnd, ...])
@frozen
class RunHooks:
    """Run the scripts of a hook one after the other; all of them have ``timeout`` seconds together.

    ``environment`` is all that they see.  Answer: a HookEnd for every file of the
    hook's directory, in the order of their names; none when there is no directory.
    """

    name: str
    phase: str
    environment: dict[str, str]
    timeout: float


MASTER_ONLY = frozenset(
    {
        "node.run_command/1",
        "node.put_file/1",
        "node.run_oob/1",
        "node.run_restricted/1",
        "node.run_hooks/1",
        "node.powercycle/1",
        "node.set_master_ip/1",
        "node.read_ancillary/1",
        "node.write_ancillary/1",
    }
)
"""Messages that nobody but the master may send."""


@frozen
class HostState:
    """Who a host thinks it is.  ``role``: none, node, candidate or master."""

    name: str
    uuid: str
    cluster: str
    role: str
    epoch: int
    position: int  # ledger serial held, 0 without a ledger
    version: str
    certificate: str = ""  # SHA-1 of the one it shows to others, ``AA:BB:...``; empty without a cluster


@wire("host.get_state/1", what="tell who it is", answer=HostState, looks=True)
@frozen
class GetHostState:
    """Answer: HostState."""


@wire("host.update/1", what="note what changed in the cluster", answer=None)
@frozen
class UpdateHost:
    """All a node must know of the cluster; the whole of it each time, the latest serial wins."""

    serial: int
    master: str  # names
    candidates: tuple[str, ...]
    candidate: bool  # this node is one
    addresses: dict[str, str]  # of all nodes, by name
    ssconf: dict[str, str]  # file name without prefix -> content
    hypervisors: tuple[str, ...] = ()
    file_storage_dirs: dict[str, str] = field(factory=dict)  # template -> directory
    data_collectors: dict[str, Any] = field(factory=dict)  # name -> active, interval in microseconds
    lowest: dict[str, int] = field(factory=dict)  # numbers of certificates that are good, by name of the node


@wire("host.leave/1", what="leave the cluster", answer=None)
@frozen
class LeaveCluster:
    """Forget the cluster: certificates, ssconf, ledger.  Guests are left alone.  Answer: None."""


@wire("join.hello/1", what="join the cluster", answer=dict[str, Any])
@frozen
class JoinHello:
    """First words of a master to a host that shows a token: answered with a nonce and a signing request."""

    cluster: str
    node: str


@wire("join.welcome/1", what="join the cluster", answer=None)
@frozen
class JoinWelcome:
    """Proof that the master knows the token, and all the host needs to be a node, also under the next master.

    ``proof``: hex HMAC-SHA256 keyed with the token's secret over nonce, the
    host's certificate fingerprint and the master's.
    Answer: None once all is on disk.  Refused for a wrong proof, an expired or
    used token, a host that is in a cluster.
    """

    proof: str
    cluster: str
    cluster_uuid: str
    node: str
    node_uuid: str
    master: str
    epoch: int
    ca: str  # PEM
    certificate: str  # PEM
    hmac_key: str
    candidates: tuple[str, ...] = ()  # one of them may be master before this one says anything else
    addresses: dict[str, str] = field(factory=dict)  # of all nodes there are, by name
