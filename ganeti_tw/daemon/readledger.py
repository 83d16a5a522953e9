"""What is read of the ledger before a reign begins."""

from __future__ import annotations

import msgspec
from attrs import Factory, frozen

from ganeti_tw.config.secrets import Secrets, secrets_of
from ganeti_tw.config.switches import KIND as SWITCH
from ganeti_tw.config.switches import Positions, positions_of
from ganeti_tw.jobs.record import KIND, LIVE, SERIAL, JobRecord, decode
from ganeti_tw.kernel import Blocking
from ganeti_tw.ledger.seam import Store
from ganeti_tw.model.codec import CLASSES
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import SECRET

READ_DEADLINE = 60.0


@frozen
class Found:
    """What a master finds in its ledger when it begins."""

    config: Config
    secrets: Secrets
    last_job: int
    unfinished: list[JobRecord]
    positions: Positions = Factory(Positions)


async def read_ledger(store: Store, blocking: Blocking) -> Found:
    """Everything a master needs to begin; Corrupt names the row that is wrong."""
    snapshot = await store.load((*CLASSES, SECRET, SERIAL[0], LIVE, SWITCH))
    rows = snapshot.rows
    live = [key for kind, key in rows if kind == LIVE]
    stored = await store.read(KIND, live)
    ours = {place: value for place, value in rows.items() if place[0] in CLASSES}
    return Found(
        config=await blocking.run(Config.from_rows, ours, deadline=READ_DEADLINE),
        secrets=secrets_of(rows),
        last_job=msgspec.json.decode(rows.get(SERIAL, b"0"), type=int),
        unfinished=sorted((decode(key, value) for key, value in stored.items()), key=lambda r: r.id),
        positions=positions_of(rows),
    )
