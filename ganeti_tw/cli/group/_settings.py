"""What ``add`` and ``modify`` can set of a group."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli import ipolicy, parameters

SETTINGS_OPTIONS = (
    "--alloc-policy",
    "--node-parameters",
    "-D/--disk-parameters",
    "--hypervisor-state",
    "--disk-state",
    *ipolicy.GROUP_OPTIONS,
)


def settings_of(options: Values) -> dict[str, Any]:
    """Parameters of the operation; empty ones leave what is set."""
    return {
        "alloc_policy": options.alloc_policy,
        "ndparams": None if options.ndparams is None else parameters.node(options.ndparams),
        "diskparams": parameters.disk_templates(options.diskparams),
        "hv_state": parameters.hypervisor_state(options.hv_state),
        "disk_state": parameters.disk_state(options.disk_state),
        "ipolicy": ipolicy.of_group(options),
    }
