"""Whether a node has the OS an instance shall have, and what parameters it takes."""

from __future__ import annotations

from collections.abc import Iterable

from ganeti_tw.errors import BadRequest, NotFound, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.protocol.node import ListOses

OS_TIMEOUT = 30.0


def not_blacklisted(config: Config, os: str) -> None:
    """Refuse an OS that instances may not get."""
    if os.partition("+")[0] in config.cluster.blacklisted_os:
        raise BadRequest(f"OS {os} is blacklisted on this cluster")


async def check_os(
    context: Context, node: Node, os: str, parameters: Iterable[str] = (), *, force_variant: bool = False
) -> None:
    """Ask the node for the OS, its variant, and whether it knows the parameters of these names."""
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
    unknown = sorted(set(parameters) - {p[0] for p in found.parameters})
    if unknown:
        raise BadRequest(f"OS {name} has no parameter {', '.join(unknown)}")
