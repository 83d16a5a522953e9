"""``gnt-cluster modify``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import evolve, field, frozen

from ganeti_tw.model.ancillary import ancillary_files
from ganeti_tw.model.config import Config
from ganeti_tw.model.filled import ipolicy as filled_ipolicy
from ganeti_tw.model.node import Node
from ganeti_tw.model.policy import size_of, violations
from ganeti_tw.model.roles import promotions
from ganeti_tw.operations.cluster.settings import needless, with_settings
from ganeti_tw.operations.cluster.settings_on_nodes import check_on_nodes
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.hooks import Hooks, master
from ganeti_tw.operations.inputs import NIC, DiskTemplate, Filled, Hypervisor, NotNegative, Positive
from ganeti_tw.operations.registry import PRIVATE, SHARED, operation
from ganeti_tw.operations.steps.ancillary import spread_files
from ganeti_tw.operations.steps.communication import network_jobs
from ganeti_tw.operations.steps.masterip import master_address, moved
from ganeti_tw.operations.steps.nodes import at_random
from ganeti_tw.protocol.config import Changes

Addition = tuple[Literal["add", "attach", "detach", "remove"], str]
ByName = dict[str, dict[str, Any]]

COMPARED_AT_ONCE = 200  # instances; a few milliseconds of work


@operation("OP_CLUSTER_SET_PARAMS")
@frozen
class ClusterSetParams:
    """Change settings of the cluster; what is left out stays as it is.

    Instances that a new policy would not allow stay as they are and are named
    in a warning.  Nodes are asked whether they can do what is new; with ``force``
    their complaints are warnings too.  A larger candidate pool is filled at once, a smaller one
    demotes nobody.  A network for communication with instances that is missing is
    made and connected by jobs, which are the result: ``{"jobs": [...]}``, else None.
    """

    force: bool = False
    hv_state: dict[str, Any] | None = None
    disk_state: dict[str, Any] | None = None
    vg_name: str | None = None
    enabled_hypervisors: list[Hypervisor] | None = None
    hvparams: ByName | None = None
    beparams: dict[str, Any] | None = None
    os_hvp: dict[str, ByName] | None = None
    osparams: ByName | None = None
    osparams_private_cluster: ByName | None = field(default=None, metadata=PRIVATE)
    diskparams: dict[DiskTemplate, dict[str, Any]] | None = None
    candidate_pool_size: Positive | None = None
    max_running_jobs: Positive | None = None
    max_tracked_jobs: Positive | None = None
    uid_pool: list[tuple[int, int]] | None = None
    add_uids: list[tuple[int, int]] | None = None
    remove_uids: list[tuple[int, int]] | None = None
    maintain_node_health: bool | None = None
    prealloc_wipe_disks: bool | None = None
    nicparams: dict[str, Any] | None = field(default=None, validator=NIC)
    ndparams: dict[str, Any] | None = None
    ipolicy: dict[str, Any] | None = None
    drbd_helper: str | None = None
    default_iallocator: str | None = None
    default_iallocator_params: dict[str, Any] | None = None
    mac_prefix: Filled | None = None
    master_netdev: str | None = None
    master_netmask: NotNegative | None = None
    reserved_lvs: list[Filled] | None = None
    hidden_os: list[Addition] | None = None
    blacklisted_os: list[Addition] | None = None
    use_external_mip_script: bool | None = None
    enabled_disk_templates: list[DiskTemplate] | None = None
    modify_etc_hosts: bool | None = None
    file_storage_dir: str | None = None
    shared_file_storage_dir: str | None = None
    gluster_storage_dir: str | None = None
    install_image: str | None = None
    instance_communication_network: str | None = None
    zeroing_image: str | None = None
    compression_tools: list[Filled] | None = None
    enabled_user_shutdown: bool | None = None
    enabled_data_collectors: dict[str, bool] | None = None
    data_collector_interval: dict[str, int] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {f"{level}/[lockset]": SHARED for level in ("node", "instance", "nodegroup")}

    def check(self, config: Config) -> None:
        with_settings(config, self)

    def hooks(self, config: Config) -> Hooks:
        given = {"OP_TARGET": config.cluster.cluster_name, "NEW_VG_NAME": self.vg_name}
        return Hooks("cluster-modify", "CLUSTER", given, master(config), master(config))

    async def run(self, context: Context) -> dict[str, Any] | None:
        before = context.config
        for text in needless(before.cluster, self):
            context.inform(f"{text}, nothing to do about that")
        if self.max_tracked_jobs is not None:
            context.inform("max_tracked_jobs is kept for those who read it; here no job is looked at in turns")
        if self.default_iallocator:
            await context.find_allocator(self.default_iallocator)
        await check_on_nodes(context, with_settings(before, self), self)
        choose = at_random(context)

        def change(config: Config) -> Changes:
            cluster = with_settings(config, self)
            promoted: tuple[Node, ...] = ()
            if self.candidate_pool_size is not None:
                promoted = promotions(config.nodes.values(), cluster.candidate_pool_size, choose)
            return Changes(puts=(cluster, *(evolve(n, master_candidate=True) for n in promoted)))

        wanted = evolve(master_address(before), **self._master_address())
        if wanted == master_address(before):
            config = await context.edit(change)
        else:
            config = await moved(context, change, force=self.force)
        known = {n.uuid for n in before.candidates}
        for node in config.candidates:
            if node.uuid not in known:
                context.inform(f"{node.name} is a master candidate now")
        if set(ancillary_files(config.cluster)) - set(ancillary_files(before.cluster)):
            await spread_files(context, config.nodes.values())
        if config.cluster.ipolicy != before.cluster.ipolicy:
            await _warn_of_new_violations(context, before, config)
        jobs = network_jobs(config, self.instance_communication_network) if self.instance_communication_network else []
        return {"jobs": jobs} if jobs else None

    def _master_address(self) -> dict[str, Any]:
        given = {
            "netdev": self.master_netdev,
            "netmask": self.master_netmask,
            "external": self.use_external_mip_script,
        }
        return {name: value for name, value in given.items() if value is not None}


async def _warn_of_new_violations(context: Context, before: Config, after: Config) -> None:
    old = {uuid: filled_ipolicy(before.cluster, group) for uuid, group in before.groups.items()}
    new = {uuid: filled_ipolicy(after.cluster, group) for uuid, group in before.groups.items()}
    found = []
    for number, instance in enumerate(before.instances_by_name()):
        if number % COMPARED_AT_ONCE == COMPARED_AT_ONCE - 1:
            await context.sleep(0)
        group = before.nodes[instance.primary_node].group
        size = size_of(before, instance)
        if violations(new[group], size) and not violations(old[group], size):
            found.append(instance)
    if found:
        context.warn(f"after this change these instances violate the instance policy: {names(found)}")
