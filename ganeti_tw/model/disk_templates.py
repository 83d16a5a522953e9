"""What each disk template can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from ganeti_tw.errors import BadRequest

DRBD_META_MIB = 128
_TAKES_NOTHING = ("diskless", "blockdev")  # blockdev: what is there already


@frozen(kw_only=True)
class Template:
    """``mirrored``: the data survives its node: ``internal`` by DRBD, ``external`` because it is elsewhere, or not."""

    name: str
    storage_type: str
    mirrored: str = ""
    uses_lvm: bool = False
    file_based: bool = False
    block_based: bool = False
    growable: bool = True
    convertible_from: bool = True
    convertible_to: bool = True
    may_adopt: bool = False
    must_adopt: bool = False
    copyable: bool = False
    snapshot_capable: bool = False
    exclusive_storage_ok: bool = False
    has_access: bool = False
    checks_free_space: bool = True
    path_has_instance_name: bool = False

    @property
    def internally_mirrored(self) -> bool:
        return self.mirrored == "internal"

    @property
    def externally_mirrored(self) -> bool:
        return self.mirrored == "external"


_T = Template

TEMPLATES: Mapping[str, Template] = {
    t.name: t
    for t in (
        _T(
            name="blockdev",
            storage_type="blockdev",
            mirrored="external",
            block_based=True,
            growable=False,
            convertible_to=False,
            may_adopt=True,
            must_adopt=True,
        ),
        _T(
            name="diskless",
            storage_type="diskless",
            mirrored="external",
            growable=False,
            convertible_from=False,
            convertible_to=False,
        ),
        _T(
            name="drbd",
            storage_type="lvm-vg",
            mirrored="internal",
            uses_lvm=True,
            block_based=True,
            snapshot_capable=True,
        ),
        _T(
            name="ext",
            storage_type="ext",
            mirrored="external",
            block_based=True,
            snapshot_capable=True,
            has_access=True,
            checks_free_space=False,
        ),
        _T(
            name="file",
            storage_type="file",
            file_based=True,
            copyable=True,
            checks_free_space=False,
            path_has_instance_name=True,
        ),
        _T(
            name="gluster",
            storage_type="gluster",
            mirrored="external",
            file_based=True,
            has_access=True,
            checks_free_space=False,
        ),
        _T(
            name="plain",
            storage_type="lvm-vg",
            uses_lvm=True,
            block_based=True,
            may_adopt=True,
            copyable=True,
            snapshot_capable=True,
            exclusive_storage_ok=True,
        ),
        _T(
            name="rbd",
            storage_type="rados",
            mirrored="external",
            block_based=True,
            has_access=True,
            checks_free_space=False,
        ),
        _T(
            name="sharedfile",
            storage_type="sharedfile",
            mirrored="external",
            file_based=True,
            checks_free_space=False,
            path_has_instance_name=True,
        ),
    )
}


FILE_TYPES = frozenset(t.storage_type for t in TEMPLATES.values() if t.file_based)
"""Types of storage that are directories."""


def template(name: str) -> Template:
    """BadRequest when there is no such template."""
    if name not in TEMPLATES:
        raise BadRequest(f"there is no disk template {name!r}; there are {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


def space_taken(name: str, sizes: Iterable[int]) -> int:
    """What disks of these sizes take on each of their nodes; all in MiB."""
    if name in _TAKES_NOTHING:
        return 0
    return sum(size + (DRBD_META_MIB if name == "drbd" else 0) for size in sizes)
