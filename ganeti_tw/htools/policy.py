"""Instance policies: which sizes and templates a group accepts, and how far it is overcommitted."""

from __future__ import annotations

from typing import NamedTuple

from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.templates import TEMPLATES


class Spec(NamedTuple):
    """A size; memory and disk in MiB, disk size per disk.  The order is that of the text format."""

    memory: int
    cpus: int
    disk_size: int
    disk_count: int
    nics: int
    spindle_use: int


class Policy(NamedTuple):
    """An instance fits when one (min, max) pair of ``bounds`` takes it and its template is listed."""

    standard: Spec
    bounds: tuple[tuple[Spec, Spec], ...]
    templates: tuple[str, ...]
    vcpu_ratio: float
    spindle_ratio: float


_SMALL = Spec(128, 1, 1024, 1, 1, 1)
DEFAULT = Policy(_SMALL, ((_SMALL, Spec(32768, 8, 1048576, 16, 8, 12)),), TEMPLATES, 4.0, 32.0)


def described(policy: Policy) -> str:
    """In one line, by the names and in the form ``gnt-cluster modify`` takes."""
    bounds = "//".join(f"min:{_spec(low)}/max:{_spec(high)}" for low, high in policy.bounds)
    templates = ",".join(policy.templates)
    return (
        f"bounds-specs {bounds}; std-specs {_spec(policy.standard)}; disk-templates {templates};"
        f" vcpu-ratio {policy.vcpu_ratio:g}; spindle-ratio {policy.spindle_ratio:g}"
    )


def _spec(spec: Spec) -> str:
    return (
        f"memory-size={spec.memory},cpu-count={spec.cpus},disk-size={spec.disk_size},"
        f"disk-count={spec.disk_count},nic-count={spec.nics},spindle-use={spec.spindle_use}"
    )


def violation(policy: Policy, instance: Instance, exclusive_storage: bool) -> Fail | None:
    """The first rule broken, None when the instance is welcome.

    Of several pairs none of which fits, the first one says why.
    """
    first: Fail | None = None
    for low, high in policy.bounds:
        fail = _below(low, instance, exclusive_storage) or _above(high, instance, exclusive_storage)
        if fail is None:
            first = None
            break
        first = first or fail
    if first is not None:
        return first
    return None if instance.template in policy.templates else Fail.DISK


def _below(low: Spec, instance: Instance, exclusive_storage: bool) -> Fail | None:
    spindles = instance.disk_spindles if exclusive_storage else instance.spindle_use
    if instance.memory < low.memory:
        return Fail.MEM
    if any(size < low.disk_size for size in instance.disks):
        return Fail.DISK
    if instance.vcpus < low.cpus:
        return Fail.CPU
    if spindles is None or spindles < low.spindle_use:
        return Fail.SPINDLES
    if instance.template != "diskless" and len(instance.disks) < low.disk_count:
        return Fail.DISK_COUNT
    return None


def _above(high: Spec, instance: Instance, exclusive_storage: bool) -> Fail | None:
    spindles = instance.disk_spindles if exclusive_storage else instance.spindle_use
    if instance.memory > high.memory:
        return Fail.MEM
    if any(size > high.disk_size for size in instance.disks):
        return Fail.DISK
    if instance.vcpus > high.cpus:
        return Fail.CPU
    if spindles is None or spindles > high.spindle_use:
        return Fail.SPINDLES
    if instance.template != "diskless" and len(instance.disks) > high.disk_count:
        return Fail.DISK_COUNT
    return None
