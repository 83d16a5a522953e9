"""The parameters of everything but hypervisors, and the built-in values of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.model.declared import (
    Parameter,
    Table,
    Type,
    absolute_path,
    defaults_of,
    not_negative,
    port,
    positive,
    table,
)
from ganeti_tw.model.hvparams import HYPERVISORS

_P = Parameter
BOOL, INT, FLOAT, SIZE, TEXT, MAYBE_TEXT = Type.BOOL, Type.INT, Type.FLOAT, Type.SIZE, Type.TEXT, Type.MAYBE_TEXT

BACKEND: Table = table(
    _P("always_failover", BOOL, False),
    _P("auto_balance", BOOL, True),
    _P("maxmem", SIZE, 128, check=positive),
    _P("minmem", SIZE, 128, check=positive),
    _P("spindle_use", INT, 1, check=not_negative),
    _P("vcpus", INT, 1, check=positive),
)

NIC_MODES = ("bridged", "routed", "openvswitch")

NIC: Table = table(
    _P("link", TEXT, "xen-br0"),
    _P("mode", TEXT, "bridged", required=True, allowed=NIC_MODES),
    _P("vlan", TEXT, ""),
)

NODE: Table = table(
    _P("cpu_speed", FLOAT, 1.0, check=positive),
    _P("exclusive_storage", BOOL, False, cluster_only=True),
    _P("oob_program", TEXT, "", check=absolute_path, on_nodes="file"),
    _P("ovs", BOOL, False),
    _P("ovs_link", MAYBE_TEXT, ""),
    _P("ovs_name", MAYBE_TEXT, "switch1"),
    _P("spindle_count", INT, 1, check=not_negative),
    _P("ssh_port", INT, 22, check=port),
)
"""``exclusive_storage`` may also be set for a group, not for a node."""

_ACCESS = _P("access", TEXT, "kernelspace", required=True, allowed=("kernelspace", "userspace"))

DISK: Mapping[str, Table] = {
    "blockdev": table(),
    "diskless": table(),
    "drbd": table(
        _P("c-delay-target", INT, 1, check=not_negative),  # tenths of a second
        _P("c-fill-target", INT, 0, check=not_negative),  # sectors; 0 means by delay
        _P("c-max-rate", INT, 61440, check=not_negative),  # KiB/s
        _P("c-min-rate", INT, 4096, check=not_negative),  # KiB/s
        _P("c-plan-ahead", INT, 20, check=not_negative),  # tenths of a second
        _P("data-stripes", INT, 1, check=positive),
        _P("disk-barriers", TEXT, "n"),
        _P("disk-custom", TEXT, ""),
        _P("dynamic-resync", BOOL, False),
        _P("meta-barriers", BOOL, False),
        _P("meta-stripes", INT, 1, check=positive),
        _P("metavg", TEXT, "xenvg"),
        _P("net-custom", TEXT, ""),
        _P("protocol", TEXT, "C", required=True, allowed=("A", "B", "C")),
        _P("resync-rate", INT, 61440, check=positive),  # KiB/s
    ),
    "ext": table(_ACCESS),
    "file": table(),
    "gluster": table(
        _ACCESS,
        _P("host", TEXT, "127.0.0.1"),
        _P("port", INT, 24007, check=port),
        _P("volume", TEXT, "gv0"),
    ),
    "plain": table(_P("stripes", INT, 1, check=positive)),
    "rbd": table(_ACCESS, _P("pool", TEXT, "rbd")),
    "sharedfile": table(),
}

HVPARAMS: Mapping[str, dict[str, Any]] = {name: defaults_of(t) for name, t in HYPERVISORS.items()}
BEPARAMS: Mapping[str, Any] = defaults_of(BACKEND)
NICPARAMS: Mapping[str, Any] = defaults_of(NIC)
NDPARAMS: Mapping[str, Any] = defaults_of(NODE)
DISKPARAMS: Mapping[str, dict[str, Any]] = {name: defaults_of(t) for name, t in DISK.items()}

_STANDARD_SPEC = {
    "cpu-count": 1,
    "disk-count": 1,
    "disk-size": 1024,
    "memory-size": 128,
    "nic-count": 1,
    "spindle-use": 1,
}

IPOLICY: Mapping[str, Any] = {
    "disk-templates": sorted(DISK),
    "minmax": [
        {
            "max": {
                "cpu-count": 8,
                "disk-count": 16,
                "disk-size": 1048576,
                "memory-size": 32768,
                "nic-count": 8,
                "spindle-use": 12,
            },
            "min": _STANDARD_SPEC,
        }
    ],
    "spindle-ratio": 32.0,
    "std": _STANDARD_SPEC,
    "vcpu-ratio": 4.0,
}

HYPERVISOR_STATE: Table = table(
    _P("cpu_node", INT, 1, check=not_negative),
    _P("cpu_total", INT, 1, check=not_negative),
    _P("mem_hv", INT, 0, check=not_negative),  # MiB, as all memory here
    _P("mem_node", INT, 0, check=not_negative),
    _P("mem_total", INT, 0, check=not_negative),
)

DISK_STATE: Table = table(
    _P("disk_overhead", INT, 0, check=not_negative),
    _P("disk_reserved", INT, 0, check=not_negative),
    _P("disk_total", INT, 0, check=not_negative),
)

DISK_STATE_KINDS = ("plain",)
"""Storage whose state can be given."""

HV_STATE: Mapping[str, Any] = defaults_of(HYPERVISOR_STATE)

COLLECTORS = ("cpu-avg-load", "diskstats", "drbd", "inst-status-xen", "lv", "xen-cpu-avg-load")
OWN_COLLECTORS = ("daemon-status", "hv-resources", "inst-status", "inst-status-kvm", "kvm-inst-rss", "node-resources")
SITE_COLLECTOR = "site-"  # what the names of collectors begin with that are not of this project
COLLECTOR_INTERVAL_US = 5_000_000
