"""Logs of running opcodes."""

from __future__ import annotations

import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.jobs.fields import log_after
from ganeti_tw.jobs.joblog import Log, LogEntry
from ganeti_tw.jobs.record import JobRecord, OpRecord, decode


def entry(serial: int, kind: str = "message") -> LogEntry:
    return serial, (1000, serial), kind, f"line {serial}"


def more(entries: list[LogEntry], new: LogEntry) -> list[LogEntry]:
    """As a log is to be: with one piece of progress, the newest."""
    kept = entries if new[2] != "progress" else [e for e in entries if e[2] != "progress"]
    return [*kept, new]


class LogTests(SynchronousTestCase):
    def test_whatever_grows_from_it_a_log_stays_what_it_is(self) -> None:
        choice = random.Random(1)
        known: list[tuple[Log, list[LogEntry]]] = [(Log(), [])]
        for serial in range(1, 300):
            log, entries = choice.choice(known[-5:])
            new = entry(serial, choice.choice(("message", "message", "progress")))
            known.append((log.plus(new), more(entries, new)))
        for log, entries in known:
            self.assertEqual((list(log), len(log)), (entries, len(entries)))
            after = choice.randrange(300)
            self.assertEqual(log.after(after), [e for e in entries if e[0] > after])
            self.assertEqual(list(Log(entries)), entries)

    def test_one_more_line_copies_nothing(self) -> None:
        log = Log()
        lines = log._lines
        for serial in range(1, 1000):
            log = log.plus(entry(serial, "progress" if serial % 10 == 0 else "message"))
        self.assertIs(log._lines, lines)

    def test_places(self) -> None:
        log = Log([entry(1), entry(2, "progress"), entry(3)])
        self.assertEqual((log[0], log[-1], list(log[1:])), (entry(1), entry(3), [entry(2, "progress"), entry(3)]))

    def test_it_is_stored_like_any_other(self) -> None:
        entries = (entry(1), entry(2, "progress"), entry(3))
        whole, growing = (JobRecord(7, [OpRecord({"OP_ID": "OP_TEST"}, log=log)]) for log in (entries, Log(entries)))
        self.assertEqual(growing.encode(), whole.encode())
        self.assertEqual(decode("7", growing.encode()).log_serial, 3)

    def test_logs_of_several_opcodes_are_told_in_order(self) -> None:
        logs: tuple[Any, ...] = (Log([entry(1), entry(4)]), (entry(2), entry(3)))
        job = JobRecord(7, [OpRecord({}, log=log) for log in logs])
        self.assertEqual([e[0] for e in log_after(job, 1)], [2, 3, 4])

    def test_nothing_else_unknown_is_stored(self) -> None:
        self.assertRaises(NotImplementedError, JobRecord(7, [OpRecord({}, result=object())]).encode)
