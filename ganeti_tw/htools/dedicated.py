"""Where a new instance goes on clusters whose nodes give spindles to one instance each.

Balance does not matter there; what matters is not to spoil room for the sizes that
the policy is made of.  The metric is how many instances of each least size, largest
disk first, fit no more afterwards, then the disk that is left; lower is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import Policy, Spec

Loss = tuple[list[int], int]


def is_dedicated(cluster: Cluster, groups: Iterable[int]) -> bool:
    """Whether all nodes of these groups have exclusive storage."""
    wanted = set(groups)
    return all(node.hardware.exclusive_storage for node in cluster.nodes if node.hardware.group in wanted)


def loss(cluster: Cluster, changed: Mapping[int, Node]) -> Loss:
    """The metric of a placement that changes these nodes."""
    lost: list[int] = []
    left = 0
    for index, node in changed.items():
        least = _least_instances(cluster.groups[node.hardware.group].policy)
        here = [_fitting(cluster.nodes[index], each) - _fitting(node, each) for each in least]
        lost = [one + other for one, other in zip(lost, here, strict=True)] if lost else here
        left += node.free_disk
    return lost, left


def _least_instances(policy: Policy) -> list[Instance]:
    return [_least(low) for low, _ in sorted(policy.bounds, key=lambda pair: -pair[0].disk_size)]


def _least(spec: Spec) -> Instance:
    return Instance(
        -1,
        "least",
        memory=spec.memory,
        disk=spec.disk_size,
        disks=(),
        disk_spindles=0,
        vcpus=spec.cpus,
        status="running",
        auto_balance=True,
        template="plain",
        spindle_use=spec.spindle_use,
    )


def _fitting(node: Node, instance: Instance) -> int:
    """How many of these fit on the node, one after the other."""
    count = 0
    while True:
        later = node.with_primary(instance, 0)
        if isinstance(later, Fail):
            return count
        node = later
        count += 1
