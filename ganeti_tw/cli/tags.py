"""``list-tags``, ``add-tags`` and ``remove-tags`` of clusters, nodes and instances."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, names_of
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.cli.listing import print_json
from ganeti_tw.errors import BadRequest

CHANGE_OPTIONS = ("--from", "--priority", "--submit", "--print-jobid")
CLUSTER = "cluster"
STDIN = "-"


def list_tags(kind: str, name: str, context: Context, options: Values) -> int:
    """Print the tags of an object, sorted, one per line."""
    if kind == CLUSTER:
        tags = context.call("cluster_info")["tags"]
    else:
        full = names_of(context, kind, [name])
        answer = context.call("query", what=kind, fields=["tags"], filter=any_of("name", full))
        tags = answer["data"][0][0][1] or []
    if options.json:
        print_json(context, sorted(tags))
    else:
        context.say_all(sorted(tags))
    return 0


def change_tags(op_id: str, kind: str, name: str, tags: Sequence[str], context: Context, options: Values) -> int:
    """Add or remove the tags given as arguments and those of ``--from``."""
    wanted = [*tags, *_tags_from(options.tags_source, context)]
    if not wanted:
        raise BadRequest("no tags given")
    return submit_and_follow(context, options, opcode(op_id, options, context, kind=kind, name=name, tags=wanted))


def _tags_from(source: str | None, context: Context) -> list[str]:
    if source is None:
        return []
    try:
        if source == STDIN:
            text = context.stdin.read()
        else:
            with open(source, encoding="utf-8") as file:
                text = file.read()
    except (OSError, UnicodeDecodeError) as e:
        raise BadRequest(f"cannot read tags from {source}: {e}") from e
    return [line.strip() for line in text.splitlines() if line.strip()]
