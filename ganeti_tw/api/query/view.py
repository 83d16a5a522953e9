"""What the fields of one query look at."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.config import Config
from ganeti_tw.model.status import Seen
from ganeti_tw.protocol.instance import RunningInstance
from ganeti_tw.protocol.node import NodeFigures


@frozen(slots=False, eq=False)
class View:
    """The configuration at one serial number, and what was gathered of the world.

    ``seen`` and ``guests``, by name of the instance: where it was found, a node
    other than its primary first; and what its primary node says of it, or else
    another.  ``answered``: UUIDs of the nodes that said what they run.
    ``figures`` by UUID of the node, without those that did not answer.
    ``consoles`` by UUID of the instance: None where it has none.
    """

    config: Config
    seen: Mapping[str, Seen] = EMPTY
    guests: Mapping[str, RunningInstance] = EMPTY
    answered: frozenset[str] = frozenset()
    figures: Mapping[str, NodeFigures] = EMPTY
    consoles: Mapping[str, dict[str, Any] | None] = EMPTY

    @cached_property
    def users_of_networks(self) -> dict[str, list[str]]:
        """Network UUID -> names of the instances with a NIC in it."""
        users: dict[str, dict[str, None]] = {}
        for instance in self.config.instances.values():
            for nic in instance.nics:
                if nic.network is not None:
                    users.setdefault(nic.network, {})[instance.name] = None
        return {network: list(names) for network, names in users.items()}
