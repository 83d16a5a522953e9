"""Disks of an instance as disks of another template: new ones with the data of the old."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps import newdisks
from ganeti_tw.operations.steps.changeddisks import ChangedDisks
from ganeti_tw.operations.steps.down import marked_down
from ganeti_tw.operations.steps.nodes import primary_of, primary_online
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.instance import CopyDisk

PART_MIB = 256  # copied by one message, so that it can be told how far it is, and the job be cancelled
PART_TIMEOUT = 600.0
CONVERTIBLE = newdisks.FILE_TEMPLATES


def check(config: Config, instance: Instance, template: str) -> None:
    """Refuse what cannot be converted, and an instance that is not down; each pair is told why not."""
    before = config.disk_template(instance)
    if before == template:
        raise BadRequest(f"{instance.name} has {template} disks already")
    if before in ("diskless", "mixed"):
        hint = "it has none" if before == "diskless" else "they are of several templates"
        raise BadRequest(f"the disks of {instance.name} cannot be converted: {hint}")
    if template in ("diskless", "blockdev"):
        raise BadRequest(f"disks cannot be converted to {template}: there is nothing that could take their data")
    enabled = config.cluster.enabled_disk_templates
    if template not in enabled:
        raise BadRequest(f"disk template {template} is not enabled on this cluster (enabled: {', '.join(enabled)})")
    missing = [name for name in (before, template) if name not in CONVERTIBLE]
    if missing:
        raise BadRequest(
            f"disks cannot be converted from {before} to {template} yet: {' and '.join(missing)} is not among "
            f"{', '.join(CONVERTIBLE)}"
        )
    marked_down(instance, "to convert its disks")
    primary_online(config, instance)


def converted(
    config: Config,
    instance: Instance,
    template: str,
    directory: str | None,
    driver: str | None,
    uuids: Sequence[tuple[str, str]],
) -> ChangedDisks:
    """All disks anew; ``uuids`` has one pair per disk, for the disk and for its file."""
    old = config.disks_of(instance)
    wanted = [{"size": d.size, "mode": d.mode, "name": d.name, "spindles": d.spindles} for d in old]
    newdisks.check(wanted, template, directory)
    new = newdisks.build(
        config,
        wanted,
        template=template,
        instance=instance.name,
        node=instance.primary_node,
        directory=directory,
        driver=driver,
        uuids=list(uuids),
    )
    return ChangedDisks(new, new, old, (("disk_template", template),))


async def copy_disks(context: Context, instance: Instance, old: Sequence[Disk], new: Sequence[Disk]) -> None:
    """Fill the new disks with what is on the old ones, on the primary node."""
    node = primary_of(context.config, instance)
    progress = context.progress(f"copying disks of {instance.name}", sum(d.size for d in old) * 2**20, "bytes")
    done = 0
    for index, (source, target) in enumerate(zip(old, new, strict=True)):
        context.say(f"* copying disk/{index} of {instance.name} from {source.dev_type} to {target.dev_type}")
        for start in range(0, source.size, PART_MIB):
            size = min(PART_MIB, source.size - start)
            copy = CopyDisk(instance.name, disk_spec(index, source), disk_spec(index, target), start, size)
            await context.on_node(node, copy, PART_TIMEOUT)
            done += size * 2**20
            progress.at(done)
