"""Which storage of a node is meant."""

from __future__ import annotations

from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import TEMPLATES


def storage_shown(config: Config) -> tuple[str, str]:
    """Type and name of the storage that listings of nodes show; the name is empty when there is none."""
    for name in config.cluster.enabled_disk_templates:
        storage_type, place = storage_of(config, name)
        if place:
            return storage_type, place
    return "file", ""


def storage_of(config: Config, template: str) -> tuple[str, str]:
    """Type and name of the storage where disks of a template are; the name is empty when nodes have none for it."""
    known = TEMPLATES.get(template)
    if known is None:
        return "file", ""
    return known.storage_type, place_of(config, known.storage_type)


def place_of(config: Config, storage_type: str) -> str:
    """Directory or volume group on nodes; empty when they have none of that type."""
    cluster = config.cluster
    places = {
        "file": cluster.file_storage_dir,
        "sharedfile": cluster.shared_file_storage_dir,
        "gluster": cluster.gluster_storage_dir,
        "lvm-vg": cluster.volume_group_name or "",
    }
    return places.get(storage_type, "")
