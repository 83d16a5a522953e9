"""New values for parameters, as users give them, merged into the ones an object has.

Every function returns the object's new own values: what is not in there is
inherited.  ``default`` and null remove a value (not at cluster level, where there
is nothing to inherit).  BadRequest names the parameter and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.errors import BadRequest
from ganeti_tw.model import defaults
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.declared import Table
from ganeti_tw.model.hvparams import HYPERVISORS

DEFAULT = "default"

CLUSTER, GROUP, NODE, INSTANCE, OS = "cluster", "group", "node", "instance", "OS"


def hypervisor_table(hypervisor: str) -> Table:
    """BadRequest when there is no such hypervisor."""
    if hypervisor not in HYPERVISORS:
        raise BadRequest(f"there is no hypervisor {hypervisor!r}; there are {', '.join(HYPERVISORS)}")
    return HYPERVISORS[hypervisor]


def hvparams(
    hypervisor: str, own: Mapping[str, Any], given: Mapping[str, Any], level: str = INSTANCE
) -> dict[str, Any]:
    """``level``: cluster, OS or instance; some parameters belong to the cluster only."""
    parameters = hypervisor_table(hypervisor)
    what = f"{hypervisor} parameter"
    if level == INSTANCE:
        _refuse_cluster_only(parameters, given, what)
    if isinstance(given.get("usb_devices"), str):  # blanks separate too, but commas separate options on command lines
        given = {**given, "usb_devices": ",".join(given["usb_devices"].split())}
    return merged(parameters, own, given, what, removable=level != CLUSTER)


def beparams(
    own: Mapping[str, Any],
    given: Mapping[str, Any],
    inherited: Mapping[str, Any] = defaults.BEPARAMS,
    level: str = INSTANCE,
) -> dict[str, Any]:
    """``memory`` stands for minmem and maxmem; minmem may not exceed maxmem, inherited values included."""
    if "memory" in given:
        if "minmem" in given or "maxmem" in given:
            raise BadRequest("give either memory, or minmem and maxmem")
        given = {k: v for k, v in given.items() if k != "memory"} | dict.fromkeys(("minmem", "maxmem"), given["memory"])
    new = merged(defaults.BACKEND, own, given, "backend parameter", removable=level != CLUSTER)
    filled = {**inherited, **new}
    if filled["minmem"] > filled["maxmem"]:
        raise BadRequest(f"minmem {filled['minmem']} is more than maxmem {filled['maxmem']}")
    return new


def nicparams(own: Mapping[str, Any], given: Mapping[str, Any], level: str = INSTANCE) -> dict[str, Any]:
    """Mode, link and vlan."""
    new = merged(defaults.NIC, own, given, "NIC parameter", removable=level != CLUSTER)
    if new.get("mode") == "bridged" and new.get("link") == "":
        raise BadRequest("link: a bridged NIC needs the name of a bridge")
    return new


def ndparams(own: Mapping[str, Any], given: Mapping[str, Any], level: str = NODE) -> dict[str, Any]:
    """``level``: cluster, group or node; ``exclusive_storage`` is not for single nodes."""
    if level == NODE:
        _refuse_cluster_only(defaults.NODE, given, "node parameter")
    return merged(defaults.NODE, own, given, "node parameter", removable=level != CLUSTER)


def diskparams(
    own: Mapping[str, Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]], level: str = GROUP
) -> dict[str, dict[str, Any]]:
    """By template; ``level`` is cluster or group."""
    new = {template: dict(values) for template, values in own.items()}
    for template, values in given.items():
        if template not in defaults.DISK:
            raise BadRequest(f"there is no disk template {template!r}; there are {', '.join(defaults.DISK)}")
        what = f"{template} disk parameter"
        merged_values = merged(defaults.DISK[template], new.get(template, EMPTY), values, what, level != CLUSTER)
        if merged_values or level == CLUSTER:
            new[template] = merged_values
        else:
            new.pop(template, None)
    return new


def hv_state(own: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What hypervisors are said to use of their nodes, by hypervisor."""
    new = {name: dict(values) for name, values in own.items()}
    for hypervisor, values in given.items():
        hypervisor_table(hypervisor)
        what = f"{hypervisor} state parameter"
        _keep_if_any(new, hypervisor, merged(defaults.HYPERVISOR_STATE, new.get(hypervisor, EMPTY), values, what))
    return new


def disk_state(own: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What is said of the storage of nodes, by kind and name."""
    new = {kind: dict(by_name) for kind, by_name in own.items()}
    for kind, by_name in given.items():
        if kind not in defaults.DISK_STATE_KINDS:
            raise BadRequest(f"there is no state of storage {kind!r}; there is {', '.join(defaults.DISK_STATE_KINDS)}")
        if not isinstance(by_name, Mapping):
            raise BadRequest(f"the state of {kind} storage must be an object by name, not {by_name!r:.60}")
        states = dict(new.get(kind, EMPTY))
        for name, values in by_name.items():
            what = f"state parameter of {kind} storage {name}"
            _keep_if_any(states, name, merged(defaults.DISK_STATE, states.get(name, EMPTY), values, what))
        _keep_if_any(new, kind, states)
    return new


def _keep_if_any(all_values: dict[str, dict[str, Any]], name: str, values: dict[str, Any]) -> None:
    if values:
        all_values[name] = values
    else:
        all_values.pop(name, None)


def osparams(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Any names and values: the OS definition checks them on the nodes."""
    new = dict(own)
    for name, value in given.items():
        if value is None or value == DEFAULT:
            new.pop(name, None)
        else:
            new[name] = value
    return new


def merged(
    parameters: Table, own: Mapping[str, Any], given: Mapping[str, Any], what: str, removable: bool = True
) -> dict[str, Any]:
    """``own`` with the given values converted and put over it."""
    if not isinstance(given, Mapping):
        raise BadRequest(f"{what}s must be an object, not {given!r:.60}")
    new = dict(own)
    for name, value in given.items():
        parameter = parameters.get(name)
        if parameter is None:
            raise BadRequest(f"unknown {what} {name!r}; there are {', '.join(parameters) or 'none'}")
        if removable and (value is None or (isinstance(value, str) and value.lower() == DEFAULT)):
            new.pop(name, None)
        else:
            new[name] = parameter.accept(value)
    return new


def _refuse_cluster_only(parameters: Table, given: Mapping[str, Any], what: str) -> None:
    refused = [name for name in given if name in parameters and parameters[name].cluster_only]
    if refused:
        raise BadRequest(f"{what} {refused[0]} is set for the whole cluster, not here")
