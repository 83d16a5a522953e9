"""hinfo: what a cluster is made of and how evenly it is used."""

from __future__ import annotations

from ganeti_tw.cli.htools.call import Call, later
from ganeti_tw.cli.htools.tables import component_table, instance_table, node_table, table
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.health import bad_instances, bad_nodes
from ganeti_tw.htools.numbers import fixed
from ganeti_tw.htools.policy import described
from ganeti_tw.htools.score import score


def run(call: Call) -> int:
    prepared = call.load()
    cluster = prepared.cluster
    call.say(f"Loaded cluster tags: {','.join(cluster.tags)}")
    call.say(f"Loaded cluster ipolicy: {described(cluster.policy)}", 3)
    if not cluster.instances:
        call.say("Cluster is empty.", 2)
    counts = (
        _counted(len(cluster.nodes), "node"),
        _counted(len(cluster.instances), "instance"),
        _counted(len(cluster.groups), "node group"),
    )
    call.say(f"Loaded {', '.join(counts)}")
    if prepared.suffix:
        call.say(f"Note: Stripping common suffix of '{prepared.suffix}' from names", 3)
    split = cluster.split_instances()
    if split:
        call.say("Found instances belonging to multiple node groups:")
        for instance in split:
            call.warn(f"  {instance.name}")
    else:
        call.say("No split instances found", 2)
    if call.options.verbose > 1:
        call.say("Node group information:")
        call.say(_group_table(cluster))
    bad = bad_nodes(cluster.nodes)
    call.say(f"Cluster is N+1 {'unhappy' if bad else 'happy'}")
    if call.options.print_instances:
        call.warn("\nInstances instance map:")
        call.warn(instance_table(cluster, range(len(cluster.instances))))
    if call.options.print_nodes is not None:
        call.warn("\nCluster status:")
        call.warn(node_table(cluster, cluster.nodes, call.options.print_nodes) + "\n")
    call.say("Cluster coefficients:")
    call.say(component_table(cluster.nodes))
    call.say(f"Cluster score: {fixed(score(cluster.nodes), 8)}")
    if call.options.json:
        call.give(later("reports").hinfo(cluster, prepared.suffix))
    return 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _group_table(cluster: Cluster) -> str:
    rows = []
    for group in cluster.populated_groups():
        nodes = [cluster.nodes[n] for n in cluster.members(group.index)]
        bad = bad_nodes(nodes)
        rows.append(
            [
                group.name,
                str(len(nodes)),
                str(len(cluster.instances_of(group.index))),
                str(len(bad)),
                str(len(bad_instances(bad))),
                str(not bad),
                fixed(score(nodes), 8),
            ]
        )
    header = ("Group", "Nodes", "Instances", "Bad_Nodes", "Bad_Instances", "N+1", "Score")
    return table("  ", header, rows, (False, True, True, True, True, False, True))
