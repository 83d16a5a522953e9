"""Letting an iallocator choose nodes: the one file that operations call.

To find another node for an instance whose data can be reached from everywhere,
or whose secondary is to be replaced, in ``run`` or ``choose`` of an operation
that holds the locks of all nodes of the group::

    name = allocator.named(config, self.iallocator)     # BadRequest when none is named and there is no default
    node = await allocator.other_node(context, instance, name)

Every other question goes through :func:`ask`, with a request of
:mod:`ganeti_tw.operations.steps.allocator_requests`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NoRoom
from ganeti_tw.htools.failures import remedies
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import template
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.names import natural_key
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.allocator_document import Live, document
from ganeti_tw.operations.steps.allocator_requests import BadAnswer, Relocate, Request
from ganeti_tw.operations.steps.storages import storage_of, storage_shown
from ganeti_tw.protocol.instance import ListInstances
from ganeti_tw.protocol.node import GetFigures, ProgramEnd

DEFAULT = "."
NODE_TIMEOUT = 15.0
TIMEOUT = 900.0  # for the allocator itself
TAIL_LINES = 5  # of what a failed allocator said
TAIL_CHARACTERS = 500


def named(config: Config, given: str | None) -> str:
    """The allocator to ask: the one given, or for ``.`` and nothing the cluster's default; BadRequest without."""
    if given not in (None, DEFAULT):
        assert given is not None
        return given
    default = config.cluster.default_iallocator
    if not default:
        raise BadRequest(
            "no iallocator is given and the cluster has no default one: "
            "name one (-I), or set one with gnt-cluster modify --default-iallocator"
        )
    return default


async def other_node(context: Context, instance: Instance, name: str) -> Node:
    """A node of the same group in place of the primary, or with drbd disks of the secondary.

    BadRequest for an instance whose disks are on one node only; else as :func:`ask`.
    """
    config = context.config
    kind = config.disk_template(instance)
    mirrored = template(kind).mirrored if kind != "mixed" else ""
    if not mirrored:
        raise BadRequest(f"{instance.name} has {kind} disks, which cannot be reached from any other node")
    leaving = instance.primary_node
    if mirrored == "internal":
        secondaries = config.secondary_nodes(instance)
        if len(secondaries) != 1:
            raise BadRequest(f"{instance.name} has {len(secondaries)} secondary nodes, not one that could be replaced")
        (leaving,) = secondaries
    node: Node = await ask(context, name, Relocate(instance, leaving))
    context.inform(f"iallocator {name} chose {node.name} for {instance.name}")
    return node


async def ask(
    context: Context,
    name: str,
    request: Request,
    *,
    disk_template: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Any:
    """What the request accepts of the allocator's answer.

    The figures of nodes are those of the storage of ``disk_template``; ``arguments`` go
    to the program besides the cluster's.  NoRoom when it finds no way, DriverError when
    it fails or its answer is wrong, NotFound when there is no such program.
    """
    text = await question(context, request, disk_template=disk_template)
    end = await run(context, name, text, arguments=arguments)
    reply = await context.compose(lambda: read(name, end))
    if not reply.success:
        words = "; ".join([reply.info, *remedies(reply.info)])
        raise NoRoom(f"iallocator {name} finds no {request.subject}: {words}")
    try:
        return request.accept(context.config, reply.result)
    except BadAnswer as e:
        raise DriverError(f"iallocator {name}, asked for {request.subject}, gave a wrong answer: {e}") from None


async def question(context: Context, request: Request, *, disk_template: str | None = None) -> str:
    """The document that an allocator reads, with the figures of all nodes that answer."""
    config = context.config
    live = await figures(context, disk_template)
    content = request.content(config)
    return await context.compose(lambda: document(config, live, content))


async def figures(context: Context, disk_template: str | None = None) -> dict[str, Live]:
    """What nodes say, asked all at once, by UUID; of those that do not answer a warning is given."""
    config = context.config
    cluster = config.cluster
    storage = storage_of(config, disk_template) if disk_template is not None else ("", "")
    measure = GetFigures(cluster.default_hypervisor, *(storage if storage[1] else storage_shown(config)))
    look = ListInstances(cluster.enabled_hypervisors)
    nodes = sorted(
        (n for n in config.nodes.values() if n.vm_capable and not n.offline), key=lambda n: natural_key(n.name)
    )
    measured, seen = await context.together(
        [context.on_nodes(nodes, message, NODE_TIMEOUT) for message in (measure, look)]
    )
    found = {}
    for (node, values), (_, guests) in zip(measured, seen, strict=True):
        problem = next((a for a in (values, guests) if isinstance(a, GanetiError)), None)
        if problem is None:
            found[node.uuid] = Live(values, guests)
        else:
            context.warn(f"{node.name} does not say how full it is, it gets no instances: {problem.text}")
    return found


async def run(context: Context, name: str, text: str, *, arguments: Mapping[str, Any] | None = None) -> ProgramEnd:
    """How the allocator ended that was given this document."""
    given = {**context.config.cluster.default_iallocator_params, **(arguments or {})}
    words = [_argument(key, value) for key, value in given.items() if value is not None]
    return await context.run_allocator(name, text, words, TIMEOUT)


def _argument(key: str, value: Any) -> str:
    """``--key=value``, or the option alone where the value says no more than that it is on."""
    return f"--{key}" if value is True or value == "" else f"--{key}={value}"


@frozen
class Reply:
    """What an allocator answered; ``result`` has the shape the request asks for, or any when it failed."""

    success: bool
    info: str
    result: Any


def read(name: str, end: ProgramEnd) -> Reply:
    """The answer of an allocator that has ended; DriverError when it did not end well or gave none."""
    ended_well(name, end)
    try:
        answer = json.loads(end.stdout)
    except (ValueError, RecursionError) as e:
        raise DriverError(f"iallocator {name} did not answer in JSON ({e}){_tail(end.output)}") from None
    if not isinstance(answer, dict):
        raise DriverError(f"iallocator {name} answered with JSON that is no object{_tail(end.stdout)}")
    for key, kind, called in (("success", bool, "true or false"), ("info", str, "text"), ("result", object, "")):
        if key not in answer:
            raise DriverError(f"iallocator {name} gave an answer without {key!r}{_tail(end.stdout)}")
        if not isinstance(answer[key], kind):
            raise DriverError(f"iallocator {name} gave an answer whose {key!r} is not {called}{_tail(end.stdout)}")
    return Reply(answer["success"], answer["info"], answer["result"])


def ended_well(name: str, end: ProgramEnd) -> None:
    """DriverError when an allocator did not end well."""
    if not end.good:
        why = end.reason or f"exit status {end.status}"
        raise DriverError(f"iallocator {name} failed, {why}{_tail(end.output)}")


def _tail(output: str) -> str:
    """The end of what it said, after the first line: some begin with the reason, some end with it."""
    lines = [line[:TAIL_CHARACTERS] for line in output.strip().splitlines()]
    if len(lines) > TAIL_LINES:
        lines = [lines[0], "...", *lines[2 - TAIL_LINES :]]
    text = "\n".join(lines)
    return f"; it said: {text}" if text else "; it said nothing"
