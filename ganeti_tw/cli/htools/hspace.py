"""hspace: how many more instances fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ganeti_tw.cli.htools.call import Call, ProgramError, later
from ganeti_tw.cli.htools.options import Resources
from ganeti_tw.cli.htools.tables import component_table, node_table, shell_line
from ganeti_tw.htools.allocate import Rules
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.health import bad_nodes
from ganeti_tw.htools.numbers import fixed, shortest
from ganeti_tw.htools.policy import Spec
from ganeti_tw.htools.score import score
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.space import Filled, Kind, Room, troubled
from ganeti_tw.htools.stats import Totals, totals
from ganeti_tw.htools.templates import nodes_needed

_PREFIX = "HTS"


class _Plan(NamedTuple):
    """What is asked: sizes, template, and the room; ``room`` is None when nothing may be placed."""

    kind: Kind
    standard: Size
    tiers: list[Size]
    room: Room | None
    limit: int | None


def run(call: Call) -> int:
    prepared = call.load()
    cluster = prepared.cluster
    options = call.options
    if prepared.suffix and options.verbose > 1:
        call.warn(f"Note: Stripping common suffix of '{prepared.suffix}' from names")
    _print_nodes(call, cluster, "Initial cluster")
    if options.verbose > 2:
        call.warn(f"Initial coefficients: overall {fixed(score(cluster.nodes), 8)}")
        call.warn(component_table(cluster.nodes))
    plan = _plan(call, cluster)
    report = _report(call)
    report.start(cluster, plan)
    try:
        tiered = _fill(cluster, plan, tiers=True)
        standard = _fill(cluster, plan, tiers=False)
    except BadData as error:
        raise ProgramError(f"failure during allocation: {error}") from error
    _results(call, tiered, "Tiered", "tiered")
    report.tiered(cluster, plan, tiered)
    if options.explain:
        explain = later("explain")
        explain.to(call, explain.filled(cluster, plan.room, plan.tiers[0], tiered, "Tiered"))
    _results(call, standard, "Standard", "standard")
    report.standard(cluster, plan, standard)
    if options.explain:
        explain = later("explain")
        explain.to(call, explain.filled(cluster, plan.room, plan.standard, standard, "Standard"))
    return 0


def _report(call: Call) -> _Words | _Variables | _Document:
    if call.options.json:
        return _Document(call)
    return _Variables(call) if call.options.machine_readable else _Words(call)


def _plan(call: Call, cluster: Cluster) -> _Plan:
    options = call.options
    policy = cluster.policy
    if options.disk_template is None and not policy.templates:
        raise ProgramError("The policy of the cluster allows no disk template")
    template = options.disk_template or policy.templates[0]
    use = policy.standard.spindle_use if options.spindle_use is None else options.spindle_use
    standard = _asked(options.standard_alloc) or _size(policy.standard)
    asked = _asked(options.tiered_alloc)
    tiers = [asked] if asked else [_size(high) for _, high in policy.bounds]
    limit = None if options.max_length < 0 else options.max_length
    return _Plan(Kind(template, use), standard, tiers, _room(call, cluster, Kind(template, use)), limit)


def _asked(asked: Resources | None) -> Size | None:
    return None if asked is None else Size(asked.memory, asked.disk, asked.cpus, asked.spindles)


def _size(spec: Spec) -> Size:
    return Size(spec.memory, spec.disk_size, spec.cpus, spec.spindle_use)


def _room(call: Call, cluster: Cluster, kind: Kind) -> Room | None:
    options = call.options
    bad = bad_nodes(cluster.nodes)
    trouble = troubled(cluster, capacity=options.independent_groups)
    refused = frozenset() if options.accept_existing_errors else trouble.n1_groups
    ignored: frozenset[int] = frozenset()
    if options.independent_groups:
        refused |= trouble.unsafe_groups
        ignored = trouble.unsafe_groups
    allocable = {g.index for g in cluster.groups if g.allocable and g.index not in refused}
    allowed = [node.hardware.index for node in cluster.nodes if node.hardware.group in allocable and not node.offline]
    if options.verbose > 3:
        call.warn("Bad nodes: " + _quoted([node.hardware.name for node in bad]))
        call.warn("Bad groups: " + _quoted([cluster.groups[g].name for g in sorted(refused)]))
        call.warn("Allocatable nodes: " + _quoted([cluster.nodes[n].hardware.name for n in allowed]))
    if bad and not (options.accept_existing_errors or (options.independent_groups and allocable)):
        return None
    rules = Rules(capacity_checks=options.capacity_checks, skip_offline_checks=options.accept_existing_errors)
    return Room(cluster, kind, allowed, ignored, rules)


def _quoted(names: Sequence[str]) -> str:
    return "[" + ",".join(f'"{name}"' for name in names) + "]"


def _fill(cluster: Cluster, plan: _Plan, *, tiers: bool) -> Filled:
    if plan.room is None:
        return Filled(cluster, len(cluster.instances), {Fail.N1: 1})
    if tiers:
        return plan.room.fill_shrinking(cluster, plan.tiers, plan.limit)
    return plan.room.fill(cluster, plan.standard, plan.limit)


def _print_nodes(call: Call, cluster: Cluster, what: str) -> None:
    if call.options.print_nodes is not None:
        call.warn(f"\n{what} status:")
        call.warn(node_table(cluster, cluster.nodes, call.options.print_nodes) + "\n")


def _results(call: Call, filled: Filled, name: str, suffix: str) -> None:
    cluster = filled.cluster
    if call.options.verbose > 1:
        call.warn(f"{name} allocation map")
        rows = [_map_row(cluster, index) for index in range(filled.first, len(cluster.instances))]
        if rows:
            widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
            right = (False, False, False, True, True, True, True)
            for row in rows:
                cells = [
                    cell.rjust(width) if flag else cell.ljust(width)
                    for cell, width, flag in zip(row, widths, right, strict=True)
                ]
                call.warn(" " + " ".join(cells))
    _print_nodes(call, cluster, f"{name} allocation")
    call.save(cluster, suffix, f"after {suffix} allocation")


def _map_row(cluster: Cluster, index: int) -> list[str]:
    instance, place = cluster.instances[index], cluster.places[index]
    primary = cluster.nodes[place.primary].hardware.name
    secondary = "" if place.secondary == NOWHERE else cluster.nodes[place.secondary].hardware.name
    spindles = str(instance.disk_spindles) if _exclusive(cluster) else ""
    return [instance.name, primary, secondary, str(instance.memory), str(instance.disk), str(instance.vcpus), spindles]


def _exclusive(cluster: Cluster) -> bool:
    return any(node.hardware.exclusive_storage for node in cluster.nodes)


def _reasons(failures: dict[Fail, int]) -> list[tuple[Fail, int]]:
    """Most frequent first, of equals the first in the statistics."""
    return sorted(((fail, failures.get(fail, 0)) for fail in Fail), key=lambda pair: -pair[1])


def _tiers(filled: Filled) -> list[tuple[Size, int]]:
    sizes = [
        Size(each.memory, each.disk, each.vcpus, each.disk_spindles or 0)
        for each in filled.cluster.instances[filled.first :]
    ]
    return [(size, len(list(group))) for size, group in groupby(sizes)]


class _Words:
    """For people."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def start(self, cluster: Cluster, plan: _Plan) -> None:
        say = self._call.say
        stats = totals(cluster)
        spindles = f", SPN {stats.total_spindles}" if _exclusive(cluster) else ""
        say(f"The cluster has {len(cluster.nodes)} nodes and the following resources:")
        say(
            f"  MEM {stats.total_memory:.0f}, DSK {stats.total_disk:.0f},"
            f" CPU {stats.total_cpus:.0f}, VCPU {stats.max_cpus}{spindles}."
        )
        if stats.instances:
            say(f"There are {stats.instances} initial instances on the cluster.")
        else:
            say("There are no initial instances on the cluster.")

    def tiered(self, cluster: Cluster, plan: _Plan, filled: Filled) -> None:
        say = self._call.say
        self._spec("Tiered (initial size)", cluster, plan, plan.tiers[0])
        say("Tiered allocation results:")
        tiers = _tiers(filled)
        for size, count in tiers:
            say(f"  - {count:3d} instances of spec {self._size(cluster, size)}")
        if not tiers:
            say("  - no instances allocated")
        self._outcome(cluster, filled)

    def standard(self, cluster: Cluster, plan: _Plan, filled: Filled) -> None:
        self._spec("Standard (fixed-size)", cluster, plan, plan.standard)
        self._call.say("Normal (fixed-size) allocation results:")
        self._call.say(f"  - {len(filled.cluster.instances) - filled.first:3d} instances allocated")
        self._outcome(cluster, filled)

    def _spec(self, name: str, cluster: Cluster, plan: _Plan, size: Size) -> None:
        self._call.say(f"{name} instance spec is:")
        self._call.say(f"  {self._size(cluster, size)}, using disk template '{plan.kind.template}'.")

    @staticmethod
    def _size(cluster: Cluster, size: Size) -> str:
        spindles = f", SPN {size.spindles}" if _exclusive(cluster) else ""
        return f"MEM {size.memory}, DSK {size.disk}, CPU {size.cpus}{spindles}"

    def _outcome(self, cluster: Cluster, filled: Filled) -> None:
        say = self._call.say
        after = totals(filled.cluster)
        say(f"  - most likely failure reason: {_reasons(filled.failures)[0][0].value}")
        say(f"  - initial cluster score: {fixed(score(cluster.nodes), 8)}")
        say(f"  -   final cluster score: {fixed(after.score, 8)}")
        rows = [("memory", after.memory_use), ("disk", after.disk_use), ("vcpu", after.cpu_use)]
        if _exclusive(cluster):
            rows.append(("spindles", after.spindle_use))
        width = max(len(name) for name, _ in rows)
        for name, part in rows:
            say(f"  - {name:>{width}} usage efficiency: {fixed(part * 100, 2):>5}%")


class _Document:
    """For programs."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def start(self, cluster: Cluster, plan: _Plan) -> None:
        self._space = later("reports").Space(cluster, plan.kind.template)

    def tiered(self, cluster: Cluster, plan: _Plan, filled: Filled) -> None:
        self._space.add("tiered", plan.tiers[0], filled, plan.room is not None)

    def standard(self, cluster: Cluster, plan: _Plan, filled: Filled) -> None:
        self._space.add("standard", plan.standard, filled, plan.room is not None)
        self._call.give(self._space.document)


class _Variables:
    """For shells."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def _say(self, key: str, value: object) -> None:
        self._call.say(shell_line(_PREFIX, key, str(value)))

    def start(self, cluster: Cluster, plan: _Plan) -> None:
        stats = totals(cluster)
        self._say("CLUSTER_MEM", f"{stats.total_memory:.0f}")
        self._say("CLUSTER_DSK", f"{stats.total_disk:.0f}")
        self._say("CLUSTER_CPU", f"{stats.total_cpus:.0f}")
        self._say("CLUSTER_VCPU", stats.max_cpus)
        self._say("CLUSTER_SPN", stats.total_spindles)
        self._say("CLUSTER_NODES", len(cluster.nodes))
        self._stats("INI", stats)

    def tiered(self, cluster: Cluster, plan: _Plan, filled: Filled) -> None:
        self._spec("TSPEC_INI", plan, plan.tiers[0])
        before, after = totals(cluster), totals(filled.cluster)
        self._stats("TRL", after)
        words = [f"{s.memory},{s.disk},{s.cpus},{s.spindles}={count}" for s, count in _tiers(filled)]
        self._say("TSPEC", " ".join(words))
        used = (before.used_cpus, before.real_cpus, before.used_memory, before.used_disk, before.used_spindles)
        then = (after.used_cpus, after.real_cpus, after.used_memory, after.used_disk, after.used_spindles)
        whole = (
            after.max_cpus,
            after.total_cpus,
            int(after.total_memory),
            int(after.total_disk),
            after.total_spindles,
        )
        self._use("USED", used)
        self._use("POOL", [new - old for old, new in zip(used, then, strict=True)])
        self._use("UNAV", [total - new for total, new in zip(whole, then, strict=True)])

    def standard(self, cluster: Cluster, plan: _Plan, filled: Filled) -> None:
        self._spec("SPEC", plan, plan.standard)
        self._stats("FIN", totals(filled.cluster))
        final = len(filled.cluster.instances)
        self._say("ALLOC_USAGE", fixed(filled.first / final if final else 0.0, 8))
        self._say("ALLOC_INSTANCES", final - filled.first)
        reasons = _reasons(filled.failures)
        self._say("ALLOC_FAIL_REASON", reasons[0][0].value.upper())
        for fail, count in reasons if plan.room is not None else reasons[:1]:
            self._say(f"ALLOC_{fail.value}_CNT", count)
        self._say("OK", 1)

    def _use(self, name: str, values: Sequence[float]) -> None:
        for key, value in zip(("CPU", "NPU", "MEM", "DSK", "SPN"), values, strict=True):
            self._say(f"KM_{name}_{key}", shortest(value) if key == "NPU" else value)

    def _spec(self, key: str, plan: _Plan, size: Size) -> None:
        self._say(f"{key}_MEM", size.memory)
        self._say(f"{key}_DSK", size.disk)
        self._say(f"{key}_CPU", size.cpus)
        self._say(f"{key}_SPN", size.spindles)
        self._say(f"{key}_RQN", nodes_needed(plan.kind.template))
        self._say(f"{key}_DISK_TEMPLATE", plan.kind.template)

    def _stats(self, key: str, stats: Totals) -> None:
        values = (
            ("SCORE", fixed(stats.score, 8)),
            ("INST_CNT", stats.instances),
            ("MEM_FREE", stats.free_memory),
            ("MEM_AVAIL", stats.available_memory),
            ("MEM_RESVD", stats.free_memory - stats.available_memory),
            ("MEM_INST", stats.used_memory),
            ("MEM_OVERHEAD", stats.overhead),
            ("MEM_EFF", fixed(stats.memory_use, 8)),
            ("DSK_FREE", stats.free_disk),
            ("DSK_AVAIL", stats.available_disk),
            ("DSK_RESVD", stats.free_disk - stats.available_disk),
            ("DSK_INST", stats.used_disk),
            ("DSK_EFF", fixed(stats.disk_use, 8)),
            ("SPN_FREE", stats.free_spindles),
            ("SPN_INST", stats.used_spindles),
            ("SPN_EFF", fixed(stats.spindle_use, 8)),
            ("CPU_INST", stats.used_cpus),
            ("CPU_EFF", fixed(stats.cpu_use, 8)),
            ("MNODE_MEM_AVAIL", stats.most_memory),
            ("MNODE_DSK_AVAIL", stats.most_disk),
        )
        for name, value in values:
            self._say(f"{key}_{name}", value)
