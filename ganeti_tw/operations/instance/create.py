"""``gnt-instance add``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.group import Group
from ganeti_tw.model.hvparams import NEEDS_PORT
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.names import added_tags, host_name
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import beparams as be_input
from ganeti_tw.model.parameters import hvparams as hv_input
from ganeti_tw.model.parameters import osparams as os_input
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_variables, master_and
from ganeti_tw.operations.inputs import DISKS, NICS, DiskTemplate, FileDriver, Filled, Hypervisor, Seconds
from ganeti_tw.operations.instance.startup import START_TIMEOUT
from ganeti_tw.operations.registry import EXCLUSIVE, PRIVATE, SHARED, Opportunistic, operation
from ganeti_tw.operations.steps import communication, newdisks, newnics, newplace
from ganeti_tw.operations.steps.addresses import addresses_given_back, addresses_taken
from ganeti_tw.operations.steps.disks import create_disks
from ganeti_tw.operations.steps.newname import check_address, name_free
from ganeti_tw.operations.steps.nodes import usable
from ganeti_tw.operations.steps.oses import check_os, not_blacklisted
from ganeti_tw.operations.steps.policy import check_policy
from ganeti_tw.operations.steps.ports import port_given_back, port_taken
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import InstallOs, StartInstance
from ganeti_tw.protocol.node import GetFigures

INSTALL_TIMEOUT = 3600.0
NODE_TIMEOUT = 30.0


@operation(
    "OP_INSTANCE_CREATE",
    summary="instance_name",
    not_yet=(
        "identify_defaults",
        "source_handshake",
        "source_instance_name",
        "source_x509_ca",
        "src_node",
        "src_node_uuid",
        "src_path",
        "forthcoming",
        "commit",
    ),
)
@frozen
class InstanceCreate:
    """Create an instance: reserve, make disks, install the OS, start.

    A failure before the instance starts takes everything back; an instance that
    only fails to start stays, marked up.  Result: names of its nodes.
    """

    instance_name: str
    disks: list[dict[str, Any]] = field(validator=DISKS)
    nics: list[dict[str, Any]] = field(validator=NICS)
    mode: Literal["create", "import", "remote-import"]
    force_variant: bool = False
    wait_for_sync: bool = True
    name_check: bool = True
    ignore_ipolicy: bool = False
    opportunistic_locking: bool = False
    beparams: dict[str, Any] = field(factory=dict)
    disk_template: DiskTemplate | None = None
    group_name: Filled | None = None
    file_driver: FileDriver | None = None
    file_storage_dir: Filled | None = None
    hvparams: dict[str, Any] = field(factory=dict)
    hypervisor: Hypervisor | None = None
    iallocator: Filled | None = None
    identify_defaults: bool = False
    ip_check: bool = True
    conflicts_check: bool = True
    no_install: bool | None = None
    osparams: dict[str, Any] = field(factory=dict)
    osparams_private: dict[str, Any] | None = field(default=None, metadata=PRIVATE)
    osparams_secret: dict[str, Any] | None = field(default=None, metadata=PRIVATE)
    os_type: Filled | None = None
    pnode: Filled | None = None
    pnode_uuid: Filled | None = None
    snode: Filled | None = None
    snode_uuid: Filled | None = None
    source_handshake: list[Any] | None = None
    source_instance_name: Filled | None = None
    source_shutdown_timeout: Seconds = 120
    source_x509_ca: Filled | None = None
    src_node: Filled | None = None
    src_node_uuid: Filled | None = None
    src_path: Filled | None = None
    compress: str = "none"
    start: bool = True
    forthcoming: bool = False
    commit: bool = False
    tags: list[Filled] = field(factory=list)
    instance_communication: bool = False
    helper_startup_timeout: int | None = None  # both are sent by clients; nothing here starts a helper
    helper_shutdown_timeout: int | None = None

    def locks(self, config: Config) -> dict[str, int]:
        own = {f"instance/{host_name(self.instance_name)}": EXCLUSIVE}
        if not newplace.is_open(self):
            node = self._node(config)
            own |= {f"nodegroup/{node.group}": SHARED}
            if not self.disks and not self.starts:  # it takes nothing of the node, so many may come at once
                return {**own, f"node/{node.uuid}": SHARED}
            return {**own, **newplace.node_locks([node])}
        own |= newplace.group_locks(config, self.group_name)
        if self.opportunistic_locking:
            return own
        return {**own, **newplace.node_locks(newplace.candidates(config, self.group_name))}

    def opportunistic(self, config: Config) -> Opportunistic | None:
        open_ = self.opportunistic_locking and newplace.is_open(self)
        return newplace.opportunistic(config, self) if open_ else None

    async def choose(self, context: Context) -> InstanceCreate:
        if not newplace.is_open(self):
            return self
        nodes = await newplace.choose(context, self)
        secondary = nodes[1] if len(nodes) > 1 else None
        return evolve(
            self,
            iallocator=None,
            opportunistic_locking=False,
            pnode=nodes[0].name,
            pnode_uuid=nodes[0].uuid,
            snode=secondary.name if secondary else None,
            snode_uuid=secondary.uuid if secondary else None,
        )

    def check(self, config: Config) -> None:
        newplace.check(config, self)
        self._check_request(config)
        name_free(config, self.instance_name)
        if newplace.is_open(self):
            newdisks.check(self.disks, self.template(config), self.file_storage_dir)
            newplace.described(config, self)
            return
        usable(self._node(config))
        draft = self._draft(config)
        addresses_taken(config, self._group(config), draft.nics, self.conflicts_check)

    def hooks(self, config: Config) -> Hooks:
        """Addresses that are still to be chosen show as what was asked for."""
        draft, template = self._draft(config), self.template(config)
        disks = newdisks.build(
            config,
            self.disks,
            template=template,
            instance=draft.name,
            node=draft.primary_node,
            directory=self.file_storage_dir,
            driver=self.file_driver,
            uuids=[("", "")] * len(self.disks),
        )

        def variables(config: Config, nics: tuple[Nic, ...]) -> dict[str, Any]:
            shown = instance_variables(
                config, evolve(draft, nics=nics), disks=disks, template=template, status=self.starts
            )
            return {"ADD_MODE": self.mode, **shown}

        nodes = master_and(config, draft.primary_node)
        return Hooks(
            "instance-add",
            "INSTANCE",
            variables(config, draft.nics),
            nodes,
            nodes,
            lambda newest: variables(newest, newest.instance(draft.name).nics),
        )

    def dry_run_result(self, config: Config) -> list[str]:
        return [self._node(config).name]

    def interrupted(self, config: Config) -> str:
        instance = config.find_instance(self.instance_name)
        if instance is None:
            return f"there is no instance {self.instance_name}: create it again"
        name = instance.name
        if instance.admin_up:
            return f"instance {name} is complete; if it does not run, start it with 'gnt-instance startup {name}'"
        return (
            f"instance {name} is there, but its disks or its OS may be incomplete: "
            f"'gnt-instance remove {name}', then create it again"
        )

    async def run(self, context: Context) -> list[str]:
        node = self._node(context.config)
        if self.start and not self.starts:
            context.inform(f"{self.instance_name} is not started: no operating system is installed")
        if self.name_check:
            await check_address(context, self.instance_name, self.ip_check)
        await self._check_node(context, node)
        instance, disks = await self._reserve(context)
        context.say(f"* creating disks of {instance.name} on {node.name}")
        await create_disks(context, instance, disks)
        if self.os_type and not self.no_install and disks:
            context.say(f"* running the OS create script of {self.os_type} for {instance.name}, this may take a while")
            await self._install(context, node, instance)
        context.keep()
        if self.starts:
            instance = await self._mark_up(context, instance)
            context.say(f"* starting {instance.name} on {node.name}")
            await context.on_node(node, StartInstance(instance_spec(context.config, instance)), START_TIMEOUT)
        return [node.name]

    def _check_request(self, config: Config) -> None:
        cluster = config.cluster
        if self.mode != "create":
            raise BadRequest(f"mode {self.mode} is not supported yet; only create is")
        if self.snode or self.snode_uuid:
            raise BadRequest("a secondary node goes with drbd disks only, which are not supported yet")
        template = self.template(config)
        if template not in cluster.enabled_disk_templates:
            raise BadRequest(
                f"disk template {template} is not enabled on this cluster "
                f"(enabled: {', '.join(cluster.enabled_disk_templates)})"
            )
        hypervisor = self.hypervisor or cluster.enabled_hypervisors[0]
        if hypervisor not in cluster.enabled_hypervisors:
            raise BadRequest(
                f"hypervisor {hypervisor} is not enabled on this cluster "
                f"(enabled: {', '.join(cluster.enabled_hypervisors)})"
            )
        if not self.os_type and not self.no_install:
            raise BadRequest("no operating system given: name one (-o) or use --no-install")
        if self.os_type:
            not_blacklisted(config, self.os_type)
        if self.ip_check and not self.name_check:
            raise BadRequest("the IP check needs the name check: give --no-ip-check too")

    @property
    def starts(self) -> bool:
        """Whether it runs in the end: not when nothing was installed."""
        return self.start and not self.no_install

    def template(self, config: Config) -> str:
        """Of its disks."""
        if self.disk_template:
            return self.disk_template
        return config.cluster.enabled_disk_templates[0] if self.disks else "diskless"

    def _node(self, config: Config) -> Node:
        return config.node(self.pnode or "", self.pnode_uuid)

    def _group(self, config: Config) -> Group:
        return config.groups[self._node(config).group]

    def _nics(self, config: Config) -> list[dict[str, Any]]:
        """As they are asked for; the one for communication is the last."""
        if not self.instance_communication:
            return self.nics
        return [*self.nics, communication.nic_of(config, host_name(self.instance_name))]

    def _draft(self, config: Config) -> Instance:
        """The instance without what must be reserved; raises for every parameter that is wrong."""
        cluster = config.cluster
        hypervisor = self.hypervisor or cluster.enabled_hypervisors[0]
        template = self.template(config)
        newdisks.check(self.disks, template, self.file_storage_dir)
        draft = Instance(
            uuid="",
            serial_no=1,
            name=host_name(self.instance_name),
            primary_node=self._node(config).uuid,
            os=self.os_type or "",
            hypervisor=hypervisor,
            hvparams=hv_input(hypervisor, {}, self.hvparams),
            beparams=be_input({}, self.beparams, cluster.beparams["default"]),
            osparams=os_input({}, self.osparams),
            osparams_private=os_input({}, self.osparams_private or {}),
            admin_state="down",
            tags=added_tags((), self.tags),
            nics=newnics.drafts(config, self._group(config), self._nics(config)),
        )
        if not self.ignore_ipolicy:
            sizes = [newdisks.size_of(d) for d in self.disks]
            check_policy(config, draft, self._node(config), template, sizes)
        return draft

    async def _check_node(self, context: Context, node: Node) -> None:
        """Ask the node what only it knows: its OS definitions, its memory."""
        config = context.config
        draft = self._draft(config)
        if self.os_type and not self.no_install:
            given = {**draft.osparams, **draft.osparams_private, **(self.osparams_secret or {})}
            await check_os(context, node, self.os_type, given, force_variant=self.force_variant)
        if self.starts:
            wanted = config.filled_beparams(draft)["maxmem"]
            figures = await context.on_node(node, GetFigures(draft.hypervisor), NODE_TIMEOUT)
            if figures.memory_free is not None and figures.memory_free < wanted and draft.hypervisor != "fake":
                raise WrongState(f"{node.name} has {figures.memory_free} MiB of memory free, {wanted} are needed")

    async def _reserve(self, context: Context) -> tuple[Instance, tuple[Disk, ...]]:
        """Write the instance into the configuration, with everything it takes from pools."""
        uuid = context.new_uuid()
        disk_uuids = [(context.new_uuid(), context.new_uuid()) for _ in self.disks]
        nic_uuids = [context.new_uuid() for _ in self._nics(context.config)]
        octets = [context.random_bytes(3) for _ in range(8 * max(1, len(nic_uuids)))]

        def reserve(config: Config) -> Changes:
            name_free(config, self.instance_name)
            draft = self._draft(config)
            disks = newdisks.build(
                config,
                self.disks,
                template=self.template(config),
                instance=draft.name,
                node=draft.primary_node,
                directory=self.file_storage_dir,
                driver=self.file_driver,
                uuids=disk_uuids,
            )
            puts: list[Any] = [*disks]
            port = None
            if draft.hypervisor in NEEDS_PORT:
                port, cluster = port_taken(config.cluster)
                puts.append(cluster)
            nics, networks = addresses_taken(config, self._group(config), draft.nics, self.conflicts_check)
            puts.extend(networks)
            nics = newnics.finished(config, nics, nic_uuids, octets, self.conflicts_check)
            instance = evolve(draft, uuid=uuid, nics=nics, disks=tuple(d.uuid for d in disks), network_port=port)
            return Changes(puts=(instance, *puts))

        def forget(newest: Config) -> Changes:
            thing = newest.instances.get(uuid)
            if thing is None:
                return Changes()
            given_back = (*port_given_back(newest, thing), *addresses_given_back(newest, thing.nics))
            return Changes(puts=given_back, deletes=(thing, *newest.disks_of(thing)))

        # First, since an edit that nobody answers in time may be stored all the same.
        context.undo(f"{host_name(self.instance_name)} in the configuration", lambda: context.edit(forget))
        config = await context.edit(reserve)
        instance = config.instance(uuid)
        return instance, config.disks_of(instance)

    async def _install(self, context: Context, node: Node, instance: Instance) -> None:
        config = context.config
        osparams = {**config.filled_osparams_private(instance), **(self.osparams_secret or {})}
        spec = instance_spec(config, instance, osparams=osparams)
        install = InstallOs(spec, timeout=INSTALL_TIMEOUT, debug_level=context.debug_level)
        await context.on_node(node, install, INSTALL_TIMEOUT + 30)

    async def _mark_up(self, context: Context, instance: Instance) -> Instance:
        newest = context.config.instance(instance.uuid)
        up = evolve(newest, admin_state="up", disks_active=bool(newest.disks))
        config = await context.put(up)
        return config.instance(instance.uuid)
