"""Finding drivers, child processes, figures, allowed directories."""

from __future__ import annotations

import errno
import os
import signal
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from agent_samples import HostTestCase
from ganeti_tw.agent.commands import ReactorRunner
from ganeti_tw.agent.drivers import Drivers
from ganeti_tw.agent.figures import parse_cpuinfo, parse_meminfo
from ganeti_tw.agent.hypervisor.registry import hypervisors
from ganeti_tw.agent.processes import ReactorSpawner
from ganeti_tw.agent.storage.allowed import check_directory, parse_allowed
from ganeti_tw.agent.storage.registry import storages
from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NotFound


class Point:
    """As far as an entry point is used."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def load(self) -> Any:
        return self.value


class DriversTests(SynchronousTestCase):
    def test_those_of_the_package_are_found_by_its_modules(self) -> None:
        self.assertEqual(list(hypervisors.load()), ["fake", "kvm"])
        self.assertEqual(list(storages.load()), ["diskless", "file", "sharedfile"])

    def test_others_come_by_entry_points(self) -> None:
        found: Drivers[Any] = Drivers("ganeti_tw.agent.osdef", "group", lambda group: [Point("b", 2), Point("a", 1)])
        self.assertEqual(found.load(), {"a": 1, "b": 2})

    def test_two_of_a_name_are_refused(self) -> None:
        found: Drivers[Any] = Drivers("ganeti_tw.agent.osdef", "group", lambda group: [Point("a", 1)] * 2)
        self.assertRaises(ValueError, found.load)

    def test_a_missing_one_is_answered_with_those_there_are(self) -> None:
        self.assertIn("fake, kvm", str(self.assertRaises(NotFound, hypervisors.get, "xen")))


class FiguresTests(SynchronousTestCase):
    def test_memory_as_ganeti_counts_it(self) -> None:
        text = "MemTotal: 24684324 kB\nMemFree: 1030 kB\nBuffers: 1024 kB\nCached: 2047 kB\nActive: 5120 kB\nX: a\n"
        found = parse_meminfo(text)
        self.assertEqual((found.total, found.free, found.used_by_host), (24105, 3, 5))

    def test_a_missing_line_is_named(self) -> None:
        self.assertIn("Buffers", str(self.assertRaises(DriverError, parse_meminfo, "MemFree: 1 kB\n")))

    def test_processors_are_counted(self) -> None:
        self.assertEqual(parse_cpuinfo("processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n"), 2)
        self.assertEqual(parse_cpuinfo(""), 1)


class AllowedTests(SynchronousTestCase):
    def test_directories_of_the_system_are_refused(self) -> None:
        for path in ("/", "/etc", "/etc/x", "/usr/lib64", "/usr/local/bin/x", "relative", "/srv/../etc"):
            self.assertNotEqual(check_directory(path), "", path)
        for path in ("/srv/ganeti", "/etcetera", "/usr/share/x"):
            self.assertEqual(check_directory(path), "", path)

    def test_a_file_of_them(self) -> None:
        good, bad = parse_allowed("# ours\n/srv/a/\n\n/etc\n  /srv/b\n")
        self.assertEqual(good, ("/srv/a", "/srv/b"))
        self.assertEqual(bad, ("/etc: not a place for disks",))


class Transport:
    pid = 2**22 + 1  # beyond the largest there can be


class Reactor(Clock):
    """Starts nothing."""

    def spawnProcess(self, protocol: Any, program: str, argv: list[str], **kw: Any) -> None:
        self.protocol, self.argv, self.options = protocol, argv, kw
        protocol.transport = Transport()


class Exhausted(Clock):
    """Cannot start anything, and says why in the words of the operating system."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why

    def spawnProcess(self, *args: Any, **kw: Any) -> None:
        raise self.why


class NotStartedTests(HostTestCase):
    def reasons(self, kind: type[GanetiError], last: str) -> list[str]:
        """What is said by both that start programs; no timer and no descriptor is left."""
        reactor: Any = Exhausted(OSError(errno.EAGAIN, "Resource temporarily unavailable"))
        place = os.path.join(self.directory, "log")
        before = len(os.listdir("/proc/self/fd"))
        argv = ["/bin/x", last]
        said = [
            str(self.assertRaises(kind, run))
            for run in (
                lambda: ReactorSpawner(reactor).run(argv, env={}, cwd="/", output=place, deadline=60),
                lambda: ReactorRunner(reactor).run(argv, {}, 60),
                lambda: ReactorRunner(reactor).run(argv[:1], {"A": last}, 60),
            )
        ]
        self.assertEqual(reactor.getDelayedCalls(), [])
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        return said

    def test_a_host_that_can_start_nothing_says_so(self) -> None:
        for text in self.reasons(DriverError, "y"):
            self.assertTrue(text.startswith("/bin/x could not be started: Resource temporarily unavailable"), text)

    def test_a_text_that_no_program_takes(self) -> None:
        for text in self.reasons(BadRequest, "y\0"):
            self.assertIn("/bin/x was not started: there is a zero byte", text)

    def test_a_log_that_cannot_be_written(self) -> None:
        reactor: Any = Reactor()
        before = len(os.listdir("/proc/self/fd"))
        place = os.path.join(self.directory, "nowhere/log")
        spawner = ReactorSpawner(reactor)
        error = self.assertRaises(DriverError, spawner.run, ["/bin/x"], env={}, cwd="/", output=place, deadline=60)
        self.assertEqual(str(error), f"{place} cannot be written: No such file or directory")
        self.assertEqual((reactor.getDelayedCalls(), len(os.listdir("/proc/self/fd"))), ([], before))


class SpawnerTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reactor = Reactor()
        self.output = os.path.join(self.directory, "log")
        self.ended = ReactorSpawner(self.reactor).run(  # type: ignore[arg-type]
            ["/bin/x", "y"], env={"A": "1"}, cwd="/", output=self.output, deadline=60
        )

    def end(self, error: Exception) -> Any:
        self.reactor.protocol.processEnded(Failure(error))
        return self.successResultOf(self.ended)

    def test_it_gets_a_session_its_environment_and_its_directory(self) -> None:
        self.assertEqual(self.reactor.argv, ["/usr/bin/setsid", "/bin/x", "y"])
        self.assertEqual((self.reactor.options["env"], self.reactor.options["path"]), ({"A": "1"}, "/"))

    def test_a_good_end_stops_the_clock(self) -> None:
        self.assertTrue(self.end(ProcessDone(0)).good)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_bad_end_has_the_last_twenty_lines(self) -> None:
        with open(self.output, "w") as f:
            f.write("".join(f"line {n}\n" for n in range(30)))
        end = self.end(ProcessTerminated(exitCode=3))
        self.assertEqual((end.good, end.status, end.describe()), (False, 3, "ended with exit status 3"))
        self.assertEqual((end.tail[0], end.tail[-1], len(end.tail)), ("line 10", "line 29", 20))

    def test_the_signal_is_told(self) -> None:
        end = self.end(ProcessTerminated(signal=signal.SIGKILL))
        self.assertEqual(end.describe(), "was killed by signal 9")

    def test_when_its_time_is_up_that_is_told_and_it_is_killed_five_seconds_later(self) -> None:
        self.reactor.advance(60)
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.reactor.advance(5)
        self.assertIn("time was up", self.end(ProcessTerminated(signal=15)).describe())

    def test_cancelled_it_is_over_for_the_caller_and_killed_if_need_be(self) -> None:
        self.ended.cancel()
        self.failureResultOf(self.ended, CancelledError)
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.reactor.protocol.processEnded(Failure(ProcessTerminated(signal=15)))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
