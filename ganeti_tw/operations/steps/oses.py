"""Whether a node has the OS an instance shall have, and what parameters it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.errors import BadRequest, NotFound, WrongState
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.config import Config
from ganeti_tw.model.filled import osparams
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.protocol.node import CheckOs, ListOses, OsStatus

OS_TIMEOUT = 30.0
CHECK_TIMEOUT = 75.0


def not_blacklisted(config: Config, os: str) -> None:
    """Refuse an OS that instances may not get, whole or with this variant."""
    if {os, os.partition("+")[0]} & set(config.cluster.blacklisted_os):
        raise BadRequest(f"OS {os} is blacklisted on this cluster")


async def check_os(
    context: Context, node: Node, os: str, parameters: Mapping[str, Any] = EMPTY, *, force_variant: bool = False
) -> None:
    """Ask the node for the OS and its variant, whether it knows the parameters, and likes them and those inherited."""
    name, _, variant = os.partition("+")
    oses = await context.on_node(node, ListOses(), OS_TIMEOUT)
    found = next((o for o in oses if o.name == name), None)
    if found is None:
        known = ", ".join(o.name for o in oses if o.valid) or "none"
        raise NotFound(f"there is no OS {name} on {node.name} (valid ones: {known}); see gnt-os diagnose")
    if not found.valid:
        raise WrongState(f"OS {name} on {node.name} is not valid: {found.problem}")
    if found.variants and not variant:
        raise BadRequest(f"OS {name} needs a variant: {', '.join(f'{name}+{v}' for v in found.variants)}")
    if variant and variant not in found.variants and not force_variant:
        raise BadRequest(f"OS {name} has no variant {variant} (it has: {', '.join(found.variants) or 'none'})")
    await _check_parameters(context, node, found, os, parameters)


async def check_os_parameters(context: Context, node: Node, os: str, parameters: Mapping[str, Any]) -> None:
    """The same for parameters that the whole cluster shall have, if the node has the OS at all."""
    name = os.partition("+")[0]
    oses = await context.on_node(node, ListOses(), OS_TIMEOUT)
    found = next((o for o in oses if o.name == name), None)
    if found is None or not found.valid:
        why = "is not there" if found is None else f"is not valid ({found.problem})"
        context.inform(f"OS {name} {why} on {node.name}: its parameters were not checked")
        return
    await _check_parameters(context, node, found, os, parameters)


async def _check_parameters(
    context: Context, node: Node, found: OsStatus, os: str, parameters: Mapping[str, Any]
) -> None:
    unknown = sorted(set(parameters) - {p[0] for p in found.parameters})
    if unknown:
        raise BadRequest(f"OS {found.name} has no parameter {', '.join(unknown)}")
    cluster = context.config.cluster
    inherited = {
        **osparams(cluster.osparams, os, EMPTY),
        **osparams(cluster.osparams_private_cluster, os, EMPTY),
    }
    await context.on_node(node, CheckOs(os, {**inherited, **parameters}), CHECK_TIMEOUT)
