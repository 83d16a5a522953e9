"""``gnt-cluster verify-disks``.

The result of a group is ``[{node: why it does not answer}, instances whose disks
must be activated, {instance: [[node, volume], ...]}]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import one_line
from ganeti_tw.cli.jobs import follow, opcode
from ganeti_tw.cli.many import follow_submitted
from ganeti_tw.cli.structured import natural
from ganeti_tw.errors import GanetiError


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode("OP_CLUSTER_VERIFY_DISKS", options, context, group_name=options.nodegroup)
    (result,) = follow(context, context.call("submit", ops=[op]))
    code = 0
    for results in follow_submitted(context, result["jobs"]):
        if results is None or not _one_group(context, options, *results[0]):
            code = 1
    return code


def _one_group(
    context: Context,
    options: Values,
    bad_nodes: Mapping[str, str],
    inactive: Sequence[str],
    missing: Mapping[str, Sequence[Sequence[str]]],
) -> bool:
    """Whether all is well with a group, now that what can be activated has been."""
    good = not bad_nodes and not missing
    for node in sorted(bad_nodes, key=natural):
        context.say(f"Error gathering data on node {node}: {bad_nodes[node]}")
    for name in inactive:
        if name not in missing:
            context.say(f"Activating disks for instance '{name}'")
            good = _activate(context, options, name) and good
    for name in sorted(missing, key=natural):
        context.say(f"Instance {name} has missing logical volumes:")
        for node, volume in missing[name]:
            broken = node in bad_nodes
            context.say(f"\tbroken node {node}, cannot check {volume}" if broken else f"\t{node} /dev/{volume}")
    if not inactive and not missing:
        context.say("No disks need to be activated.")
    return good


def _activate(context: Context, options: Values, name: str) -> bool:
    op = opcode("OP_INSTANCE_ACTIVATE_DISKS", options, context, instance_name=name)
    try:
        follow(context, context.call("submit", ops=[op]))
    except GanetiError as e:
        context.warn(f"Cannot activate the disks of {name}: {one_line(e)}")
        return False
    return True


COMMAND = Command(
    purpose="Look for disks that are not active, and activate them",
    run=run,
    usage="[--node-group <nodegroup>]",
    options=("--priority", "-g/--node-group"),
)
