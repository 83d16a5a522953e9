"""The words of ``--explain``.

They go to standard output where that is text for people, else (hail, ``--json``,
``--machine-readable``) to standard error.  Up to ``_FEW`` nodes have a line each; of
more, those with the same reason share one, and of those that would merely have been
worse the closest are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from ganeti_tw.cli.htools.call import Call
from ganeti_tw.htools.allocate import Rules
from ganeti_tw.htools.balance import Limits, Step
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.health import bad_nodes
from ganeti_tw.htools.iallocator import Request
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.space import Filled, Room
from ganeti_tw.htools.why import Comparison, Part, Question, Rival, grouped
from ganeti_tw.htools.why_answer import why_answered
from ganeti_tw.htools.why_balance import Explainer
from ganeti_tw.htools.why_space import why_filled

_FEW = 24
_CLOSEST = 9
_PARTS_SHOWN = 3
_WIDTH = 110


def to(call: Call, lines: Iterable[str]) -> None:
    """Where this tool's explanations go."""
    elsewhere = call.tool == "hail" or call.options.json or call.options.machine_readable
    for line in lines:
        if elsewhere:
            call.warn(line)
        else:
            call.say(line)


def _parts(parts: Sequence[Part]) -> str:
    return ", ".join(f"{part.component} {part.worse:+.8f}" for part in parts[:_PARTS_SHOWN])


def _worse(rival: Rival) -> str:
    via = f" ({rival.partner})" if rival.partner else ""
    if rival.metric:
        return f"metric {rival.metric}{via}"
    if rival.worse is not None and rival.worse < 0:
        return f"better by {-rival.worse:.8f} at this point{via}, but not worth its cost or not in the end"
    if not rival.worse:
        return f"just as good{via}; the order of the nodes decides"
    parts = _parts(rival.parts)
    return f"worse by {rival.worse:.8f}{via}" + (f": {parts}" if parts else "")


def _each(rivals: Sequence[Rival]) -> Iterator[str]:
    if len(rivals) <= _FEW:
        width = max((len(rival.name) for rival in rivals), default=0)
        for rival in rivals:
            yield f"{rival.name:{width}}  {rival.reason or _worse(rival)}"
        return
    for group in grouped(rivals):
        yield f"{group.what} ({len(group.names)}):"
        names = group.names
        if not group.refused and len(names) > _CLOSEST + 1:
            names = [*names[:_CLOSEST], f"and {len(names) - _CLOSEST} that are worse still"]
        yield from (f"  {line}" for line in wrap(", ".join(names), _WIDTH, break_on_hyphens=False))


def _size(instance: Instance) -> str:
    return f"{instance.memory} MiB memory, {instance.disk} MiB disk, {instance.vcpus} virtual CPUs, {instance.template}"


def comparison(cluster: Cluster, instance: Instance, why: Comparison) -> Iterator[str]:
    """Why a new instance goes where it goes, or nowhere."""
    taken = why.taken
    if taken is None:
        yield f"{instance.name} ({_size(instance)}) finds no place."
    else:
        names = [cluster.nodes[n].hardware.name for n in taken.place[:2] if n != NOWHERE]
        where = ", secondary ".join(names)
        shown = f"{taken.score:.8f}" if isinstance(taken.score, float) else str(taken.score)
        yield f"{instance.name} ({_size(instance)}) goes to {where}: score {shown}"
        yield from _runner_up(names[0], why.questions)
    for question in why.questions:
        yield f"  Not {question.role}:" if taken else f"  Why not {question.role}:"
        yield from (f"    {line}" for line in _each(question.rivals) if question.rivals)
        if not question.rivals:
            yield "    there is no other node"


def _runner_up(primary: str, questions: Sequence[Question]) -> Iterator[str]:
    found = []
    for question in questions:
        for rival in question.rivals:
            if rival.worse is not None:
                name = f"{rival.name}, secondary {rival.partner}" if rival.partner else rival.name
                if question.role.startswith("secondary of "):
                    name = f"{primary}, secondary {name}"
                found.append((rival.worse, name, rival))
    if not found:
        return
    worse, name, rival = min(found, key=lambda each: each[0])
    decided = rival.parts[0].component if rival.parts else "the order of the nodes"
    yield f"  Next best: {name}, worse by {worse:.8f}; {decided} decided"


def answered(cluster: Cluster, request: Request, rules: Rules, only: Sequence[str] | None) -> Iterator[str]:
    """hail's explanation, an instance after the other."""
    try:
        for why in why_answered(cluster, request, rules, only):
            if why.comparison is not None:
                yield from comparison(why.cluster, why.instance, why.comparison)
            else:
                yield f"{why.instance.name}:"
            yield from (f"  {remark}" for remark in why.remarks)
    except BadData as error:
        yield f"There is nothing to choose from: {error}"


# -- hspace


def filled(cluster: Cluster, room: Room | None, size: Size, found: Filled, name: str) -> Iterator[str]:
    """A run of hspace: each size in short, the last one in full."""
    yield f"{name} allocation, explained:"
    if room is None:
        yield "  nothing is placed while nodes fail N+1 (--accept-existing-errors would); these do:"
        for node in bad_nodes(cluster.nodes):
            figures = f"{node.reserved} MiB reserved for failovers, {node.unused_memory} MiB unused"
            yield f"    {node.hardware.name}  {figures}"
        return
    sizes = list(why_filled(cluster, room, size, found))
    for why in sizes:
        yield f"  {why.placed} of {_size(why.instance)}"
        if why.first is not None and why.first.taken is not None:
            names = [cluster.nodes[n].hardware.name for n in why.first.taken.place[:2] if n != NOWHERE]
            yield f"    the first on {', secondary '.join(names)}: score {why.first.taken.score:.8f}"
            yield from (f"  {line}" for line in _runner_up(names[0], why.first.questions))
        if why is not sizes[-1]:
            ends = [group for question in why.end.questions[:1] for group in grouped(question.rivals)]
            yield "    then no more: " + "; ".join(f"{group.what} ({len(group.names)})" for group in ends)
    last = sizes[-1].end
    yield f"  then no more; failed checks: {', '.join(f'{f.value} {n}' for f, n in found.failures.items()) or 'none'}"
    for question in last.questions:
        yield f"    Why not {question.role}:"
        yield from (f"      {line}" for line in _each(question.rivals))


# -- hbal


def left_out(explainer: Explainer) -> Iterator[str]:
    rivals = explainer.left_out()
    if rivals:
        yield "  Not considered:"
        for group in grouped(rivals):
            yield f"    {group.what} ({len(group.names)}): {', '.join(group.names)}"


def step(explainer: Explainer, made: Step) -> Iterator[str]:
    why = explainer.step(made)
    yield f"       gains {why.gain:.8f}: {_parts(why.gained)}"
    if why.others is None:
        yield "       no move of another instance would be better than none"
    else:
        other = why.others
        yield f"       best of the other instances: {other.name} {other.partner}, {_worse(other._replace(partner=''))}"
    if why.rivals:
        yield f"       not elsewhere with {made.instance.name}:"
        yield from (f"         {line}" for line in _each(why.rivals))


class Balancing:
    """hbal's explanations as the moves come."""

    def __init__(self, call: Call, cluster: Cluster, group: int, limits: Limits) -> None:
        self._call = call
        self._explainer = Explainer(cluster, group, limits)
        to(call, left_out(self._explainer))

    def step(self, made: Step) -> None:
        to(self._call, step(self._explainer, made))

    def end(self) -> None:
        to(self._call, [f"  No further move: {self._explainer.end()}."])
