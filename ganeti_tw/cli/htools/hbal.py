"""hbal: make a group more even."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.cli.htools.balancing import limits
from ganeti_tw.cli.htools.call import Call, ProgramError, later
from ganeti_tw.cli.htools.planning import cost_line, cost_of_all, steps_of
from ganeti_tw.cli.htools.tables import component_table, instance_table, node_table
from ganeti_tw.htools.balance import Limits, Step
from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.group import Group
from ganeti_tw.htools.health import bad_instances, bad_nodes, breaks_policy
from ganeti_tw.htools.jobs import SCRIPT_HEAD, job_sets, script, shown
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import fixed, six_figures
from ganeti_tw.htools.policy import described
from ganeti_tw.htools.score import lower_bound, score


def run(call: Call) -> int:
    prepared = call.load()
    cluster = prepared.cluster
    wanted = limits(call, cluster)
    call.say(f"Loaded cluster tags: {','.join(cluster.tags)}", 2)
    call.say(f"Loaded cluster ipolicy: {described(cluster.policy)}", 2)
    if not cluster.instances:
        call.say("Cluster is empty, exiting.")
        _give_report(call, cluster, None, "empty", [], [])
        return 0
    _warn_of_split_instances(call, cluster)
    call.say(f"Loaded {len(cluster.nodes)} nodes, {len(cluster.instances)} instances")
    if prepared.suffix:
        call.say(f"Note: Stripping common suffix of '{prepared.suffix}' from names", 2)
    call.save_original(cluster, "before balancing")
    group = _choose_group(call, cluster)
    instances = cluster.instances_of(group.index)
    nodes = _nodes(cluster, group)
    call.say(f"Group size {len(nodes)} nodes, {len(instances)} instances")
    call.say(f"Selected node group: {group.name}")
    _say_what_is_wrong(call, nodes)
    _tables(call, cluster, group, instances, "Initial")
    start, bound = score(nodes), lower_bound(nodes)
    if call.options.verbose > 2:
        call.say(f"Initial coefficients: overall {fixed(start, 8)}")
        call.say(component_table(nodes))
    else:
        call.say(f"Initial score: {fixed(start, 8)}")
    if start - bound < wanted.min_score:
        call.say(
            f"Cluster is already well balanced (initial score {six_figures(start)},\n"
            f"optimum score due to N+1 reservations {six_figures(bound)},\n"
            f"minimum score {six_figures(wanted.min_score)}).\n"
            "Nothing to do, exiting"
        )
        _give_report(call, cluster, group, "balanced", nodes, [])
        return 0
    call.say("Trying to minimize the CV...")
    original = nodes
    steps = _balance(call, cluster, group, wanted, start)
    nodes = _nodes(cluster, group)
    _say_result(call, nodes, start, steps)
    if call.options.commands is not None:
        _give_commands(call, cluster, steps)
    call.save(cluster, "balanced", "after balancing")
    _tables(call, cluster, group, instances, "Final")
    if call.options.verbose > 3:
        call.say(f"Original: {_free(original)}")
        call.say(f"Final:    {_free(nodes)}")
    _give_report(call, cluster, group, "improved" if steps else "no solution", original, steps)
    if call.options.execute and steps:
        _execute(call, cluster, steps)
    return 0


def _balance(call: Call, cluster: Cluster, group: Group, wanted: Limits, start: float) -> list[Step]:
    """Move instances of the group, telling of each move, until nothing is gained; ``start`` is the score before."""
    instances = cluster.instances_of(group.index)
    explained = later("explain").Balancing(call, cluster, group.index, wanted) if call.options.explain else None
    steps: list[Step] = []
    now = start
    for step in steps_of(call, cluster, group.index, wanted):
        steps.append(step)
        call.say(_move_line(cluster, group, instances, len(steps), step))
        if wanted.price:
            call.say(cost_line(step, now, wanted.price))
        now = step.score
        if explained:
            explained.step(step)
    if explained:
        explained.end()
    if wanted.price:
        call.say(cost_of_all(steps, start, wanted.price))
    return steps


def _nodes(cluster: Cluster, group: Group) -> list[Node]:
    return [cluster.nodes[n] for n in cluster.members(group.index)]


def _warn_of_split_instances(call: Call, cluster: Cluster) -> None:
    split = cluster.split_instances()
    if split and call.options.verbose > 1:
        call.warn("Found instances belonging to multiple node groups:")
        for instance in split:
            call.warn(f"  {instance.name}")
        call.warn("These instances will not be moved.")


def _choose_group(call: Call, cluster: Cluster) -> Group:
    groups = cluster.populated_groups()
    name = call.options.group
    if name is not None:
        group = cluster.find_group(name)
        if group is None:
            call.warn(f"Node group {name} not found. Node group list is:")
            groups = cluster.groups
    elif len(groups) == 1:
        group = groups[0]
    else:
        group = None
        call.warn("Found multiple node groups:")
    if group is None:
        for each in groups:
            call.warn(f"  {each.name}")
        raise ProgramError("Aborting.")
    return group


def _say_what_is_wrong(call: Call, nodes: Sequence[Node]) -> None:
    bad = bad_nodes(nodes)
    call.say(f"Initial check done: {len(bad)} bad nodes, {len(bad_instances(bad))} bad instances.", 1)
    if bad:
        call.say("Cluster is not N+1 happy, continuing but no guarantee that the cluster will end N+1 happy.")
    breaking = [node for node in nodes if node not in bad and breaks_policy(node)]
    if breaking:
        call.say(f"The cluster contains {len(breaking)} policy-violating nodes.")
        if call.options.ignore_soft_errors:
            call.say("Continuing, ignoring soft errors.")
        else:
            call.say(
                "Continuing, but the set of moves might be too restricted;"
                " consider using the --ignore-soft-errors option."
            )


def _move_line(cluster: Cluster, group: Group, instances: Sequence[int], number: int, step: Step) -> str:
    name_width = max(len(cluster.instances[i].alias) for i in instances)
    place_width = 2 * max(len(node.hardware.alias) for node in _nodes(cluster, group)) + 1
    return (
        f"  {number:3d}. {step.instance.alias:{name_width}} {_place(cluster, step.old):{place_width}}"
        f" => {_place(cluster, step.new):{place_width}} {fixed(step.score, 8):>12} a={shown(cluster, step.move)}"
    )


def _place(cluster: Cluster, place: Place) -> str:
    primary = cluster.nodes[place.primary].hardware.alias
    if place.secondary == NOWHERE:
        return primary
    return f"{primary}:{cluster.nodes[place.secondary].hardware.alias}"


def _say_result(call: Call, nodes: Sequence[Node], start: float, steps: Sequence[Step]) -> None:
    if steps and call.options.verbose > 2:
        call.say(f"Final coefficients:   overall {fixed(steps[-1].score, 8)}")
        call.say(component_table(nodes))
    elif steps:
        call.say(f"Cluster score improved from {fixed(start, 8)} to {fixed(steps[-1].score, 8)}")
    else:
        call.say("No solution found")
    call.say(f"Solution length={len(steps)}", 1)


def _give_report(
    call: Call, cluster: Cluster, group: Group | None, status: str, before: Sequence[Node], steps: Sequence[Step]
) -> None:
    if call.options.json:
        cut = 1 if call.options.first_job_group else -1
        price = call.options.plan_cost
        call.give(later("reports").hbal(cluster, group, status, before, steps, cut=cut, price=price))


def _give_commands(call: Call, cluster: Cluster, steps: Sequence[Step]) -> None:
    sets = job_sets(steps)
    if call.options.first_job_group:
        sets = sets[:1]
    lines = script(cluster, sets)
    if call.options.commands:
        call.write_file(call.options.commands, SCRIPT_HEAD + "".join(f"{line}\n" for line in lines))
        call.say(f"The commands have been written to file '{call.options.commands}'")
        return
    call.say()
    first = call.options.first_job_group
    call.say("First set of jobs:" if first else "Commands to run to reach the above solution:")
    for line in lines:
        if line != "  check":
            call.say(f"  {line}")


def _execute(call: Call, cluster: Cluster, steps: Sequence[Step]) -> None:
    if call.options.luxi is None:
        raise ProgramError("hbal: Execution of commands possible only on LUXI")
    running = later("running")
    sets = running.move_sets(cluster, steps)
    running.run_sets(call, sets[:1] if call.options.first_job_group else sets, comment="rebalancing")


def _tables(call: Call, cluster: Cluster, group: Group, instances: Sequence[int], when: str) -> None:
    if call.options.print_instances:
        call.warn(f"\n{when} instance map:")
        call.warn(instance_table(cluster, instances))
    if call.options.print_nodes is not None:
        call.warn(f"\n{when} cluster status:")
        call.warn(node_table(cluster, _nodes(cluster, group), call.options.print_nodes) + "\n")


def _free(nodes: Sequence[Node]) -> str:
    return f"mem={sum(n.unused_memory for n in nodes)} disk={sum(n.free_disk for n in nodes)}"
