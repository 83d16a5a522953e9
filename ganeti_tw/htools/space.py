"""How many more instances fit: of one size, and of sizes that shrink as room runs out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ganeti_tw.htools.allocate import Allocation, Rules, as_primary, on_pairs, with_instance
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.health import bad_nodes
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.openings import Openings
from ganeti_tw.htools.redundancy import Checker, failing
from ganeti_tw.htools.sizes import Size, steps_alike
from ganeti_tw.htools.templates import nodes_needed
from ganeti_tw.htools.trail import Trail

if TYPE_CHECKING:
    from ganeti_tw.htools.vacancies import Vacancies

# How many instances are placed at most before the capacity check is made for all of them.
# A state may be safe although one on the way to it is not, so that Ganeti's numbers show in the result.
_BATCH, _LARGE_BATCH = 10, 100

# Arrays take about as long as looking at so many pairs of nodes one by one.
_FEW = 12
# Once so many more have been looked at, there are more to come: importing NumPy pays.
_MANY = 1000


class Kind(NamedTuple):
    """What all new instances have in common."""

    template: str
    spindle_use: int


class Filled(NamedTuple):
    """The cluster with the new instances, the first at ``first``; and why no more fit."""

    cluster: Cluster
    first: int
    failures: dict[Fail, int]


class _Stuck(NamedTuple):
    """A size that did not fit, why, and how many instances might have followed."""

    size: Size
    failures: dict[Fail, int]
    limit: int | None


class _Known(NamedTuple):
    """What was found for a size, and whether no capacity check had to try."""

    found: Allocation
    plain: bool


class Room:
    """Where new instances may go, and by which rules.

    ``allowed`` are online nodes; the groups in ``ignored`` are in trouble already and
    left out of capacity checks.  ``pairs`` tells whether each instance needs two nodes.
    """

    def __init__(
        self, cluster: Cluster, kind: Kind, allowed: Sequence[int], ignored: frozenset[int], rules: Rules
    ) -> None:
        self._kind = kind
        self._allowed = list(allowed)
        self.pairs = nodes_needed(kind.template) == 2
        members = [n.hardware.index for n in cluster.nodes if n.hardware.group not in ignored]
        self._checker = Checker(members, skip_offline=rules.skip_offline_checks)
        self._rules = rules._replace(checker=self._checker)
        # Mirrored instances are placed unchecked, as Ganeti does it.
        self._checked = rules.capacity_checks and not self.pairs
        group = {n: cluster.nodes[n].hardware.group for n in self._allowed}
        pairs = [(p, [s for s in self._allowed if s != p and group[s] == group[p]]) for p in self._allowed]
        self._partners = [(p, partners) for p, partners in pairs if partners]
        # How many pairs there are beyond those that arrays take as long for.
        self._too_many = max(0, sum(len(partners) for _, partners in self._partners) - _FEW)
        self._groups = sorted({cluster.nodes[n].hardware.group for n in self._allowed})
        # The nodes of the last state in which no place was safe, and whether none can be.
        self._unsafe: tuple[list[Node], bool] | None = None
        self._located_pairs = self.pairs and any(node.hardware.location_tags for node in cluster.nodes)
        self._openings = Openings(self._allowed, ignore_soft_errors=rules.ignore_soft_errors)
        # Pairs that looking at them one by one took longer for than arrays would have.
        self._looked_at = 0
        self._vacancies: Vacancies | None = None

    # -- one size

    def fill(self, cluster: Cluster, size: Size, limit: int | None) -> Filled:
        """Instances of one size until nothing fits, or until there are ``limit`` of them."""
        return self._fill(cluster, size, limit, len(cluster.instances))

    def _fill(self, cluster: Cluster, size: Size, limit: int | None, first: int) -> Filled:
        """Checked placements go in batches, which grow as long as each ends in a safe state and then shrink."""
        batch, growing = _BATCH if self._checked else 0, True
        trail = self._trail(cluster, size, first, checked=False)
        if batch and trail.reach(1) and self._checker.is_hopeless(trail.state(1)):
            batch = 0
        safe = 0
        while batch and (limit is None or limit - safe > batch):
            end = trail.reach(safe + batch)
            if end == safe:
                return Filled(trail.state(safe), first, trail.failures())
            if self._is_safe_from(trail, safe, end):
                safe = end
                batch = _LARGE_BATCH if growing else batch
                continue
            growing = False
            # Smaller batches that would end here, too, are left out.
            while batch >= end - safe:
                batch //= _BATCH
        trail = self._trail(trail.state(safe), size, first, checked=self._checked)
        end = trail.reach(None if limit is None else limit - safe)
        return Filled(trail.state(end), first, trail.failures())

    def _trail(self, cluster: Cluster, size: Size, first: int, *, checked: bool) -> Trail:
        def next_one(view: Cluster) -> tuple[Instance, Allocation]:
            instance = self.instance(view, size, first)
            return instance, self.find(view, instance, checked=checked)

        return Trail(cluster, next_one)

    def _is_safe_from(self, trail: Trail, safe: int, end: int) -> bool:
        if end - safe > 1:
            return self._checker.passes(trail.state(end))
        instance, found = trail.steps[safe]
        return self._checker.passes_with(trail.state(safe), instance, found.place, found.nodes)

    def instance(self, cluster: Cluster, size: Size, first: int) -> Instance:
        """One more of this size, not placed yet."""
        index = len(cluster.instances)
        return Instance(
            index,
            f"new-{index - first}",
            memory=size.memory,
            disk=size.disk,
            disks=(size.disk,),
            disk_spindles=size.spindles,
            vcpus=size.cpus,
            status="running",
            auto_balance=True,
            template=self._kind.template,
            spindle_use=self._kind.spindle_use,
        )

    def find(self, cluster: Cluster, instance: Instance, *, checked: bool) -> Allocation:
        """The best place for one more; BadData when there are not enough nodes to try."""
        if self.pairs:
            return self._find_pair(cluster, instance, checked)
        if not self._allowed:
            raise BadData("No online nodes")
        if checked and self._is_hopeless(cluster):
            found = self.find(cluster, instance, checked=False)
            return _all_unsafe(found)
        found = self._openings.find(cluster, instance, self._checker if checked else None)
        if checked and found.best is None and found.failures.get(Fail.N1):
            self._note_unsafe(cluster)
        return found

    def _find_pair(self, cluster: Cluster, instance: Instance, checked: bool) -> Allocation:
        if not self._partners:
            raise BadData("Not enough online nodes")
        vacancies = self._arrays(cluster)
        if vacancies is not None:
            found = vacancies.best_pair(cluster, instance)
            if not checked or self._is_safe(cluster, instance, found):
                return found
        rules = self._rules._replace(capacity_checks=checked)
        return on_pairs(cluster, range(len(cluster.nodes)), instance, self._partners, rules)

    def _arrays(self, cluster: Cluster) -> Vacancies | None:
        """Instead of looking at the pairs one by one, where arrays can be had and pay."""
        self._looked_at += self._too_many
        if self._vacancies is None and self._looked_at > _MANY and not self._located_pairs:
            from ganeti_tw.htools.vacancies import Vacancies  # noqa: PLC0415  NumPy is heavy

            self._vacancies = Vacancies(cluster, self._allowed)
        return self._vacancies

    def _note_unsafe(self, cluster: Cluster) -> None:
        """All places in this state were unsafe: find out whether that can be otherwise for another size."""
        if self._unsafe is None or self._unsafe[0] != cluster.nodes:
            self._unsafe = list(cluster.nodes), self._checker.is_hopeless(cluster)

    def _is_stranded(self, cluster: Cluster, size: Size) -> bool:
        """Whether an instance of this size would have no other place, wherever it is: then none is safe."""
        instance = self.instance(cluster, size, 0)
        nodes = [cluster.nodes[n] for n in self._checker.members]
        roomy = [node.hardware for node in nodes if _roomy(node, instance)]
        for index in self._allowed:
            hardware = cluster.nodes[index].hardware
            if not _roomy(cluster.nodes[index], instance):
                continue
            if hardware not in roomy or any(each.group == hardware.group and each is not hardware for each in roomy):
                return False
        return True

    def _is_hopeless(self, cluster: Cluster) -> bool:
        return self._unsafe is not None and self._unsafe[1] and self._unsafe[0] == cluster.nodes

    def _is_safe(self, cluster: Cluster, instance: Instance, found: Allocation) -> bool:
        """Whether any node may still fail after this; nothing placed changes nothing."""
        best = found.best
        if best is None:
            return True
        return self._checker.passes_with(cluster, instance, best.place, best.nodes)

    @property
    def rules(self) -> Rules:
        """Those by which each instance is placed."""
        return self._rules._replace(only=frozenset(self._allowed), capacity_checks=self._checked)

    # -- shrinking sizes

    def fill_shrinking(self, cluster: Cluster, sizes: Iterable[Size], limit: int | None) -> Filled:
        """From each of these sizes on: when no more fit, smaller ones, until nothing fits at all."""
        first = len(cluster.instances)
        failures: dict[Fail, int] = {}
        for size in sizes:
            left = None if limit is None else limit - (len(cluster.instances) - first)
            if left is not None and left <= 0 and len(cluster.instances) > first:
                break
            cluster, _, failures = self._shrink(cluster, size, left, first)
        return Filled(cluster, first, failures)

    def _shrink(self, cluster: Cluster, size: Size, limit: int | None, first: int) -> Filled:
        # Sizes that did not fit since the last instance was placed.
        stuck: list[_Stuck] = []
        known: dict[Size, _Known] = {}
        here: Size | None = size
        while here is not None:
            before = len(cluster.instances)
            cluster, _, failures = self._fill(cluster, here, limit, first)
            if len(cluster.instances) > before:
                stuck, known = [], {}
            total = len(cluster.instances) - first
            if limit is not None and limit <= total:
                if not stuck:
                    return Filled(cluster, first, failures)
                # Ganeti goes back to larger sizes here, each with what it had left.
                here = None
            else:
                # Ganeti counts all instances placed so far against what is left after each size.
                limit = None if limit is None else limit - total
                kind = _most_frequent(failures)[0]
                if kind is Fail.DISK and (limit is None or not total):
                    here = self._last_alike(cluster, here, kind, failures)
                stuck.append(_Stuck(here, failures, limit))
                here = here.shrunk(kind)
            if here is None:
                leap = self._leap(cluster, first, stuck, known)
                if leap is not None:
                    here, limit = leap
        return Filled(cluster, first, stuck[0].failures)

    def _leap(
        self, cluster: Cluster, first: int, stuck: Sequence[_Stuck], known: dict[Size, _Known]
    ) -> tuple[Size, int | None] | None:
        """A smaller size that fits, found by shrinking one thing alone; and how many may follow.

        Here mirrored instances are checked too, and what cannot be smaller is not tried.
        """
        for start, failures, limit in reversed(stuck):
            for kind in _most_frequent(failures):
                size: Size | None = start
                while size is not None and size.shrunk(kind) is not None:
                    if size not in known:
                        known[size] = self._look(cluster, size, first)
                    found, plain = known[size]
                    if found.best is not None:
                        return size, limit
                    if not found.failures.get(kind):
                        break
                    if plain:
                        size = self._last_alike(cluster, size, kind, found.failures)
                    size = size.shrunk(kind)
        return None

    def _look(self, cluster: Cluster, size: Size, first: int) -> _Known:
        tried = self._checker.tried
        found = self.find(cluster, self.instance(cluster, size, first), checked=self._rules.capacity_checks)
        return _Known(found, self._checker.tried == tried)

    def _last_alike(self, cluster: Cluster, size: Size, kind: Fail, failures: dict[Fail, int]) -> Size:
        """The last of the sizes, shrinking further, that fails by the very same checks.

        Only disk and memory are skipped: they shrink in steps that are small beside nodes.
        """
        if kind not in (Fail.DISK, Fail.MEM):
            return size
        policies = [cluster.groups[group].policy for group in self._groups]
        most = steps_alike(size, kind, cluster.nodes, policies)
        if failures.get(Fail.N1):
            most = self._steps_unsafe(cluster, size, kind, most)
        return size.less(kind, most)

    def _steps_unsafe(self, cluster: Cluster, size: Size, kind: Fail, most: int) -> int:
        """So many steps less, ``most`` at most, and plainly no place is safe.

        What is too large to be placed anew somewhere is so when it is larger, too.
        """
        if self.pairs and kind is Fail.MEM:
            return 0
        if self._is_hopeless(cluster) or self._is_stranded(cluster, size):
            return most

        def unsafe(steps: int) -> bool:
            return self._is_unsafe_everywhere(cluster, size.less(kind, steps))

        if not most or not unsafe(1):
            return 0
        if unsafe(most):
            return most
        least = 1
        while most - least > 1:
            middle = (least + most) // 2
            if unsafe(middle):
                least = middle
            else:
                most = middle
        return least

    def _is_unsafe_everywhere(self, cluster: Cluster, size: Size) -> bool:
        instance = self.instance(cluster, size, 0)
        for index in self._allowed:
            node = as_primary(cluster, instance, index, 0, self._rules.ignore_soft_errors)
            if isinstance(node, Fail):
                continue
            view = with_instance(cluster, instance, Place(index, NOWHERE), {index: node})
            if not self._checker.is_hopeless(view):
                return False
        return True


def _all_unsafe(found: Allocation) -> Allocation:
    """What was found without capacity checks, none of which is passed."""
    failures = dict(found.failures)
    if found.successes:
        failures[Fail.N1] = failures.get(Fail.N1, 0) + found.successes
    return Allocation(None, 0, failures)


def _roomy(node: Node, instance: Instance) -> bool:
    """Whether nothing hard speaks against the instance here."""
    return node.unused_memory > instance.used_memory and (not instance.local_disk or node.free_disk > instance.disk)


def _most_frequent(failures: dict[Fail, int]) -> list[Fail]:
    """All kinds of failure, most frequent first; of equals the one counted later in the statistics."""
    return sorted(Fail, key=lambda fail: failures.get(fail, 0))[::-1]


class Refused(NamedTuple):
    """Groups whose nodes are in trouble."""

    n1_groups: frozenset[int]
    unsafe_groups: frozenset[int]


def troubled(cluster: Cluster, *, capacity: bool) -> Refused:
    n1 = frozenset(node.hardware.group for node in bad_nodes(cluster.nodes))
    unsafe = frozenset(
        group.index
        for group in cluster.populated_groups()
        if capacity and failing(cluster, cluster.members(group.index))
    )
    return Refused(n1, unsafe)
