"""Instance policies: how large instances may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import Parameter, Type
from ganeti_tw.model.defaults import DISK
from ganeti_tw.model.instance import Instance

SPEC_KEYS = ("cpu-count", "disk-count", "disk-size", "memory-size", "nic-count", "spindle-use")
RATIOS = ("spindle-ratio", "vcpu-ratio")
KEYS = ("disk-templates", "minmax", "spindle-ratio", "std", "vcpu-ratio")
DEFAULT = "default"


@frozen
class Size:
    """What a policy looks at.  Sizes in MiB; ``memory`` has maxmem and, on a change, minmem too."""

    memory: tuple[int, ...]
    vcpus: int
    disks: tuple[int, ...]
    nics: int
    spindle_use: int
    template: str


def size_of(config: Config, instance: Instance, with_minmem: bool = False) -> Size:
    """The size of an instance as configured."""
    be = config.filled_beparams(instance)
    memory = (be["maxmem"], be["minmem"]) if with_minmem else (be["maxmem"],)
    return Size(
        memory=memory,
        vcpus=be["vcpus"],
        disks=tuple(disk.size for disk in config.disks_of(instance)),
        nics=len(instance.nics),
        spindle_use=be["spindle_use"],
        template=config.disk_template(instance),
    )


def violations(ipolicy: Mapping[str, Any], size: Size) -> list[str]:
    """What does not fit, one sentence each; empty when it fits.

    ``ipolicy`` is filled.  An instance must fit one pair of minimum and maximum
    completely; if it fits none, the pair with the fewest violations is told.
    """
    found = []
    if size.template != "mixed" and size.template not in ipolicy["disk-templates"]:
        found.append(f"disk template {size.template} is not allowed")
    closest = sorted((_outside(pair, size) for pair in ipolicy["minmax"]), key=len)
    return found + closest[0] if closest else found


def instance_violations(config: Config, instance: Instance) -> list[str]:
    """Violations of the policy of its primary node's group."""
    group = config.groups[config.nodes[instance.primary_node].group]
    return violations(config.filled_ipolicy(group), size_of(config, instance))


def _outside(pair: Mapping[str, Mapping[str, int]], size: Size) -> list[str]:
    values: list[tuple[str, int]] = [("memory-size", m) for m in size.memory]
    values.append(("cpu-count", size.vcpus))
    if size.template != "diskless":
        values.append(("disk-count", len(size.disks)))
    values += [("disk-size", d) for d in size.disks]
    values += [("nic-count", size.nics), ("spindle-use", size.spindle_use)]
    low, high = pair["min"], pair["max"]
    return [
        f"{key} {value} is not in the range {low.get(key, 0)} to {high.get(key, 'any')}"
        for key, value in values
        if value < low.get(key, 0) or (key in high and value > high[key])
    ]


def updated(own: Mapping[str, Any], given: Mapping[str, Any], *, group: bool) -> dict[str, Any]:
    """The own policy with what users gave put over it, each key as a whole; BadRequest as in :func:`check`.

    In a group null, ``default`` and nothing at all remove a key, so that the
    cluster's shows; in the cluster there is nothing to inherit.
    """
    if not isinstance(given, Mapping):
        raise BadRequest(f"an instance policy must be an object, not {given!r:.60}")
    new = dict(own)
    for key, value in given.items():
        if value in (None, DEFAULT, [DEFAULT], [], {}):
            if not group:
                raise BadRequest(f"{key}: the cluster's instance policy inherits nothing, give a value")
            if key not in KEYS:
                new[key] = value  # to be refused below
            else:
                new.pop(key, None)
        else:
            new[key] = _converted(key, value)
    check(new, group)
    return new


def only_enabled(ipolicy: Mapping[str, Any], enabled: Collection[str]) -> None:
    """BadRequest when it allows a disk template that the cluster has not enabled."""
    disabled = [t for t in ipolicy.get("disk-templates", ()) if t not in enabled]
    if disabled:
        raise BadRequest(
            f"the instance policy allows disk templates that are not enabled in the cluster: {', '.join(disabled)}"
        )


def _converted(key: str, value: Any) -> Any:
    """Numbers given as text made numbers; what cannot be is left for :func:`check`."""
    if key in RATIOS:
        return Parameter(key, Type.FLOAT, None).accept(value)
    if key == "std":
        return _numbers(value)
    if key == "minmax" and isinstance(value, list | tuple):
        return [{name: _numbers(spec) for name, spec in p.items()} if isinstance(p, Mapping) else p for p in value]
    return list(value) if isinstance(value, tuple) else value


def _numbers(spec: Any) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    return {
        key: Parameter(key, Type.INT, None).accept(value) if key in SPEC_KEYS else value for key, value in spec.items()
    }


def check(ipolicy: Mapping[str, Any], group: bool = False) -> None:
    """BadRequest names the first fault of a filled cluster policy, or of the part a group sets."""
    for key in ipolicy:
        if key not in KEYS:
            raise BadRequest(f"unknown instance policy key {key!r}; there are {', '.join(KEYS)}")
    if group and "std" in ipolicy:
        raise BadRequest("std is a setting of the cluster, not of groups")
    if "minmax" in ipolicy:
        _check_minmax(ipolicy["minmax"])
    if "std" in ipolicy:
        std = ipolicy["std"]
        _check_spec("std", std)
        if not any(_between(pair["min"], std, pair["max"]) for pair in ipolicy.get("minmax", ())):
            raise BadRequest("std must lie between min and max of one pair")
    if "disk-templates" in ipolicy:
        _check_templates(ipolicy["disk-templates"])
    for key in RATIOS:
        ratio = ipolicy.get(key, 1)
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or ratio < 1:
            raise BadRequest(f"{key} must be a number from 1, not {ratio!r}")


def _check_minmax(pairs: Any) -> None:
    if not isinstance(pairs, Sequence) or isinstance(pairs, str) or not pairs:
        raise BadRequest("minmax must be a list of at least one pair of min and max")
    for pair in pairs:
        if not isinstance(pair, Mapping) or set(pair) != {"min", "max"}:
            raise BadRequest("minmax: each pair has exactly min and max")
        _check_spec("min", pair["min"])
        _check_spec("max", pair["max"])
        for key in SPEC_KEYS:
            if pair["min"][key] > pair["max"][key]:
                raise BadRequest(f"{key}: the minimum {pair['min'][key]} is above the maximum {pair['max'][key]}")


def _check_spec(name: str, spec: Any) -> None:
    if not isinstance(spec, Mapping):
        raise BadRequest(f"{name} must be an object")
    for key in spec:
        if key not in SPEC_KEYS:
            raise BadRequest(f"{name}: unknown key {key!r}; there are {', '.join(SPEC_KEYS)}")
    for key in SPEC_KEYS:
        value = spec.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadRequest(f"{name}: {key} must be a whole number from 0, not {value!r}")


def _between(low: Mapping[str, int], value: Mapping[str, int], high: Mapping[str, int]) -> bool:
    return all(low[key] <= value[key] <= high[key] for key in SPEC_KEYS)


def _check_templates(templates: Any) -> None:
    if not isinstance(templates, Sequence) or isinstance(templates, str) or not templates:
        raise BadRequest("disk-templates must be a list of at least one template")
    for name in templates:
        if name not in DISK:
            raise BadRequest(f"there is no disk template {name!r}; there are {', '.join(DISK)}")
