"""Types of parameters, and tests of them, that refuse a value before it becomes part of a job."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.ippool import ipv4_address, ipv6_network
from ganeti_tw.model.verify_codes import CODES
from ganeti_tw.operations.steps.devices import changes_of

Filled: TypeAlias = Annotated[str, Meta(min_length=1)]
Positive: TypeAlias = Annotated[int, Meta(gt=0)]
NotNegative: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]

AllocPolicy: TypeAlias = Literal["last_resort", "preferred", "unallocable"]
DiskTemplate: TypeAlias = Literal[
    "blockdev", "diskless", "drbd", "ext", "file", "gluster", "plain", "rbd", "sharedfile"
]
FileDriver: TypeAlias = Literal["loop", "blktap", "blktap2"]
Hypervisor: TypeAlias = Literal["chroot", "fake", "kvm", "lxc", "xen-hvm", "xen-pvm"]
MigrationMode: TypeAlias = Literal["live", "non-live"]
NetworkMode: TypeAlias = Literal["bridged", "openvswitch", "pool", "routed"]
Person: TypeAlias = Literal["admin", "user"]

NIC_PARAMETERS = ("bridge", "ip", "link", "mac", "mode", "name", "network", "vlan")
NONE = "none"

Validator: TypeAlias = Callable[[Any, Any, Any], None]


def tested(test: Callable[[Any], Any]) -> Validator:
    """Of a field: ``test`` raises BadRequest for a value that does not fit; None always fits."""

    def validate(operation: Any, field: Any, value: Any) -> None:
        if value is not None:
            try:
                test(value)
            except BadRequest as e:
                raise ValueError(f"{field.name}: {e.text}") from None

    return validate


def each(test: Callable[[Any], Any]) -> Callable[[Iterable[Any]], None]:
    """The test of a list's items."""

    def test_all(items: Iterable[Any]) -> None:
        for item in items:
            test(item)

    return test_all


def devices(what: str, test: Callable[[Any], None]) -> Callable[[Iterable[Any]], None]:
    """The test of the parameters of new disks or NICs."""

    def test_all(items: Iterable[Any]) -> None:
        for index, parameters in enumerate(items):
            _named(f"{what}/{index}", test, parameters)

    return test_all


def device_changes(what: str, test: Callable[[Any], None]) -> Callable[[Sequence[Any]], None]:
    """The test of the changes of an instance's disks or NICs."""

    def test_changes(items: Sequence[Any]) -> None:
        for change in changes_of(what, items):
            _named(f"{what}/{change.identifier}", test, change.parameters)

    return test_changes


def _named(what: str, test: Callable[[Any], None], value: Any) -> None:
    try:
        test(value)
    except BadRequest as e:
        raise BadRequest(f"{what}: {e.text}") from None


def or_none(test: Callable[[str], Any]) -> Callable[[str], None]:
    """The test of a value that the word ``none`` takes away."""

    def test_given(text: str) -> None:
        if text.lower() != NONE:
            test(text)

    return test_given


def ipv6_address(text: str) -> None:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise BadRequest(f"{text!r} is no IPv6 address") from None


def ipv4_network(text: str) -> None:
    try:
        ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise BadRequest(f"{text!r} is no IPv4 network: write it like 192.0.2.0/24") from None


def verify_code(text: str) -> None:
    if text not in CODES:
        raise BadRequest(f"there is no code {text!r}")


def nic(given: Any) -> None:
    """Parameters of a NIC have known names; their values are text or nothing."""
    for name, value in given.items():
        if name not in NIC_PARAMETERS:
            raise BadRequest(f"there is no parameter {name!r:.40}; there are {', '.join(NIC_PARAMETERS)}")
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"{name} must be text, not {value!r:.40}")


def disk(given: Any) -> None:
    """Parameters of a disk are text or whole numbers; which there are depends on the template."""
    for name, value in given.items():
        if not name:
            raise BadRequest("a parameter has no name")
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise BadRequest(f"{name} must be text or a whole number, not {value!r:.40}")


IPV4 = tested(ipv4_address)
IPV4S = tested(each(ipv4_address))
IPV4_NETWORK = tested(ipv4_network)
IPV6 = tested(ipv6_address)
IPV6_NETWORK = tested(ipv6_network)
IPV4_OR_NONE = tested(or_none(ipv4_address))
IPV6_OR_NONE = tested(or_none(ipv6_address))
IPV6_NETWORK_OR_NONE = tested(or_none(ipv6_network))
NIC = tested(nic)
NICS = tested(devices("nic", nic))
DISKS = tested(devices("disk", disk))
NIC_CHANGES = tested(device_changes("nic", nic))
DISK_CHANGES = tested(device_changes("disk", disk))
VERIFY_CODES = tested(each(verify_code))
