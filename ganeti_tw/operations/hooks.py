"""What the scripts that administrators hang into operations get to know.

An operation with a method ``hooks(config)`` has hooks: :class:`Hooks` names
them, says on which nodes they run and what is in their environment.  An
operation with a method ``hooked(context, result, failures)`` sees how its post
hooks ended and may change its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from ganeti_tw.errors import GanetiError, NotFound
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.network import Network
from ganeti_tw.model.paths import Paths

PRE, POST = "pre", "post"
CONFIG_UPDATE = "config-update"
VERSION = 2
PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
DATA = Paths("").data
BRIDGED = ("bridged", "openvswitch")

Variables = Mapping[str, Any]


@frozen
class Hooks:
    """The hooks of one operation.

    ``variables`` without the prefix ``GANETI_``; ``after`` gives those after the
    operation, where they differ.  ``pre`` and ``post`` are names of nodes.
    """

    name: str
    object_type: str
    variables: Variables
    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    after: Callable[[Config], Variables] | None = field(default=None, eq=False)

    def variables_after(self, config: Config) -> Variables:
        """The variables after the operation; of what is no longer there, those before."""
        if self.after is None:
            return self.variables
        try:
            return self.after(config)
        except NotFound:
            return self.variables


@frozen
class HookFailure:
    """A script that failed on a node; without ``script`` the node gave no answer, and ``output`` says why."""

    node: str
    script: str
    output: str

    def describe(self) -> str:
        """In words."""
        if not self.script:
            return f"it gave no answer about its hooks: {self.output}"
        return f"hook script {self.script} failed, output: {self.output.strip() or '(none)'}"


class HooksAbort(GanetiError):
    """Scripts of the phase before the operation refused it; look at what they say."""

    def __init__(self, failures: Sequence[HookFailure]) -> None:
        super().__init__("; ".join(f"{f.node}: {f.describe()}" for f in failures))
        self.failures = tuple(failures)


def environment(
    config: Config, op_id: str, hooks: Hooks, phase: str, *, name: str | None = None, after: Variables | None = None
) -> dict[str, str]:
    """The whole environment of a script; ``after`` only in the phase after the operation."""
    found = {
        "PATH": PATH,
        "GANETI_HOOKS_VERSION": str(VERSION),
        "GANETI_OP_CODE": op_id,
        "GANETI_HOOKS_PHASE": phase,
        "GANETI_HOOKS_PATH": name or hooks.name,
        "GANETI_CLUSTER": config.cluster.cluster_name,
        "GANETI_MASTER": config.master.name,
        "GANETI_DATA_DIR": DATA,
        "GANETI_OBJECT_TYPE": hooks.object_type,
    }
    found |= {f"GANETI_{key}": text(value) for key, value in hooks.variables.items()}
    found |= {f"GANETI_POST_{key}": text(value) for key, value in (after or {}).items()}
    return found


def text(value: Any) -> str:
    """A value as scripts see it: whole numbers without a point; no character that no environment can hold."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).replace("\0", "")


def master(config: Config) -> tuple[str, ...]:
    """The master alone."""
    return (config.master.name,)


def master_and(config: Config, *nodes: str) -> tuple[str, ...]:
    """The master and nodes named by UUID, each once."""
    return tuple(dict.fromkeys((config.master.name, *(config.node(uuid).name for uuid in nodes if uuid))))


def all_nodes(config: Config) -> tuple[str, ...]:
    """Every node."""
    return tuple(sorted(node.name for node in config.nodes.values()))


def group_nodes(config: Config, group_uuid: str) -> tuple[str, ...]:
    """Every node of a group."""
    return tuple(node.name for node in config.nodes_of(group_uuid))


def group_hooks(config: Config, name: str, variables: Variables) -> Hooks:
    """Hooks of a group that run on the master."""
    return Hooks(name, "GROUP", variables, master(config), master(config))


def network_hooks(config: Config, name: str, variables: Variables) -> Hooks:
    """Hooks of a network that run on the master."""
    return Hooks(name, "NETWORK", variables, master(config), master(config))


def connection_hooks(config: Config, name: str, group: Group, connection: Variables) -> Hooks:
    """Hooks of a network in a group, on the group's nodes; an empty ``connection`` is one that there is not."""
    shown = {"GROUP_NAME": group.name}
    if connection:
        shown |= {f"GROUP_NETWORK_{key.upper()}": connection.get(key) or "" for key in ("mode", "link", "vlan")}
    nodes = group_nodes(config, group.uuid)
    return Hooks(name, "NETWORK", shown, nodes, nodes)


def instance_hooks(config: Config, name: str, instance: Instance, own: Variables | None = None) -> Hooks:
    """Hooks of an instance that run on the master and on its nodes; ``own`` variables are those of the operation."""
    nodes = master_and(config, *config.nodes_holding(instance))
    before = {**(own or {}), **instance_variables(config, instance)}
    return Hooks(name, "INSTANCE", before, nodes, nodes, after_of(instance, own or {}))


def after_of(instance: Instance, own: Variables) -> Callable[[Config], Variables]:
    """The variables of an instance as it is then; NotFound when it is gone or has got another name."""

    def after(config: Config) -> Variables:
        newest = config.instances.get(instance.uuid)
        if newest is None or newest.name != instance.name:
            raise NotFound(f"there is no instance {instance.name} any more")
        return {**own, **instance_variables(config, newest)}

    return after


def instance_variables(
    config: Config,
    instance: Instance,
    *,
    disks: Sequence[Disk] | None = None,
    template: str | None = None,
    status: Any = None,
) -> dict[str, Any]:
    """The instance set.

    Given ``disks`` are not there yet, so it is not said where they are; with them
    goes their ``template``.
    """
    be = config.filled_beparams(instance)
    found: dict[str, Any] = {
        "OP_TARGET": instance.name,
        "INSTANCE_NAME": instance.name,
        "INSTANCE_PRIMARY": config.node(instance.primary_node).name,
        "INSTANCE_SECONDARIES": " ".join(config.node(uuid).name for uuid in config.secondary_nodes(instance)),
        "INSTANCE_OS_TYPE": instance.os,
        "INSTANCE_STATUS": instance.admin_state if status is None else status,
        "INSTANCE_MINMEM": be["minmem"],
        "INSTANCE_MAXMEM": be["maxmem"],
        "INSTANCE_MEMORY": be["maxmem"],
        "INSTANCE_VCPUS": be["vcpus"],
        "INSTANCE_DISK_TEMPLATE": template or config.disk_template(instance),
        "INSTANCE_HYPERVISOR": instance.hypervisor,
        "INSTANCE_TAGS": " ".join(instance.tags),
        "INSTANCE_NIC_COUNT": len(instance.nics),
    }
    for index, nic in enumerate(instance.nics):
        found |= _prefixed(f"INSTANCE_NIC{index}_", _nic(config, instance, nic))
    made = config.disks_of(instance) if disks is None else disks
    found["INSTANCE_DISK_COUNT"] = len(made)
    for index, disk in enumerate(made):
        found |= _prefixed(f"INSTANCE_DISK{index}_", _disk(disk, located=disks is None))
    found |= _prefixed("INSTANCE_BE_", be)
    found |= _prefixed("INSTANCE_HV_", config.filled_hvparams(instance))
    return found


def network_variables(network: Network) -> dict[str, Any]:
    """The settings of a network, only those that are set."""
    found = {
        "NETWORK_NAME": network.name,
        "NETWORK_SUBNET": network.network,
        "NETWORK_GATEWAY": network.gateway,
        "NETWORK_SUBNET6": network.network6,
        "NETWORK_GATEWAY6": network.gateway6,
        "NETWORK_MAC_PREFIX": network.mac_prefix,
        "NETWORK_TAGS": " ".join(network.tags),
    }
    return {key: value for key, value in found.items() if value}


def _prefixed(prefix: str, values: Variables) -> dict[str, Any]:
    return {f"{prefix}{key}": value for key, value in values.items()}


def _nic(config: Config, instance: Instance, nic: Nic) -> dict[str, Any]:
    params = config.filled_nicparams(instance, nic)
    found: dict[str, Any] = {
        "UUID": nic.uuid,
        "IP": nic.ip or "",
        "MAC": nic.mac,
        "MODE": params["mode"],
        "LINK": params["link"],
        "VLAN": params.get("vlan") or "",
    }
    if nic.name:
        found["NAME"] = nic.name
    if params["mode"] in BRIDGED:
        found["BRIDGE"] = params["link"]
    if nic.network is not None:
        network = config.network(nic.network)
        found |= {"NETWORK_UUID": network.uuid, "NETWORK_TAGS": "", **network_variables(network)}
    return found


def _disk(disk: Disk, *, located: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"SIZE": disk.size, "MODE": disk.mode, "UUID": disk.uuid}
    if disk.name:
        found["NAME"] = disk.name
    if located:
        found |= {"DEV_TYPE": disk.dev_type, **_place(disk)}
    return found


def _place(disk: Disk) -> dict[str, Any]:
    """Where the data is, in the words of the template."""
    if disk.dev_type == "diskless" or not disk.logical_id:
        return {}
    if disk.dev_type == "drbd":
        keys = ("PNODE", "SNODE", "PORT", "PMINOR", "SMINOR")
        return {**dict(zip(keys, disk.logical_id, strict=False)), **_volumes(disk.children)}
    first = {"plain": "VG", "ext": "PROVIDER"}.get(disk.dev_type, "DRIVER")
    return dict(zip((first, "ID"), disk.logical_id, strict=False))


def _volumes(children: Iterable[Disk]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, child in zip(("DATA", "META"), children, strict=False):
        found |= dict(zip((f"{kind}_VG", f"{kind}_ID"), child.logical_id, strict=False))
    return found
