from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fake_host import FakeHost
from ganeti_tw.errors import NotFound
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.registry import Collector, Kind, _InThread
from ganeti_tw.mond.watch import Report, Watch


class WatchTests(SynchronousTestCase):
    """A collector that notes when it runs and ends when told."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.host = FakeHost(self.clock)
        self.times: list[float] = []
        self.work: list[Deferred[Any]] = []
        self.at_once = True

    async def collect(self, host: Any, samples: Sequence[Any]) -> Any:
        self.times.append(self.clock.seconds())
        if self.at_once:
            return {"run": len(self.times), "samples": len(samples)}
        self.work.append(Deferred())
        return await self.work[-1]

    def watch(self, interval: float = 5, collect: Callable[..., Any] | None = None, **more: Any) -> Watch:
        c = Collector("c", None, more.pop("kind", Kind.PERFORMANCE), interval, collect or self.collect, **more)
        watch = Watch(self.clock, self.host, c)
        watch.start(interval)
        return watch

    def data(self, watch: Watch) -> Any:
        return json.loads(watch.body())["data"]

    def test_it_runs_at_once_and_then_in_time(self) -> None:
        self.watch()
        self.clock.pump([1] * 12)
        self.assertEqual(self.times, [0, 5, 10])

    def test_it_does_not_drift_when_it_or_the_clock_is_late(self) -> None:
        self.at_once = False
        self.watch()
        self.clock.advance(3)
        self.work[0].callback(1)
        self.clock.advance(4)  # the tick of 5 comes at 7
        self.work[1].callback(1)
        self.clock.advance(3)
        self.assertEqual(self.times, [0, 7, 10])

    def test_never_twice_at_a_time(self) -> None:
        self.at_once = False
        watch = self.watch(deadline=100)
        self.clock.pump([5] * 3)
        self.assertEqual(len(self.times), 1)
        self.work[0].callback("x")
        self.clock.advance(5)
        self.assertEqual((self.times, self.data(watch)), ([0, 20], "x"))

    def test_asking_does_not_change_when_it_samples(self) -> None:
        async def sample(host: Any) -> float:
            return self.clock.seconds()

        watch = self.watch(sample=sample, keep=3)
        for _ in range(12):
            watch.body()
            watch.fresh()
            self.clock.advance(1)
        self.assertEqual(self.times, [0, 5, 10])
        self.assertEqual(self.data(watch)["samples"], 3)

    def test_only_so_many_samples_are_kept(self) -> None:
        async def sample(host: Any) -> float:
            return self.clock.seconds()

        watch = self.watch(sample=sample, keep=2)
        self.clock.pump([5] * 4)
        self.assertEqual(self.data(watch)["samples"], 2)

    def test_a_sample_that_fails_is_taken_again(self) -> None:
        good = False

        async def sample(host: Any) -> float:
            if not good:
                raise OSError("busy")
            return 1

        watch = self.watch(sample=sample, keep=2)
        self.assertEqual(self.data(watch), {"error": "OSError: busy"})
        good = True
        self.clock.advance(5)
        self.assertEqual(self.data(watch)["samples"], 1)

    def test_a_new_interval_counts_at_once(self) -> None:
        watch = self.watch(3600)
        self.clock.advance(10)
        watch.start(2)
        self.clock.pump([1] * 4)
        self.assertEqual(self.times, [0, 12, 14])

    def test_stopped_it_leaves_nothing_behind(self) -> None:
        self.at_once = False
        watch = self.watch()
        waiter = watch.fresh()
        watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIn("switched off", self.successResultOf(waiter).failure)
        self.clock.advance(100)
        self.assertEqual(self.times, [0])

    def test_past_its_deadline_the_state_is_unknown_and_it_begins_anew(self) -> None:
        self.at_once = False
        watch = self.watch(60, deadline=10, kind=Kind.STATUS)
        self.clock.advance(10)
        self.assertEqual(self.data(watch)["status"]["code"], 2)
        self.assertIn("10 s", self.data(watch)["status"]["message"])
        self.clock.advance(50)
        self.work[1].callback({"status": {"code": 0, "message": ""}})
        self.assertEqual(self.data(watch)["status"]["code"], 0)

    def test_one_that_will_not_end_is_not_begun_again_until_it_does(self) -> None:
        done: Deferred[Any] = Deferred()

        async def stubborn(host: Any, samples: Any) -> Any:
            self.times.append(self.clock.seconds())
            try:
                await Deferred()
            except CancelledError:
                return await done

        watch = self.watch(5, stubborn)
        self.clock.pump([5] * 6)
        self.assertEqual((self.times, watch.failures), ([0], 1))
        self.assertIn("error", self.data(watch))
        self.assertTrue(self.successResultOf(watch.fresh()).failure)
        done.callback("late")
        self.assertEqual(self.data(watch), "late")
        self.clock.advance(5)
        self.assertEqual(self.times, [0, 35])

    def test_who_asks_for_one_that_has_said_nothing_yet_waits_for_it(self) -> None:
        self.at_once = False
        watch = self.watch()
        first, second = watch.fresh(), watch.fresh()
        self.assertNoResult(first)
        self.work[0].callback("x")
        self.assertEqual([self.successResultOf(d).data for d in (first, second)], ["x", "x"])

    def test_a_waiter_that_goes_disturbs_nobody(self) -> None:
        self.at_once = False
        watch = self.watch()
        first, second = watch.fresh(), watch.fresh()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.work[0].callback("x")
        self.assertIsInstance(self.successResultOf(second), Report)

    def test_a_costly_one_rests_while_nobody_asks(self) -> None:
        watch = self.watch(100, costly=True)
        self.clock.pump([100] * 20)
        self.assertEqual(self.times[-1], 600)
        self.assertEqual(self.data(watch)["run"], 8)  # begun by asking
        self.clock.advance(100)
        self.assertEqual(self.times[-1], 2100)

    def test_data_that_no_json_can_hold_are_a_failure(self) -> None:
        async def collect(host: Any, samples: Any) -> Any:
            return object()

        watch = self.watch(5, collect)
        self.assertIn("TypeError", self.data(watch)["error"])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_a_status_report_needs_a_status(self) -> None:
        for wrong in (None, [], {}, {"status": {}}, {"status": {"code": 3}}, {"status": 4}):

            async def collect(host: Any, samples: Any, wrong: Any = wrong) -> Any:
                return wrong

            watch = self.watch(5, collect, kind=Kind.STATUS)
            self.assertEqual(self.data(watch)["status"]["code"], 2)
            watch.stop()

    def test_a_function_that_hangs_in_its_thread_is_not_called_again(self) -> None:
        threads: list[Callable[[], Any]] = []

        async def in_thread(function: Callable[[], Any]) -> Any:
            threads.append(function)
            return await Deferred()

        self.host.in_thread = in_thread  # type: ignore[method-assign]
        plain = _InThread("c", lambda: 1)
        watch = self.watch(5, plain.collect)
        plain._inside = True  # the thread is in it
        self.clock.pump([10, 5, 5])
        self.assertEqual(len(threads), 1)
        self.assertIn("has not come back", self.data(watch)["error"])


class MonitorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.host = FakeHost(self.clock, ["kvm"])
        self.runs: dict[str, list[float]] = {}
        xen = frozenset({"xen-pvm"})
        self.monitor = Monitor(
            self.clock, self.host, [self.collector("a"), self.collector("b"), self.collector("x", hypervisors=xen)]
        )

    def collector(self, name: str, **more: Any) -> Collector:
        async def collect(host: Any, samples: Any) -> Any:
            self.runs.setdefault(name, []).append(self.clock.seconds())

        return Collector(name, None, Kind.PERFORMANCE, 5, collect, **more)

    def names(self) -> list[str]:
        return [c.name for c in self.monitor.listed()]

    def test_those_of_another_hypervisor_are_inactive(self) -> None:
        self.monitor.start()
        self.assertEqual(self.names(), ["a", "b"])
        self.host.hypervisors = frozenset({"xen-pvm"})
        self.monitor.configure({})
        self.assertEqual(self.names(), ["a", "b", "x"])

    def test_the_cluster_says_who_is_active_and_how_often(self) -> None:
        self.monitor.start()
        self.monitor.configure({"a": {"active": False}, "b": {"active": True, "interval": 2_000_000}})
        self.clock.pump([1] * 6)
        self.assertEqual((self.names(), self.runs), (["b"], {"a": [0], "b": [0, 2, 4, 6]}))
        self.monitor.configure({"a": {"active": True, "interval": 5_000_000}})
        self.assertEqual(self.runs["a"], [0, 6])

    def test_nonsense_is_not_taken_over(self) -> None:
        self.monitor.start()
        for interval in (0, -1, None, "x"):
            self.monitor.configure({"b": {"interval": interval}})
        self.clock.pump([5])
        self.assertEqual(self.runs["b"], [0, 5])
        self.monitor.configure({"b": {"interval": 1}})
        self.clock.advance(0.1)
        self.assertEqual(len(self.runs["b"]), 3)

    def test_before_the_start_and_after_the_end_nothing_runs(self) -> None:
        self.monitor.configure({})
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.monitor.start()
        self.monitor.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        with self.assertRaises(NotFound):
            self.monitor.report("default", "a")
