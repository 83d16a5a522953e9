"""Asking the nodes, all at once, for what a query needs of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from ganeti_tw.api.query.fields import Source
from ganeti_tw.api.query.resource import Pause
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.api.query.view import View
from ganeti_tw.errors import GanetiError, WrongState
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.model.status import Seen
from ganeti_tw.protocol.instance import RunningInstance

FEW = 50  # instances that are named when the nodes are asked; of more they tell everything
AT_ONCE = 2000  # guests sorted in one go, a few milliseconds of work

log = Logger()


async def gather(view: View, sources: Sources, needed: frozenset[Source], things: list[Any], pause: Pause) -> View:
    """The view with what is needed to show these instances or nodes.

    Nodes marked offline are not asked; what a node does not answer is missing.
    """
    if not things:
        return view
    if Source.GUESTS in needed:
        view = await _guests(view, sources, things, pause)
    if Source.FIGURES in needed:
        view = await _figures(view, sources, things)
    if Source.CONSOLES in needed:
        view = await _consoles(view, sources, things)
    return view


async def _guests(view: View, sources: Sources, instances: list[Instance], pause: Pause) -> View:
    """All nodes are asked: an instance may run where it should not."""
    nodes = [n for n in view.config.nodes.values() if not n.offline]
    names = tuple(i.name for i in instances) if len(instances) <= FEW else ()
    lists = await _answers({n.uuid: (n.name, sources.instances_on(n, names)) for n in nodes})
    primaries = {i.name: i.primary_node for i in instances}
    seen: dict[str, Seen] = {}
    guests: dict[str, RunningInstance] = {}
    async for node, part in _some_at_a_time(lists, pause):
        for guest in part:
            primary = primaries.get(guest.name)
            if primary is None:
                continue
            if node != primary or guest.name not in seen:
                seen[guest.name] = Seen(node, guest.state)
            if node == primary or guest.name not in guests:
                guests[guest.name] = guest
    return evolve(view, seen=seen, guests=guests, answered=frozenset(lists))


async def _some_at_a_time(
    lists: Mapping[str, Sequence[RunningInstance]], pause: Pause
) -> AsyncIterator[tuple[str, Sequence[RunningInstance]]]:
    """A node and some of what it told, again and again; others work in between."""
    given = 0
    for node, found in lists.items():
        for start in range(0, len(found), AT_ONCE):
            if given >= AT_ONCE:
                given = 0
                await pause()
            part = found[start : start + AT_ONCE]
            given += len(part)
            yield node, part


async def _figures(view: View, sources: Sources, nodes: list[Node]) -> View:
    asked = [n for n in nodes if not n.offline and n.vm_capable]
    return evolve(view, figures=await _answers({n.uuid: (n.name, sources.figures(n)) for n in asked}))


async def _consoles(view: View, sources: Sources, instances: list[Instance]) -> View:
    """Nodes are asked side by side, each for one console after the other."""
    by_node: dict[str, list[Instance]] = {}
    for instance in instances:
        guest = view.guests.get(instance.name)
        if instance.primary_node in view.answered and guest is not None and guest.state != "shutdown":
            by_node.setdefault(instance.primary_node, []).append(instance)
    found: dict[str, dict[str, Any] | None] = {}
    await _answers(
        {
            uuid: (view.config.nodes[uuid].name, _consoles_of(sources, running, found))
            for uuid, running in by_node.items()
        }
    )
    return evolve(view, consoles=found)


async def _consoles_of(
    sources: Sources, instances: Iterable[Instance], found: dict[str, dict[str, Any] | None]
) -> None:
    for instance in instances:
        try:
            found[instance.uuid] = await sources.console(instance)
        except WrongState:  # it ended meanwhile
            found[instance.uuid] = None


async def _answers(questions: Mapping[str, tuple[str, Coroutine[Any, Any, Any]]]) -> dict[str, Any]:
    """Key -> answer, without those that failed; a question goes with the name of who is asked."""
    answers: dict[str, Any] = {}

    async def one(key: str, who: str, question: Coroutine[Any, Any, Any]) -> None:
        try:
            answers[key] = await question
        except GanetiError as e:
            log.debug("{node} gives no live data: {error}", node=who, error=e)

    asked = [Deferred.fromCoroutine(one(key, *question)) for key, question in questions.items()]
    await gatherResults(asked, consumeErrors=True)
    return answers
