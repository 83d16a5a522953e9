"""Where things lie on a host: Ganeti's places, below the host's root directory.

``GANETI_ROOTDIR`` names the root of a virtual host and ``GANETI_HOSTNAME`` its
name, so that several hosts live on one machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

OS_SEARCH_PATH = (
    "/srv/ganeti/os",
    "/usr/local/lib/ganeti/os",
    "/usr/lib/ganeti/os",
    "/usr/share/ganeti/os",
)
IALLOCATOR_SEARCH_PATH = ("/usr/local/lib/ganeti/iallocators", "/usr/lib/ganeti/iallocators")


class Paths(NamedTuple):  # commands need it at once, and attrs takes long to import
    """All paths of one host; ``root`` without a trailing slash, empty for a real host."""

    root: str

    def below(self, path: str) -> str:
        """The place of an absolute path on this host."""
        return self.root + path

    @property
    def settings(self) -> str:
        return self.below("/etc/ganeti/ganeti.conf")

    @property
    def hosts(self) -> str:
        """Names and addresses looked at before the resolver; format of ``hosts(5)``."""
        return self.below("/etc/ganeti/hosts")

    @property
    def data(self) -> str:
        return self.below("/var/lib/ganeti")

    @property
    def run(self) -> str:
        return self.below("/var/run/ganeti")

    @property
    def log(self) -> str:
        return self.below("/var/log/ganeti")

    @property
    def config_data(self) -> str:
        return self.data + "/config.data"

    @property
    def ledger(self) -> str:
        return self.data + "/ledger.db"

    @property
    def host_state(self) -> str:
        """What this host remembers of its cluster: names, role, highest epoch seen."""
        return self.data + "/host.json"

    @property
    def tls(self) -> str:
        """Directory of this host's key and certificates."""
        return self.data + "/tls"

    @property
    def hmac_key(self) -> str:
        return self.data + "/hmac.key"

    @property
    def client_certificates(self) -> tuple[str, ...]:
        """Files with certificates that are shown to clients, and of who vouches for them."""
        return tuple(f"{self.data}/{name}.pem" for name in ("rapi", "spice", "spice-ca"))

    def ssconf(self, key: str) -> str:
        return f"{self.data}/ssconf_{key}"

    @property
    def socket(self) -> str:
        """The local socket that the commands speak to."""
        return self.run + "/socket/ganeti-amp"

    @property
    def pid(self) -> str:
        return self.run + "/ganeti.pid"

    @property
    def log_file(self) -> str:
        return self.log + "/ganeti.log"

    @property
    def os_log(self) -> str:
        return self.log + "/os"

    @property
    def hypervisor_run(self) -> str:
        """Parent of ``fake-hypervisor`` and ``kvm-hypervisor``."""
        return self.run

    @property
    def restricted_commands(self) -> str:
        """Directory of the programs that ``gnt-node restricted-command`` runs."""
        return self.below("/etc/ganeti/restricted-commands")

    @property
    def file_storage_paths(self) -> str:
        """List of the directories that may hold disks; where it is missing, those of the cluster may."""
        return self.below("/etc/ganeti/file-storage-paths")

    @property
    def hooks(self) -> str:
        """Directory of the directories of scripts that run before and after operations."""
        return self.below("/etc/ganeti/hooks")

    @property
    def master_ip_script(self) -> str:
        """Puts the address of the cluster on the master, where the installation has one of its own."""
        return self.below("/usr/lib/ganeti/tools/master-ip-setup")

    @property
    def external_master_ip_script(self) -> str:
        """The administrator's script in its place, for clusters that use it."""
        return self.below("/etc/ganeti/scripts/master-ip-setup")

    @property
    def os_search_path(self) -> tuple[str, ...]:
        """Directories of OS definitions: the host's own, then, for a virtual host, the machine's."""
        return self._own_first(OS_SEARCH_PATH)

    @property
    def iallocator_search_path(self) -> tuple[str, ...]:
        """Directories of the programs that choose nodes, in the same way."""
        return self._own_first(IALLOCATOR_SEARCH_PATH)

    def _own_first(self, directories: tuple[str, ...]) -> tuple[str, ...]:
        own = tuple(self.below(p) for p in directories)
        return own + directories if self.root else own


def paths_from(environ: Mapping[str, str]) -> Paths:
    """The paths that the environment selects."""
    return Paths(environ.get("GANETI_ROOTDIR", "").rstrip("/"))
