"""hcheck: is anything wrong, and would balancing help?"""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.cli.htools.balancing import limits
from ganeti_tw.cli.htools.call import Call, later
from ganeti_tw.cli.htools.tables import shell_line
from ganeti_tw.htools.balance import balance
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.group import Group
from ganeti_tw.htools.health import Health, health
from ganeti_tw.htools.numbers import fixed
from ganeti_tw.htools.score import lower_bound

_COUNTS = (
    ("N1_FAIL", "Nodes not N+1 happy"),
    ("CONFLICT_TAGS", "Nodes with conflicting instances"),
    ("OFFLINE_PRI", "Instances having the primary node offline"),
    ("OFFLINE_SEC", "Instances having a secondary node offline"),
    ("GN1_FAIL", "Nodes not directly evacuateable"),
)
_PREFIX = "HCHECK"


def run(call: Call) -> int:
    cluster = call.load().cluster
    options = call.options
    wanted = limits(call, cluster)
    groups = cluster.populated_groups()
    found = [health(cluster, group.index, capacity=options.capacity_checks) for group in groups]
    unhealthy = any(count for one in found for count in one.problems)
    if options.machine_readable:
        for group in cluster.groups:
            call.say(shell_line(_PREFIX, f"GROUP_UUID_{group.index}", group.uuid))
    else:
        call.say(_verdict(options.simulation, unhealthy), 1)
    _report(call, groups, found, unhealthy, initially=True)
    simulating = options.simulation and unhealthy
    if simulating:
        for group, before in zip(groups, found, strict=True):
            nodes = [cluster.nodes[n] for n in cluster.members(group.index)]
            if before.score >= wanted.min_score + lower_bound(nodes):
                _exhaust(cluster, group, call)
    after: list[Health] | None = None
    if simulating or options.machine_readable:
        after = [health(cluster, group.index, capacity=options.capacity_checks) for group in groups]
        _report(call, groups, after, unhealthy, initially=False)
    if options.machine_readable:
        call.say(shell_line(_PREFIX, "OK", "1"))
    if options.json:
        call.give(later("reports").hcheck(groups, found, after, unhealthy))
    return 1 if simulating else 0


def _exhaust(cluster: Cluster, group: Group, call: Call) -> None:
    for _ in balance(cluster, group.index, limits(call, cluster)):
        pass


def _verdict(simulation: bool, unhealthy: bool) -> str:
    if not simulation:
        return "Running in no-simulation mode."
    return "Cluster needs rebalancing." if unhealthy else "No need to rebalance cluster, no problems found."


def _report(call: Call, groups: Sequence[Group], found: Sequence[Health], unhealthy: bool, *, initially: bool) -> None:
    totals = [sum(one.problems[column] for one in found) for column in range(len(found[0].problems))] if found else []
    if call.options.machine_readable:
        phase = "INIT" if initially else "FINAL"
        for group, one in zip(groups, found, strict=True):
            _variables(call, f"{phase}_GROUP_{group.index}", one.problems)
            call.say(shell_line(_PREFIX, f"{phase}_GROUP_{group.index}_SCORE", fixed(one.score, 8)))
        _variables(call, f"{phase}_CLUSTER", totals)
        call.say(shell_line(_PREFIX, f"{phase}_CLUSTER_NEED_REBALANCE", "1" if unhealthy else "0"))
        return
    when = "initially" if initially else "after rebalancing"
    for group, one in zip(groups, found, strict=True):
        call.say(f"\nStatistics for group {group.name} {when}", 1)
        _lines(call, one.problems)
        call.say(f"    Group score: {fixed(one.score, 8)}", 1)
    call.say(f"\nCluster statistics {when}", 1)
    _lines(call, totals)
    call.say(f"    Cluster is not healthy: {unhealthy}", 1)


def _variables(call: Call, key: str, counts: Sequence[int]) -> None:
    for (name, _), count in zip(_COUNTS, counts, strict=False):
        call.say(shell_line(_PREFIX, f"{key}_{name}", str(count)))


def _lines(call: Call, counts: Sequence[int]) -> None:
    for (_, text), count in zip(_COUNTS, counts, strict=False):
        call.say(f"    {text}: {count}", 1)
