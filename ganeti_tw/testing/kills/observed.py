"""What is there, in the words of the journals: in the living cluster, and in the ledger of a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ganeti_tw.cli.client import Client
from ganeti_tw.errors import GanetiError
from ganeti_tw.testing.kills.expected import signature
from ganeti_tw.testing.kills.journal import FINAL

TIMEOUT = 120.0
JOB_FIELDS = ["id", "status", "archived"]  # with "archived" those in the archive are there too
INSTANCE_FIELDS = ["name", "admin_state", "tags", "custom_beparams", "oper_state"]


def living(client: Client) -> dict[str, Any]:
    """By what the master answers.  Of a job only that it is there: what it was to do is compared in the ledgers."""
    facts: dict[str, Any] = {}
    for number, status, _ in _table(client, "job", JOB_FIELDS):
        facts[f"job {number}"] = True
        if status in FINAL:
            facts[f"status {number}"] = status
    for tag in client.call("cluster_info", timeout=TIMEOUT)["tags"]:
        facts[f"tag {tag}"] = True
    for name, state, tags, backend, runs in _table(client, "instance", INSTANCE_FIELDS):
        facts |= _instance(name, state, tags, backend)
        facts[f"runs {name}"] = runs
    return facts


def locks(client: Client) -> list[Any]:
    """Those that somebody holds."""
    return [name for name, owner in _table(client, "lock", ["name", "owner"]) if owner]


def exported(dump: Mapping[str, Any]) -> dict[str, Any]:
    """By what ``ganeti-ledger export --json`` writes."""
    facts: dict[str, Any] = {}
    for kind, key, value in dump["rows"]:
        if kind in ("job", "archived_job"):
            facts |= _job(int(key), value["ops"][0]["status"], value["ops"][0]["input"])
        elif kind == "cluster":
            facts |= {f"tag {tag}": True for tag in value["tags"]}
        elif kind == "instance":
            facts |= _instance(value["name"], value["admin_state"], value["tags"], value["beparams"])
    return facts


def _job(number: int, status: str, op: Mapping[str, Any]) -> dict[str, Any]:
    facts = {f"job {number}": signature(op)}
    if status in FINAL:
        facts[f"status {number}"] = status
    return facts


def _instance(name: str, state: str, tags: list[str], backend: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"instance {name}": True,
        f"admin {name}": state,
        f"tags {name}": sorted(tags),
        f"memory {name}": backend.get("maxmem"),
    }


def _table(client: Client, what: str, fields: list[str]) -> Iterator[list[Any]]:
    answer = client.call("query", {"what": what, "fields": fields, "filter": None}, timeout=TIMEOUT)
    for row in answer["data"]:
        if any(status != 0 for status, _ in row):
            raise GanetiError(f"the answer about {what} is not complete: {row}")
        yield [value for _, value in row]
