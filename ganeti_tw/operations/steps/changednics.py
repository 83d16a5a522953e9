"""The NICs of an instance after changes, and what that takes from networks and gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, evolve, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.network import Network
from ganeti_tw.operations.steps import newnics
from ganeti_tw.operations.steps.addresses import addresses_given_back, addresses_taken
from ganeti_tw.operations.steps.devices import (
    ADD,
    MODIFY,
    REMOVE,
    DeviceChange,
    different_names,
    index_of,
    place_for,
)


@frozen
class Fresh:
    """For new NICs and MACs: a UUID per change, and three random bytes per try."""

    uuids: Sequence[str]
    octets: Sequence[bytes]


@frozen
class ChangedNics:
    """``networks`` as they shall be stored; ``report``: pairs of what changed and its new value."""

    nics: tuple[Nic, ...]
    networks: tuple[Network, ...]
    report: tuple[tuple[str, Any], ...]


@define(eq=False)
class _Slot:
    nic: Nic
    before: Nic | None  # None for a new one

    @property
    def address_changed(self) -> bool:
        return self.before is None or (self.nic.ip, self.nic.network) != (self.before.ip, self.before.network)

    @property
    def to_finish(self) -> bool:
        return self.before is None or self.address_changed or self.nic.mac != self.before.mac


def with_changes(
    config: Config,
    instance: Instance,
    group: Group,
    changes: Sequence[DeviceChange],
    *,
    fresh: Fresh | None,
    conflicts_check: bool,
) -> ChangedNics:
    """One after the other, each seeing the indices as those before it left them.

    ``group`` is that of the primary node.  Without ``fresh`` nothing is generated,
    which is enough for checks.  Raises errors that name the NIC.
    """
    slots = [_Slot(nic, nic) for nic in instance.nics]
    done: list[tuple[DeviceChange, _Slot, int]] = []
    for change in changes:
        if change.action == ADD:
            index = place_for("nic", slots, change.identifier)
            slot = _Slot(newnics.draft(config, group, index, dict(change.parameters)), None)
            slots.insert(index, slot)
        else:
            index = index_of("nic", [s.nic for s in slots], change.identifier)
            slot = slots[index]
            if change.action == REMOVE:
                del slots[index]
            elif change.action == MODIFY:
                slot.nic = _modified(config, group, index, slot.nic, change.parameters)
            else:
                raise BadRequest(f"nic {change.identifier}: NICs are added, modified or removed, no {change.action}")
        done.append((change, slot, index))
    if len(slots) > newnics.LIMIT:
        raise BadRequest(f"{len(slots)} NICs are too many, at most {newnics.LIMIT} are possible")
    different_names("nic", [s.nic for s in slots])
    networks = _readdressed(config, instance, group, slots, conflicts_check)
    _finish(config, instance, slots, fresh, conflicts_check)
    report = tuple(pair for change, slot, index in done for pair in _told(config, group, change, slot.nic, index))
    return ChangedNics(tuple(s.nic for s in slots), networks, report)


def _modified(config: Config, group: Group, index: int, nic: Nic, given: Mapping[str, Any]) -> Nic:
    parameters = dict(given)
    if "bridge" in parameters:
        bridge = parameters.pop("bridge")
        parameters.setdefault("link", bridge)
    base: dict[str, Any] = {"mac": nic.mac, "ip": nic.ip, "name": nic.name, "network": nic.network}
    if nic.network is None:
        base.update(nic.nicparams)
    after = {**base, **parameters}
    if newnics.in_network(after.get("network")) and nic.network is None:
        # What the NIC had of its own gives way to the network; what is given now is refused.
        after = {k: v for k, v in after.items() if k not in newnics.PARAMETERS or k in parameters}
    new = newnics.draft(config, group, index, after)
    return evolve(nic, mac=new.mac, ip=new.ip, name=new.name, network=new.network, nicparams=new.nicparams)


def _readdressed(
    config: Config, instance: Instance, group: Group, slots: list[_Slot], conflicts_check: bool
) -> tuple[Network, ...]:
    """Give the slots their addresses; the networks that change by that."""
    kept = [s.before for s in slots if s.before is not None and not s.address_changed]
    freed = addresses_given_back(config, [nic for nic in instance.nics if nic not in kept])
    given_back = config.apply([row(network) for network in freed])
    new = [index for index, slot in enumerate(slots) if slot.address_changed]
    nics, taken = addresses_taken(given_back, group, [s.nic for s in slots], conflicts_check, new)
    for slot, nic in zip(slots, nics, strict=True):
        slot.nic = nic
    return tuple({network.uuid: network for network in (*freed, *taken)}.values())


def _finish(config: Config, instance: Instance, slots: list[_Slot], fresh: Fresh | None, conflicts_check: bool) -> None:
    """Give new ones UUIDs and MACs, and see that nobody else has what changed."""
    changed = [s for s in slots if s.to_finish and (fresh is not None or s.nic.mac not in newnics.GENERATED)]
    if not changed:
        return
    others = tuple(slot.nic for slot in slots if not slot.to_finish)
    without = config.apply([row(evolve(instance, nics=others))])
    uuids = iter(fresh.uuids if fresh is not None else [""] * len(changed))
    named = [slot.before.uuid if slot.before is not None else next(uuids) for slot in changed]
    octets = list(fresh.octets) if fresh is not None else []
    nics = newnics.finished(without, tuple(s.nic for s in changed), named, octets, conflicts_check)
    for slot, nic in zip(changed, nics, strict=True):
        slot.nic = nic


def _told(config: Config, group: Group, change: DeviceChange, nic: Nic, index: int) -> list[tuple[str, Any]]:
    if change.action == REMOVE:
        return [(f"nic/{index}", "remove")]
    network = None if nic.network is None else config.network(nic.network).name
    linked = {**config.cluster.nicparams["default"], **nic.nicparams}
    values = {"mac": nic.mac, "ip": nic.ip, "name": nic.name, "network": network, **linked}
    if change.action == ADD:
        told = ",".join(f"{key}={values[key]}" for key in ("mac", "ip", "mode", "link", "network"))
        return [(f"nic/{index}", f"add:{told}")]
    keys = ("link" if key == "bridge" else key for key in change.parameters)
    return [(f"nic.{key}/{index}", values.get(key)) for key in dict.fromkeys(keys)]
