"""A configuration recorded from a real cluster, larger ones made from it, and sources that answer at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from ganeti_tw.errors import Expired, GanetiError
from ganeti_tw.jobs.record import JobRecord
from ganeti_tw.locks.allocation import LockState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.instance import RunningInstance
from ganeti_tw.protocol.node import NodeFigures

DATA = Path(__file__).resolve().parents[2] / "data"

NODE = "11ee9a30-eb12-4888-b565-1030518ef0d1"
INST1 = "ea4bfa79-e083-4f7e-ade4-c9a37db66e68"

FIGURES = NodeFigures(24105, 23070, 77, 2, 1, 1, 258019, 78568, "a0c29321-4352-4bb6-b13a-15be421a60eb")


def data(name: str) -> Any:
    """A recorded answer."""
    return json.loads((DATA / name).read_text())


def plain(value: Any) -> Any:
    """As clients get it."""
    return json.loads(json.dumps(value))


def recorded() -> Config:
    puts = rows_from_config_data((DATA / "config.data.json").read_bytes())
    return Config.from_rows({(p.kind, p.key): p.value for p in puts})


def changed(config: Config, *things: Any) -> Config:
    """With these objects put in."""
    return config.apply([row(thing) for thing in things])


def second_node(config: Config, **changes: Any) -> Any:
    """Another node like the first."""
    values = {"uuid": "22ee9a30-eb12-4888-b565-1030518ef0d2", "name": "ref2.ref.example", "master_candidate": False}
    return attrs.evolve(config.nodes[NODE], **{**values, **changes})


def large(count: int) -> Config:
    """The recorded cluster with ``count`` instances like inst1 on it and no others."""
    config = recorded()
    model = config.instances[INST1]
    puts: list[Put] = []
    for number in range(count):
        uuid = f"{number:08x}-e726-47fd-bd7e-e932dc8fb800"
        puts.append(row(attrs.evolve(model, uuid=uuid, name=f"web{number}.example.com")))
    return config.apply(puts, [Delete("instance", uuid) for uuid in config.instances])


def guest(name: str = "inst1.ref.example", state: str = "running", memory: int = 16) -> RunningInstance:
    return RunningInstance(name, "fake", state, memory, 1)


class FakeSources:
    """Answers from what it was given; remembers what it was asked."""

    def __init__(
        self,
        config: Config | None = None,
        guests: dict[str, list[RunningInstance] | GanetiError] | None = None,
        figures: Callable[[], Any] = lambda: FIGURES,
        console: Callable[[str], Any] = lambda name: {"instance": name, "kind": "msg", "message": "none"},
        jobs: Iterable[JobRecord] = (),
        locks: Iterable[LockState] = (),
    ) -> None:
        self.config = config or recorded()
        self._guests = guests or {}
        self._figures, self._console = figures, console
        self._jobs, self._locks = list(jobs), list(locks)
        self.asked: list[Any] = []

    async def instances_on(self, node: Any, names: Any = ()) -> Any:
        self.asked.append(("instances", node.name))
        found = self._guests.get(node.name, [])
        if isinstance(found, GanetiError):
            raise found
        return found

    async def figures(self, node: Any) -> Any:
        self.asked.append(("figures", node.name))
        return self._figures()

    async def console(self, instance: Any) -> Any:
        self.asked.append(("console", instance.name))
        return self._console(instance.name)

    async def jobs(self, ids: Any, archived: bool = False) -> Any:
        self.asked.append(("jobs", ids))
        return [j for j in self._jobs if ids is None or j.id in ids]

    async def locks(self) -> Any:
        self.asked.append(("locks",))
        return self._locks


def late() -> GanetiError:
    return Expired("node did not answer ListInstances within 10 s")


async def no_pause() -> None:
    """Go on at once."""


def started(work: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(work)
