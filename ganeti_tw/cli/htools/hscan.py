"""hscan: save the state of clusters, and say in a line how each is."""

from __future__ import annotations

import os

from ganeti_tw.cli.htools.call import Call, ProgramError
from ganeti_tw.cli.htools.sources import from_master, from_remote, without_password
from ganeti_tw.cli.htools.tables import node_table
from ganeti_tw.errors import GanetiError
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.health import bad_instances, bad_nodes
from ganeti_tw.htools.numbers import fixed
from ganeti_tw.htools.score import score
from ganeti_tw.htools.text import serialize

_LOCAL = "LOCAL"
_GIB = 1024
_FAILED = 2


def run(call: Call) -> int:
    """Status 2 when a cluster could not be read or saved."""
    wanted = {without_password(where): where for where in call.arguments} or {_LOCAL: ""}
    width = max(map(len, wanted))
    if call.options.headers:
        call.say(
            f"{'Name':{width}} {'Nodes':>5} {'Inst':>5} {'BNode':>5} {'BInst':>5}"
            f" {'t_mem':>6} {'f_mem':>6} {'t_disk':>6} {'f_disk':>6} {'Score':>10}"
        )
    good = [_scan(call, name, where, width) for name, where in wanted.items()]
    return 0 if all(good) else _FAILED


def _scan(call: Call, name: str, where: str, width: int) -> bool:
    try:
        raw = from_remote(call.outside.fetch, where) if where else from_master(call.client)
        cluster = call.complete(raw).cluster
    except (GanetiError, ProgramError) as e:
        call.say(f"\nError for {name}: failed to load data. Details:\n{e}")
        return False
    call.say(f"{name:{width}} {_row(cluster)}")
    if call.options.print_nodes is not None:
        call.say(node_table(cluster, cluster.nodes, call.options.print_nodes))
    path = os.path.join(call.options.output_dir, f"{name.replace('/', '_')}.data")
    try:
        call.write_file(path, serialize(cluster))
    except ProgramError as e:
        call.say(f"\nError for {name}: failed to save data. Details:\n{e}")
        return False
    return True


def _row(cluster: Cluster) -> str:
    nodes = cluster.nodes
    bad = bad_nodes(nodes)
    memory = sum(node.hardware.memory for node in nodes)
    free = sum(node.hardware.free_memory for node in nodes)
    disk = sum(node.hardware.total_disk for node in nodes) / _GIB
    free_disk = sum(node.free_disk for node in nodes) // _GIB
    return (
        f"{len(nodes):5d} {len(cluster.instances):5d} {len(bad):5d} {len(bad_instances(bad)):5d}"
        f" {memory:6.0f} {free:6d} {disk:6.0f} {free_disk:6d} {fixed(score(nodes), 8)}"
    )
