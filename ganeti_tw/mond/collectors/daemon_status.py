"""The process of this host: alive, its size, its age."""

from __future__ import annotations

from typing import Any

from ganeti_tw.mond.registry import BadReport, Category, Host, Kind, collector
from ganeti_tw.mond.status import Code, Status, merge


@collector("daemon-status", category=Category.DAEMON, kind=Kind.STATUS)
async def daemon_status(host: Host) -> dict[str, Any]:
    """Memory, CPU time and age of Ganeti's process; as one answers, its status is good."""
    stat = await host.read_text("/proc/self/stat")
    uptime = await host.read_text("/proc/uptime")
    daemon = parse(stat, uptime, host.ticks_per_second, host.page_size)
    return {"daemons": [daemon], "status": merge([Status(Code.OK)]).to_json()}


def parse(stat: str, uptime: str, ticks_per_second: int, page_size: int) -> dict[str, Any]:
    """From ``/proc/<pid>/stat`` and ``/proc/uptime`` (``proc(5)``).  BadReport."""
    try:
        pid, _, rest = stat.partition(" (")
        words = rest.rpartition(")")[2].split()
        seconds = (int(words[11]) + int(words[12])) / ticks_per_second
        age = float(uptime.split()[0]) - int(words[19]) / ticks_per_second
        return {
            "name": "ganeti",
            "pid": int(pid),
            "status": Status(Code.OK).to_json(),
            "memory": int(words[21]) * page_size,
            "virtual_memory": int(words[20]),
            "threads": int(words[17]),
            "cpu_seconds": seconds,
            "cpu_usage": seconds / age if age > 0 else 0.0,
            "uptime": age,
        }
    except (IndexError, ValueError):
        raise BadReport(f"/proc/self/stat: {stat!r}, /proc/uptime: {uptime!r}") from None
