"""``gnt-node power`` and ``gnt-node health``: nodes by their out-of-band helpers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, GanetiError, NotFound, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import natural_key
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.node import ProgramEnd, RunOob

ON, OFF, CYCLE, STATUS, HEALTH = "power-on", "power-off", "power-cycle", "power-status", "health"
NORMAL, NO_DATA, UNAVAILABLE = 0, 2, 3
"""Statuses of results, as those of query fields."""
HEALTH_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
LONGEST = 3600
MARGIN = 30.0  # for ending a helper whose time is up

Command = Literal["health", "power-cycle", "power-off", "power-on", "power-status"]
Entry = list[tuple[int, Any]]


@operation("OP_OOB_COMMAND")
@frozen
class OobCommand:
    """Run the out-of-band helpers of nodes on the master.

    Without names all nodes are meant, for switching off and cycling all but the
    master.  Result, per node: ``[[0, name], [status, what the helper said]]``.
    """

    command: Command
    node_names: list[Filled] = field(factory=list)
    node_uuids: list[Filled] | None = None
    timeout: int = 60
    ignore_status: bool = False
    power_delay: float = 2.0

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{node.uuid}": EXCLUSIVE for node in self._nodes(config)}

    def check(self, config: Config) -> None:
        if not 0 < self.timeout <= LONGEST:
            raise BadRequest(f"timeout must be from 1 to {LONGEST} seconds, not {self.timeout}")
        if not 0 <= self.power_delay <= LONGEST:
            raise BadRequest(f"power_delay must be from 0 to {LONGEST} seconds, not {self.power_delay}")
        nodes = self._nodes(config)
        if self.command in (OFF, CYCLE):
            master = next((n for n in nodes if n.uuid == config.cluster.master_node), None)
            if master is not None:
                raise BadRequest(f"{master.name} is the master: {self.command} from here would end it; use its helper")
        if self.command == OFF and not self.ignore_status:
            online = [n.name for n in nodes if not n.offline]
            if online:
                raise WrongState(f"mark these nodes offline before switching them off: {', '.join(online)}")

    async def run(self, context: Context) -> list[Entry]:
        nodes = self._nodes(context.config)
        results = []
        for number, node in enumerate(nodes):
            results.append([(NORMAL, node.name), await self._one(context, node)])
            if self.command == ON and number < len(nodes) - 1:
                await context.sleep(self.power_delay)
        return results

    async def _one(self, context: Context, node: Node) -> tuple[int, Any]:
        program = context.config.filled_ndparams(node)["oob_program"]
        if not program:
            return UNAVAILABLE, None
        question = RunOob(program, self.command, node.name, float(self.timeout))
        try:
            end = await context.on_node(context.config.master, question, self.timeout + MARGIN)
            said = payload(self.command, end)
        except GanetiError as e:
            context.warn(f"{self.command} of {node.name}: {e.text}")
            return NO_DATA, None
        if self.command == HEALTH:
            for item, status in said:
                if status in ("WARNING", "CRITICAL"):
                    context.warn(f"item {item} of {node.name} has status {status}")
        elif self.command == STATUS:
            if said["powered"] != node.powered:
                context.warn(f"{node.name} is recorded as {_word(node.powered)} and is {_word(said['powered'])}")
        elif self.command in (ON, OFF):
            await _record(context, node, self.command == ON)
        return NORMAL, said

    def _nodes(self, config: Config) -> list[Node]:
        """By name."""
        if self.node_names or self.node_uuids:
            nodes = {n.uuid: n for n in config.nodes_named(self.node_names, self.node_uuids)}
        else:
            nodes = dict(config.nodes)
            if self.command in (OFF, CYCLE):
                nodes.pop(config.cluster.master_node, None)
        return sorted(nodes.values(), key=lambda n: natural_key(n.name))


async def _record(context: Context, node: Node, powered: bool) -> None:
    def change(config: Config) -> Changes:
        if node.uuid not in config.nodes:
            raise NotFound(f"{node.name} was removed meanwhile")
        return Changes(puts=(evolve(config.nodes[node.uuid], powered=powered),))

    if node.powered != powered:
        await context.edit(change)


def _word(powered: bool) -> str:
    return "powered" if powered else "not powered"


def payload(command: str, end: ProgramEnd) -> Any:
    """What a helper said; BadRequest when it failed or said something else than it should."""
    if not end.good:
        why = end.reason or f"exit status {end.status}"
        raise BadRequest(f"the helper failed ({why}): {end.output.strip()[-500:]}")
    if command not in (STATUS, HEALTH):
        if end.stdout.strip():
            raise BadRequest(f"the helper should say nothing and said {end.stdout.strip()!r:.200}")
        return None
    try:
        said = msgspec.json.decode(end.stdout.encode())
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise BadRequest(f"the helper should answer in JSON and said {end.stdout!r:.200}") from None
    if command == STATUS:
        if not isinstance(said, dict) or not isinstance(said.get("powered"), bool):
            raise BadRequest(f'the helper should say {{"powered": true or false}} and said {end.stdout!r:.200}')
    elif not _is_health(said):
        raise BadRequest(f"the helper should say pairs of item and status ({', '.join(HEALTH_STATES)})")
    return said


def _is_health(said: Any) -> bool:
    return isinstance(said, list) and all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and pair[1] in HEALTH_STATES
        for pair in said
    )
