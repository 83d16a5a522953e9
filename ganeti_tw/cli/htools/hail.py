"""hail: an iallocator; where to put new instances and where to move old ones."""

from __future__ import annotations

import json
from typing import Any

from ganeti_tw.cli.htools.call import Call, ProgramError, later
from ganeti_tw.cli.htools.tables import node_table
from ganeti_tw.htools.allocate import Rules
from ganeti_tw.htools.answer import answer
from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.iallocator import Question, described, load_request


def run(call: Call) -> int:
    question = _question(call)
    options = call.options
    if options.data_file is not None or options.simulate:
        prepared = call.load()
    else:
        prepared = call.complete(question.cluster)
    cluster = prepared.cluster
    if options.verbose > 1:
        call.warn(f"Received request: {described(question.request)}")
    _print_nodes(call, cluster, "Initial")
    call.save(cluster, "pre-ialloc", "before iallocator run")
    rules = Rules(ignore_soft_errors=options.ignore_soft_errors, capacity_checks=options.capacity_checks)
    reply: dict[str, Any]
    after = cluster
    try:
        given = answer(cluster, question.request, rules, options.restrict_allocation_to)
    except BadData as error:
        reply = {"success": False, "info": f"Request failed: {error}", "result": []}
    else:
        reply = {"success": True, "info": f"Request successful: {given.info}", "result": given.result}
        after = given.cluster
    if options.explain:
        explain = later("explain")
        explain.to(call, explain.answered(cluster, question.request, rules, options.restrict_allocation_to))
    _print_nodes(call, after, "Final")
    new = len(after.instances) - len(cluster.instances)
    call.save(after, "post-ialloc", "after iallocator run", new)
    call.say(json.dumps(reply, separators=(",", ":"), ensure_ascii=False))
    return 0


def _question(call: Call) -> Question:
    if not call.arguments:
        raise ProgramError("This program needs an input file.")
    if len(call.arguments) > 1:
        raise ProgramError("Only one argument is accepted (the input file)")
    try:
        return load_request(call.read_file(call.arguments[0]))
    except BadData as error:
        raise ProgramError(str(error)) from error


def _print_nodes(call: Call, cluster: Cluster, when: str) -> None:
    if call.options.print_nodes is not None:
        call.warn(f"\n{when} cluster status:")
        call.warn(node_table(cluster, cluster.nodes, call.options.print_nodes) + "\n")
