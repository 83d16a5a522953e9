"""``mon-collector``: one report of one collector, printed; works without any process of ours."""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec
from attrs import evolve

import ganeti_tw.mond.collectors  # noqa: F401 - registers them all
from ganeti_tw import __version__
from ganeti_tw.cli.endings import in_words, piped
from ganeti_tw.confd.client.blocking import ask
from ganeti_tw.confd.client.exchange import Candidates
from ganeti_tw.confd.packet import OK
from ganeti_tw.daemon.settings import Settings, load
from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NotFound
from ganeti_tw.mond.collectors.diskstats import parse as parse_diskstats
from ganeti_tw.mond.collectors.drbd import PATH as DRBD_PATH
from ganeti_tw.mond.collectors.drbd import missing as drbd_missing
from ganeti_tw.mond.collectors.drbd import report as drbd_report
from ganeti_tw.mond.collectors.lv import COMMAND as LVS
from ganeti_tw.mond.collectors.lv import report as lv_report
from ganeti_tw.mond.guests import compared, not_listed, status_report
from ganeti_tw.mond.placement import owners_of_minors, owners_of_volumes, wanted
from ganeti_tw.mond.reasons import state_reasons, with_reasons
from ganeti_tw.mond.registry import all_collectors
from ganeti_tw.mond.report import envelope
from ganeti_tw.protocol.instance import RunningInstance

FAILURE = 1
PROGRAM_DEADLINE = 30.0
CONFD_PATIENCE = 5.0
NODE_DRBD, NODE_INSTANCES, INSTANCE_DISKS = 7, 8, 9  # questions to confd
XL_UPTIME = re.compile(r"(\S+)\s+\d+\s+(?:(\d+) days?, *)?(\d+):(\d\d):(\d\d)")
XL_STATES = {"r": "running", "b": "blocked", "p": "paused", "s": "shutdown", "c": "crashed", "d": "dying"}


def parser() -> argparse.ArgumentParser:
    """Ganeti's options."""
    p = argparse.ArgumentParser(prog="mon-collector", description="Print one report on this host as JSON.")
    p.add_argument("-V", "--version", action="version", version=f"mon-collector {__version__}")
    commands = p.add_subparsers(dest="collector", required=True, metavar="{diskstats|drbd|inst-status-xen|lv}")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=text, description=text)
        found.add_argument("-V", "--version", action="version", version=f"mon-collector {__version__}")
        return found

    file = {"metavar": "FILE", "default": None}
    found = command("diskstats", "Counters of block devices since boot.")
    found.add_argument("-f", "--file", help="read this instead of /proc/diskstats", **file)  # type: ignore[arg-type]
    found = command("drbd", "DRBD devices and what to think of them.")
    found.add_argument("-s", "--drbd-status", help="read this instead of /proc/drbd", **file)  # type: ignore[arg-type]
    found.add_argument(
        "-p",
        "--drbd-pairing",
        help="minors and their instances, as confd tells them",
        **file,  # type: ignore[arg-type]
    )
    found = command("lv", "Logical volumes and their instances.")
    found.add_argument("-f", "--file", help="read this instead of asking lvs", **file)  # type: ignore[arg-type]
    found.add_argument(
        "-i",
        "--instances",
        help="list of pairs of an instance and its disks",
        **file,  # type: ignore[arg-type]
    )
    _confd_options(found)
    _confd_options(command("inst-status-xen", "Instances under Xen: wish and reality."))
    return p


def _confd_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("-a", "--address", metavar="IP_ADDR", help="of the confd to ask; default: a master candidate")
    p.add_argument("-p", "--port", metavar="PORT", type=int, help="of that confd")


class Confd:
    """Asks about this node."""

    def __init__(self, settings: Settings, address: str | None, port: int | None) -> None:
        self.node = settings.name
        self._settings, self._address, self._port = settings, address, port

    def ask(self, type: int, query: str) -> Any:
        """The answer.  DriverError tells why there is none."""
        try:
            with open(self._settings.paths.hmac_key, "rb") as file:
                key = file.read()
        except OSError as e:
            raise DriverError(f"confd cannot be asked: {in_words(e)}") from None
        addresses = [self._address] if self._address else self._candidates()
        port = self._port or self._settings.ports.confd
        candidates = Candidates(addresses, key, time.time, lambda: str(uuid.uuid4()), Random(), port)
        try:
            found = ask(candidates, type, query, timeout=CONFD_PATIENCE)
        except GanetiError as e:
            raise DriverError(e.text) from None
        if found.reply.status != OK:
            raise DriverError(f"confd at {found.address} answers: {found.reply.answer}")
        return found.reply.answer

    def _candidates(self) -> list[str]:
        try:
            return _read(self._settings.paths.ssconf("master_candidates_ips")).split()
        except OSError:
            return ["127.0.0.1"]


def collect(options: argparse.Namespace, confd: Callable[[], Confd]) -> Any:
    """The data of the report.  GanetiError and OSError tell what is missing."""
    match options.collector:
        case "diskstats":
            return parse_diskstats(_read(options.file or "/proc/diskstats"))
        case "drbd":
            return _drbd(options, confd)
        case "lv":
            text = _read(options.file) if options.file else run(LVS)
            return lv_report(text, _volume_owners(options, confd))
        case _:
            return _inst_status_xen(confd(), load(os.environ).paths.run)


def _drbd(options: argparse.Namespace, confd: Callable[[], Confd]) -> Any:
    rows = _json(options.drbd_pairing) if options.drbd_pairing else _asked_or(confd, NODE_DRBD, [])
    owners = owners_of_minors(rows)
    try:
        text = _read(options.drbd_status or DRBD_PATH)
    except FileNotFoundError:
        if options.drbd_status:
            raise
        return drbd_missing(owners)
    return drbd_report(text, owners)


def _asked_or(confd: Callable[[], Confd], type: int, otherwise: Any) -> Any:
    """What confd says of this node; where it does not answer the report goes without."""
    try:
        found = confd()
        return found.ask(type, found.node)
    except GanetiError as e:
        print(f"mon-collector: the instances are not known: {e}", file=sys.stderr)
        return otherwise


def _volume_owners(options: argparse.Namespace, confd: Callable[[], Confd]) -> Mapping[str, str]:
    if options.instances:
        return owners_of_volumes(_json(options.instances))
    groups = _asked_or(confd, NODE_INSTANCES, [[], []])
    instances = [instance for group in groups for instance in group]
    return owners_of_volumes((i, confd().ask(INSTANCE_DISKS, i["name"])) for i in instances)


def _inst_status_xen(confd: Confd, run_directory: str) -> Any:
    instances = wanted(confd.ask(NODE_INSTANCES, confd.node)[0])
    try:
        found = parse_xl(run(("xl", "list")))
    except GanetiError as e:
        return not_listed(e.text)
    now = time.time()
    started = {name: now - seconds for name, seconds in _uptimes().items()}
    found = [evolve(domain, started=started.get(domain.name)) for domain in found]
    guests = compared([i for i in instances if i.hypervisor.startswith("xen")], found, now)
    return status_report(with_reasons(guests, state_reasons(run_directory)))


def _uptimes() -> Mapping[str, float]:
    try:
        return parse_xl_uptime(run(("xl", "uptime")))
    except GanetiError as e:
        print(f"mon-collector: the uptimes are not known: {e}", file=sys.stderr)
        return {}


def parse_xl_uptime(text: str) -> Mapping[str, float]:
    """Seconds by domain, of ``xl uptime``.  BadRequest names the line that does not fit."""
    found = {}
    for line in text.splitlines()[1:]:
        match = XL_UPTIME.fullmatch(line.rstrip())
        if match is None:
            raise BadRequest(f"xl uptime: {line!r}")
        name, *numbers = match.groups(default="0")
        days, hours, minutes, seconds = map(int, numbers)
        found[name] = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    return found


def parse_xl(text: str) -> list[RunningInstance]:
    """The domains of ``xl list`` without Domain-0.  BadRequest names the line that does not fit."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        try:
            name, _, memory, vcpus, state, seconds = words
            if name != "Domain-0":
                letter = next((XL_STATES[c] for c in state if c in XL_STATES), "unknown")
                found.append(RunningInstance(name, "xen-pvm", letter, int(memory), int(vcpus), float(seconds)))
        except ValueError:
            raise BadRequest(f"xl list: {line!r}") from None
    return found


def run(argv: Sequence[str]) -> str:
    """What a program prints.  NotFound, DriverError."""
    try:
        end = subprocess.run(argv, capture_output=True, text=True, timeout=PROGRAM_DEADLINE, check=False)
    except FileNotFoundError:
        raise NotFound(f"there is no program {argv[0]}") from None
    except (OSError, subprocess.TimeoutExpired) as e:
        raise DriverError(f"{argv[0]} failed: {e}") from None
    if end.returncode:
        raise DriverError(f"{argv[0]} failed: exit status {end.returncode}; output: {end.stderr.strip()}")
    return end.stdout


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _json(path: str) -> Any:
    try:
        return msgspec.json.decode(_read(path))
    except msgspec.MsgspecError as e:
        raise BadRequest(f"{path} is no JSON: {e}") from None


def main() -> int:
    """Entry point of ``mon-collector``."""
    return piped(_run)


def _run() -> int:
    options = parser().parse_args()
    found = next(c for c in all_collectors() if c.name == options.collector)

    def confd() -> Confd:
        return Confd(
            load(os.environ, socket.gethostname), getattr(options, "address", None), getattr(options, "port", None)
        )

    try:
        data = collect(options, confd)
    except (GanetiError, OSError) as e:
        print(f"mon-collector: {in_words(e) if isinstance(e, OSError) else e}", file=sys.stderr)
        return FAILURE
    print(msgspec.json.encode(envelope(found, data, time.time())).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
