"""``--disk``, ``-s`` and ``--net`` as the lists the operations take, of new instances and of changed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti_tw.cli.parameters import NIC, typed
from ganeti_tw.cli.values import size_mib
from ganeti_tw.errors import BadRequest

NamedParameters = tuple[str, dict[str, Any] | bool | None]
DISKLESS = "diskless"


def disks_of(template: str | None, given: Sequence[NamedParameters], size: int | None) -> list[dict[str, Any]]:
    """One dictionary per disk; ``size`` is that of ``-s``, the only disk then."""
    if template == DISKLESS:
        if given or size is not None:
            raise BadRequest("a diskless instance was asked for, and disks as well")
        return []
    if given and size is not None:
        raise BadRequest("give the disks with --disk or the only disk with -s, not both")
    if size is not None:
        return [{"size": size}]
    if not given:
        raise BadRequest("No disk information specified: use --disk or -s")
    return _by_index("disk", [(name, _disk(name, parameters)) for name, parameters in given])


def _disk(name: str, parameters: dict[str, Any] | bool | None) -> dict[str, Any]:
    disk = _dictionary("disk", name, parameters)
    if "size" in disk:
        if "adopt" in disk:
            raise BadRequest(f"disk {name}: give one of size and adopt")
        disk["size"] = _converted("disk", name, "size", disk["size"], size_mib)
    elif "adopt" in disk:
        if "spindles" in disk:
            raise BadRequest(f"disk {name}: spindles cannot be given for an adopted disk")
        disk["size"] = 0
    else:
        raise BadRequest(f"disk {name}: give one of size and adopt")
    if "spindles" in disk:
        disk["spindles"] = _converted("disk", name, "spindles", disk["spindles"], int)
    return disk


def nics_of(given: Sequence[NamedParameters], *, no_nics: bool) -> list[dict[str, Any]]:
    """One dictionary per network card; a single one with all defaults when nothing is said."""
    if given:
        return _by_index("nic", [(name, _nic(name, parameters)) for name, parameters in given])
    return [] if no_nics else [{}]


def _nic(name: str, parameters: dict[str, Any] | bool | None) -> dict[str, Any]:
    return typed(_dictionary("nic", name, parameters), NIC, f"parameter of nic {name}")


def _dictionary(what: str, name: str, parameters: dict[str, Any] | bool | None) -> dict[str, Any]:
    if not isinstance(parameters, dict):
        raise BadRequest(f"{what} {name}: key=value pairs are expected, it cannot be taken away here")
    return dict(parameters)


def _by_index(what: str, given: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """In the order of their indices; an index left out is an empty dictionary."""
    found: dict[int, dict[str, Any]] = {}
    for name, parameters in given:
        if not (name.isascii() and name.isdigit()):
            raise BadRequest(f"'{name}' is not the index of a {what}: write 0, 1, ...")
        if int(name) in found:
            raise BadRequest(f"{what} {name} is given twice")
        found[int(name)] = parameters
    _refuse_wild(what, max(found))
    return [found.get(index, {}) for index in range(max(found) + 1)]


def _refuse_wild(what: str, highest: int) -> None:
    if highest >= 64:  # far beyond what any instance may have; do not fill a list up to a typing error
        raise BadRequest(f"{what} index {highest} is too high")


def _converted(what: str, name: str, key: str, value: Any, convert: Any) -> int:
    try:
        if not isinstance(value, str):
            raise ValueError("a value is missing")
        return int(convert(value))
    except ValueError as e:
        raise BadRequest(f"{what} {name}: {key}: {e}") from None


_ACTIONS = ("add", "attach", "detach", "remove")
_MODIFY = "modify"
_LAST = -1
_DISK_SIZES: dict[str, Any] = {"size": size_mib, "spindles": int}


def changes_of(what: str, given: Sequence[NamedParameters]) -> list[list[Any]]:
    """``[action, index or name or UUID, parameters]`` per ``--disk`` or ``--net``; ``what`` is disk or nic."""
    return [_change(what, name, parameters) for name, parameters in given]


def _change(what: str, name: str, given: dict[str, Any] | bool | None) -> list[Any]:
    parameters = _dictionary(what, name, given)
    identifier: int | str
    if name in _ACTIONS:
        action, identifier = name, _LAST
    else:
        identifier = int(name[:10]) if name.isascii() and name.removeprefix("-").isdigit() else name
        actions = [key for key, value in parameters.items() if value is True and key in (*_ACTIONS, _MODIFY)]
        if len(actions) > 1:
            raise BadRequest(f"{what} {name}: one action at a time, not {' and '.join(actions)}")
        action = actions[0] if actions else _MODIFY
        for key in actions:
            del parameters[key]
    if action in ("remove", "detach") and parameters:
        raise BadRequest(f"{what} {name}: {action} takes no parameters")
    if action == "add" and what == "disk" and "size" not in parameters:
        raise BadRequest(f"disk {name}: the size of a disk to add is missing")
    if what == "nic":
        parameters = typed(parameters, NIC, f"parameter of nic {name}")
    else:
        for key in parameters.keys() & _DISK_SIZES.keys():
            parameters[key] = _converted("disk", name, key, parameters[key], _DISK_SIZES[key])
    return [action, identifier, parameters]
