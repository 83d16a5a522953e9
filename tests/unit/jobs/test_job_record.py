"""Statuses of jobs, and jobs as they are stored."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Corrupt, DriverError, NotFound
from ganeti_tw.jobs.fields import FIELDS, log_after, same, values
from ganeti_tw.jobs.record import JobRecord, OpRecord, decode, error_result, stamp
from ganeti_tw.jobs.status import Status, job_status

Q, W, C, R = Status.QUEUED, Status.WAITING, Status.CANCELING, Status.RUNNING
CANCELED, SUCCESS, ERROR = Status.CANCELED, Status.SUCCESS, Status.ERROR

stamps = st.none() | st.tuples(st.integers(0, 2**40), st.integers(0, 999999))
texts = st.text(st.characters(exclude_categories=("Cs",)))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
ops = st.builds(
    OpRecord,
    st.dictionaries(texts, plain, max_size=3),
    st.sampled_from(Status),
    plain,
    st.lists(st.tuples(st.integers(1, 9), st.tuples(st.just(1), st.just(2)), texts, plain), max_size=2).map(tuple),
    stamps,
    stamps,
    stamps,
    st.sampled_from((-10, 0, 10)),
)


class StatusTests(SynchronousTestCase):
    def test_follows_from_those_of_the_opcodes(self) -> None:
        for statuses, expected in (
            ((), SUCCESS),
            ((Q, Q), Q),
            ((W, Q), W),
            ((SUCCESS, Q), Q),
            ((SUCCESS, W), W),
            ((SUCCESS, R, Q), R),
            ((C, Q), C),
            ((SUCCESS, CANCELED), CANCELED),
            ((SUCCESS, ERROR, ERROR), ERROR),
            ((R, ERROR), ERROR),
            ((SUCCESS, SUCCESS), SUCCESS),
        ):
            self.assertIs(job_status(statuses), expected, statuses)

    @given(st.lists(st.sampled_from(Status)))
    def test_final_only_when_an_opcode_failed_or_all_succeeded(self, statuses: list[Status]) -> None:
        failed = any(s in (ERROR, CANCELED) for s in statuses)
        if job_status(statuses).final:
            self.assertTrue(failed or all(s is SUCCESS for s in statuses))


class RecordTests(SynchronousTestCase):
    @given(st.lists(ops, max_size=3), stamps, stamps, stamps)
    def test_round_trip(self, records: list[OpRecord], received: object, start: object, end: object) -> None:
        record = JobRecord(7, records, received, start, end)  # type: ignore[arg-type]
        again = decode("7", record.encode())
        self.assertEqual(again.encode(), record.encode())
        self.assertEqual((again.status, again.priority), (record.status, record.priority))
        self.assertEqual(again.log_serial, max((e[0] for op in records for e in op.log), default=0))

    def test_form_of_job_files(self) -> None:
        found = json.loads(JobRecord(7, [OpRecord({"OP_ID": "OP_X"})], (1, 2)).encode())
        self.assertEqual(
            sorted(found),
            ["end_timestamp", "id", "livelock", "ops", "process_id", "received_timestamp", "start_timestamp"],
        )
        self.assertEqual(
            found["ops"][0],
            {
                "input": {"OP_ID": "OP_X"},
                "status": "queued",
                "result": None,
                "log": [],
                "start_timestamp": None,
                "exec_timestamp": None,
                "end_timestamp": None,
                "priority": 0,
            },
        )

    def test_damage_names_the_job(self) -> None:
        for damage in (b"", b"{", b"[]", b'{"id": 7}', b"\xff\xfe"):
            self.assertIn("job 7", self.assertRaises(Corrupt, decode, "7", damage).text)

    def test_a_copy_stays_as_it_is(self) -> None:
        record = JobRecord(7, [OpRecord({})])
        copy = record.copy()
        record.ops[0] = OpRecord({}, ERROR)
        self.assertIs(copy.status, Q)

    def test_stamps(self) -> None:
        self.assertEqual((stamp(1.5), stamp(1.9999999), stamp(0)), ((1, 500000), (2, 0), (0, 0)))

    def test_priority_is_that_of_what_is_left(self) -> None:
        record = JobRecord(1, [OpRecord({}, SUCCESS, priority=-10), OpRecord({}, priority=10)])
        self.assertEqual(record.priority, 10)

    def test_errors_as_the_original_writes_them(self) -> None:
        self.assertEqual(error_result(NotFound("gone"), True), ["OpPrereqError", ["gone", "unknown_entity"]])
        self.assertEqual(error_result(DriverError("broken"), False), ["OpExecError", ["broken"]])


class FieldTests(SynchronousTestCase):
    RECORD = JobRecord(
        3,
        [
            OpRecord({"OP_ID": "OP_TEST_DELAY", "duration": 2}, SUCCESS, 1, ((1, (5, 6), "message", "a"),)),
            OpRecord({"OP_ID": "OP_CLUSTER_QUERY"}, log=((2, (5, 7), "message", "b"),)),
        ],
        (1, 2),
    )

    def test_values(self) -> None:
        asked = ("id", "status", "summary", "opstatus", "opresult", "nonsense")
        self.assertEqual(
            values(self.RECORD, asked),
            [3, "queued", ["TEST_DELAY(2)", "CLUSTER_QUERY"], ["success", "queued"], [1, None], None],
        )
        self.assertEqual(len(values(self.RECORD, tuple(FIELDS))), len(FIELDS))

    def test_log_after_a_serial(self) -> None:
        self.assertEqual([e[0] for e in log_after(self.RECORD, None)], [1, 2])
        self.assertEqual([e[0] for e in log_after(self.RECORD, 1)], [2])
        self.assertEqual(log_after(self.RECORD, 2), [])

    def test_what_came_back_as_json_is_the_same(self) -> None:
        current = values(self.RECORD, tuple(FIELDS))
        told = json.loads(json.dumps(current))
        self.assertTrue(same(current, told))
        self.assertFalse(same(current, None))
        self.assertFalse(same(current, [*told[:-1], None]))
