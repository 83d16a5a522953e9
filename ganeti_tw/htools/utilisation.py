"""How busy instances are: four weights each, from a file or all equal."""

from __future__ import annotations

from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.numbers import real, shortened

IDLE = (0.0, 0.0, 0.0, 0.0)


def apply_utilisation(cluster: Cluster, content: str) -> None:
    """Set the weights of ``name cpu memory disk net`` lines; names the cluster does not have are skipped."""
    by_name = {instance.name: instance for instance in cluster.instances}
    for line in content.splitlines():
        fields = line.split(" ")
        if len(fields) != 5:
            raise BadData(f"Cannot parse line {shortened(line)}")
        name = fields[0]
        cpu, memory, disk, net = (real(name, text) for text in fields[1:])
        if name in by_name:
            by_name[name].load = (cpu, memory, disk, net)


def ignore_utilisation(cluster: Cluster) -> None:
    """No instance counts as busy."""
    for instance in cluster.instances:
        instance.load = IDLE
