"""Output of real commands, and what it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_SAMPLES = json.loads((Path(__file__).parent / "samples" / "real_output.json").read_text(encoding="utf-8"))

CLUSTER_INFO: dict[str, Any] = _SAMPLES["cluster_info"]
INSTANCE: dict[str, Any] = _SAMPLES["instance"]
NODE: dict[str, Any] = {name: tuple(value) if name == "powered" else value for name, value in _SAMPLES["node"].items()}
JOB: dict[str, Any] = {
    "id": 29,
    "status": "success",
    "ops": [
        {
            "OP_ID": "OP_CLUSTER_SET_PARAMS",
            "beparams": {},
            "comment": None,
            "data_collector_interval": {},
            "debug_level": 0,
            "depends": None,
            "disk_state": {},
            "diskparams": {},
            "dry_run": False,
            "enabled_data_collectors": {},
            "force": False,
            "hv_state": {},
            "hvparams": {},
            "ipolicy": {},
            "nicparams": {"mode": "routed", "link": "main"},
            "priority": 0,
            "reason": [
                ["gnt:client:gnt-cluster", "modify", 1795219134013219072],
                ["gnt:opcode:cluster_set_params", "job=29;index=0", 1795219134020778000],
            ],
        }
    ],
    "opresult": [None],
    "opstatus": ["success"],
    "oplog": [[]],
    "opstart": [[1795219134, 263748]],
    "opexec": [[1795219134, 304746]],
    "opend": [[1795219134, 638853]],
    "received_ts": [1795219134, 20778],
    "start_ts": [1795219134, 263748],
    "end_ts": [1795219134, 638865],
}
OSES: list[dict[str, Any]] = [
    {
        "name": "noop",
        "valid": True,
        "variants": ["default", "other"],
        "parameters": [["foo", "foo doc"], ["bar", "bar doc"]],
        "api_versions": [20],
        "trusted": True,
        "hidden": False,
        "blacklisted": False,
        "node_status": {
            "11ee9a30-eb12-4888-b565-1030518ef0d1": [
                [
                    "/srv/ganeti/os/noop",
                    True,
                    "",
                    ["default", "other"],
                    [["foo", "foo doc"], ["bar", "bar doc"]],
                    [20],
                    True,
                ]
            ]
        },
    }
]


def expected(command: str) -> str:
    """What the real command printed."""
    return "".join(line + "\n" for line in _SAMPLES["output"][command])
