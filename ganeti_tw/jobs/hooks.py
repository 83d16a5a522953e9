"""Running the hooks of one opcode on the nodes."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.operations.hooks import (
    CONFIG_UPDATE,
    POST,
    PRE,
    HookFailure,
    Hooks,
    HooksAbort,
    environment,
    master,
)
from ganeti_tw.protocol.node import HookEnd, RunHooks

SCRIPTS_TIMEOUT = 900.0  # for all scripts of a hook on one node
MARGIN = 30.0  # for the end of the last one, and the way there and back


class Nodes(Protocol):
    """What is needed of the hands of a job."""

    def config(self) -> Config:
        """The latest stored configuration."""

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Awaitable[Any]:
        """Ask an actor of a node, by node name."""

    def say(self, kind: str, text: Any) -> None:
        """Add to the job's log."""


class HookRunner:
    """The hooks of one opcode, as they were declared before its work."""

    def __init__(self, op_id: str, hooks: Hooks, nodes: Nodes) -> None:
        self._op_id = op_id
        self._hooks = hooks
        self._nodes = nodes

    async def before(self) -> None:
        """HooksAbort when a script fails; of a node that gives no answer it is only told."""
        if not self._hooks.pre:
            return
        failures = await self._run(self._hooks.pre, PRE, self._environment(PRE))
        self.warn(f for f in failures if not f.script)
        refusals = [f for f in failures if f.script]
        if refusals:
            raise HooksAbort(refusals)

    async def after(self) -> tuple[HookFailure, ...]:
        """What failed after the work, which stays done."""
        return await self._after(self._hooks.post)

    async def leaving(self, node: str) -> None:
        """The hooks after the work on a node that leaves the cluster."""
        self.warn(await self._after((node,)))

    async def config_update(self) -> None:
        """The hook on the master that follows every change of the configuration; failures are told."""
        config = self._nodes.config()
        variables = environment(config, self._op_id, self._hooks, POST, name=CONFIG_UPDATE)
        self.warn(await self._run(master(config), POST, variables, CONFIG_UPDATE))

    def warn(self, failures: Iterable[HookFailure]) -> None:
        """Tell of failures in the log of the job."""
        for failure in failures:
            self._nodes.say("message", f" - WARNING: {failure.node}: {failure.describe()}")

    async def _after(self, nodes: tuple[str, ...]) -> tuple[HookFailure, ...]:
        if not nodes:
            return ()
        after = self._hooks.variables_after(self._nodes.config())
        return await self._run(nodes, POST, self._environment(POST, after))

    def _environment(self, phase: str, after: Mapping[str, Any] | None = None) -> dict[str, str]:
        return environment(self._nodes.config(), self._op_id, self._hooks, phase, after=after)

    async def _run(
        self, nodes: tuple[str, ...], phase: str, variables: dict[str, str], name: str | None = None
    ) -> tuple[HookFailure, ...]:
        """All nodes at once, those marked offline left out."""
        config = self._nodes.config()
        question = RunHooks(name or self._hooks.name, phase, variables, SCRIPTS_TIMEOUT)
        asked = []
        for node in nodes:
            known = config.find_node(node)
            if known is None or not known.offline:
                asked.append((node, Deferred.fromCoroutine(self._ask(node, question))))
        failures: list[HookFailure] = []
        for node, answer in asked:
            failures += [HookFailure(node, script, output) for script, output in await answer]
        return tuple(failures)

    async def _ask(self, node: str, question: RunHooks) -> list[tuple[str, str]]:
        """Name and output of what failed."""
        try:
            ends: tuple[HookEnd, ...] = await self._nodes.on_node(node, "node", question, SCRIPTS_TIMEOUT + MARGIN)
        except GanetiError as e:
            return [("", e.text)]
        return [(end.script, end.output) for end in ends if end.status == "fail"]
