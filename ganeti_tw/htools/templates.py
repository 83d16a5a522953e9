"""What the placement rules need to know of each disk template."""

from __future__ import annotations

# In the order in which policies list them.
TEMPLATES = ("diskless", "file", "sharedfile", "plain", "blockdev", "drbd", "rbd", "ext", "gluster")

# The only one with a secondary node.
DRBD = "drbd"

# Their disks count against the node's disk and spindles.
LOCAL = frozenset({"plain", "drbd"})

# Any node can take over: the data is reachable from everywhere.
EXTERNAL = frozenset({"diskless", "sharedfile", "blockdev", "rbd", "ext", "gluster"})

# Balancing may move these.
MOVABLE = frozenset({"sharedfile", "blockdev", "drbd", "rbd", "ext", "gluster"})

# When a node dies these start elsewhere with their disks; what is in neither this nor DRBD is created anew.
RESTARTED_ELSEWHERE = frozenset({"diskless", "sharedfile", "rbd", "ext", "gluster"})


def nodes_needed(template: str) -> int:
    return 2 if template == DRBD else 1
