"""What the master tells and asks a node itself."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

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


@wire("node.get_figures/1", answer=NodeFigures)
@frozen
class GetFigures:
    """Answer: NodeFigures.  ``storage`` is the directory or volume group asked about."""

    hypervisor: str
    storage_type: str = "file"
    storage: str = ""


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


@wire("node.list_oses/1", answer=tuple[OsStatus, ...])
@frozen
class ListOses:
    """Answer: every OS definition of the node, sorted by name; the first on the search path wins."""


@wire("node.ping/1", answer=str)
@frozen
class Ping:
    """Answer: ``text``."""

    text: str = ""


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


@wire("host.get_state/1", answer=HostState)
@frozen
class GetHostState:
    """Answer: HostState."""


@wire("host.update/1", answer=None)
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


@wire("host.leave/1", answer=None)
@frozen
class LeaveCluster:
    """Forget the cluster: certificates, ssconf, ledger.  Guests are left alone.  Answer: None."""


@wire("join.hello/1", answer=dict[str, Any])
@frozen
class JoinHello:
    """First words of a master to a host that shows a token: answered with a nonce and a signing request."""

    cluster: str
    node: str


@wire("join.welcome/1", answer=None)
@frozen
class JoinWelcome:
    """Proof that the master knows the token, and all the host needs to be a node.

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
