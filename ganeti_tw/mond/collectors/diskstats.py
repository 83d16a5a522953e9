"""Counters of block devices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganeti_tw.mond.families import Family, Sort, columns
from ganeti_tw.mond.registry import BadReport, Category, Host, Kind, collector, figures

SECTOR = 512  # bytes, whatever the device says

COLUMNS = (
    "major",
    "minor",
    "name",
    "readsNum",
    "mergedReads",
    "secRead",
    "timeRead",
    "writes",
    "mergedWrites",
    "secWritten",
    "timeWrite",
    "ios",
    "timeIO",
    "wIOmillis",
)


@collector("diskstats", category=Category.STORAGE, kind=Kind.PERFORMANCE)
async def diskstats(host: Host) -> list[dict[str, Any]]:
    """Counters of each block device since boot; sectors are 512 bytes, times milliseconds (``proc(5)``)."""
    return parse(await host.read_text("/proc/diskstats"))


def parse(text: str) -> list[dict[str, Any]]:
    """One mapping per device; columns that newer kernels add are left out."""
    return [_device(line) for line in text.splitlines() if line.strip()]


def _device(line: str) -> dict[str, Any]:
    words = line.split()
    try:
        return {
            column: word if column == "name" else int(word)
            for column, word in zip(COLUMNS, words[: len(COLUMNS)], strict=True)
        }
    except ValueError:
        raise BadReport(f"/proc/diskstats: {line!r}") from None


@figures("diskstats")
def families(data: list[dict[str, Any]]) -> Iterable[Family]:
    """Per device; those never used are left out."""

    def counter(name: str, text: str) -> Family:
        return Family(f"ganeti_disk_{name}", text, sort=Sort.COUNTER)

    return columns(
        (device for device in data if device["readsNum"] or device["writes"]),
        {"device": "name"},
        {
            "readsNum": (counter("reads_completed", "Reads that the device completed."), 1),
            "secRead": (counter("read_bytes", "Bytes read from the device."), SECTOR),
            "timeRead": (counter("read_time_seconds", "Time that all reads took together."), 0.001),
            "writes": (counter("writes_completed", "Writes that the device completed."), 1),
            "secWritten": (counter("written_bytes", "Bytes written to the device."), SECTOR),
            "timeWrite": (counter("write_time_seconds", "Time that all writes took together."), 0.001),
            "timeIO": (counter("io_time_seconds", "Time in which the device was at work."), 0.001),
            "ios": (Family("ganeti_disk_io_now", "Requests in progress."), 1),
        },
    )
