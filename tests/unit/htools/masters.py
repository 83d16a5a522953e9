"""A cluster's data as a master and a RAPI would tell it, and what stands in for the world outside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ganeti_tw.cli.htools.outside import Handler, Outside
from ganeti_tw.errors import BadRequest, GanetiError, NotFound
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.policy import Policy, Spec

NOW = 1_700_000_000.0


def _spec(spec: Spec) -> dict[str, int]:
    keys = ("memory-size", "cpu-count", "disk-size", "disk-count", "nic-count", "spindle-use")
    return dict(zip(keys, spec, strict=True))


def policy(value: Policy) -> dict[str, Any]:
    return {
        "std": _spec(value.standard),
        "minmax": [{"min": _spec(low), "max": _spec(high)} for low, high in value.bounds],
        "disk-templates": list(value.templates),
        "vcpu-ratio": value.vcpu_ratio,
        "spindle-ratio": value.spindle_ratio,
    }


def told(cluster: Cluster) -> dict[str, Any]:
    """The objects of each kind by query fields, and the cluster's information."""
    nodes = [node.hardware for node in cluster.nodes]
    return {
        "group": [
            {
                "uuid": group.uuid,
                "name": group.name,
                "alloc_policy": group.allocation,
                "ipolicy": policy(group.policy),
                "tags": list(group.tags),
            }
            for group in cluster.groups
        ],
        "node": [
            {
                "name": each.name,
                "mtotal": None if each.offline else int(each.memory),
                "mnode": None if each.offline else each.node_memory,
                "mfree": None if each.offline else each.free_memory,
                "dtotal": None if each.offline else int(each.total_disk),
                "dfree": None if each.offline else node.free_disk,
                "ctotal": None if each.offline else int(each.cpus),
                "cnos": None if each.offline else each.node_cpus,
                "offline": each.offline,
                "drained": False,
                "vm_capable": True,
                "ndp/spindle_count": each.spindles,
                "group.uuid": cluster.groups[each.group].uuid,
                "tags": list(each.tags),
                "ndp/exclusive_storage": each.exclusive_storage,
                "sptotal": each.spindles if each.exclusive_storage else None,
                "spfree": node.free_spindles if each.exclusive_storage else None,
                "ndp/cpu_speed": each.cpu_speed,
            }
            for node, each in zip(cluster.nodes, nodes, strict=True)
        ],
        "instance": [
            {
                "name": one.name,
                "disk_usage": one.disk,
                "be/memory": one.memory,
                "be/vcpus": one.vcpus,
                "status": one.status,
                "pnode": nodes[place.primary].name,
                "snodes": [] if place.secondary == NOWHERE else [nodes[place.secondary].name],
                "tags": list(one.tags),
                "be/auto_balance": one.auto_balance,
                "disk_template": one.template,
                "be/spindle_use": one.spindle_use,
                "disk.sizes": list(one.disks),
                "disk.spindles": [one.disk_spindles],
                "forthcoming": one.forthcoming,
            }
            for one, place in zip(cluster.instances, cluster.places, strict=True)
        ],
        "info": {
            "tags": list(cluster.tags),
            "ipolicy": policy(cluster.policy),
            "master": next((each.name for each in nodes if each.master), ""),
            "default_hypervisor": "xen-pvm",
        },
    }


def remote_documents(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the RAPI has it, by the last part of the path."""
    return {
        "groups": told["group"],
        "nodes": [
            {
                **_without(node, "ndp/"),
                "ndparams": {key: node[f"ndp/{key}"] for key in ("spindle_count", "exclusive_storage", "cpu_speed")},
            }
            for node in told["node"]
        ],
        "instances": [
            {
                **_without(one, "be/"),
                "oper_ram": None,
                "beparams": {
                    "maxmem": one["be/memory"],
                    **{key: one[f"be/{key}"] for key in ("memory", "vcpus", "auto_balance", "spindle_use")},
                },
            }
            for one in told["instance"]
        ],
        "info": told["info"],
    }


def _without(document: Mapping[str, Any], start: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if not name.startswith(start)}


class FakeMaster:
    """Answers queries from what is ``told``; ``perform`` says how each job ends and may change what is told.

    Cells of None have no data.  ``before_wait`` is called before each answer about a job.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.jobs: dict[int, tuple[str, list[dict[str, Any]]]] = {}
        self.refused: Callable[[list[dict[str, Any]]], str | None] = lambda ops: None
        self.perform: Callable[[list[dict[str, Any]]], str] = lambda ops: "success"
        self.before_wait: Callable[[int], None] = lambda job: None
        self.fail: GanetiError | None = None
        self.batches: list[list[int]] = []

    def call(self, method: str, arguments: Mapping[str, Any], /, *, timeout: float) -> Any:
        if self.fail is not None:
            raise self.fail
        return getattr(self, f"_{method}")(**arguments)

    def _query(self, what: str, fields: list[str], filter: Any) -> Any:
        rows = self.told[what] if what != "job" else [{"id": n, "status": job[0]} for n, job in self.jobs.items()]
        if filter is not None:
            wanted = {each[2] for each in filter[1:]} if filter[0] == "|" else {filter[2]}
            rows = [row for row in rows if row["id" if what == "job" else "name"] in wanted]
        known = [
            {"name": field, "kind": "other" if all(field in row for row in rows) else "unknown"} for field in fields
        ]
        cells = [[[0, row[f]] if row.get(f) is not None else [2, None] for f in fields] for row in rows]
        return {"fields": known, "data": cells}

    def _cluster_info(self) -> Any:
        return self.told["info"]

    def _submit(self, ops: list[dict[str, Any]]) -> int:
        ((good, value),) = self._submit_many([ops])
        if not good:
            raise BadRequest(value)
        return value

    def _submit_many(self, jobs: list[list[dict[str, Any]]]) -> Any:
        answers: list[list[Any]] = []
        for ops in jobs:
            text = self.refused(ops)
            if text is None:
                number = len(self.jobs) + 1
                self.jobs[number] = ("queued", ops)
                answers.append([True, number])
            else:
                answers.append([False, text])
        self.batches.append([value for good, value in answers if good])
        return answers

    def _wait(self, id: int, fields: list[str], previous: Any, log_serial: Any, timeout: float) -> Any:
        self.before_wait(id)
        if id not in self.jobs:
            raise NotFound(f"there is no job {id}")
        status, ops = self.jobs[id]
        if status == "queued" and previous is None:
            return [["queued", ["queued"] * len(ops), [None] * len(ops)], []]
        if status == "queued":
            status = self.perform(ops)
            self.jobs[id] = (status, ops)
        result: Any = ["OpExecError", ["it broke"]] if status == "error" else None
        return [[status, [status] * len(ops), [result] * len(ops)], []]


class World:
    """What a tool reaches: a master, and documents by URL."""

    def __init__(self, master: FakeMaster | None = None, documents: Mapping[str, Any] | None = None) -> None:
        self.master = master
        self.documents = documents or {}
        self.sockets: list[str] = []
        self.interrupt: Handler = lambda: None
        self.terminate: Handler = lambda: None
        self._uuids = 0

    def outside(self) -> Outside:
        return Outside(self._connect, self._fetch, lambda: NOW, self._new_uuid, self._heed)

    def _connect(self, path: str) -> Any:
        self.sockets.append(path)
        return self.master

    def _fetch(self, url: str) -> Any:
        try:
            return self.documents[url]
        except KeyError:
            raise BadData(f"{url}: nothing there") from None

    def _new_uuid(self) -> str:
        self._uuids += 1
        return f"00000000-0000-4000-8000-{self._uuids:012d}"

    @contextlib.contextmanager
    def _heed(self, interrupt: Handler, terminate: Handler) -> Iterator[None]:
        self.interrupt, self.terminate = interrupt, terminate
        yield
