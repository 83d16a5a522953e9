"""Commands over several instances: which ones, whether really, and a job for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from optparse import Values

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, names_of
from ganeti_tw.cli.jobs import Opcode
from ganeti_tw.cli.many import Wanted, run_jobs
from ganeti_tw.errors import BadRequest

CLUSTER = "cluster"
INSTANCES = "instances"
BY_INSTANCE_TAGS = "instances-by-tags"
SELECTION_OPTIONS = (
    "--force-multiple",
    "--instance",
    "--all#2",
    "--tags#2",
    "--node",
    "--primary",
    "--secondary",
    "--node-tags",
    "--pri-node-tags",
    "--sec-node-tags",
)
_NODE_LISTS = {
    "nodes": ("pinst_list", "sinst_list"),
    "nodes-pri": ("pinst_list",),
    "nodes-sec": ("sinst_list",),
}
_BY_TAGS = "-by-tags"


def run_on_instances(
    action: str, context: Context, options: Values, arguments: Sequence[str], make: Callable[[str], Opcode]
) -> int:
    """Do ``action`` (a word for the question) to the selected instances with the opcode ``make(name)``."""
    mode = options.multi_mode or INSTANCES
    names = select(context, mode, arguments)
    if not names:
        if mode == CLUSTER:
            context.say(f"There are no instances in the cluster, no {action} to do")
            return 0
        raise BadRequest("the selection matches no instances")
    several = mode != INSTANCES or len(names) > 1
    if several and not options.force_multi and not context.confirm_many(names, "instances", action):
        return 1
    return run_jobs(context, options, [Wanted(name, [make(name)]) for name in names], verbose=several)


def select(context: Context, mode: str, arguments: Sequence[str]) -> list[str]:
    """Names of the instances, each once."""
    if mode == CLUSTER:
        if arguments:
            raise BadRequest("with --all no names may be given")
        return _names(context, "instance", None)
    if mode == INSTANCES:
        if not arguments:
            raise BadRequest("no instance names given")
        return names_of(context, "instance", arguments)
    if mode == BY_INSTANCE_TAGS:
        if not arguments:
            raise BadRequest("no instance tags given")
        return _names(context, "instance", any_of("tags", arguments, "=[]"))
    return _on_nodes(context, mode, arguments)


def _on_nodes(context: Context, mode: str, arguments: Sequence[str]) -> list[str]:
    by_tags = mode.endswith(_BY_TAGS)
    if not arguments:
        raise BadRequest("no node tags given" if by_tags else "no node names given")
    fields = _NODE_LISTS[mode.removesuffix(_BY_TAGS)]
    chosen = any_of("tags", arguments, "=[]") if by_tags else any_of("name", names_of(context, "node", arguments))
    rows = context.call("query", what="node", fields=list(fields), filter=chosen)["data"]
    found = [name for column in range(len(fields)) for row in rows for name in row[column][1] or ()]
    return list(dict.fromkeys(found))


def _names(context: Context, what: str, chosen: list[object] | None) -> list[str]:
    answer = context.call("query", what=what, fields=["name"], filter=chosen)
    return [row[0][1] for row in answer["data"]]
