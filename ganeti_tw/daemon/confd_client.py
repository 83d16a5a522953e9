"""``ganeti-confd-client``, also called ``confd-client``: asks confd one question, or tries out whether it answers."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import uuid
from random import Random
from typing import Any

from ganeti_tw import __version__
from ganeti_tw.cli.endings import in_words, piped
from ganeti_tw.confd.client.blocking import ask
from ganeti_tw.confd.client.exchange import TIMEOUT, Answer, Candidates
from ganeti_tw.daemon.settings import Settings, load
from ganeti_tw.errors import BadRequest, GanetiError, NotFound, OutcomeUnknown

TYPES = {
    "ping": 0,
    "node-role": 1,
    "node-ip-by-instance-ip": 2,
    "master": 3,
    "node-ips": 4,
    "candidate-ips": 5,
    "instance-ips": 6,
    "node-drbd": 7,
    "node-instances": 8,
    "instance-disks": 9,
    "config": 10,
    "data-collectors": 11,
}
TRIED: tuple[tuple[str, Any], ...] = (
    ("ping", None),
    ("master", None),
    ("master", {"3": [0, 1, 2]}),
    ("node-ips", None),
    ("candidate-ips", None),
    ("instance-ips", None),
    ("data-collectors", None),
    ("config", "/cluster/master_node"),
)
SHOWN = 100  # characters of an answer that are shown while trying


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description="Ask confd.  Without a type: try out the simple questions, and how long an answer takes.",
        epilog=f"Types: {', '.join(TYPES)}.  Exit code: 0 answered, 1 refused, 2 no answer.",
    )
    p.add_argument("type", nargs="?", help="a type below, or its number")
    p.add_argument("query", nargs="?", help="a name, an address or a path; an object as JSON")
    p.add_argument(
        "-a",
        "--address",
        metavar="ADDRESS",
        action="append",
        help="of a master candidate, may be repeated; else all that this host knows of",
    )
    p.add_argument("-p", "--port", type=int)
    p.add_argument("--hmac", metavar="KEY", help="the cluster's key itself; others on this host see it")
    p.add_argument("-k", "--key", metavar="FILE", help="a copy of the cluster's hmac.key; else this host's")
    p.add_argument("-t", "--timeout", type=float, default=TIMEOUT, metavar="SECONDS")
    p.add_argument(
        "-c", "--coverage", type=int, default=0, metavar="N", help="ask N candidates; 0: up to 6 (the default), -1: all"
    )
    p.add_argument("-r", "--requests", type=int, default=100, metavar="REQUESTS", help="when trying: how many to time")
    p.add_argument("--version", action="version", version=f"%(prog)s (ganeti_tw) {__version__}")
    return p


def main() -> int:
    """Entry point of ``ganeti-confd-client`` and ``confd-client``."""
    return piped(_run)


def _run() -> int:
    options = parser().parse_args()
    try:
        candidates = _candidates(options)
        if options.type is None:
            return _try(candidates, options)
        reply = _ask(candidates, options, _number(options.type), _query(options.query)).reply
    except BrokenPipeError:
        raise
    except (GanetiError, OSError) as e:
        print(f"{os.path.basename(sys.argv[0])}: {in_words(e) if isinstance(e, OSError) else e}", file=sys.stderr)
        return 2 if isinstance(e, OutcomeUnknown | BadRequest) else 1
    print(json.dumps({"status": reply.status, "answer": reply.answer, "serial": reply.serial}, indent=2))
    return 0 if reply.status == 0 else 1


def _number(text: str) -> int:
    number = TYPES.get(text, text)
    if not str(number).isdecimal():
        raise BadRequest(f"no type {text!r}, only {', '.join(TYPES)}")
    return int(number)


def _query(text: str | None) -> Any:
    if text is None or not text.startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as e:
        raise BadRequest(f"the query is no JSON: {e}") from None


def _ask(candidates: Candidates, options: argparse.Namespace, number: int, query: Any) -> Answer:
    return ask(candidates, number, query, timeout=options.timeout, coverage=options.coverage)


def _candidates(options: argparse.Namespace) -> Candidates:
    settings = load(os.environ)
    return Candidates(
        options.address or _known(settings),
        _key(options, settings),
        now=time.time,
        new_rsalt=lambda: str(uuid.uuid4()),
        random=Random(),
        port=options.port or settings.ports.confd,
    )


def _known(settings: Settings) -> list[str]:
    """The master candidates this host was told of; itself when it was told of none."""
    try:
        with open(settings.paths.ssconf("master_candidates_ips"), encoding="utf-8") as file:
            found = file.read().split()
    except OSError:
        found = []
    if found:
        return found
    return ["127.0.0.1" if settings.address in ("0.0.0.0", "::") else settings.address]


def _key(options: argparse.Namespace, settings: Settings) -> bytes:
    if options.hmac is not None:
        # The shell took the newline away that belongs to each key Ganeti makes.
        text: str = options.hmac
        return (text if text.endswith("\n") else f"{text}\n").encode()
    path = options.key or settings.paths.hmac_key
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"there is no key at {path}: name a copy of a node's hmac.key with --key") from None


def _try(candidates: Candidates, options: argparse.Namespace) -> int:
    """Ask a little of everything, then time pings."""
    worst = 0
    for name, query in TRIED:
        answer = _ask(candidates, options, TYPES[name], query)
        said = json.dumps(answer.reply.answer)
        problem = "" if answer.reply.status == 0 else f"status {answer.reply.status}: "
        problem += "" if answer.consistent else "candidates differ: "
        asked = name if query is None else f"{name} {query if isinstance(query, str) else json.dumps(query)}"
        print(f"{asked}: {problem}{said[:SHOWN]}{'...' if len(said) > SHOWN else ''} (serial {answer.reply.serial})")
        worst = max(worst, 1 if problem else 0)
    took = []
    for _ in range(options.requests):
        begin = time.perf_counter()
        _ask(candidates, options, TYPES["ping"], None)
        took.append((time.perf_counter() - begin) * 1000)
    if took:
        print(
            f"{len(took)} pings in {sum(took) / 1000:.3f} s, "
            f"median {statistics.median(took):.3f} ms, longest {max(took):.3f} ms"
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
