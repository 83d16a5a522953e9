"""Five thousand jobs at once: in order, half of them cancelled, and nothing of them left."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.jobs import queue as queue_room
from ganeti_tw.jobs.retention import Limits
from ganeti_tw.testing.cluster import Cluster

MANY = 5000
PRIORITIES = (-10, 0, 10)


def delay(number: int, first: int) -> dict[str, Any]:
    """Every fifth depends on the one before it."""
    op: dict[str, Any] = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "priority": PRIORITIES[number % 3]}
    if number % 5 == 4:
        op["depends"] = [[first + number - 1, ["success"]]]
    return op


class ManyJobsTests(SynchronousTestCase):
    many = MANY

    def setUp(self) -> None:
        self.cluster = Cluster(nodes=1)
        self.first = 1
        self.system = self.cluster.hosts["node1"].system

    def submit(self) -> list[int]:
        jobs = [[delay(number, self.first)] for number in range(self.many)]
        answers = self.cluster.call("submit_many", {"jobs": jobs})
        self.assertEqual({good for good, _ in answers}, {True})
        return [number for _, number in answers]

    def pause(self) -> str:
        rule: str = self.cluster.call(
            "replace_filter", {"uuid": None, "priority": 0, "predicates": [], "action": "PAUSE", "reason": []}
        )
        return rule

    def jobs(self, fields: list[str]) -> list[list[Any]]:
        data = self.cluster.call("query", {"what": "job", "fields": fields})["data"]
        return [[value for _, value in row] for row in data]

    def settle(self) -> None:
        while any(state.path.startswith("job/") for state in self.system.list()):
            self.cluster.settle(1)

    def left(self) -> tuple[Any, ...]:
        """What is there besides the jobs in the ledger."""
        queue: Any = self.system._cells["queue"]._actor
        line = queue._line
        locks: Any = self.system._cells["locks"]._actor
        return (
            [state.path for state in self.system.list()],
            [state.path for state in self.system.list() if state.depth],
            len(self.cluster.clock.getDelayedCalls()),
            self.cluster.call("query", {"what": "lock", "fields": ["name"]})["data"],
            [len(queue._live), len(queue._running), len(queue._answers), len(queue._unsettled)],
            [len(x) for x in (line._entries, line._begun, line._behind, line._full, line._used, line._unjudged)],
            [len(locks._answers), len(locks._owners)],
        )

    def round(self) -> None:
        """Submit, cancel half, let the others run, archive all."""
        rule = self.pause()
        numbers = self.submit()
        cancelled = [n for n in numbers if n % 2]
        asked: list[Deferred[Any]] = [self.cluster.begin("cancel", {"id": n}) for n in cancelled]
        self.assertEqual({self.cluster.result(a)[0] for a in asked}, {True})
        self.cluster.call("delete_filter", {"uuid": rule})
        self.settle()
        self.check(numbers, set(cancelled))
        self.first = numbers[-1] + 1

    def check(self, numbers: list[int], cancelled: set[int]) -> None:
        begun: dict[int, list[tuple[Any, int]]] = {}
        statuses = {}
        for number, status, start in self.jobs(["id", "status", "start_ts"]):
            statuses[number] = status
            if number not in cancelled and status == "success":
                place = number - self.first
                if place % 5 != 4:  # it did not wait for another
                    begun.setdefault(PRIORITIES[place % 3], []).append((tuple(start), number))
        for number in numbers:
            place = number - self.first
            fails = number in cancelled or (place % 5 == 4 and number - 1 in cancelled)
            self.assertEqual(statuses[number], "canceled" if fails else "success", number)
        self.assertEqual(sorted(begun), sorted(PRIORITIES))
        latest: Any = (0, 0)
        for priority in PRIORITIES:  # the urgent ones first, and of these the oldest
            starts = [start for start, _ in begun[priority]]
            self.assertEqual(starts, sorted(starts))
            self.assertGreaterEqual(starts[0], latest)
            latest = starts[-1]

    def test_in_order_and_nothing_is_left(self) -> None:
        before = self.left()
        self.round()
        self.assertEqual(self.left(), before)

    def forget(self) -> None:
        """Also what the ledger has of the jobs, which is in memory here."""
        ref = self.system._cells["queue"]
        queue: Any = ref._actor
        queue.limits = Limits(age=0, archive_age=0, archive_most=0)
        queue._ended.clear()
        ref.tell(queue_room._Retire())
        self.cluster.settle(3)
        self.assertEqual(self.cluster.call("query", {"what": "job", "fields": ["id", "archived"]})["data"], [])

        for _ in range(10):  # what was written last is at hand for a while
            self.cluster.call("set_drain", {"flag": False})
        self.cluster.settle(1)
        store = self.cluster.hosts["node1"].store
        self.cluster.result(store.install(self.cluster.result(store.load())))  # the disk, without its past
        gc.collect()

    def test_memory_is_given_back(self) -> None:
        self.many = 300
        self.round()  # what is made once and kept is made now
        self.forget()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.forget()
        before, _ = tracemalloc.get_traced_memory()
        self.round()
        self.forget()
        after, peak = tracemalloc.get_traced_memory()
        self.assertGreater(peak - before, 1000 * self.many)
        self.assertLess(after - before, 500 * self.many)  # a job that is kept takes some thousand bytes
