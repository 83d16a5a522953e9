"""Telling neighbours which card an address is at now, so that none waits until what it remembers is too old."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Callable

from ganeti_tw.errors import DriverError

Announce = Callable[[str, str], None]
"""Tells the neighbours on an interface of an address; DriverError.  Blocks."""

EVERYBODY = b"\xff" * 6
ETHERTYPE_ARP, ETHERTYPE_IPV4 = 0x0806, 0x0800
ETHERNET = 1  # kind of hardware in ARP
REQUEST, REPLY = 1, 2
ALL_NODES = "ff02::1"
NEIGHBOUR_ADVERTISEMENT = 136
OVERRIDE = 0x20000000  # what a neighbour remembers is to be replaced
TARGET_LINK_ADDRESS = 2
HOPS = 255  # anything less has crossed a router and is ignored


def arp_announcements(mac: bytes, ip: str) -> list[bytes]:
    """Ethernet frames, one of each kind since some hosts heed only one of them (RFC 5227, section 3)."""
    address = ipaddress.IPv4Address(ip).packed
    head = EVERYBODY + mac + struct.pack("!H", ETHERTYPE_ARP)
    return [
        head + struct.pack("!HHBBH", ETHERNET, ETHERTYPE_IPV4, 6, 4, kind) + mac + address + target + address
        for kind, target in ((REQUEST, bytes(6)), (REPLY, EVERYBODY))
    ]


def neighbour_advertisement(mac: bytes, ip: str) -> bytes:
    """An ICMPv6 message without its checksum, which the kernel fills in (RFC 4861, section 7.2.6)."""
    address = ipaddress.IPv6Address(ip).packed
    return (
        struct.pack("!BBHI", NEIGHBOUR_ADVERTISEMENT, 0, 0, OVERRIDE) + address + bytes([TARGET_LINK_ADDRESS, 1]) + mac
    )


def announce(netdev: str, ip: str) -> None:
    """See :data:`Announce`.  Nothing is said on interfaces that are no Ethernet."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as ethernet:
            ethernet.bind((netdev, ETHERTYPE_ARP))
            _, _, _, kind, mac = ethernet.getsockname()
            if kind != ETHERNET:
                return
            if ":" not in ip:
                for frame in arp_announcements(mac, ip):
                    ethernet.send(frame)
                return
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as icmp:
            icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
            icmp.sendto(neighbour_advertisement(mac, ip), (ALL_NODES, 0, 0, socket.if_nametoindex(netdev)))
    except OSError as e:
        raise DriverError(
            f"neighbours on {netdev} could not be told that {ip} is here now: {e.strerror or e}"
        ) from None
