"""What hbal and hcheck share: the limits of a balancing run from the options."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.cli.htools.call import Call, ProgramError
from ganeti_tw.htools.balance import Limits
from ganeti_tw.htools.cluster import Cluster, find_by_name


def limits(call: Call, cluster: Cluster) -> Limits:
    options = call.options
    return Limits(
        steps=options.max_length,
        min_score=options.min_score,
        min_gain=options.min_gain,
        min_gain_limit=options.min_gain_limit,
        disk_moves=options.disk_moves,
        instance_moves=options.instance_moves,
        evacuating=options.evacuating,
        restricted_migration=options.restricted_migration,
        ignore_soft_errors=options.ignore_soft_errors,
        excluded=frozenset(_indices(cluster, options.exclude_instances)),
        price=options.plan_cost or 0.0,
        selected=frozenset(_indices(cluster, options.select_instances)) if options.select_instances else None,
    )


def _indices(cluster: Cluster, names: Sequence[str]) -> list[int]:
    found = [(name, find_by_name(cluster.instances, name)) for name in names]
    unknown = [name for name, index in found if index is None]
    if unknown:
        listed = ",".join(f'"{name}"' for name in unknown)
        raise ProgramError(f"failed to load data, aborting: Unknown instance(s): [{listed}]")
    return [index for _, index in found if index is not None]
