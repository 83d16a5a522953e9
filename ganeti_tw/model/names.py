"""Names of hosts, objects and devices, tags, MAC addresses and UUIDs: what is valid and how they sort."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import TypeVar

from ganeti_tw.errors import BadRequest

T = TypeVar("T")

MAX_TAG_LENGTH = 128
MAX_TAGS = 4096

_HOST = re.compile(r"[a-z0-9._-]{1,255}", re.ASCII)
_OBJECT = re.compile(r"[\w.+*/:@-]{1,255}")
_TAG = re.compile(r"[\w.+*/:@-]+")
_UUID = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}", re.ASCII)
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)
_MAC_PREFIX = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2}", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def host_name(text: str) -> str:
    """The name in lower case, without a trailing dot.  BadRequest when no host can be called that."""
    name = text.strip().lower().removesuffix(".")
    if not _HOST.fullmatch(name) or name[0] in ".-" or ".." in name:
        raise BadRequest(f"{text!r} is no host name: letters, digits, dots, dashes and underscores only")
    return name


def object_name(text: str) -> str:
    """The name of a group or network as given.  BadRequest when it is empty or has other characters than tags."""
    if not _OBJECT.fullmatch(text):
        raise BadRequest(f"{text!r} is no valid name: letters, digits and . + * / : @ _ - only")
    if is_uuid(text):
        raise BadRequest(f"{text!r} looks like a UUID: choose another name")
    return text


def device_name(text: str) -> str:
    """The name of a disk or NIC.  BadRequest when it could be taken for an index or is a word with a meaning."""
    if not text or text.lower() == "none" or re.fullmatch(r"-?[0-9]+", text, re.ASCII) or is_uuid(text):
        raise BadRequest(f"{text!r} is no name for a device: not empty, not 'none', no number, no UUID")
    return text


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


@lru_cache(maxsize=65536)
def natural_key(text: str) -> str:
    """A text that sorts ``node2`` before ``node10``; texts compare much faster than tuples."""
    return _DIGITS.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    """Sorts before all text, then by number of significant digits, by these, and by zeros in front."""
    digits = match.group()
    significant = digits.lstrip("0")
    return f"\0{chr(len(significant))}{significant}{digits}\0"


def naturally(names: Iterable[str]) -> list[str]:
    """The names sorted with digits as numbers."""
    return sorted(names, key=natural_key)


def same_host(name: str, asked: str) -> bool:
    """Whether ``asked`` is the name or a start of it that ends before a dot, ignoring case."""
    full, start = name.lower(), asked.lower()
    return full == start or full.startswith(start + ".")


def check_tag(tag: str) -> str:
    """The tag.  BadRequest when it is too long or has other characters than letters, digits and . + * / : @ _ -"""
    if len(tag) > MAX_TAG_LENGTH:
        raise BadRequest(f"tag {tag[:20]!r}... is longer than {MAX_TAG_LENGTH} characters")
    if not _TAG.fullmatch(tag):
        raise BadRequest(f"{tag!r} is no valid tag: letters, digits and . + * / : @ _ - only")
    return tag


def added_tags(present: Collection[str], new: Iterable[str]) -> tuple[str, ...]:
    """All tags after adding some; those that were there already are no fault."""
    tags = dict.fromkeys(present)
    tags.update(dict.fromkeys(check_tag(tag) for tag in new))
    if len(tags) > MAX_TAGS:
        raise BadRequest(f"an object has at most {MAX_TAGS} tags; this would be {len(tags)}")
    return tuple(tags)


def mac_address(text: str) -> str:
    """The address in lower case.  BadRequest when it is none."""
    mac = text.lower()
    if not _MAC.fullmatch(mac):
        raise BadRequest(f"{text!r} is no MAC address: six octets like aa:00:00:12:34:56")
    return mac


def mac_prefix(text: str) -> str:
    """Three octets in lower case.  BadRequest when it is none."""
    prefix = text.lower()
    if not _MAC_PREFIX.fullmatch(prefix):
        raise BadRequest(f"{text!r} is no MAC prefix: three octets like aa:00:00")
    return prefix


def new_mac(prefix: str, octets: bytes) -> str:
    """A MAC address from a prefix and three random octets."""
    if len(octets) != 3:
        raise ValueError("a MAC address has three octets after its prefix")
    return f"{mac_prefix(prefix)}:{octets.hex(':')}"
