"""Checking instances against the policy of the group they are in."""

from __future__ import annotations

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.model.policy import Size, violations


def check_policy(
    config: Config, instance: Instance, node: Node, template: str, disks: list[int], *, with_minmem: bool = False
) -> None:
    """Refuse an instance, with disks of these sizes in MiB, that its group's policy does not allow."""
    be = config.filled_beparams(instance)
    size = Size(
        memory=(be["maxmem"], be["minmem"]) if with_minmem else (be["maxmem"],),
        vcpus=be["vcpus"],
        disks=tuple(disks),
        nics=len(instance.nics),
        spindle_use=be["spindle_use"],
        template=template,
    )
    group = config.groups[node.group]
    found = violations(config.filled_ipolicy(group), size)
    if found:
        raise BadRequest(
            f"{instance.name} does not fit the instance policy of group {group.name}: {'; '.join(found)} "
            "(--ignore-ipolicy overrides)"
        )
