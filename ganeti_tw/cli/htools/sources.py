"""Running clusters as sources: the master's socket and the RAPI.

Imported when a tool is told to use one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

from ganeti_tw.cli.client import Client as SocketClient
from ganeti_tw.cli.htools import https
from ganeti_tw.cli.htools.outside import Client, Handler
from ganeti_tw.cli.machine import from_table
from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.live import GROUP_FIELDS, INSTANCE_FIELDS, NODE_FIELDS, Documents, cluster_of, from_rapi, objects
from ganeti_tw.model.paths import paths_from

QUERY_SECONDS = 90.0
"""More than a question to nodes that do not answer takes."""
PORT = 5080


def from_master(client: Client) -> Cluster:
    """The cluster of the master that answers.  GanetiError says why there is nothing to be had."""

    def query(what: str, fields: tuple[str, ...]) -> list[Mapping[str, Any]]:
        question = {"what": what, "fields": list(fields), "filter": None}
        return objects(what, client.call("query", question, timeout=QUERY_SECONDS))

    info = client.call("cluster_info", {}, timeout=QUERY_SECONDS)
    if not isinstance(info, dict):
        raise BadData("the master does not describe its cluster")
    nodes, instances = query("node", NODE_FIELDS), query("instance", INSTANCE_FIELDS)
    return cluster_of(Documents(query("group", GROUP_FIELDS), nodes, instances, info))


def from_remote(fetch: Callable[[str], Any], where: str) -> Cluster:
    """The cluster of a host name, of a URL of its RAPI, or of a folder with answers of one (``file://``).

    BadData says which of its documents cannot be had or used.
    """
    base = url_of(where)
    if base.startswith("file://"):
        paths = [f"{base}/{name}.json" for name in ("groups", "nodes", "instances", "info")]
    else:
        paths = [f"{base}/2/{name}" for name in ("groups?bulk=1", "nodes?bulk=1", "instances?bulk=1", "info")]
    return cluster_of(from_rapi(*(fetch(path) for path in paths)))


def url_of(where: str) -> str:
    """The URL of a RAPI from what names it on the command line; without a scheme it is HTTPS on the RAPI's port."""
    base = where.rstrip("/")
    if "://" in base:
        return base
    host = base.rpartition("@")[2].rpartition("]")[2]
    return f"https://{base}" if ":" in host else f"https://{base}:{PORT}"


def without_password(where: str) -> str:
    """What may be shown of a URL."""
    scheme, mark, rest = where.rpartition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def fetch(url: str) -> Any:
    """The JSON at a URL.  BadData says why not; it names no password."""
    shown = without_password(url)
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as e:
        raise BadData(f"{shown} is no URL: {e}") from None
    if parts.scheme == "file":
        content = _read(unquote(parts.path))
    elif parts.scheme in ("http", "https") and parts.hostname:
        login = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        address = next(from_table(parts.hostname, paths_from(os.environ).hosts), None)
        content = https.get(parts.scheme == "https", parts.hostname, port, target, login, shown, address=address)
    else:
        raise BadData(f"{shown} is no URL of a RAPI: these look like https://USER:PASSWORD@HOST:{PORT}")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as e:
        raise BadData(f"{shown}: the answer is not JSON: {e}") from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as e:
        raise BadData(f"{path}: {getattr(e, 'strerror', None) or e}") from None


def connect(path: str) -> Client:
    """The process behind a socket, or this host's own when none is named; it is connected to when asked."""
    client: Client = SocketClient(path or paths_from(os.environ).socket)
    return client


def new_uuid() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=4))


@contextlib.contextmanager
def heed(interrupt: Handler, terminate: Handler) -> Iterator[None]:
    """Call these on SIGINT and SIGTERM."""

    def handle(number: int, frame: FrameType | None) -> None:
        (interrupt if number == signal.SIGINT else terminate)()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
