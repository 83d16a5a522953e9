"""The status of an instance, from what is wanted and what was seen."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance

RUNNING = "running"
ADMIN_DOWN = "ADMIN_down"
ADMIN_OFFLINE = "ADMIN_offline"
USER_DOWN = "USER_down"
ERROR_DOWN = "ERROR_down"
ERROR_UP = "ERROR_up"
ERROR_NODE_DOWN = "ERROR_nodedown"
ERROR_NODE_OFFLINE = "ERROR_nodeoffline"
ERROR_WRONG_NODE = "ERROR_wrongnode"

ALL = (
    ADMIN_DOWN,
    ADMIN_OFFLINE,
    ERROR_DOWN,
    ERROR_NODE_DOWN,
    ERROR_NODE_OFFLINE,
    ERROR_UP,
    ERROR_WRONG_NODE,
    RUNNING,
    USER_DOWN,
)


@frozen
class Seen:
    """Where a hypervisor knows the instance, and its state: running, paused or shutdown."""

    node: str  # UUID
    state: str = "running"


def user_shutdown_allowed(config: Config, instance: Instance) -> bool:
    """Whether its guest may shut itself down for good."""
    if not config.cluster.enabled_user_shutdown:
        return False
    return instance.hypervisor != "kvm" or bool(config.filled_hvparams(instance).get("user_shutdown"))


def status(config: Config, instance: Instance, answered: bool, seen: Seen | None) -> str:
    """One of ``ALL``.

    ``answered``: whether the primary node said what it runs.  ``seen``: None
    when no hypervisor that answered knows the instance.
    """
    primary = config.nodes.get(instance.primary_node)
    if primary is not None and primary.offline:
        return ERROR_NODE_OFFLINE
    if instance.forthcoming:
        return ADMIN_DOWN
    if not answered:
        return ERROR_NODE_DOWN
    if seen is None:
        return _not_known(instance, user_shutdown_allowed(config, instance))
    if seen.node != instance.primary_node:
        return ERROR_WRONG_NODE
    if seen.state != "shutdown":
        return RUNNING if instance.admin_up else ERROR_UP
    if not instance.admin_up:
        return ADMIN_DOWN
    return USER_DOWN if user_shutdown_allowed(config, instance) else ERROR_DOWN


def _not_known(instance: Instance, user_shutdown: bool) -> str:
    if instance.admin_up:
        return ERROR_DOWN
    if instance.admin_state == "offline":
        return ADMIN_OFFLINE
    return USER_DOWN if user_shutdown and instance.admin_state_source == "user" else ADMIN_DOWN
