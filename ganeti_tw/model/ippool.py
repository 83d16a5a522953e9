"""The IPv4 addresses of a network: which are taken, and by whom."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, Corrupt, NoRoom, NotUnique, WrongState
from ganeti_tw.model.network import Network

LONGEST_PREFIX = 30
SHORTEST_PREFIX = 12
"""A million addresses; each costs two bytes in the configuration."""

_MAP = str.maketrans("01", ".X")
_ONE = re.compile("1")


@frozen
class IpPool:
    """A value: taking and giving back an address gives a new pool.

    ``instances`` and ``external`` have a bit for each address, the lowest for the
    first one, which is that of the network itself.  An address may be taken both
    ways.  Addresses are texts; BadRequest names one that is not in the subnet.
    """

    subnet: IPv4Network
    instances: int = 0
    external: int = 0

    @classmethod
    def new(cls, cidr: str) -> IpPool:
        """All addresses free, but those of the network itself and of its broadcast, which are external.

        BadRequest when it is no IPv4 network, or too small or too large a one.
        """
        subnet = ipv4_network(cidr)
        if subnet.prefixlen > LONGEST_PREFIX:
            raise BadRequest(f"{subnet} is too small for a network: /{LONGEST_PREFIX} is the smallest possible")
        if subnet.prefixlen < SHORTEST_PREFIX:
            raise BadRequest(f"{subnet} is too large for a network: /{SHORTEST_PREFIX} is the largest possible")
        return cls(subnet, 0, 1 | 1 << subnet.num_addresses - 1)

    @classmethod
    def of(cls, network: Network) -> IpPool:
        """As the configuration has it; Corrupt when that is no IPv4 network with its reservations."""
        try:
            subnet = IPv4Network(network.network, strict=False)
        except ValueError:
            raise Corrupt(f"network {network.name}: its subnet {network.network!r} is no IPv4 network") from None
        instances, external = (_bits(text) for text in (network.reservations, network.ext_reservations))
        if instances is None or external is None or (instances | external) >> subnet.num_addresses:
            raise Corrupt(f"network {network.name}: its reservations are not a 0 or 1 per address of {subnet}")
        return cls(subnet, instances, external)

    def stored_in(self, network: Network) -> Network:
        """The network with these reservations."""
        return evolve(network, reservations=self._text(self.instances), ext_reservations=self._text(self.external))

    def __contains__(self, ip: str | None) -> bool:
        """False also for what is no IPv4 address."""
        try:
            return IPv4Address(ip) in self.subnet if ip is not None else False
        except ValueError:
            return False

    def has_instance(self, ip: str) -> bool:
        """Whether an instance has taken the address."""
        return bool(self.instances >> self._index(ip) & 1)

    def has_external(self, ip: str) -> bool:
        """Whether the address is kept from instances."""
        return bool(self.external >> self._index(ip) & 1)

    def reserve(self, ip: str, *, even_external: bool = False) -> IpPool:
        """The address taken by an instance; NotUnique when it is taken already."""
        if self.has_instance(ip):
            raise NotUnique(f"address {ip} of {self.subnet} is used by an instance already")
        if self.has_external(ip) and not even_external:
            raise NotUnique(f"address {ip} of {self.subnet} is reserved for use outside of instances")
        return evolve(self, instances=self.instances | 1 << self._index(ip))

    def release(self, ip: str) -> IpPool:
        """The address given back by an instance; WrongState when none had it."""
        if not self.has_instance(ip):
            raise WrongState(f"address {ip} of {self.subnet} is used by no instance")
        return evolve(self, instances=self.instances ^ 1 << self._index(ip))

    def take_next(self) -> tuple[str, IpPool]:
        """The first free address, and the pool with it taken by an instance; NoRoom when there is none."""
        index = (self._taken + 1 & ~self._taken).bit_length() - 1
        if index >= self.size:
            raise NoRoom(f"all addresses of {self.subnet} are taken")
        ip = str(self.subnet[index])
        return ip, self.reserve(ip)

    def reserve_external(self, ip: str) -> IpPool:
        """The address kept from instances; NotUnique when it is already."""
        if self.has_external(ip):
            raise NotUnique(f"address {ip} of {self.subnet} is reserved for use outside of instances already")
        return evolve(self, external=self.external | 1 << self._index(ip))

    def release_external(self, ip: str) -> IpPool:
        """The address open to instances again.  WrongState when it was all the time, or never can be."""
        index = self._index(ip)
        if index in (0, self.size - 1):
            raise WrongState(f"address {ip} stands for {self.subnet} itself or for its broadcast and stays reserved")
        if not self.has_external(ip):
            raise WrongState(f"address {ip} of {self.subnet} is not reserved for use outside of instances")
        return evolve(self, external=self.external ^ 1 << index)

    @property
    def size(self) -> int:
        """How many addresses there are, taken or not."""
        return self.subnet.num_addresses

    @property
    def reserved_count(self) -> int:
        return self._taken.bit_count()

    @property
    def free_count(self) -> int:
        return self.size - self.reserved_count

    @property
    def map(self) -> str:
        """A character for each address: ``X`` taken, ``.`` free."""
        return self._text(self._taken).translate(_MAP)

    @property
    def external_addresses(self) -> list[str]:
        """Those kept from instances, in order."""
        return [str(self.subnet[match.start()]) for match in _ONE.finditer(self._text(self.external))]

    @property
    def _taken(self) -> int:
        return self.instances | self.external

    def _index(self, ip: str) -> int:
        address = ipv4_address(ip)
        if address not in self.subnet:
            raise BadRequest(f"address {ip} is not in {self.subnet}")
        return int(address) - int(self.subnet.network_address)

    def _text(self, bits: int) -> str:
        return format(bits, f"0{self.size}b")[::-1]


def _bits(text: str) -> int | None:
    if text.strip("01"):
        return None
    return int(text[::-1] or "0", 2)


def ipv4_network(text: str) -> IPv4Network:
    """BadRequest when it is none; bits of a host in it are left out."""
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        raise BadRequest(f"{text!r} is no IPv4 network: write it like 192.0.2.0/24") from None


def ipv4_address(text: str) -> IPv4Address:
    """BadRequest when it is none."""
    try:
        return IPv4Address(text)
    except ValueError:
        raise BadRequest(f"{text!r} is no IPv4 address") from None


def ipv6_network(text: str) -> str:
    """In its shortest form; BadRequest when it is none."""
    try:
        return str(ipaddress.IPv6Network(text, strict=False))
    except ValueError:
        raise BadRequest(f"{text!r} is no IPv6 network: write it like 2001:db8::/64") from None


def gateway6(text: str, network6: str | None) -> str:
    """In its shortest form; BadRequest when it is no IPv6 address, or neither link-local nor in the IPv6 network."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise BadRequest(f"{text!r} is no IPv6 address") from None
    if not address.is_link_local and (network6 is None or address not in ipaddress.IPv6Network(network6, strict=False)):
        raise BadRequest(f"IPv6 gateway {address} is not in the IPv6 network {network6 or '(there is none)'}")
    return str(address)
