"""What a host remembers of its cluster, in one small file."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from attrs import evolve, field, frozen

from ganeti_tw.errors import Corrupt, DriverError, NoMember, Refused, StaleEpoch
from ganeti_tw.protocol.ledger import Position

EMPTY = Position(0, 0)


@frozen
class HostRecord:
    """Membership and role.  ``epoch`` is the highest seen; a lower one is never obeyed again."""

    cluster: str
    cluster_uuid: str
    name: str
    uuid: str
    epoch: int
    master: str  # names
    candidates: tuple[str, ...]
    serial: int = 0  # of the configuration this was told from
    addresses: dict[str, str] = field(factory=dict)  # of all nodes, by name
    hypervisors: tuple[str, ...] = ()
    file_storage_dirs: dict[str, str] = field(factory=dict)
    promised: str = ""  # to whom ``epoch`` was promised, if it was
    lowest: dict[str, int] = field(factory=dict)  # of certificates that are good, by name of the node
    in_sync: tuple[str, ...] = ()  # hosts that have all that was acknowledged, as last told
    in_sync_at: Position = EMPTY  # when that was
    data_collectors: dict[str, Any] = field(factory=dict)
    address_epoch: int = 0  # of the reign that may have left the cluster's address on this host, 0: none

    @property
    def is_master(self) -> bool:
        return self.master == self.name

    @property
    def is_candidate(self) -> bool:
        return self.name in self.candidates

    def seen(self, peer: str, epoch: int) -> HostRecord:
        """The record after hearing ``peer``; Refused or StaleEpoch when it may not be obeyed."""
        if epoch < self.epoch:
            raise StaleEpoch(
                f"{peer} speaks for epoch {epoch}, {self.name} has seen epoch {self.epoch}: there is another master"
            )
        if not self.obeys(peer):
            raise self.unknown(peer, "master candidate")
        # A new reign may count the configuration from an older copy.
        return self if epoch == self.epoch else evolve(self, epoch=epoch, promised="", serial=0)

    def admit(self, peer: str, number: int, known: bool) -> None:
        """Refused when a certificate is good no longer, or its host is ``known`` as no node."""
        if number < self.lowest.get(peer, 0):
            raise Refused(f"the certificate that {peer} shows was replaced by a later one: it is good no longer")
        if self.addresses and not known:
            raise self.unknown(peer)

    def obeys(self, peer: str) -> bool:
        """Whether it would be obeyed in a later epoch, or is in this one."""
        return peer in self.candidates or peer == self.master

    def knows(self, peer: str) -> bool:
        """Whether it is a node, as far as this host was told."""
        return peer in self.addresses or self.obeys(peer)

    def unknown(self, peer: str, kind: str = "node") -> Refused:
        """What is said to a peer that this host was never told of.

        It has a certificate of the cluster: either it was removed, or this host
        missed that it came and asks those it knows (see :mod:`.inquiry`).
        """
        others = ", ".join(sorted(set(self.candidates) - {self.name})) or "none"
        refusal = NoMember if kind == "node" else Refused
        return refusal(
            f"{peer} is no {kind} that {self.name} knows of; if it is one, {self.name} obeys it as soon as most of the "
            f"candidates it knows ({others}) say who is master; if these are gone, it has to be added again: run "
            f"'gnt-node token --leave' on {self.name}, then 'gnt-node add --readd {self.name}' on the master"
        )

    def promise(self, epoch: int, leader: str) -> HostRecord:
        """The record after a promise; Refused or StaleEpoch when it cannot be given."""
        if epoch < self.epoch or (epoch == self.epoch and self.promised != leader):
            whom = self.promised or self.master
            raise StaleEpoch(f"{self.name} has seen epoch {self.epoch} of {whom}: {leader} cannot have epoch {epoch}")
        if leader not in self.candidates and leader != self.name:
            raise self.unknown(leader, "master candidate")
        # Whoever wants to be master is so in its own record only once it has won.
        master = self.master if leader == self.name else leader
        return evolve(self, epoch=epoch, promised=leader, master=master, serial=0)


def load(path: str) -> HostRecord | None:
    """The record, None when this host is in no cluster; Corrupt names the file."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=HostRecord)
    except FileNotFoundError:
        return None
    except OSError as e:
        remedy = "run the host's process as the owner of the file or as root" if isinstance(e, PermissionError) else ""
        raise DriverError(f"{path} cannot be read: {e.strerror}; {remedy or 'repair that'}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise Corrupt(f"{path} cannot be read: {e}; restore it from a backup, or remove it and join again") from None


def save(path: str, record: HostRecord) -> None:
    """Write the record; it survives a power cut right after."""
    write_safely(path, msgspec.json.format(msgspec.json.encode(record)) + b"\n", 0o600)


def write_safely(path: str, content: bytes, mode: int, *, sync: bool = True) -> None:
    """Replace a file whole: readers see the old or the new content, a crash leaves one of them."""
    new = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if sync:
                os.fsync(descriptor)
        os.replace(new, path)
        if sync:
            _sync_folder(os.path.dirname(path))
    except OSError as e:
        raise DriverError(f"cannot write {path}: {e.strerror}") from None


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_files(*paths: str) -> None:
    """Remove files; those that are not there are fine."""
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as e:
            raise DriverError(f"cannot remove {path}: {e.strerror}") from None
