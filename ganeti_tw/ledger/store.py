"""The stores of the ledger: the seam, and all that fit it."""

from __future__ import annotations

from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.seam import Row, Snapshot, Store
from ganeti_tw.ledger.sqlite import SqliteStore

__all__ = ["MemoryStore", "Row", "SimulatedDisk", "Snapshot", "SqliteStore", "Store"]
