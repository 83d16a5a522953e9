"""A node group and how new instances come to it."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.htools.policy import DEFAULT, Policy

# In order of preference.
ALLOCATION = ("preferred", "last_resort", "unallocable")


class Group:
    """``networks`` holds the UUIDs of those connected."""

    __slots__ = ("allocation", "index", "name", "networks", "policy", "tags", "uuid")

    def __init__(
        self,
        index: int,
        name: str,
        uuid: str,
        allocation: str,
        *,
        tags: Sequence[str] = (),
        networks: Sequence[str] = (),
        policy: Policy = DEFAULT,
    ) -> None:
        self.index = index
        self.name = name
        self.uuid = uuid
        self.allocation = allocation
        self.tags = tuple(tags)
        self.networks = tuple(networks)
        self.policy = policy

    @property
    def allocable(self) -> bool:
        return self.allocation != "unallocable"
