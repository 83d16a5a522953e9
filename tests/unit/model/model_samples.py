"""What the tests of the model start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.model.new import new_cluster

DATA = Path(__file__).parents[2] / "data"

NODE = "11ee9a30-eb12-4888-b565-1030518ef0d1"
DEFAULT_GROUP = "eaf43b66-c286-4173-aa50-59fe82bac89c"
NET1 = "fcaff84f-ea03-465f-af55-114841192e56"
INST1 = "ea4bfa79-e083-4f7e-ade4-c9a37db66e68"


def reference(name: str) -> Any:
    return json.loads((DATA / "reference" / f"{name}.json").read_text())


def sample_text() -> str:
    return (DATA / "config.data.json").read_text()


def sample_data() -> Any:
    return json.loads(sample_text())


def sample_rows() -> dict[tuple[str, str], bytes]:
    return {(p.kind, p.key): p.value for p in rows_from_config_data(sample_text())}


def sample_config() -> Config:
    return Config.from_rows(sample_rows())


def numbered_uuids() -> Any:
    """A source of UUIDs 1, 2, 3..."""
    numbers = iter(range(1, 1000000))
    return lambda: uuid(next(numbers))


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def new_config(**settings: Any) -> Config:
    """A cluster of one node, n1, with the fake hypervisor."""
    beginning = new_cluster(
        "cluster.example",
        now=1000.0,
        uuid=numbered_uuids(),
        node_name="n1.example",
        node_ip="192.0.2.1",
        master_ip="192.0.2.10",
        **{
            "enabled_hypervisors": ("fake",),
            "enabled_disk_templates": ("file", "diskless", "drbd", "plain"),
            **settings,
        },
    )
    return Config.from_rows({(p.kind, p.key): p.value for p in beginning.rows()})
