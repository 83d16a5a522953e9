"""Why an instance does not fit on a node."""

from __future__ import annotations

import re
from enum import Enum


class Fail(Enum):
    """A failed check; the order is that of Ganeti's statistics."""

    MEM = "FailMem"
    DISK = "FailDisk"
    CPU = "FailCPU"
    N1 = "FailN1"
    TAGS = "FailTags"
    MIG = "FailMig"
    DISK_COUNT = "FailDiskCount"
    SPINDLES = "FailSpindles"
    INTERNAL = "FailInternal"


_REMEDIES = {
    Fail.MEM: "memory is short: ask for less, or free or add some",
    Fail.DISK: "disk is short, or the policy forbids the size or the template: ask for less, free or add some,"
    " or change the policy (gnt-group modify)",
    Fail.CPU: "CPUs are short: ask for fewer, or raise the policy's vcpu-ratio",
    Fail.N1: "the instances of some node would have no other place if it failed: free or add room, or leave the check"
    " out (gnt-cluster modify --default-iallocator-params no-capacity-checks)",
    Fail.TAGS: "an instance with the same exclusion tag is there: take off the tag, or add a node",
    Fail.MIG: "the nodes' migration tags forbid the way: see gnt-node list-tags",
    Fail.DISK_COUNT: "the policy forbids so many or so few disks: change the number, or the policy (gnt-group modify)",
    Fail.SPINDLES: "spindles are short, or not given where nodes have exclusive storage: ask for fewer, or name them",
}


def remedies(text: str) -> list[str]:
    """For each kind of failed check that an iallocator's answer names, what it means and what to do."""
    named = set(re.findall(r"\bFail[A-Za-z0-9]+", text))
    return [f"{fail.value}: {words}" for fail, words in _REMEDIES.items() if fail.value in named]
