"""What the master tells a node about instances, their disks and their consoles.

All are idempotent: starting the running, stopping the stopped, creating what
is there and removing what is gone succeed.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ganeti_tw.protocol.registry import wire


@frozen
class DiskSpec:
    """A disk as a node needs to know it.  ``logical_id`` as in config.data."""

    uuid: str
    index: int
    dev_type: str
    size_mib: int
    mode: str  # rw or ro
    logical_id: tuple[Any, ...]
    name: str | None = None
    params: dict[str, Any] = field(factory=dict)


@frozen
class NetworkSpec:
    """The network of a NIC, for the environment of scripts."""

    name: str
    uuid: str
    subnet: str
    gateway: str | None = None
    subnet6: str | None = None
    gateway6: str | None = None
    mac_prefix: str | None = None
    tags: tuple[str, ...] = ()


@frozen
class NicSpec:
    """A NIC with its parameters filled in."""

    uuid: str
    index: int
    mac: str
    mode: str
    link: str
    vlan: str = ""
    ip: str | None = None
    name: str | None = None
    network: NetworkSpec | None = None


@frozen
class InstanceSpec:
    """An instance with all parameters filled in: enough to run it and its OS scripts."""

    name: str
    uuid: str
    os: str
    hypervisor: str
    hvparams: dict[str, Any]
    beparams: dict[str, Any]  # minmem, maxmem in MiB, vcpus, ...
    disks: tuple[DiskSpec, ...]
    nics: tuple[NicSpec, ...]
    primary_node: str  # UUID
    secondary_nodes: tuple[str, ...] = ()
    osparams: dict[str, Any] = field(factory=dict)
    tags: tuple[str, ...] = ()
    network_port: int | None = None
    ctime: float = 0.0
    mtime: float = 0.0

    @property
    def devices(self) -> tuple[DiskSpec | NicSpec, ...]:
        """Disks and NICs."""
        return self.disks + self.nics


@frozen
class RunningInstance:
    """An instance a hypervisor of the node knows.

    ``state``: running, paused, or shutdown (known but not running).
    """

    name: str
    hypervisor: str
    state: str
    memory_mib: int
    vcpus: int
    cpu_seconds: float = 0.0
    resident_bytes: int | None = None  # memory its process has; None where nobody knows
    started: float | None = None  # on this node, in seconds since the epoch; None where nobody knows or it does not run


@frozen
class Console:
    """How to reach a console: kind ``ssh`` (host, user, command), ``vnc``, ``spice`` or ``msg``."""

    instance: str
    kind: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    command: tuple[str, ...] = ()
    display: int | None = None
    message: str | None = None


@wire("node.start_instance/1", what="start an instance", answer=None)
@frozen
class StartInstance:
    """Answer: None once the hypervisor has started it.  DriverError when it does not start."""

    spec: InstanceSpec
    paused: bool = False


@wire("node.stop_instance/1", what="shut an instance down", answer=None)
@frozen
class StopInstance:
    """Answer: None once it is down.  ``timeout``: seconds between asking politely and pulling the plug."""

    name: str
    hypervisor: str
    timeout: float


@wire("node.reboot_instance/1", what="reboot an instance", answer=None)
@frozen
class RebootInstance:
    """Answer: None.  ``kind`` soft (asked of the guest) or hard (destroyed and started).  The stopped are started."""

    spec: InstanceSpec
    kind: str


@wire("node.list_instances/1", what="list the instances it runs", answer=tuple[RunningInstance, ...], looks=True)
@frozen
class ListInstances:
    """Answer: what the hypervisors named know, without asking the guests; of these instances only, if any are named."""

    hypervisors: tuple[str, ...]
    names: tuple[str, ...] = ()


@wire("node.get_console/1", what="tell where a console is", answer=Console, looks=True)
@frozen
class GetConsole:
    """Answer: a Console.  WrongState when the instance does not run."""

    spec: InstanceSpec


@wire("node.create_disk/1", what="create a disk", answer=str)
@frozen
class CreateDisk:
    """Answer: the path of the device or file.  NoRoom, DriverError."""

    instance: str
    disk: DiskSpec


@wire("node.remove_disk/1", what="remove a disk", answer=None)
@frozen
class RemoveDisk:
    """Answer: None, also when it is gone already."""

    instance: str
    disk: DiskSpec


@wire("node.find_disk/1", what="look for a disk", answer=str | None, looks=True)
@frozen
class FindDisk:
    """Answer: the path of the disk, None when it is not there."""

    instance: str
    disk: DiskSpec


@frozen
class DiskFound:
    """``path``: None when it is not there.  ``error``: why that cannot be told, empty when it can."""

    path: str | None = None
    error: str = ""


@wire("node.find_disks/1", what="look for disks", answer=tuple[DiskFound, ...], looks=True)
@frozen
class FindDisks:
    """Answer: one for each, in the same order."""

    wanted: tuple[tuple[str, DiskSpec], ...]  # name of the instance, disk


@wire("node.rename_disk/1", what="rename a disk", answer=None)
@frozen
class RenameDisk:
    """Put the data of ``disk`` where ``to``, the same disk, says it is.  They differ in ``logical_id``.

    Answer: None, also when it is there already.  Exists when both places are taken;
    DriverError when there is nothing at either.
    """

    instance: str
    disk: DiskSpec
    to: DiskSpec


@wire("node.copy_disk/1", what="copy a disk", answer=None)
@frozen
class CopyDisk:
    """Put what is on a part of ``disk``, in MiB, to the same place on ``to``, another disk on this node.

    Holes stay holes.  Answer: None once it is on the medium.  DriverError when one of them is not there.
    """

    instance: str
    disk: DiskSpec
    to: DiskSpec
    start_mib: int
    size_mib: int


@wire("node.install_os/1", what="install an OS", answer=None)
@frozen
class InstallOs:
    """Run the OS definition's ``create`` script.

    Answer: None.  DriverError holds the last 20 lines of its output; all of it
    is in the OS log of the node.
    """

    spec: InstanceSpec
    reinstall: bool = False
    timeout: float = 3600.0
    debug_level: int = 0


@wire("node.rename_os/1", what="tell an OS its new name", answer=None)
@frozen
class RenameOs:
    """Run the OS definition's ``rename`` script for an instance that had another name.

    Answer: None.  WrongState while it runs; DriverError as for :class:`InstallOs`.
    """

    spec: InstanceSpec
    old_name: str
    timeout: float = 3600.0
    debug_level: int = 0
