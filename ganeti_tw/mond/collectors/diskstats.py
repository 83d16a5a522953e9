"""Counters of block devices."""

from __future__ import annotations

from typing import Any

from ganeti_tw.mond.registry import BadReport, Category, Host, Kind, collector

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
