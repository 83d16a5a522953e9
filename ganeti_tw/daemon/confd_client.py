"""``ganeti-confd-client``: asks one confd one question and prints the answer as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from typing import Any

from ganeti_tw.confd.client import ask
from ganeti_tw.daemon.settings import load
from ganeti_tw.errors import Expired, GanetiError

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


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="ganeti-confd-client",
        description="Ask confd.  Address, port and key are those of this host unless given.",
        epilog=f"Types: {', '.join(TYPES)}.  Exit code: 0 answered, 1 refused, 2 no answer.",
    )
    p.add_argument("type", help="a type below, or its number")
    p.add_argument("query", nargs="?", help="a name, an address or a path; an object as JSON")
    p.add_argument("-a", "--address", help="of a master candidate")
    p.add_argument("-p", "--port", type=int)
    p.add_argument("-k", "--key", metavar="FILE", help="the cluster's key, hmac.key")
    p.add_argument("-t", "--timeout", type=float, default=5.0, metavar="SECONDS")
    return p


def main() -> int:
    """Entry point of ``ganeti-confd-client``."""
    options = parser().parse_args()
    number = TYPES.get(options.type, options.type)
    if not str(number).isdecimal():
        print(f"ganeti-confd-client: no type {options.type!r}, only {', '.join(TYPES)}", file=sys.stderr)
        return 2
    query: Any = options.query
    if query is not None and query.startswith("{"):
        try:
            query = json.loads(query)
        except ValueError as e:
            print(f"ganeti-confd-client: the query is no JSON: {e}", file=sys.stderr)
            return 2
    try:
        settings = load(os.environ)
        with open(options.key or settings.paths.hmac_key, "rb") as file:
            key = file.read()
        here = "127.0.0.1" if settings.address == "0.0.0.0" else settings.address
        reply = ask(
            options.address or here,
            key,
            int(number),
            query,
            rsalt=str(uuid.uuid4()),
            now=time.time,
            timeout=options.timeout,
            port=options.port or settings.ports.confd,
        )
    except (GanetiError, OSError) as e:
        print(f"ganeti-confd-client: {e}", file=sys.stderr)
        return 2 if isinstance(e, Expired) else 1
    print(json.dumps({"status": reply.status, "answer": reply.answer, "serial": reply.serial}, indent=2))
    return 0 if reply.status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
