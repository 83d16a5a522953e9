"""``gnt-debug iallocator``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from ganeti_tw.errors import BadRequest, Exists
from ganeti_tw.model import filled
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import space_taken
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.names import host_name
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import NICS, DiskTemplate, Filled, Hypervisor, NotNegative
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps import allocator, newdisks
from ganeti_tw.operations.steps.allocator_requests import (
    Allocate,
    AllocateSecondary,
    ChangeGroup,
    MultiAllocate,
    NewInstance,
    NodeEvacuate,
    Relocate,
    Request,
)
from ganeti_tw.operations.steps.newplace import required_nodes

NEW = ("allocate", "multi-allocate")  # modes about instances that there are not yet


@operation("OP_TEST_ALLOCATOR", summary="iallocator", big_lock=True)
@frozen
class TestAllocator:
    """What an iallocator would be told (direction ``in``), or what it answers, as it says it (``out``).

    ``name`` is the instance it is about; ``multi-allocate`` is about ``count`` of them, their names
    followed by a number from 0.
    """

    __test__ = False  # no test case, whatever its name

    direction: Literal["in", "out"]
    mode: Literal["allocate", "allocate-secondary", "change-group", "multi-allocate", "node-evacuate", "relocate"]
    name: Filled
    nics: list[dict[str, Any]] | None = field(default=None, validator=NICS)
    disks: list[Any] | None = None
    hypervisor: Hypervisor | None = None
    iallocator: Filled | None = None
    tags: list[Filled] = field(factory=list)
    memory: NotNegative | None = None
    vcpus: NotNegative | None = None
    os: Filled | None = None
    disk_template: DiskTemplate | None = None
    instances: list[Filled] | None = None
    evac_mode: Literal["all", "primary-only", "secondary-only"] | None = None
    target_groups: list[Filled] | None = None
    spindle_use: NotNegative = 1
    count: NotNegative = 1
    group_name: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        if self.direction == "out":
            allocator.named(config, self.iallocator)
        self._request(config)

    async def run(self, context: Context) -> str:
        template = self._template(context.config) if self.mode in NEW else None
        text = await allocator.question(context, self._request(context.config), disk_template=template)
        if self.direction == "in":
            return text
        name = allocator.named(context.config, self.iallocator)
        end = await allocator.run(context, name, text)
        allocator.ended_well(name, end)
        return end.stdout

    def _request(self, config: Config) -> Request:
        if self.mode == "allocate":
            return Allocate(self._new(config, self.name))
        if self.mode == "multi-allocate":
            return MultiAllocate(tuple(self._new(config, f"{self.name}{n}") for n in range(self.count)))
        if self.mode in ("change-group", "node-evacuate"):
            if not self.instances:
                raise BadRequest(f"mode {self.mode} is about instances: name some")
            names = tuple(config.instance(name).name for name in self.instances)
            if self.mode == "change-group":
                return ChangeGroup(names, tuple(config.group(name).uuid for name in self.target_groups or ()))
            if self.evac_mode is None:
                raise BadRequest("mode node-evacuate needs an evac_mode")
            return NodeEvacuate(names, self.evac_mode)
        instance = config.instance(self.name)
        if self.mode == "allocate-secondary":
            return AllocateSecondary(instance)
        return Relocate(instance, _leaving(config, instance))

    def _new(self, config: Config, name: str) -> NewInstance:
        name = host_name(name)
        if config.find_instance(name) is not None:
            raise Exists(f"instance {name} is there already: mode {self.mode} is about new ones")
        if self.disks is None:
            raise BadRequest(f"mode {self.mode} needs disks")
        template = self._template(config)
        disks = [_disk(index, disk, template) for index, disk in enumerate(self.disks)]
        if self.group_name is not None:
            config.group(self.group_name)
        be = filled.beparams(config.cluster)
        values = {
            "memory": be["maxmem"] if self.memory is None else self.memory,
            "spindle_use": self.spindle_use,
            "vcpus": be["vcpus"] if self.vcpus is None else self.vcpus,
            "disks": disks,
            "disk_template": template,
            "disk_space_total": space_taken(template, (disk["size"] for disk in disks)),
            "group_name": self.group_name,
            "os": self.os,
            "tags": self.tags,
            "nics": self.nics or [],
            "hypervisor": self.hypervisor or config.cluster.default_hypervisor,
        }
        return NewInstance(name, required_nodes(template), values)

    def _template(self, config: Config) -> str:
        return self.disk_template or config.cluster.enabled_disk_templates[0]


def _disk(index: int, disk: Any, template: str) -> dict[str, Any]:
    if not isinstance(disk, dict) or disk.get("mode") not in ("ro", "rw"):
        raise BadRequest(f"disk/{index}: an object with size and mode (ro or rw) is expected")
    return {**disk, "size": newdisks.size_of(disk, index), "dev_type": template}


def _leaving(config: Config, instance: Instance) -> str:
    """The node that relocation gets an instance off: its secondary, or where it has none the primary."""
    return (*config.secondary_nodes(instance), instance.primary_node)[0]
