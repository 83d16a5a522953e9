"""Those who use the cluster meanwhile: threads that ask, wait, and write down what they were told."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Protocol

from ganeti_tw.cli.client import Client
from ganeti_tw.errors import GanetiError, NoCluster, NotMaster, TryLater
from ganeti_tw.testing.kills import wishes
from ganeti_tw.testing.kills.journal import FINAL, SUCCESS, Accepted, Asked, Ended, Entry, Journal, Unknown
from ganeti_tw.testing.kills.wishes import Machine, Wish

PATIENCE = 120.0  # seconds within which a job that was accepted has to end
PAUSE = 0.1
CALL = 20.0  # seconds for one call
BURST = 12  # jobs of which a hasty client does not await one before it submits the next


class Master:
    """The way to whoever answers as master; one for each thread."""

    def __init__(self, sockets: Sequence[str]) -> None:
        self._clients = [Client(path, timeout=CALL) for path in sockets]

    def get(self) -> Client:
        """The one that answered last, first."""
        return self._clients[0]

    def next(self) -> None:
        """That one is no help: try another."""
        self._clients[0].close()
        self._clients.append(self._clients.pop(0))

    def close(self) -> None:
        for client in self._clients:
            client.close()


class Work(Protocol):
    """What a kind of client does."""

    def wishes(self) -> list[Wish]:
        """What it asks for next, all at once."""

    def done(self, wish: Wish, status: str) -> None:
        """How that ended; empty when that is not known."""


class Careful:
    """Does one thing after another to instances of its own."""

    def __init__(self, name: str, random: Random, nodes: Sequence[str]) -> None:
        self._name, self._random, self._nodes = name, random, nodes
        self._count = 0
        self.machines: dict[str, Machine] = {}

    def wishes(self) -> list[Wish]:
        self._count += 1
        fresh = f"{self._name}-{self._count}.example"
        return [wishes.about_instances(self._random, list(self.machines.values()), fresh, self._nodes)]

    def done(self, wish: Wish, status: str) -> None:
        for name in wish.about:
            self.machines.pop(name, None)
        if status == SUCCESS:
            self.machines.update({machine.name: machine for machine in wish.made})


class Hasty:
    """Submits many jobs at once, each for a tag of the cluster."""

    def __init__(self, name: str, random: Random) -> None:
        self._name, self._random = name, random
        self._count = 0
        self.tags: list[str] = []

    def wishes(self) -> list[Wish]:
        found = []
        for _ in range(BURST):
            self._count += 1
            wish = wishes.about_tags(self._random, self.tags, f"{self._name}-{self._count}")
            found.append(wish)
            if wish.about[0] in self.tags:
                self.tags.remove(wish.about[0])
        return found

    def done(self, wish: Wish, status: str) -> None:
        (name,) = wish.about
        if status == SUCCESS and wish.facts[f"tag {name}"]:
            self.tags.append(name)


class Worker(threading.Thread):
    """One client.  It begins something new while it may :meth:`go`."""

    def __init__(self, name: str, work: Work, sockets: Sequence[str], journal: Path, pause: float) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._master, self._journal, self._pause = work, Master(sockets), Journal(journal), pause
        self._numbers = 0
        self._goes, self._idle, self._ends = False, False, False
        self._changed = threading.Condition()
        self.journal = journal
        self.broke = False

    def go(self) -> None:
        with self._changed:
            self._goes, self._idle = True, False
            self._changed.notify_all()

    def rest(self) -> None:
        with self._changed:
            self._goes = False

    def end(self) -> None:
        with self._changed:
            self._ends = True
            self._changed.notify_all()

    def rests(self, seconds: float) -> bool:
        """Whether nothing of its is under way any more, within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, seconds)

    def run(self) -> None:
        ended = False
        try:
            while self._may_go():
                self._turn(self._work.wishes())
                time.sleep(self._pause)
            ended = True
        finally:
            self.broke = not ended
            self._master.close()
            self._journal.close()
            with self._changed:
                self._idle = True
                self._changed.notify_all()

    def _may_go(self) -> bool:
        """Waits until it may; False when it is to end."""
        with self._changed:
            while not self._goes and not self._ends:
                self._idle = True
                self._changed.notify_all()
                self._changed.wait()
            return not self._ends

    def _turn(self, wanted: Sequence[Wish]) -> None:
        """Ask for all of it, then wait for all of it."""
        asked = []
        for wish in wanted:
            self._numbers += 1
            asked.append((self._numbers, wish))
        self._journal.write(*(Asked(n, w.op, w.about, w.facts) for n, w in asked))
        jobs = self._submit([w for _, w in asked])
        self._journal.write(*(_answered(n, job) for (n, _), job in zip(asked, jobs, strict=True)))
        for (number, wish), job in zip(asked, jobs, strict=True):
            status = ""
            if isinstance(job, int):
                status, told = self._wait(job)
                if status:
                    self._journal.write(Ended(number, status, told))
            self._work.done(wish, status)

    def _submit(self, wanted: Sequence[Wish]) -> list[int | str]:
        """For each the id of its job, or why that is unknown."""
        answers: dict[int, int | str] = {}
        while len(answers) < len(wanted):
            client = self._master.get()
            sent: list[tuple[int, int]] = []
            again = False
            for place, wish in enumerate(wanted):
                if place not in answers:
                    try:
                        sent.append((place, client.send("submit", {"ops": [wish.op]})))
                    except GanetiError:
                        again = True  # nobody listens: it was not sent
                        break
            for place, tag in sent:
                try:
                    answers[place] = client.receive(tag)
                except (NotMaster, NoCluster, TryLater):
                    again = True
                except GanetiError as e:
                    answers[place] = f"{type(e).__name__}: {e.text}"
            if again:
                self._master.next()
                time.sleep(PAUSE)
        return [answers[place] for place in range(len(wanted))]

    def _wait(self, job: int) -> tuple[str, str]:
        """Its final status and what was said of a failure; empty when it does not end."""
        end = time.monotonic() + PATIENCE
        question: dict[str, Any] = {"id": job, "fields": ["status", "opresult"], "previous": ["-"], "timeout": 10}
        while time.monotonic() < end:
            try:
                answer = self._master.get().call("wait", question, timeout=CALL)
            except GanetiError:
                self._master.next()
                time.sleep(PAUSE)
                continue
            if answer != "nochange":
                status, results = answer[0]
                if status in FINAL:
                    return status, "" if status == SUCCESS else _words(results)
                question["previous"] = answer[0]
        return "", ""


class Crew:
    """All the clients."""

    def __init__(self, count: int, random: Random, sockets: Sequence[str], nodes: Sequence[str], place: Path) -> None:
        self.workers: list[Worker] = []
        for number in range(1, count + 1):
            name = f"client{number}"
            own = Random(random.random())
            hasty = number % 3 == 0
            work: Work = Hasty(name, own) if hasty else Careful(name, own, nodes)
            self.workers.append(Worker(name, work, sockets, place / f"{name}.journal", 0.6 if hasty else 0.15))

    def start(self) -> None:
        for worker in self.workers:
            worker.start()

    def work(self) -> None:
        """Let them ask for things."""
        for worker in self.workers:
            worker.go()

    def rest(self) -> list[str]:
        """Let them begin nothing new, and wait for what is under way; who does not come to an end, and why."""
        for worker in self.workers:
            worker.rest()
        end = time.monotonic() + PATIENCE + 2 * CALL
        late = [f"{w.name} waits for an answer" for w in self.workers if not w.rests(max(0.0, end - time.monotonic()))]
        return late + [f"{w.name} failed: see its traceback" for w in self.workers if w.broke]

    def stop(self) -> None:
        for worker in self.workers:
            worker.end()
        for worker in self.workers:
            with suppress(RuntimeError):  # never started
                worker.join(5)


def _answered(number: int, job: int | str) -> Entry:
    return Accepted(number, job) if isinstance(job, int) else Unknown(number, job)


def _words(results: Any) -> str:
    """What an operation that failed says, in one line."""
    text = results[0] if results else ""
    if isinstance(text, list) and len(text) == 2 and isinstance(text[1], list):  # the kind of the error, its words
        text = text[1][0] if text[1] else text[0]
    return str(text).partition("\n")[0]
