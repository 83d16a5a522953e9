"""Instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve

from ganeti_tw.api.query.fields import Field, field, own, parameter, stored, table
from ganeti_tw.api.query.instance_devices import device_fields
from ganeti_tw.api.query.instance_live import LIVE_FIELDS
from ganeti_tw.api.query.resource import Resource, configured, is_text
from ganeti_tw.api.query.view import View
from ganeti_tw.model import defaults
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import Parameter
from ganeti_tw.model.group import Group
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.instance import Instance

_BE_TITLES: Mapping[str, str] = {
    "auto_balance": "Auto_balance",
    "maxmem": "ConfigMaxMem",
    "minmem": "ConfigMinMem",
    "vcpus": "ConfigVCPUs",
}

_HV_TITLES: Mapping[str, str] = {
    "acpi": "ACPI",
    "boot_order": "Boot_order",
    "cdrom_image_path": "CDROM_image_path",
    "cpu_type": "cpu_type",
    "disk_type": "Disk_type",
    "initrd_path": "Initrd_path",
    "kernel_path": "Kernel_path",
    "nic_type": "NIC_type",
    "pae": "PAE",
    "pci_pass": "pci_pass",
    "vnc_bind_address": "VNC_bind_address",
}

_HV_PARAMETERS: Mapping[str, Parameter] = {
    p.name: p for parameters in HYPERVISORS.values() for p in parameters.values() if not p.cluster_only
}


def _known(name: str, title: str, kind: str, doc: str, *, host: bool = False) -> Field:
    """An attribute that a forthcoming instance may lack."""

    def value(i: Instance, view: View) -> Any:
        return None if i.forthcoming and name in i.absent else getattr(i, name)

    return field(name, title, kind, doc, value, host=host)


def _beparams(i: Instance, view: View) -> dict[str, Any]:
    return view.config.filled_beparams(i)


def _hvparams(i: Instance, view: View) -> dict[str, Any]:
    """Without those that belong to the cluster."""
    return {name: value for name, value in view.config.filled_hvparams(i).items() if name in _HV_PARAMETERS}


def _name_of_node(uuid: str, view: View) -> str | None:
    node = view.config.nodes.get(uuid)
    return node.name if node is not None else None


def _group_of_node(uuid: str, view: View) -> Group | None:
    node = view.config.nodes.get(uuid)
    return view.config.groups.get(node.group) if node is not None else None


def _group_of_primary(attribute: str) -> Callable[[Instance, View], Any]:
    def value(i: Instance, view: View) -> Any:
        group = _group_of_node(i.primary_node, view)
        return getattr(group, attribute) if group is not None else None

    return value


def _groups_of_secondaries(attribute: str) -> Callable[[Instance, View], list[Any]]:
    def groups(i: Instance, view: View) -> Iterator[Group | None]:
        return (_group_of_node(uuid, view) for uuid in view.config.secondary_nodes(i))

    return lambda i, view: [getattr(group, attribute) for group in groups(i, view) if group is not None]


def _secondaries(i: Instance, view: View) -> list[str]:
    names = (_name_of_node(uuid, view) for uuid in view.config.secondary_nodes(i))
    return [name for name in names if name is not None]


def _parameters() -> Iterator[Field]:
    backend = {p.name: parameter("be", p, _BE_TITLES, _beparams) for p in defaults.BACKEND.values()}
    yield from backend.values()
    yield evolve(backend["maxmem"], name="be/memory")
    yield evolve(backend["vcpus"], name="vcpus")
    yield field("beparams", "BackendParameters", "other", "Backend parameters, with those inherited", _beparams)
    yield field(
        "custom_beparams", "CustomBackendParameters", "other", "Backend parameters set here", lambda i, v: i.beparams
    )
    yield from (
        parameter("hv", p, _HV_TITLES, lambda i, view: view.config.filled_hvparams(i)) for p in _HV_PARAMETERS.values()
    )
    yield field("hvparams", "HypervisorParameters", "other", "Hypervisor parameters, with those inherited", _hvparams)
    yield field(
        "custom_hvparams",
        "CustomHypervisorParameters",
        "other",
        "Hypervisor parameters set here",
        lambda i, v: i.hvparams,
    )
    yield field(
        "osparams",
        "OpSysParameters",
        "other",
        "Public OS parameters, with those inherited",
        lambda i, view: view.config.filled_osparams(i),
    )
    yield field(
        "custom_osparams", "CustomOpSysParameters", "other", "Public OS parameters set here", lambda i, v: i.osparams
    )
    yield field(
        "custom_nicparams",
        "CustomNicParameters",
        "other",
        "NIC parameters set here, for each NIC",
        lambda i, view: [nic.nicparams for nic in i.nics],
    )


def _all(config: Config) -> list[Instance]:
    return list(config.instances.values())


RESOURCE = Resource(
    "instance",
    table(
        *stored("instance"),
        _known("admin_state", "InstanceState", "text", "What it should be: up, down or offline"),
        _known("admin_state_source", "InstanceStateSource", "text", "Who wanted that: admin, or the user in the guest"),
        field("admin_up", "Autostart", "bool", "Whether it should run", lambda i, view: i.admin_up),
        field(
            "disk_template", "Disk_template", "text", "Kind of its disks", lambda i, view: view.config.disk_template(i)
        ),
        own("disks_active", "DisksActive", "bool", "Whether its disks should be ready for use"),
        own("forthcoming", "Forthcoming", "bool", "Whether it is only reserved"),
        _known("hypervisor", "Hypervisor", "text", "What runs it"),
        _known("name", "Instance", "text", "Its name", host=True),
        own("network_port", "Network_port", "other", "TCP port of its console"),
        _known("os", "OS", "text", "Operating system, with its variant"),
        field(
            "pnode",
            "Primary_node",
            "text",
            "Node it runs on",
            lambda i, view: _name_of_node(i.primary_node, view),
            host=True,
        ),
        field("pnode.group", "PrimaryNodeGroup", "text", "Node group of that node", _group_of_primary("name")),
        field("pnode.group.uuid", "PrimaryNodeGroupUUID", "text", "UUID of that node group", _group_of_primary("uuid")),
        field("snodes", "Secondary_Nodes", "other", "Other nodes that hold its disks", _secondaries, host=True),
        field(
            "snodes.group",
            "SecondaryNodesGroups",
            "other",
            "Node groups of those nodes",
            _groups_of_secondaries("name"),
        ),
        field(
            "snodes.group.uuid",
            "SecondaryNodesGroupsUUID",
            "other",
            "UUIDs of those node groups",
            _groups_of_secondaries("uuid"),
        ),
        *_parameters(),
        *device_fields(),
        *LIVE_FIELDS,
    ),
    configured(_all, Config.instance),
    is_name=is_text,
    must_exist=True,
)
