"""What a host keeps in files beside the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ganeti_tw.daemon import record as records
from ganeti_tw.daemon.projections import write_ssconf
from ganeti_tw.daemon.record import HostRecord, remove_files, write_safely
from ganeti_tw.errors import Corrupt, NotFound
from ganeti_tw.kernel import Blocking
from ganeti_tw.ledger.file import files_of
from ganeti_tw.model.paths import Paths
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.identity import load as load_identity

FILE_DEADLINE = 10.0


class FileMemory:
    """The real :class:`~ganeti_tw.daemon.outside.Memory`."""

    def __init__(self, paths: Paths, name: str, blocking: Blocking, now: Callable[[], float]) -> None:
        self._paths = paths
        self._name = name
        self._blocking = blocking
        self._now = now

    def load(self) -> HostRecord | None:
        return records.load(self._paths.host_state)

    def save(self, record: HostRecord) -> None:
        # In this thread: one that is late in another would put back what is old.
        records.save(self._paths.host_state, record)

    def identity(self, record: HostRecord | None) -> Identity | Unjoined:
        if record is not None:
            try:
                identity = load_identity(self._paths.tls)
            except NotFound as e:
                raise Corrupt(
                    f"{e.text}, though {self._paths.host_state} says that this host is in cluster {record.cluster}; "
                    f"bring it back from a backup, or remove {self._paths.host_state} too, start again, and have the "
                    f"master take the host with 'gnt-node add --readd {record.name}'"
                ) from None
            if not isinstance(identity, Identity):
                raise Corrupt(f"{self._paths.tls} holds no certificate of cluster {record.cluster}; join again")
            return identity
        try:
            found = load_identity(self._paths.tls)
            if isinstance(found, Unjoined) and found.name == self._name:
                return found
        except NotFound:
            pass
        return self.new_identity()

    def new_identity(self) -> Unjoined:
        unjoined = Unjoined.create(self._name, self._now())
        unjoined.save(self._paths.tls)
        return unjoined

    async def renew(self, identity: Identity) -> None:
        await self._blocking.run(identity.save, self._paths.tls, deadline=FILE_DEADLINE)

    async def join(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        await self._blocking.run(keep_membership, self._paths, record, identity, hmac_key, deadline=FILE_DEADLINE)

    async def write_ssconf(self, texts: Mapping[str, str]) -> None:
        await self._blocking.run(write_ssconf, self._paths, texts, deadline=FILE_DEADLINE)

    def forget(self) -> None:
        data = self._paths.data
        ssconf = [os.path.join(data, f) for f in os.listdir(data) if f.startswith("ssconf_")]
        remove_files(self._paths.host_state, self._paths.hmac_key, *ssconf)

    def remove_ledger(self) -> None:
        remove_files(*files_of(self._paths.ledger), self._paths.config_data)


def keep_membership(paths: Paths, record: HostRecord, identity: Identity, hmac_key: str) -> None:
    """Write all that makes this host a member; the record last, since it is what counts.  Blocks."""
    write_safely(paths.hmac_key, hmac_key.encode(), 0o440)
    identity.save(paths.tls)
    records.save(paths.host_state, record)
