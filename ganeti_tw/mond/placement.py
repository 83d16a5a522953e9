"""What the configuration says of a node's instances and disks, from the JSON that confd answers with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ganeti_tw.errors import BadRequest
from ganeti_tw.mond.guests import Guest


def wanted(instances: Iterable[Mapping[str, Any]]) -> tuple[Guest, ...]:
    """Instances as they should be; BadRequest when one is none."""
    try:
        return tuple(
            Guest(
                name=i["name"],
                uuid=i["uuid"],
                admin_state=i["admin_state"],
                actual_state="unknown",
                mtime=float(i.get("mtime") or 0.0),
                hypervisor=i.get("hypervisor") or "",
            )
            for i in instances
        )
    except (KeyError, TypeError, AttributeError) as e:
        raise BadRequest(f"that is no list of instances: {e!r}") from None


def volumes(disks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The logical volumes, ``group/name``, that disks consist of."""
    try:
        for disk in disks:
            if disk.get("dev_type") == "plain":
                group, name = disk["logical_id"]
                yield f"{group}/{name}"
            yield from volumes(disk.get("children") or ())
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise BadRequest(f"that is no list of disks: {e!r}") from None


def owners_of_volumes(pairs: Iterable[Any]) -> dict[str, str]:
    """Instance by volume, from pairs of an instance and its disks."""
    try:
        return {volume: instance["name"] for instance, disks in pairs for volume in volumes(disks)}
    except (KeyError, TypeError, ValueError) as e:
        raise BadRequest(f"that is no list of instances with their disks: {e!r}") from None


def owners_of_minors(rows: Iterable[Any]) -> dict[int, str]:
    """Instance by minor, from confd's answer about a node."""
    try:
        return {int(minor): str(instance) for _, minor, instance, *_ in rows}
    except (TypeError, ValueError) as e:
        raise BadRequest(f"that is no list of DRBD minors: {e!r}") from None
