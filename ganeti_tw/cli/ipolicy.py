"""The instance policy on command lines: what was given, and how to give it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli.values import DEFAULT, size_mib
from ganeti_tw.errors import BadRequest

BOUNDS = "--ipolicy-bounds-specs"
STD = "--ipolicy-std-specs"
GROUP_OPTIONS = (BOUNDS, "--ipolicy-disk-templates", "--ipolicy-vcpu-ratio", "--ipolicy-spindle-ratio")
CLUSTER_OPTIONS = (STD, *GROUP_OPTIONS)
KEY_OPTIONS = ("--specs-cpu-count", "--specs-disk-count", "--specs-disk-size", "--specs-mem-size", "--specs-nic-count")
"""An older form, with min, max and std of one key each; for new clusters only."""


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"'{text}' is not a whole number")
    return int(text)


SPEC_KEYS: Mapping[str, Callable[[str], int]] = {
    "cpu-count": _whole,
    "disk-count": _whole,
    "disk-size": size_mib,
    "memory-size": size_mib,
    "nic-count": _whole,
    "spindle-use": _whole,
}


def of_group(options: Values) -> dict[str, Any]:
    """The keys that were given; ``default`` where the cluster's value shall count again."""
    policy: dict[str, Any] = {}
    bounds = options.ipolicy_bounds_specs
    if bounds is not None:
        policy["minmax"] = bounds if bounds == DEFAULT else [_pair(sections) for sections in bounds]
    templates = options.ipolicy_disk_templates
    if templates is not None:
        policy["disk-templates"] = DEFAULT if templates == [DEFAULT] else templates
    for key in ("vcpu-ratio", "spindle-ratio"):
        ratio = getattr(options, f"ipolicy_{key.replace('-', '_')}")
        if ratio is not None:
            policy[key] = ratio
    return policy


def of_cluster(options: Values) -> dict[str, Any]:
    """The keys that were given.  BadRequest for ``default``: a cluster inherits nothing."""
    policy = of_group(options)
    for key, value in policy.items():
        if value == DEFAULT:
            raise BadRequest(f"{key}: the cluster's instance policy inherits nothing, give a value")
    if options.ipolicy_std_specs is not None:
        policy["std"] = _spec("std", options.ipolicy_std_specs)
    return policy


def bounds_by_key(options: Values) -> dict[str, dict[str, int]]:
    """Min, max and std by key, as far as they were given with the older options."""
    names = {
        "cpu-count": "ispecs_cpu_count",
        "disk-count": "ispecs_disk_count",
        "disk-size": "ispecs_disk_size",
        "memory-size": "ispecs_mem_size",
        "nic-count": "ispecs_nic_count",
    }
    given = {key: getattr(options, name) for key, name in names.items() if getattr(options, name)}
    if given and (options.ipolicy_bounds_specs is not None or options.ipolicy_std_specs is not None):
        raise BadRequest(f"the options --specs-... cannot be used together with {BOUNDS} and {STD}")
    for key, values in given.items():
        for name in values:
            if name not in ("min", "max", "std"):
                raise BadRequest(f"{key}: there is no {name}; there are min, max, std")
    return {key: {name: _number(key, name, v) for name, v in values.items()} for key, values in given.items()}


def _pair(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    if set(sections) != {"min", "max"}:
        raise BadRequest(f"{BOUNDS}: each element has a section min and a section max, not {'/'.join(sections)}")
    return {name: _spec(name, sections[name]) for name in ("min", "max")}


def _spec(name: str, given: Mapping[str, Any]) -> dict[str, int]:
    """A whole specification; BadRequest names the key that is wrong or missing."""
    spec = {}
    for key, value in given.items():
        if key not in SPEC_KEYS:
            raise BadRequest(f"{name}: there is no {key}; there are {', '.join(SPEC_KEYS)}")
        spec[key] = _number(key, name, value)
    missing = [key for key in SPEC_KEYS if key not in spec]
    if missing:
        raise BadRequest(f"{name}: {', '.join(missing)} must be given too")
    return spec


def _number(key: str, name: str, value: Any) -> int:
    try:
        if not isinstance(value, str):
            raise ValueError("a value is missing")
        return SPEC_KEYS[key](value)
    except ValueError as e:
        raise BadRequest(f"{name}: {key}: {e}") from None


def words(policy: Mapping[str, Any]) -> list[str]:
    """Options that give the specifications of a policy again; those it does not have are left out."""
    found = []
    if "std" in policy:
        found += [STD, _text(policy["std"])]
    if policy.get("minmax"):
        found += [BOUNDS, "//".join(f"min:{_text(p['min'])}/max:{_text(p['max'])}" for p in policy["minmax"])]
    return found


def _text(spec: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={spec[key]}" for key in sorted(spec))
