"""Disks as they are asked for, turned into disks of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import is_plain_absolute
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.names import device_name

LIMIT = 16
LARGEST_MIB = 2**40  # an exbibyte
FIELDS = ("size", "mode", "name", "spindles", "access")
FILE_TEMPLATES = ("file", "sharedfile")
BUILT = ("diskless", *FILE_TEMPLATES)  # templates that instances can be created with


def check(wanted: list[dict[str, Any]], template: str, directory: str | None = None, *, first: int = 0) -> None:
    """Refuse disks that cannot be made; BadRequest names disk, counted from ``first``, and parameter."""
    if template not in BUILT:
        raise BadRequest(f"disk template {template} is not supported yet; there are {', '.join(BUILT)}")
    if template == "diskless" and wanted:
        raise BadRequest("a diskless instance has no disks")
    if template != "diskless" and not wanted:
        raise BadRequest(f"an instance with {template} disks needs at least one disk")
    if len(wanted) > LIMIT:
        raise BadRequest(f"{len(wanted)} disks are too many, at most {LIMIT} are possible")
    if directory and not is_plain_absolute(f"/{directory}"):
        raise BadRequest(f"file storage directory {directory!r}: give a path below the one of the cluster, without ..")
    names = [d["name"] for d in wanted if d.get("name") not in (None, "none")]
    for index, disk in enumerate(wanted, first):
        unknown = sorted(set(disk) - set(FIELDS))
        if unknown:
            raise BadRequest(f"disk/{index}: unknown or not yet supported parameter {', '.join(unknown)}")
        size_of(disk, index)
        if disk.get("mode", "rw") not in ("rw", "ro"):
            raise BadRequest(f"disk/{index}: mode {disk['mode']!r} is neither rw nor ro")
        name = disk.get("name")
        if name not in (None, "none"):
            if not isinstance(name, str):
                raise BadRequest(f"disk/{index}: name {name!r} is no text")
            device_name(name)
            if names.count(name) > 1:
                raise BadRequest(f"disk/{index}: another disk is called {name!r} too")
        spindles = disk.get("spindles")
        if spindles is not None and (isinstance(spindles, bool) or not isinstance(spindles, int) or spindles < 1):
            raise BadRequest(f"disk/{index}: spindles {spindles!r} is not a number from 1 on")
        if disk.get("access") is not None:
            raise BadRequest(f"disk/{index}: access is for disks of rbd and gluster, not of {template}")


def size_of(disk: Mapping[str, Any], index: int = 0) -> int:
    """The size asked for, in MiB."""
    size = disk.get("size")
    if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) <= 18:
        size = int(size)
    if isinstance(size, bool) or not isinstance(size, int):
        raise BadRequest(f"disk/{index}: size {size!r} is not a whole number of MiB")
    if not 0 < size <= LARGEST_MIB:
        raise BadRequest(f"disk/{index}: a size of {size} MiB cannot be made")
    return size


def build(
    config: Config,
    wanted: list[dict[str, Any]],
    *,
    template: str,
    instance: str,
    node: str,
    directory: str | None,
    driver: str | None,
    uuids: list[tuple[str, str]],
    first: int = 0,
) -> tuple[Disk, ...]:
    """The disks, counted from ``first``; ``uuids`` has one pair per disk, for the disk and for its file."""
    base = config.cluster.file_storage_dir if template == "file" else config.cluster.shared_file_storage_dir
    if directory:
        base = f"{base}/{directory}"
    disks = []
    for index, (disk, (uuid, file_uuid)) in enumerate(zip(wanted, uuids, strict=True), first):
        name = disk.get("name")
        disks.append(
            Disk(
                uuid=uuid,
                dev_type=template,
                size=size_of(disk, index),
                logical_id=(driver or "loop", f"{base}/{instance}/{file_uuid}.{template}.disk{index}"),
                nodes=(node,) if template == "file" else (),
                iv_name=f"disk/{index}",
                mode=disk.get("mode", "rw"),
                name=None if name == "none" else name,
                spindles=disk.get("spindles"),
            )
        )
    return tuple(disks)
