"""Why an instance does not fit on a node."""

from __future__ import annotations

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
