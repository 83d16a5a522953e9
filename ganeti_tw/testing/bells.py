"""How whoever sleeps is woken in a simulated cluster."""

from __future__ import annotations

from twisted.internet.defer import Deferred


class SimulatedBell:
    """One that is rung by its path."""

    def __init__(self, bells: SimulatedBells, path: str) -> None:
        self.path = path
        self.reached: Deferred[None] = Deferred()
        self.rung: Deferred[None] = Deferred()
        self._bells = bells

    def close(self) -> None:
        del self._bells.open_ones[self.path]


class SimulatedBells:
    """Bells without sockets; ``open_ones`` by path."""

    def __init__(self) -> None:
        self.open_ones: dict[str, SimulatedBell] = {}
        self._opened = 0

    def open(self) -> SimulatedBell:
        self._opened += 1
        bell = SimulatedBell(self, f"/simulated/bell-{self._opened}")
        self.open_ones[bell.path] = bell
        return bell

    def ring(self, path: str) -> bool:
        """Connect and send a byte; whether anybody listens."""
        bell = self.open_ones.get(path)
        for deferred in (bell.reached, bell.rung) if bell is not None else ():
            if not deferred.called:
                deferred.callback(None)
        return bell is not None
