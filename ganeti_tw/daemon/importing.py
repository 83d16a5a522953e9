"""A cluster of Ganeti's taken over: its ``config.data`` as the beginning of a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ganeti_tw.daemon.newcluster import found_cluster
from ganeti_tw.errors import BadRequest, Corrupt, GanetiError, NotFound, WrongState
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.codec import key_of, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.model.node import Node
from ganeti_tw.model.rows import Put
from ganeti_tw.model.takeover import made_master
from ganeti_tw.model.verify import verify_config

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

IMPORT_DEADLINE = 120.0
MOST_SHOWN = 50  # of what is wrong


@frozen
class Imported:
    """What the ledger begins with, who this host is in it, and what the administrator should know."""

    rows: tuple[Put, ...]
    cluster: Cluster
    node: Node
    notes: tuple[str, ...]


async def import_cluster(host: Host, text: str, force: bool) -> Imported:
    """Make a host that is in no cluster the master of the one that a ``config.data`` describes.

    The other nodes are not there yet, so nobody is asked whether it may.
    """
    outside, name = host.outside, host.name
    found = await outside.files.run(imported, text, name, outside.now(), force, deadline=IMPORT_DEADLINE)
    if outside.listens_on not in ("", found.node.primary_ip):
        raise WrongState(
            f"{name} has the address {found.node.primary_ip} in the configuration, but listens on {outside.listens_on}"
        )
    await found_cluster(host, found.cluster, found.node, found.rows, voting=False)
    return found


def imported(text: str, own_name: str, now: float, force: bool = False) -> Imported:
    """All of a configuration, as it is but for the master: the node called ``own_name``.  Slow for large ones.

    BadRequest says what is wrong; with ``force`` what objects say of each other
    is a note only.
    """
    try:
        rows = {(p.kind, p.key): p for p in rows_from_config_data(text)}
        config = Config.from_rows({place: p.value for place, p in rows.items()})
    except Corrupt as e:
        raise BadRequest(e.text) from None
    wrong = [f"{f.kind} {f.name}: {f.text}" for f in verify_config(config)]
    if wrong and not force:
        shown = "\n".join(f"- {line}" for line in wrong[:MOST_SHOWN])
        more = f"\n- and {len(wrong) - MOST_SHOWN} more" if len(wrong) > MOST_SHOWN else ""
        raise BadRequest(
            f"the configuration contradicts itself; correct it with Ganeti, or import it all the same with --force:\n"
            f"{shown}{more}"
        )
    node = _own_node(config, own_name)
    try:
        changed = made_master(config, node, now)
    except GanetiError as e:
        raise BadRequest(e.text) from None
    for thing in changed:
        rows[key_of(thing)] = row(thing)
    config = config.apply([row(thing) for thing in changed])
    notes = [*wrong, *_notes(config, node, moved=bool(changed))]
    return Imported(tuple(rows.values()), config.cluster, config.nodes[node.uuid], tuple(notes))


def _own_node(config: Config, name: str) -> Node:
    try:
        node = config.node(name)
    except NotFound:
        node = None
    if node is None or node.name != name:
        known = ", ".join(sorted(n.name for n in config.nodes.values())) or "none"
        raise BadRequest(
            f"the configuration has no node {name}, which is the name of this host; its nodes are {known}: import it "
            "on one of them, or give this host that name in ganeti.conf"
        )
    return node


def _notes(config: Config, node: Node, moved: bool) -> list[str]:
    notes = []
    if moved:
        notes.append(f"{node.name} is the master now, which it was not in the configuration")
    others = sorted(n.name for n in config.nodes.values() if n.uuid != node.uuid)
    if others:
        notes.append(
            f"The other nodes have not joined: {', '.join(others)}.  For each, run 'gnt-node token' there and then, "
            "here, 'gnt-node add --readd --token TOKEN NODE'; until then nothing can be done on it"
        )
    return notes
