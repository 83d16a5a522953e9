"""What must be there, by what clients were told.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from attrs import Factory, define, frozen

from ganeti_tw.testing.kills.journal import SUCCESS, Accepted, Asked, Ended, Entry, Facts, Unknown

LIVING_ONLY = "runs "  # a fact that no ledger has


@define
class Expected:
    """Built from journals, an entry at a time, for each client in its order.

    A client asks of one subject one thing at a time, and never again after an
    unknown outcome, so what is not known of a subject is not in ``facts``.
    """

    facts: dict[str, Any] = Factory(dict)
    jobs: int = 0  # accepted
    changes: int = 0  # of which succeeded
    unknown: int = 0
    ended: Counter[str] = Factory(Counter)  # by status
    told: Counter[str] = Factory(Counter)  # why jobs failed
    contradictions: list[str] = Factory(list)
    _open: dict[tuple[str, int], Asked] = Factory(dict)
    _ids: dict[tuple[str, int], int] = Factory(dict)

    def take(self, client: str, entries: Iterable[Entry]) -> None:
        """The next entries of a client."""
        for entry in entries:
            self._take((client, entry.number), entry)

    def _take(self, place: tuple[str, int], entry: Entry) -> None:
        if isinstance(entry, Asked):
            self._open[place] = entry
            gone = {key for key in self.facts if key.partition(" ")[2] in entry.about}
            for key in gone:
                del self.facts[key]
        elif isinstance(entry, Accepted):
            self.jobs += 1
            key = f"job {entry.job}"
            if key in self.facts:
                self.contradictions.append(f"id {entry.job} was given to two jobs, {place[0]}'s is the second")
            self.facts[key] = signature(self._open[place].op)
            self._ids[place] = entry.job
        elif isinstance(entry, Unknown):
            self.unknown += 1
            del self._open[place]
        elif isinstance(entry, Ended):
            self._ended(place, entry)

    def _ended(self, place: tuple[str, int], entry: Ended) -> None:
        asked = self._open.pop(place)
        self.facts[f"status {self._ids.pop(place)}"] = entry.status
        self.ended[entry.status] += 1
        if entry.status == SUCCESS:
            self.changes += 1
            self.facts.update(asked.facts)
        else:
            self.told[entry.told] += 1

    def unfinished(self) -> list[int]:
        """Ids of jobs whose end no client has heard of."""
        return sorted(self._ids.values())


def signature(op: Facts) -> str:
    """What tells the operation of one job from that of another."""
    subject = op.get("instance_name") or op.get("name") or ""
    detail = op.get("new_name") or ",".join(op.get("tags") or ())
    return " ".join(filter(None, (op["OP_ID"], subject, detail)))


@frozen
class Sight:
    """What is seen at a place: in a ledger, or by the living cluster's answers."""

    place: str
    facts: Facts
    living: bool


def missing(expected: Expected, sights: Iterable[Sight]) -> list[str]:
    """One line for each thing that is wrong, with the places where it is."""
    wrong = list(expected.contradictions)
    if expected.unfinished():
        wrong.append(f"jobs that were accepted and did not end: {expected.unfinished()}")
    places: dict[str, list[str]] = {}
    for sight in sights:
        for line in lost(expected.facts, sight.facts, sight.living):
            places.setdefault(line, []).append(sight.place)
    return wrong + [f"{line} ({', '.join(where)})" for line, where in places.items()]


def lost(expected: Facts, seen: Facts, living: bool) -> list[str]:
    """One line for each thing that must be there and is not as it must be."""
    wrong = []
    for key, value in expected.items():
        if key.startswith(LIVING_ONLY) and not living:
            continue
        found = seen.get(key, False)
        if living and found is True and key.startswith("job "):
            continue
        if found != value:
            wrong.append(f"{key}: {value!r} was acknowledged, {found!r} is there")
    return wrong
