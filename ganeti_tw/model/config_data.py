"""The text of Ganeti's ``config.data`` from and to rows of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ganeti_tw.errors import Corrupt, NoCluster
from ganeti_tw.model.codec import SECTIONS, from_json, parse
from ganeti_tw.model.names import is_uuid
from ganeti_tw.model.rows import CLUSTER, TOP, Put

RELEASES = ((3, 0), (3, 1))
"""Major and minor version of the Ganetis whose configurations are understood here: they have the same fields."""

_NOT_TOP = {"cluster", *SECTIONS.values()}


def config_data(rows: Mapping[tuple[str, str], bytes]) -> bytes:
    """The file from the values of all rows, joined as they are; other kinds are ignored.

    NoCluster when there is no cluster among them.
    """
    if TOP not in rows or CLUSTER not in rows:
        raise NoCluster("the ledger holds no cluster")
    # Pieces of the whole text: one join copies each byte once.
    sections: dict[str, list[bytes]] = {kind: [] for kind in SECTIONS}
    for (kind, key), value in rows.items():
        if kind in sections:
            sections[kind] += (b',\n"', key.encode(), b'":', value)  # a UUID needs no escapes
    text = [b"{", rows[TOP].strip()[1:-1].strip(), b',\n"cluster":', rows[CLUSTER]]
    for kind, pieces in sections.items():
        text += (b',\n"', SECTIONS[kind].encode(), b'":{')
        if pieces:
            text += (b'"', *pieces[1:])
        text.append(b"}")
    text.append(b"}\n")
    return b"".join(text)


def rows_from_config_data(text: bytes | str) -> list[Put]:
    """The rows a configuration file stands for.  Corrupt says what is wrong with it."""
    data = parse("config.data", text)
    if not isinstance(data, dict):
        raise Corrupt("config.data must be an object")
    _check_version(data.get("version"))
    missing = sorted(name for name in _NOT_TOP if name not in data)
    if missing:
        raise Corrupt(f"config.data: {', '.join(missing)} missing")
    top = {name: value for name, value in data.items() if name not in _NOT_TOP}
    puts = [_put(*TOP, top), _put(*CLUSTER, data["cluster"])]
    for kind, section in SECTIONS.items():
        objects = data[section]
        if not isinstance(objects, dict):
            raise Corrupt(f"config.data: {section} must be an object")
        puts.extend(_put(kind, key, value) for key, value in objects.items())
    return puts


def _put(kind: str, key: str, value: Any) -> Put:
    from_json(kind, key, value)
    if kind in SECTIONS and not is_uuid(key):
        raise Corrupt(f"{kind} {key!r}: this is no UUID in lower case")
    return Put(kind, key, msgspec.json.encode(value))


def _check_version(version: Any) -> None:
    if type(version) is not int:
        raise Corrupt("config.data: version is missing or no integer")
    release = version // 1_000_000, version // 10_000 % 100
    if release not in RELEASES:
        understood = " and ".join(f"{major}.{minor}" for major, minor in RELEASES)
        raise Corrupt(
            f"config.data: version {version} is of Ganeti {release[0]}.{release[1]}, not one of Ganeti {understood}: "
            "let Ganeti's own upgrade bring it there first"
        )
