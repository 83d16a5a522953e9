"""A configuration and a key for the tests of confd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ganeti_tw.confd.key import Key
from ganeti_tw.model.codec import SECTIONS, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import CLUSTER, TOP

DATA = Path(__file__).resolve().parents[2] / "data"
CONTENT = b"0123456789012345678901234567890123456789\n"
KEY = Key(CONTENT)


def recorded_config() -> Config:
    data = json.loads((DATA / "config.data.json").read_text())
    rows: dict[tuple[str, str], Any] = {
        TOP: {key: data[key] for key in ("version", "serial_no", "ctime", "mtime")},
        CLUSTER: data["cluster"],
    }
    for kind, section in SECTIONS.items():
        rows.update({(kind, uuid): thing for uuid, thing in data[section].items()})
    return Config.from_rows({key: json.dumps(value).encode() for key, value in rows.items()})


def put(config: Config, *things: Any) -> Config:
    return config.apply([row(thing) for thing in things])
