from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti_tw.daemon.measures import actor_families, certificate_ends, job_families, ledger_families
from ganeti_tw.daemon.monitoring import Entry, ErrorLog, Programs, Shared, load_site_collectors
from ganeti_tw.daemon.placement import BAD_FOR, GOOD_FOR, Placement
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.daemon.serverside import FileContext
from ganeti_tw.errors import BadRequest, DriverError, Expired, NotFound
from ganeti_tw.jobs.figures import EndedJobs, counted
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.jobs.status import Status
from ganeti_tw.kernel import InlineBlocking, KindFigures
from ganeti_tw.ledger.messages import FollowerState, LedgerState
from ganeti_tw.model.paths import Paths
from ganeti_tw.mond import registry
from ganeti_tw.mond.collectors import SITE
from ganeti_tw.mond.families import Family
from ganeti_tw.mond.metrics import metric
from ganeti_tw.mond.reasons import state_reasons
from ganeti_tw.mond.registry import all_collectors
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.node import ProgramEnd
from ganeti_tw.wire.certificates import new_key, self_signed

RECORD = HostRecord("c", "cu", "n3", "u3", 1, "n1", ("n1", "n2"), addresses={"n1": "192.0.2.1", "n2": "192.0.2.2"})


def values(families: list[Family]) -> dict[str, Any]:
    """By name and labels; the library must take them too."""
    found = {}
    for family in families:
        metric(family)
        for labels, value in family.samples:
            found[" ".join((family.name, *labels))] = value
    return found


class ErrorLogTests(SynchronousTestCase):
    def test_a_line_for_each_with_the_time_also_after_a_rotation(self) -> None:
        path = self.mktemp()
        errors = ErrorLog(path, lambda: 1_795_000_000.0)
        errors.write("collector lv fails: no lvs\nat all")
        os.rename(path, f"{path}.1")
        errors.write("collector lv works again")
        self.assertTrue(Path(f"{path}.1").read_text().endswith(" collector lv fails: no lvs at all\n"))
        self.assertTrue(Path(path).read_text().startswith("2026-11-18T"))
        self.assertEqual(len(Path(path).read_text().splitlines()), 1)

    def test_one_that_cannot_be_written_disturbs_nobody(self) -> None:
        ErrorLog(os.path.join(self.mktemp(), "none"), lambda: 0.0).write("x")


class EntryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.taken = True
        self.port = _Port()
        self.entry = Entry(self.clock, self.listen, 1815)

    def listen(self) -> _Port:
        if self.taken:
            raise CannotListenError("192.0.2.1", 1815, OSError(98, "Address already in use"))
        return self.port

    def test_a_port_that_is_taken_is_told_once_and_had_when_it_is_free(self) -> None:
        with capturedLogs() as events:
            self.entry.open()
            self.clock.pump([10.0] * 3)
            told = [formatEvent(e) for e in events]
            self.taken = False
            self.clock.advance(10)
            self.clock.advance(100)
        self.assertEqual(
            told, ["mond cannot listen at 192.0.2.1 port 1815, and goes on trying: Address already in use"]
        )
        self.assertEqual([formatEvent(e) for e in events][1:], ["mond listens at port 1815 now"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_closed_tries_no_more(self) -> None:
        self.entry.open()
        self.successResultOf(Deferred.fromCoroutine(self.entry.close()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_listens_is_closed(self) -> None:
        self.taken = False
        self.entry.open()
        self.successResultOf(Deferred.fromCoroutine(self.entry.close()))
        self.assertTrue(self.port.closed)


class _Port:
    closed = False

    def stopListening(self) -> None:
        self.closed = True


class MeasureTests(SynchronousTestCase):
    def test_the_ledger_and_its_followers(self) -> None:
        followers = (FollowerState("n2", True, 7, 0, 1.5, ""), FollowerState("n3", False, 0, 7, None, "down"))
        found = values(ledger_families(LedgerState(Position(7, 1), 1, 7, 2, "", followers)))
        self.assertEqual(found["ganeti_replication_lag_changes n3"], 7)
        self.assertEqual((found["ganeti_replication_in_sync n2"], found["ganeti_replication_in_sync n3"]), (1, 0))
        self.assertNotIn("ganeti_replication_last_contact_seconds n3", found)
        self.assertEqual((found["ganeti_ledger_serial"], found["ganeti_ledger_healthy"]), (7, 1))

    def test_when_certificates_end(self) -> None:
        found = values([certificate_ends({"/var/lib/ganeti/rapi.pem": 1.9e9})])
        self.assertEqual(found, {"ganeti_certificate_end_timestamp_seconds /var/lib/ganeti/rapi.pem": 1.9e9})

    def test_a_ledger_with_a_problem_is_not_healthy(self) -> None:
        state = LedgerState(Position(7, 1), 1, 7, 2, "disk full", ())
        self.assertEqual(values(ledger_families(state))["ganeti_ledger_healthy"], 0)

    def test_jobs_by_status_and_their_times(self) -> None:
        ended = EndedJobs()
        ops = [OpRecord({"OP_ID": "OP_X"}, status=Status.SUCCESS)]
        ended.add(JobRecord(1, ops, (100, 0), (100, 20_000), (103, 0)))
        ended.add(JobRecord(2, [OpRecord({"OP_ID": "OP_X"}, status=Status.CANCELED)], (100, 0), None, (101, 0)))
        running: list[Deferred[JobRecord]] = [Deferred(), Deferred(), Deferred()]
        answer = Deferred.fromCoroutine(counted(running, 4, ended))
        running[0].callback(JobRecord(3, [OpRecord({}, status=Status.WAITING)]))
        running[1].errback(Expired("gone"))
        running[2].callback(JobRecord(4, ops))
        figures = self.successResultOf(answer)
        found = values(job_families(figures))
        self.assertEqual([found[f"ganeti_jobs {s}"] for s in ("queued", "waiting", "running")], [4, 1, 0])
        self.assertEqual([found[f"ganeti_jobs_ended {s}"] for s in ("success", "canceled", "error")], [1, 1, 0])
        start, run = found["ganeti_job_start_delay_seconds"], found["ganeti_job_run_seconds OP_X"]
        self.assertEqual([count for bound, count in start.buckets if bound in (0.01, 0.025)], [0, 1])
        self.assertEqual((run.buckets[-1], round(run.sum, 2)), ((float("inf"), 1), 2.98))

    def test_actors_by_class(self) -> None:
        found = values(actor_families({"Job": KindFigures(actors=2, waiting=3, deepest=2, handled=9)}))
        self.assertEqual((found["ganeti_actors Job"], found["ganeti_actor_handled Job"]), (2, 9))


class SharedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.made = Clock(), []
        self.shared = Shared(self.make, self.clock)

    async def make(self) -> Any:
        self.made.append(Deferred())
        return await self.made[-1]

    def get(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.shared.get())

    def test_all_who_ask_together_share_it(self) -> None:
        first, second = self.get(), self.get()
        self.made[0].callback("x")
        third = self.get()
        self.clock.advance(0)
        self.assertEqual([self.successResultOf(d) for d in (first, second, third)], ["x"] * 3)
        self.clock.advance(1)
        self.assertNoResult(self.get())
        self.assertEqual(len(self.made), 2)

    def test_a_failure_goes_to_all_and_is_not_kept(self) -> None:
        asked = [self.get(), self.get()]
        self.made[0].errback(DriverError("x"))
        self.clock.advance(0)
        for d in asked:
            self.failureResultOf(d, DriverError)
        self.assertNoResult(self.get())

    def test_each_gets_it_in_a_turn_of_its_own(self) -> None:
        asked = [self.get(), self.get(), self.get()]
        self.made[0].callback("x")
        self.assertEqual([d.called for d in asked], [True, False, False])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)  # two that are due would be made in the same turn
        self.clock.advance(0)
        self.assertEqual([self.successResultOf(d) for d in asked], ["x"] * 3)

    def test_who_gives_up_disturbs_nobody(self) -> None:
        first, second, third = self.get(), self.get(), self.get()
        for d in (first, third):
            d.addErrback(lambda _: None)
        first.cancel()
        self.made[0].callback("x")
        third.cancel()
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(second), "x")


class PlacementTests(SynchronousTestCase):
    """A regular node: nobody but confd knows."""

    def setUp(self) -> None:
        self.time = 0.0
        self.asked: list[int] = []
        self.answers: dict[int, Any] = {
            7: [["n3", 0, "web1", "disk/0", "primary", "n1"]],
            8: [[{"name": "web1", "uuid": "u", "admin_state": "down", "hypervisor": "kvm"}], []],
            9: [{"dev_type": "plain", "logical_id": ["vg", "lv"]}],
        }
        self.record: HostRecord | None = RECORD
        self.placement = Placement(
            InlineBlocking(),
            lambda: None,
            lambda: self.record,
            lambda: b"key",
            1,
            lambda: "s",
            lambda: self.time,
            self.answer,
        )

    def answer(self, addresses: list[str], key: bytes, type: int, query: str, *rest: Any) -> Any:
        self.assertEqual((addresses, key), (["192.0.2.1", "192.0.2.2"], b"key"))
        self.asked.append(type)
        if type not in self.answers:
            raise Expired("no answer")
        return self.answers[type]

    def get(self, what: str) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(getattr(self.placement, what)()))

    def test_what_confd_tells(self) -> None:
        self.assertEqual([(g.name, g.admin_state) for g in self.get("wanted")], [("web1", "down")])
        self.assertEqual(self.get("volume_owners"), {"vg/lv": "web1"})
        self.assertEqual(self.get("minor_owners"), {0: "web1"})

    def test_answers_are_kept_for_a_while(self) -> None:
        for self.time in (0, GOOD_FOR - 1, GOOD_FOR):
            self.get("minor_owners")
        self.assertEqual(self.asked, [7, 7])

    def test_silence_is_no_error_and_not_asked_again_soon(self) -> None:
        self.answers.clear()
        for self.time in (0, BAD_FOR - 1, BAD_FOR):
            self.assertEqual(self.get("wanted"), ())
        self.assertEqual(self.asked, [8, 8])

    def test_a_host_in_no_cluster_has_nothing(self) -> None:
        self.record = None
        self.assertEqual((self.get("wanted"), self.get("volume_owners"), self.asked), ((), {}, []))

    def test_an_answer_of_another_shape_is_as_none(self) -> None:
        self.answers[8] = [["x"], []]
        self.assertEqual(self.get("wanted"), ())


class SiteTests(SynchronousTestCase):
    def entry(self, name: str, text: str) -> EntryPoint:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / f"{name}.py").write_text(text)
        sys.path.insert(0, str(directory))
        self.addCleanup(sys.path.remove, str(directory))
        return EntryPoint(name, name, SITE)

    def test_one_that_cannot_be_loaded_disturbs_no_other(self) -> None:
        good = (
            "from ganeti_tw.mond.registry import Kind, collector\n"
            "@collector('site-x', category=None, kind=Kind.PERFORMANCE, version='1.0')\n"
            "def x():\n    return {'a': 1}\n"
        )
        before = {c.name: c for c in all_collectors()}
        self.addCleanup(registry._collectors.update, before)
        self.addCleanup(registry._collectors.clear)
        entries = [
            self.entry("a_crashes_when_loaded", "1/0\n"),
            self.entry("b_is_no_python", "(\n"),
            EntryPoint("c", "no_such_module_anywhere", SITE),
            self.entry("d_takes_a_name", good.replace("site-x", "lv")),
            self.entry("e_works", good),
        ]
        load_site_collectors(entries)
        self.assertEqual(len(self.flushLoggedErrors()), 4)
        added = [c for c in all_collectors() if c.name not in before]
        self.assertEqual([(c.name, c.version) for c in added], [("site-x", "1.0")])

        class Host:
            async def in_thread(self, function: Any) -> Any:
                return function()

        data = Deferred.fromCoroutine(added[0].collect(Host(), ()))  # type: ignore[arg-type]
        self.assertEqual(self.successResultOf(data), {"a": 1})


class ProgramTests(SynchronousTestCase):
    def run_with(self, end: ProgramEnd, *argv: str) -> Deferred[Any]:
        class Runner:
            async def run(self, argv: Any, env: Any, deadline: float) -> ProgramEnd:
                return end

        return Deferred.fromCoroutine(Programs(Runner(), None).run(argv))  # type: ignore[arg-type]

    def test_what_it_prints(self) -> None:
        self.assertEqual(self.successResultOf(self.run_with(ProgramEnd(0, "", "out", "outerr"), "true")), "out")

    def test_a_failure_tells_its_last_words(self) -> None:
        failure = self.failureResultOf(self.run_with(ProgramEnd(5, "", "", "no devices\n"), "true"), DriverError)
        self.assertEqual(failure.getErrorMessage(), "true failed: exit status 5; output: no devices")

    def test_none_of_that_name(self) -> None:
        self.failureResultOf(self.run_with(ProgramEnd(0, "", "", ""), "no-such-program"), NotFound)


class FileTests(TestCase):
    def test_reasons_that_can_be_read(self) -> None:
        root = Path(self.mktemp())
        directory = root / "var/run/ganeti/instance-reason"
        directory.mkdir(parents=True)
        (directory / "a").write_text('[["user", "why", 1]]')
        (directory / "b").write_text("{")
        (directory / "c").mkdir()
        self.assertEqual(state_reasons(Paths(str(root)).run), {"a": (["user", "why", 1],)})
        self.assertEqual(state_reasons(Paths(str(root / "x")).run), {})

    def certificate(self, name: str) -> tuple[Path, Path]:
        key = new_key()
        made = Path(self.mktemp()), Path(self.mktemp())
        made[0].write_text(self_signed(key, name, 1_790_000_000.0))
        made[1].write_text(key)
        return made

    def test_a_certificate_is_read_again_when_it_is_renewed(self) -> None:
        certificate, key = self.certificate("n1")
        context = FileContext(str(certificate), str(key))
        first = context.getContext()
        self.assertIs(context.getContext(), first)
        for old, new in zip((certificate, key), self.certificate("n1"), strict=True):
            os.replace(new, old)
        self.assertIsNot(context.getContext(), first)

    def test_a_bad_one_is_refused_and_later_the_one_before_is_kept(self) -> None:
        certificate, key = self.certificate("n1")
        with self.assertRaises(BadRequest) as caught:
            FileContext(str(certificate), str(self.certificate("n1")[1]))
        self.assertIn(str(certificate), str(caught.exception))
        context = FileContext(str(certificate), str(key))
        first = context.getContext()
        certificate.write_text("nonsense")
        self.assertIs(context.getContext(), first)

    def test_key_and_certificate_in_one_file(self) -> None:
        certificate, key = self.certificate("n1")
        certificate.write_text(key.read_text() + certificate.read_text())
        FileContext(str(certificate)).getContext()


class ImportTests(TestCase):
    def loaded(self, module: str) -> set[str]:
        code = f"import sys, {module}; print(*(m.partition('.')[0] for m in sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    def test_mon_collector_loads_no_twisted_and_commands_no_prometheus(self) -> None:
        self.assertFalse({"twisted", "prometheus_client"} & self.loaded("ganeti_tw.daemon.mon_collector"))
        self.assertNotIn("prometheus_client", self.loaded("ganeti_tw.cli.main"))
