"""What can be set of a cluster, with the rules of each setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model import defaults, policy
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import is_plain_absolute, path_or_url
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.names import mac_prefix, object_name
from ganeti_tw.model.parameters import (
    CLUSTER,
    OS,
    beparams,
    disk_state,
    diskparams,
    hv_state,
    hvparams,
    ndparams,
    nicparams,
    osparams,
)

if TYPE_CHECKING:
    from ganeti_tw.operations.cluster.modify import ClusterSetParams

DEFAULT = "default"
LVM = ("plain", "drbd")
DIRECTORIES = {
    "file": "file_storage_dir",
    "sharedfile": "shared_file_storage_dir",
    "gluster": "gluster_storage_dir",
}
"""Disk template -> directory that it needs."""
AS_GIVEN = (
    "default_iallocator_params",
    "enabled_user_shutdown",
    "maintain_node_health",
    "modify_etc_hosts",
    "prealloc_wipe_disks",
    "use_external_mip_script",
)
ADDS = ("add", "attach")
LARGEST_UID = 2**32 - 1
SHOWN = 5  # instances named in a refusal

_ALLOCATOR = re.compile(r"[a-zA-Z0-9_.-]*", re.ASCII)
_TOOL = re.compile(r"[-_a-zA-Z0-9]+", re.ASCII)


def with_settings(config: Config, given: ClusterSetParams) -> Cluster:
    """The cluster with what is given put over what it has; the error names the setting and what is wrong."""
    cluster = config.cluster
    values = {name: getattr(given, name) for name in AS_GIVEN if getattr(given, name) is not None}
    for part in (_numbers, _enabled, _parameters, _by_os, _storage, _texts, _lists, _uids, _collectors):
        values |= part(config, given)
    changed = evolve(cluster, **values)
    if given.hvparams or given.enabled_hypervisors is not None:
        _check_hypervisors(config, changed)
    if given.enabled_disk_templates is not None or given.ipolicy:
        _check_policies(config, changed)
    _check_storage(config, changed, given)
    if given.nicparams:
        _check_routed(config, changed)
    return changed


def _numbers(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for name in ("candidate_pool_size", "max_running_jobs", "max_tracked_jobs"):
        number = getattr(given, name)
        if number is not None:
            if number < 1:
                raise BadRequest(f"{name} must be 1 or more, not {number}")
            new[name] = number
    running = new.get("max_running_jobs", config.cluster.max_running_jobs)
    tracked = new.get("max_tracked_jobs", config.cluster.max_tracked_jobs)
    if ("max_running_jobs" in new or "max_tracked_jobs" in new) and tracked < running:
        raise BadRequest(f"max_tracked_jobs {tracked} must not be less than max_running_jobs {running}")
    if given.master_netmask is not None:
        longest = 128 if config.cluster.primary_ip_family == 10 else 32
        if not 0 < given.master_netmask <= longest:
            raise BadRequest(f"master_netmask must be from 1 to {longest}, not {given.master_netmask}")
        new["master_netmask"] = given.master_netmask
    return new


def _enabled(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    new: dict[str, Any] = {}
    if given.enabled_hypervisors is not None:
        new["enabled_hypervisors"] = hypervisors = _distinct("enabled_hypervisors", given.enabled_hypervisors)
        users = [i for i in config.instances_by_name() if i.hypervisor not in hypervisors]
        if users:
            raise WrongState(f"hypervisor {users[0].hypervisor} must stay enabled, it is used by {_some(users)}")
    if given.enabled_disk_templates is not None:
        new["enabled_disk_templates"] = templates = _distinct("enabled_disk_templates", given.enabled_disk_templates)
        dropped = set(config.cluster.enabled_disk_templates) - set(templates)
        for template in sorted(dropped):
            users = _users_of(config, (template,))
            if users:
                raise WrongState(f"disk template {template} must stay enabled, it is used by {_some(users)}")
    return new


def _parameters(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    cluster = config.cluster
    new: dict[str, Any] = {}
    if given.hvparams:
        own = {name: dict(values) for name, values in cluster.hvparams.items()}
        for name, values in given.hvparams.items():
            own[name] = {
                **defaults.HVPARAMS.get(name, EMPTY),
                **hvparams(name, own.get(name, EMPTY), values, CLUSTER),
            }
        new["hvparams"] = own
    if given.beparams:
        own_be = cluster.beparams.get(DEFAULT, EMPTY)
        new["beparams"] = {**cluster.beparams, DEFAULT: beparams(own_be, given.beparams, level=CLUSTER)}
    if given.nicparams:
        own_nic = cluster.nicparams.get(DEFAULT, EMPTY)
        new["nicparams"] = {**cluster.nicparams, DEFAULT: nicparams(own_nic, given.nicparams, CLUSTER)}
    if given.ndparams:
        new["ndparams"] = ndparams(cluster.ndparams, given.ndparams, CLUSTER)
    if given.diskparams:
        by_template: dict[str, Mapping[str, Any]] = {str(t): values for t, values in given.diskparams.items()}
        new["diskparams"] = diskparams(cluster.diskparams, by_template, CLUSTER)
    if given.ipolicy:
        new["ipolicy"] = policy.updated(cluster.ipolicy, given.ipolicy, group=False)
    if given.hv_state:
        new["hv_state_static"] = hv_state(cluster.hv_state_static, given.hv_state)
    if given.disk_state:
        new["disk_state_static"] = disk_state(cluster.disk_state_static, given.disk_state)
    return new


def _by_os(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    cluster = config.cluster
    new: dict[str, Any] = {}
    if given.os_hvp:
        own = {os: {hv: dict(values) for hv, values in by_hv.items()} for os, by_hv in cluster.os_hvp.items()}
        for os, by_hv in given.os_hvp.items():
            of_os = own.setdefault(_os_name(os), {})
            for hypervisor, values in by_hv.items():
                of_os[hypervisor] = hvparams(hypervisor, of_os.get(hypervisor, EMPTY), values, OS)
        new["os_hvp"] = _without_empty({os: _without_empty(by_hv) for os, by_hv in own.items()})
    for name in ("osparams", "osparams_private_cluster"):
        values_by_os = getattr(given, name)
        if values_by_os:
            by_os = dict(getattr(cluster, name))
            for os, values in values_by_os.items():
                by_os[_os_name(os)] = osparams(by_os.get(os, EMPTY), values)
            new[name] = _without_empty(by_os)
    return new


def _storage(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for name in DIRECTORIES.values():
        path = getattr(given, name)
        if path is not None:
            if path and not is_plain_absolute(path):
                raise BadRequest(f"{name} must be an absolute path without . or .. parts, not {path!r}")
            new[name] = path
    if given.vg_name is not None:
        new["volume_group_name"] = given.vg_name or None
    if given.drbd_helper is not None:
        if given.drbd_helper and not is_plain_absolute(given.drbd_helper):
            raise BadRequest(f"drbd_helper must be an absolute path, not {given.drbd_helper!r}")
        new["drbd_usermode_helper"] = given.drbd_helper or None
    return new


def _texts(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for name in ("install_image", "zeroing_image"):
        place = getattr(given, name)
        if place is not None:
            complaint = path_or_url(place) if place else None
            if complaint is not None:
                raise BadRequest(f"{name} must be {complaint}, not {place!r}")
            new[name] = place
    if given.default_iallocator is not None:
        if not _ALLOCATOR.fullmatch(given.default_iallocator):
            raise BadRequest(f"default_iallocator: {given.default_iallocator!r} is no name of an allocator")
        new["default_iallocator"] = given.default_iallocator
    if given.mac_prefix is not None:
        new["mac_prefix"] = mac_prefix(given.mac_prefix)
    if given.master_netdev is not None:
        if not given.master_netdev:
            raise BadRequest("master_netdev: the name of an interface is needed")
        new["master_netdev"] = given.master_netdev
    network = given.instance_communication_network
    if network is not None:
        new["instance_communication_network"] = object_name(network) if network else ""
    return new


def _lists(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    new: dict[str, Any] = {}
    if given.reserved_lvs is not None:
        for pattern in given.reserved_lvs:
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as e:
                raise BadRequest(f"reserved_lvs: {pattern!r:.60} is no regular expression: {e}") from None
        new["reserved_lvs"] = tuple(given.reserved_lvs)
    if given.compression_tools is not None:
        for tool in given.compression_tools:
            if not _TOOL.fullmatch(tool):
                raise BadRequest(f"compression_tools: {tool!r} is no name of a tool: letters, digits, - and _ only")
        new["compression_tools"] = tuple(dict.fromkeys(given.compression_tools))
    for name in ("hidden_os", "blacklisted_os"):
        steps = getattr(given, name)
        if steps is not None:
            new[name] = _added_and_removed(getattr(config.cluster, name), steps)
    return new


def _uids(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    """Ranges, both ends included, that do not overlap; those to remove must be there as they were added."""
    if given.uid_pool is None and given.add_uids is None and given.remove_uids is None:
        return {}
    pool = [tuple(r) for r in (config.cluster.uid_pool if given.uid_pool is None else given.uid_pool)]
    pool += [tuple(r) for r in given.add_uids or ()]
    for low, high in pool:
        if not 0 <= low <= high <= LARGEST_UID:
            raise BadRequest(f"user ids {low}-{high}: the range must ascend and lie between 0 and {LARGEST_UID}")
    ordered = sorted(pool)
    for (_, end), (start, high) in pairwise(ordered):
        if start <= end:
            raise BadRequest(f"user ids {start}-{high} are in the pool already, at least in part")
    for low, high in given.remove_uids or ():
        if (low, high) not in pool:
            raise BadRequest(f"the pool has no range {low}-{high} of user ids")
        pool.remove((low, high))
    return {"uid_pool": tuple(list(r) for r in pool)}


def _collectors(config: Config, given: ClusterSetParams) -> dict[str, Any]:
    if not given.enabled_data_collectors and not given.data_collector_interval:
        return {}
    present = config.cluster.data_collectors
    every = {
        name: {"active": True, "interval": defaults.COLLECTOR_INTERVAL_US, **present.get(name, EMPTY)}
        for name in dict.fromkeys((*defaults.COLLECTORS, *present))
    }
    for key, values in (("active", given.enabled_data_collectors), ("interval", given.data_collector_interval)):
        for name, value in (values or {}).items():
            if name in defaults.OWN_COLLECTORS or name.startswith(defaults.SITE_COLLECTOR):
                every.setdefault(name, {"active": True, "interval": defaults.COLLECTOR_INTERVAL_US})
            if name not in every:
                known = ", ".join(dict.fromkeys((*every, *defaults.OWN_COLLECTORS)))
                raise BadRequest(f"there is no data collector {name!r}; there are {known}, and those of a site, site-*")
            if key == "interval" and value < 1:
                raise BadRequest(f"the interval of data collector {name} must be 1 microsecond or more, not {value}")
            every[name][key] = value
    return {"data_collectors": every}


def _check_hypervisors(config: Config, cluster: Cluster) -> None:
    """Every enabled hypervisor has whole and valid parameters."""
    for name in cluster.enabled_hypervisors:
        hvparams(name, {}, cluster.hvparams.get(name, EMPTY), CLUSTER)


def _check_policies(config: Config, cluster: Cluster) -> None:
    policy.only_enabled(cluster.ipolicy, cluster.enabled_disk_templates)
    for group in config.groups.values():
        try:
            policy.only_enabled(group.ipolicy, cluster.enabled_disk_templates)
        except BadRequest as e:
            raise BadRequest(f"group {group.name}: {e.text}") from None


def _check_storage(config: Config, cluster: Cluster, given: ClusterSetParams) -> None:
    """What enabled templates and existing disks need must be there; only where something of it is given."""
    templates = cluster.enabled_disk_templates
    changed = given.enabled_disk_templates is not None
    for template, name in DIRECTORIES.items():
        if template in templates and not getattr(cluster, name) and (changed or getattr(given, name) is not None):
            raise BadRequest(f"{name} is needed as long as disk template {template} is enabled")
    if (changed or given.vg_name is not None) and not cluster.volume_group_name:
        enabled = [t for t in LVM if t in templates]
        if enabled:
            raise BadRequest(f"vg_name: disk template {enabled[0]} is enabled and needs a volume group")
        users = _users_of(config, LVM)
        if users:
            raise WrongState(f"vg_name: LVM is in use by {_some(users)}")
    if (changed or given.drbd_helper is not None) and not cluster.drbd_usermode_helper:
        if "drbd" in templates:
            raise BadRequest("drbd_helper: disk template drbd is enabled and needs a helper")
        users = _users_of(config, ("drbd",))
        if users:
            raise WrongState(f"drbd_helper: DRBD is in use by {_some(users)}")


def _check_routed(config: Config, cluster: Cluster) -> None:
    """A routed NIC needs an address."""
    for instance in config.instances_by_name():
        for index, nic in enumerate(instance.nics):
            if not nic.ip and _mode(config, cluster, instance, nic) == "routed":
                raise WrongState(f"nic/{index} of {instance.name} would be routed and has no address")


def _mode(config: Config, cluster: Cluster, instance: Instance, nic: Nic) -> Any:
    before = config.filled_nicparams(instance, nic)["mode"]
    if "mode" in nic.nicparams or nic.network is not None:
        return before
    return cluster.nicparams[DEFAULT].get("mode", before)


def _added_and_removed(present: Sequence[str], steps: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """A list of OS names after some were added and some removed; what changes nothing is fine."""
    new = list(present)
    for action, name in steps:
        _os_name(name)
        if action in ADDS and name not in new:
            new.append(name)
        elif action not in ADDS and name in new:
            new.remove(name)
    return tuple(new)


def needless(cluster: Cluster, given: ClusterSetParams) -> Iterator[str]:
    """What is asked for and is so already."""
    for name, what in (("hidden_os", "hidden"), ("blacklisted_os", "blacklisted")):
        for action, os in getattr(given, name) or ():
            listed = os in getattr(cluster, name)
            if listed == (action in ADDS):
                yield f"OS {os} is {what} already" if listed else f"OS {os} is not {what} anyway"


def _os_name(name: str) -> str:
    if not name:
        raise BadRequest("the name of an OS is empty")
    return name


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _distinct(what: str, given: Sequence[str]) -> tuple[str, ...]:
    if not given:
        raise BadRequest(f"{what}: at least one is needed")
    return tuple(dict.fromkeys(given))


def _users_of(config: Config, templates: Collection[str]) -> list[Instance]:
    """Instances with a disk of one of these templates; of ``diskless`` those without disks."""
    return _those(config, lambda i: bool(_templates(config, i) & set(templates)))


def _templates(config: Config, instance: Instance) -> set[str]:
    return {disk.dev_type for disk in config.disks_of(instance)} or {"diskless"}


def _those(config: Config, wanted: Callable[[Instance], bool]) -> list[Instance]:
    return [i for i in config.instances_by_name() if wanted(i)]


def _some(instances: Sequence[Instance]) -> str:
    shown = ", ".join(i.name for i in instances[:SHOWN])
    more = len(instances) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
