"""What travels: a message with its address, its sender's epoch and the time left for it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import frozen
from twisted.protocols import amp

from ganeti_tw.errors import BadRequest
from ganeti_tw.wire.boxes import cut, join, text

DELIVER = b"Deliver"
LONGEST = 30 * 86400.0  # seconds an ask may take


@frozen
class Envelope:
    """One message.  ``left``: seconds the sender still waits for the answer; None when it is told, not asked."""

    path: str
    name: str
    body: bytes
    epoch: int
    left: float | None

    def fields(self) -> dict[str, bytes]:
        """The values of a Deliver box; BadRequest when the body is too large."""
        fields = {"to": self.path.encode(), "name": self.name.encode(), "epoch": b"%d" % self.epoch}
        if self.left is not None:
            fields["left"] = b"%.6f" % self.left
        return {**fields, **cut("body", self.body)}

    @classmethod
    def read(cls, box: Mapping[bytes, bytes]) -> Envelope:
        """The message in a Deliver box; BadRequest when something is missing or malformed."""
        try:
            epoch = int(text("epoch", box))
            left = float(text("left", box)) if amp.ASK in box else None
        except ValueError as e:
            raise BadRequest(f"a malformed request: {e}") from None
        if left is not None and not (math.isfinite(left) and 0 <= left <= LONGEST):
            raise BadRequest(f"an ask may wait from 0 to {LONGEST:.0f} seconds, not {left}")
        return cls(text("to", box), text("name", box), join("body", box), epoch, left)


@frozen
class Sender:
    """Whom TLS proved the peer to be; ``name`` is None for a stranger to a host in no cluster."""

    name: str | None
    fingerprint: str
    number: int = 0  # of its certificate
