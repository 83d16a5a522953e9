"""Files beside the configuration that all nodes have as the master has them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from ganeti_tw.model import filled
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.node import Node
from ganeti_tw.model.paths import Paths

_HERE = Paths("")
LARGEST = 1024 * 1024  # bytes of one such file
ETC_HOSTS = "/etc/hosts"
PASSWORD_MODE = 0o600


@frozen
class AncillaryFile:
    """A file that is spread where the master has it; of other hypervisors' nobody needs to know."""

    path: str  # as on a real host
    mode: int
    hypervisors: tuple[str, ...] = ()  # needed where guests of these may be; empty: everywhere


ALWAYS = (
    AncillaryFile(f"{_HERE.data}/known_hosts", 0o644),
    AncillaryFile(f"{_HERE.data}/cluster-domain-secret", 0o640),
    AncillaryFile(_HERE.hmac_key, 0o440),
    AncillaryFile(f"{_HERE.data}/rapi.pem", 0o440),
    AncillaryFile(f"{_HERE.data}/rapi/users", 0o640),
    AncillaryFile(f"{_HERE.data}/spice.pem", 0o440),
    AncillaryFile(f"{_HERE.data}/spice-ca.pem", 0o440),
    AncillaryFile("/etc/ganeti/file-storage-paths", 0o644),
)
OF_HYPERVISORS = (
    AncillaryFile("/etc/ganeti/vnc-cluster-password", PASSWORD_MODE, ("kvm", "xen-hvm", "xen-pvm")),
    AncillaryFile("/etc/ganeti/kvm-vif-bridge", 0o755, ("kvm",)),
)
MASTER_IP_SCRIPT = AncillaryFile(_HERE.external_master_ip_script, 0o755)
PASSWORD_FILES = ("vnc_password_file", "spice_password_file")
"""Hypervisor parameters that name a file with a password."""

_MODES = {
    **{f.path: f.mode for f in (*ALWAYS, *OF_HYPERVISORS, MASTER_IP_SCRIPT)},
    ETC_HOSTS: 0o644,
}
_PASSWORD = re.compile(r"/etc/ganeti/[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_OWN = (_HERE.settings, _HERE.hosts)


def ancillary_files(cluster: Cluster) -> tuple[AncillaryFile, ...]:
    """All of a cluster, without ``/etc/hosts``; sorted by path.

    Passwords for consoles are those that the cluster's parameters of an enabled
    hypervisor name, as far as they lie in ``/etc/ganeti``.
    """
    enabled = set(cluster.enabled_hypervisors)
    found = {f.path: f for f in (*ALWAYS, *(f for f in OF_HYPERVISORS if enabled & set(f.hypervisors)))}
    if cluster.use_external_mip_script:
        found[MASTER_IP_SCRIPT.path] = MASTER_IP_SCRIPT
    for hypervisor in cluster.enabled_hypervisors:
        params = filled.cluster_hvparams(cluster, hypervisor)
        for name in PASSWORD_FILES:
            path = params.get(name)
            if isinstance(path, str) and path not in found and mode_of(path) == PASSWORD_MODE:
                found[path] = AncillaryFile(path, PASSWORD_MODE, (hypervisor,))
    return tuple(found[path] for path in sorted(found))


def files_of(files: Iterable[AncillaryFile], node: Node) -> tuple[AncillaryFile, ...]:
    """Those that a node needs."""
    return tuple(f for f in files if node.vm_capable or not f.hypervisors)


def mode_of(path: str) -> int | None:
    """The mode of a file that may be spread; None for all others.

    Besides those listed these are files right in ``/etc/ganeti``, for passwords;
    a host's own settings are not among them.
    """
    if path in _MODES:
        return _MODES[path]
    return PASSWORD_MODE if _PASSWORD.fullmatch(path) and path not in _OWN else None
