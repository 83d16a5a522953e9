"""Logical volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ganeti_tw.errors import NotFound
from ganeti_tw.mond.families import Family, columns
from ganeti_tw.mond.registry import BadReport, Category, Host, Kind, collector, figures


def size(text: str) -> int:
    """Bytes, with their unit or without: Ganeti's saved outputs have it."""
    return int(text.removesuffix("B"))


# Key of the report, column of lvs(8), and how its text is read.
COLUMNS: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("uuid", "lv_uuid", str),
    ("name", "lv_name", str),
    ("attr", "lv_attr", str),
    ("major", "lv_major", int),
    ("minor", "lv_minor", int),
    ("kernel_major", "lv_kernel_major", int),
    ("kernel_minor", "lv_kernel_minor", int),
    ("size", "lv_size", size),
    ("seg_count", "seg_count", int),
    ("tags", "lv_tags", str),
    ("modules", "lv_modules", str),
    ("vg_uuid", "vg_uuid", str),
    ("vg_name", "vg_name", str),
    ("segtype", "segtype", str),
    ("seg_start", "seg_start", size),
    ("seg_start_pe", "seg_start_pe", int),
    ("seg_size", "seg_size", size),
    ("seg_tags", "seg_tags", str),
    ("seg_pe_ranges", "seg_pe_ranges", str),
    ("devices", "devices", str),
)
COMMAND = (
    "lvs",
    "--noheadings",
    "--units=b",
    "--nosuffix",
    "--separator=;",
    "--options=" + ",".join(column for _, column, _ in COLUMNS),
)


@collector("lv", category=Category.STORAGE, kind=Kind.PERFORMANCE, costly=True)
async def lv(host: Host) -> list[dict[str, Any]]:
    """One mapping per segment of a logical volume; none where LVM is not installed."""
    try:
        text = await host.run(*COMMAND)
    except NotFound:
        return []
    return report(text, await host.volume_owners())


def report(text: str, owners: Mapping[str, str]) -> list[dict[str, Any]]:
    """The output of :data:`COMMAND` with the instance each volume belongs to.  BadReport names the line."""
    volumes = [_volume(line) for line in text.splitlines() if line.strip()]
    for volume in volumes:
        volume["instance"] = owners.get(f"{volume['vg_name']}/{volume['name']}")
    return volumes


def _volume(line: str) -> dict[str, Any]:
    words = line.strip().split(";")
    try:
        return {key: read(word) for (key, _, read), word in zip(COLUMNS, words, strict=True)}
    except ValueError:
        raise BadReport(f"lvs: {line!r}") from None


@figures("lv")
def families(data: list[dict[str, Any]]) -> Iterable[Family]:
    """Per volume, which may have several segments."""
    once = {(volume["vg_name"], volume["name"]): volume for volume in data}
    return columns(
        once.values(),
        {"vg": "vg_name", "lv": "name", "instance_name": "instance"},
        {"size": (Family("ganeti_logical_volume_size_bytes", "Size of the logical volume."), 1)},
    )
