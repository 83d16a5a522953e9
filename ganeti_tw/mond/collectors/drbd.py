"""DRBD devices, from ``/proc/drbd`` of version 8."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ganeti_tw.mond.families import Family, Sort
from ganeti_tw.mond.registry import BadReport, Category, Host, Kind, collector, figures
from ganeti_tw.mond.status import Code, Status, merge

PATH = "/proc/drbd"
UNCONFIGURED = "Unconfigured"
VERDICTS: dict[str, tuple[Code, str]] = {
    "StandAlone": (Code.BAD, "has no network configuration"),
    "Disconnecting": (Code.BAD, "the peer is being disconnected"),
    "TearDown": (Code.BAD, "the peer is closing the connection"),
    "Unconnected": (Code.REPAIRING, "about to connect"),
    "Timeout": (Code.REPAIRING, "the peer did not answer in time"),
    "BrokenPipe": (Code.REPAIRING, "the connection was lost"),
    "NetworkFailure": (Code.REPAIRING, "the network failed"),
    "ProtocolError": (Code.REPAIRING, "the peers did not understand each other"),
    "WFConnection": (Code.REPAIRING, "waiting for the peer"),
    "WFReportParams": (Code.REPAIRING, "connected, waiting for the peer's first packet"),
    **dict.fromkeys(
        (
            *("Connected", "StartingSyncS", "StartingSyncT", "WFBitMapS", "WFBitMapT", "WFSyncUUID", "SyncSource"),
            *("SyncTarget", "PausedSyncS", "PausedSyncT", "VerifyS", "VerifyT", UNCONFIGURED),
        ),
        (Code.OK, ""),
    ),
}
INDICATORS = {
    "ns": "networkSend",
    "nr": "networkReceive",
    "dw": "diskWrite",
    "dr": "diskRead",
    "al": "activityLog",
    "bm": "bitMap",
    "lo": "localCount",
    "pe": "pending",
    "ua": "unacknowledged",
    "ap": "applicationPending",
    "ep": "epochs",
    "wo": "writeOrder",
    "oos": "outOfSync",
}
OPTIONAL = {"ep", "wo", "oos"}
UNITS = {"K": "KiloByte", "M": "MegaByte", "G": "GigaByte"}

_VERSION = {
    "version": re.compile(r"^version: *(\S+)", re.M),
    "api": re.compile(r"\(api:([^/)]*)"),
    "proto": re.compile(r"/proto:([^)]*)\)"),
    "srcversion": re.compile(r"^srcversion: *(.*?) *$", re.M),
    "gitHash": re.compile(r"^GIT-hash: *(\S+)", re.M),
    "buildBy": re.compile(r"build by +(.*?) *$", re.M),
}
_FIRST = re.compile(r"^ *(\d+): *cs:(\S+)(.*)$")
_STATE = re.compile(r"^ (?:ro|st):(\w+)/(\w+) ds:(\w+)/(\w+) (.)(.*)$")
_SYNC = re.compile(r"sync'ed: *([\d.]+)% *\((\d+)/(\d+)\) *([KMG])")
_FINISH = re.compile(r"finish: *(\d+):(\d+):(\d+) +speed: *([\d,]+)(?: *\([\d, ]+\))?")
_WANT = re.compile(r"want: *([\d,]+)")
_UNIT = re.compile(r" ([KMG])/sec")


@collector("drbd", category=Category.STORAGE, kind=Kind.STATUS)
async def drbd(host: Host) -> dict[str, Any]:
    """All devices of this node; a node without DRBD is bad only when instances have disks on it."""
    owners = await host.minor_owners()
    try:
        text = await host.read_text(PATH)
    except FileNotFoundError:
        return missing(owners)
    return report(text, owners)


def missing(owners: Mapping[int, str]) -> dict[str, Any]:
    """The report where the kernel has no DRBD."""
    status = Status(Code.OK)
    if owners:
        names = ", ".join(sorted(set(owners.values())))
        status = Status(Code.BAD, f"the kernel has no DRBD (modprobe drbd), but these have disks on it: {names}")
    return {"status": status.to_json(), "versionInfo": {}, "deviceInfos": []}


def report(text: str, owners: Mapping[int, str]) -> dict[str, Any]:
    """The content of the file with the instance each device belongs to.  BadReport names the line."""
    head, blocks = _blocks(text)
    devices = [_device(block, owners) for block in blocks]
    version = {key: found[1] for key, pattern in _VERSION.items() if (found := pattern.search(head))}
    if not version:
        raise BadReport(f"{PATH} does not begin with a version: {head[:80]!r}")
    return {
        "status": merge([judge(device) for device in devices]).to_json(),
        "versionInfo": version,
        "deviceInfos": devices,
    }


def judge(device: Mapping[str, Any]) -> Status:
    """What to think of a device, by its connection."""
    state = device["connectionState"]
    code, text = VERDICTS.get(state, (Code.UNKNOWN, f"unknown connection state {state}"))
    return Status(code, f"{device['minor']}: {text}" if text else "")


def _blocks(text: str) -> tuple[str, list[list[str]]]:
    """What comes before the first device, and the lines of each."""
    head: list[str] = []
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if _FIRST.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
        else:
            head.append(line)
    return "\n".join(head), blocks


def _device(lines: list[str], owners: Mapping[int, str]) -> dict[str, Any]:
    first = _FIRST.match(lines[0])
    assert first is not None, "blocks begin with such a line"
    minor, connection = int(first[1]), first[2]
    if connection == UNCONFIGURED:
        return {"minor": minor, "connectionState": connection}
    state = _STATE.match(first[3])
    if state is None:
        raise BadReport(f"{PATH}: {lines[0]!r}")
    indicators = next((line for line in lines[1:] if line.lstrip().startswith("ns:")), "")
    device: dict[str, Any] = {
        "minor": minor,
        "connectionState": connection,
        "localRole": state[1],
        "remoteRole": state[2],
        "localState": state[3],
        "remoteState": state[4],
        "replicationProtocol": state[5],
        "ioFlags": state[6].strip(),
        "perfIndicators": _indicators(indicators, lines[0]),
    }
    sync = _sync_status("\n".join(lines[1:]))
    if sync is not None:
        device["syncStatus"] = sync
    device["instance"] = owners.get(minor)
    return device


def _indicators(line: str, first: str) -> dict[str, Any]:
    found = dict(word.partition(":")[::2] for word in line.split())
    try:
        return {
            name: found[key] if key == "wo" else int(found[key])
            for key, name in INDICATORS.items()
            if key in found or key not in OPTIONAL
        }
    except (KeyError, ValueError):
        raise BadReport(f"{PATH}: {line or first!r}") from None


def _sync_status(text: str) -> dict[str, Any] | None:
    sync, finish = _SYNC.search(text), _FINISH.search(text)
    if sync is None or finish is None:
        return None
    try:
        percentage = float(sync[1])
    except ValueError:
        raise BadReport(f"{PATH}: {sync[0]!r}") from None
    hours, minutes, seconds = (int(finish[i]) for i in (1, 2, 3))
    status: dict[str, Any] = {
        "percentage": percentage,
        "progress": f"{sync[2]}/{sync[3]}",
        "progressUnit": UNITS[sync[4]],
        "timeToFinish": f"{hours:02}:{minutes:02}:{seconds:02}",
        "speed": _number(finish[4]),
    }
    rest = text[finish.end() :]
    want, unit = _WANT.search(rest), _UNIT.search(rest)
    if want is not None:
        status["want"] = _number(want[1])
    status["speedUnit"] = f"{UNITS[unit[1] if unit else 'K']}/Second"
    return status


def _number(text: str) -> int:
    return int(text.replace(",", "") or "0")


@figures("drbd")
def families(data: dict[str, Any]) -> Iterable[Family]:
    """Per device that is configured."""
    labels = ("minor", "instance_name")
    state = Family(
        "ganeti_drbd_state",
        "Always 1; the labels tell how the device is connected, its role and the state of its disk.",
        (*labels, "connection", "role", "disk"),
    )
    status = Family(
        "ganeti_drbd_status", "Status code of the device: 0 good, 1 being repaired, 2 unknown, 4 bad.", labels
    )
    behind = Family("ganeti_drbd_out_of_sync_bytes", "What the two disks differ in.", labels)
    synced = Family("ganeti_drbd_synced_ratio", "How far the resync that runs has come, 0 to 1.", labels)
    sent = Family("ganeti_drbd_network_sent_bytes", "Sent to the peer.", labels, Sort.COUNTER)
    received = Family("ganeti_drbd_network_received_bytes", "Received from the peer.", labels, Sort.COUNTER)
    for device in data["deviceInfos"]:
        if device["connectionState"] == UNCONFIGURED:
            continue
        names = device["minor"], device["instance"] or ""
        counts = device["perfIndicators"]
        state.add(1, *names, device["connectionState"], device["localRole"], device["localState"])
        status.add(int(judge(device).code), *names)
        sent.add(counts["networkSend"] * 1024, *names)
        received.add(counts["networkReceive"] * 1024, *names)
        if "outOfSync" in counts:
            behind.add(counts["outOfSync"] * 1024, *names)
        if "syncStatus" in device:
            synced.add(device["syncStatus"]["percentage"] / 100, *names)
    return state, status, behind, synced, sent, received
