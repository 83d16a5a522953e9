"""What the node has and what is left of it: memory, load, network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganeti_tw.mond.families import Family, Sort, columns, gauge
from ganeti_tw.mond.registry import BadReport, Host, Kind, collector, figures

MEMORY = {
    "total": "MemTotal",
    "free": "MemFree",
    "available": "MemAvailable",
    "buffers": "Buffers",
    "cached": "Cached",
    "swap_total": "SwapTotal",
    "swap_free": "SwapFree",
}


@collector("node-resources", category=None, kind=Kind.PERFORMANCE)
async def node_resources(host: Host) -> dict[str, Any]:
    """Memory in bytes; load averages; bytes, packets and errors of each network interface since boot."""
    return {
        "memory": parse_memory(await host.read_text("/proc/meminfo")),
        "load": parse_load(await host.read_text("/proc/loadavg")),
        "uptime": parse_uptime(await host.read_text("/proc/uptime")),
        "network": parse_network(await host.read_text("/proc/net/dev")),
    }


def parse_memory(text: str) -> dict[str, int]:
    """Bytes by our names (``proc(5)``); what old kernels do not tell is left out, except the total."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdecimal():
            found[name.strip()] = int(words[0]) * 1024
    if "MemTotal" not in found:
        raise BadReport(f"/proc/meminfo has no line MemTotal: {text[:80]!r}")
    return {ours: found[theirs] for ours, theirs in MEMORY.items() if theirs in found}


def parse_load(text: str) -> list[float]:
    """Over 1, 5 and 15 minutes."""
    try:
        one, five, fifteen = (float(word) for word in text.split()[:3])
    except ValueError:
        raise BadReport(f"/proc/loadavg: {text!r}") from None
    return [one, five, fifteen]


def parse_uptime(text: str) -> float:
    """Seconds since boot."""
    try:
        return float(text.split()[0])
    except (ValueError, IndexError):
        raise BadReport(f"/proc/uptime: {text!r}") from None


def parse_network(text: str) -> list[dict[str, Any]]:
    """Per interface, in the kernel's order."""
    found = []
    for line in text.splitlines()[2:]:
        name, _, rest = line.rpartition(":")
        try:
            numbers = [int(word) for word in rest.split()]
            found.append(
                {
                    "name": name.strip(),
                    "receive_bytes": numbers[0],
                    "receive_packets": numbers[1],
                    "receive_errors": numbers[2],
                    "transmit_bytes": numbers[8],
                    "transmit_packets": numbers[9],
                    "transmit_errors": numbers[10],
                }
            )
        except (ValueError, IndexError):
            raise BadReport(f"/proc/net/dev: {line!r}") from None
    return found


@figures("node-resources")
def families(data: dict[str, Any]) -> Iterable[Family]:
    """Of the node, and per interface."""
    memory = data["memory"]
    yield gauge("ganeti_node_memory_size_bytes", "Memory of the node.", memory["total"])
    if "available" in memory:
        yield gauge("ganeti_node_memory_available_bytes", "Memory that guests could have.", memory["available"])
    for minutes, load in zip((1, 5, 15), data["load"], strict=True):
        yield gauge(f"ganeti_node_load{minutes}", f"Load average over {minutes} min.", load)
    yield gauge("ganeti_node_uptime_seconds", "Time since the node was booted.", data["uptime"])

    def counter(name: str, text: str) -> Family:
        return Family(f"ganeti_node_network_{name}", text, sort=Sort.COUNTER)

    yield from columns(
        data["network"],
        {"device": "name"},
        {
            "receive_bytes": (counter("receive_bytes", "Bytes received."), 1),
            "receive_errors": (counter("receive_errors", "Packets that came in broken."), 1),
            "transmit_bytes": (counter("transmit_bytes", "Bytes sent."), 1),
            "transmit_errors": (counter("transmit_errors", "Packets that could not be sent."), 1),
        },
    )
