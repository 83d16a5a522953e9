"""Those who submit jobs, and what they were told."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.simulator.hosts import WatchedHost

FINAL = frozenset({"success", "error", "canceled"})
PATIENCE = 20.0  # seconds after which a client asks again
PAUSE = 1.0

Ops = list[dict[str, Any]]


@define
class Job:
    """A job that was accepted."""

    id: int
    ops: Ops
    told: str = ""  # the final status a client heard of


class Clients:
    """They ask whoever acts as master, and keep what it answered."""

    def __init__(
        self, cluster: Cluster, random: Random, broken: Callable[[str], None], say: Callable[[str], None]
    ) -> None:
        self._cluster, self._random, self._broken, self._say = cluster, random, broken, say
        self.jobs: dict[int, Job] = {}
        self.refused = 0

    def submit(self, ops: Ops) -> None:
        """Ask once; without an answer nobody knows whether there is such a job."""
        host = self._master()
        if host is None:
            self.refused += 1
            return
        self._ask(host, "submit", {"ops": ops}).addCallbacks(self._accepted, self._not_now, callbackArgs=(ops,))

    def call(self, method: str, arguments: dict[str, Any]) -> None:
        """Ask once for something that is no job."""
        host = self._master()
        if host is None:
            self.refused += 1
        else:
            self._ask(host, method, arguments).addErrback(self._not_now)

    def cancel(self, which: int, kill: bool) -> None:
        """Cancel one of the jobs that were accepted."""
        host = self._master()
        if host is not None and self.jobs:
            job = sorted(self.jobs)[which % len(self.jobs)]
            self._ask(host, "cancel", {"id": job, "kill": kill}).addErrback(self._not_now)

    def _accepted(self, number: int, ops: Ops) -> None:
        self._say(f"job {number} is accepted: {ops[0]['OP_ID']}")
        if number in self.jobs:
            self._broken(f"job {number} was accepted twice")
        self.jobs[number] = Job(number, ops)
        self._follow(self.jobs[number])

    def _follow(self, job: Job) -> None:
        host = self._master()
        if host is None:
            self._cluster.clock.callLater(PAUSE, self._follow, job)
            return
        asked = self._ask(host, "wait", {"id": job.id, "fields": ["status"], "previous": ["-"], "timeout": PATIENCE})
        asked.addCallbacks(self._heard, self._again, callbackArgs=(job,), errbackArgs=(job,))

    def _heard(self, answer: Any, job: Job) -> None:
        if answer != "nochange" and answer[0][0] in FINAL:
            self._told(job, answer[0][0])
        else:
            self._cluster.clock.callLater(PAUSE, self._follow, job)

    def _told(self, job: Job, status: str) -> None:
        if job.told and job.told != status:
            self._broken(f"job {job.id} ended as {job.told}, and now it is {status}")
        if not job.told:
            self._say(f"job {job.id} is {status}")
        job.told = status

    def _again(self, failure: Failure, job: Job) -> None:
        if not failure.check(GanetiError):
            self._broken(f"waiting for job {job.id} failed: {failure.getTraceback()}")
        self._cluster.clock.callLater(PAUSE, self._follow, job)

    def _not_now(self, failure: Failure) -> None:
        self.refused += 1
        if isinstance(failure.value, GanetiError):
            self._say(f"a client is refused: {failure.value.text}")
        else:
            self._broken(f"a request failed in a way nobody foresaw: {failure.getTraceback()}")

    def _master(self) -> WatchedHost | None:
        """One that takes itself for the master; there may be several, of which one is right."""
        acting = [h for h in self._cluster.hosts.values() if h.alive and h.process.master is not None]
        return self._random.choice(acting) if acting else None  # type: ignore[return-value]

    def _ask(self, host: WatchedHost, method: str, arguments: dict[str, Any]) -> Deferred[Any]:
        """The answer; GanetiError when the process dies before it comes, as clients then see their socket closed."""
        mine: Deferred[Any] = Deferred()
        asked = Deferred.fromCoroutine(_handled(host, method, arguments))
        process = host.process

        def answered(result: Any) -> None:
            if not mine.called:
                mine.callback(result)

        def look() -> None:
            if mine.called:
                return
            if host.alive and host.process is process:
                self._cluster.clock.callLater(PAUSE, look)
            else:
                mine.errback(GanetiError("the connection to the host was lost"))

        asked.addBoth(answered)
        look()
        return mine


async def _handled(host: WatchedHost, method: str, arguments: dict[str, Any]) -> Any:
    return await host.process.handle(method, arguments)
