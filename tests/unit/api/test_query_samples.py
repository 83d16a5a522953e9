"""Whole rows, beside those a real cluster gave for the same configuration."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.api.query.engine import query, query_fields
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.jobs.status import Status
from query_samples import INST1, FakeSources, data, guest, no_pause, plain, recorded, started

ROWS = data("queries.json")["rows"]


class RecordedRowTests(SynchronousTestCase):
    def rows(self, what: str, ast: Any, sources: FakeSources) -> list[dict[str, Any]]:
        fields = [f["name"] for f in query_fields(what)["fields"]]
        answer = self.successResultOf(started(query(what, fields, ast, sources, no_pause)))
        self.assertEqual([f["name"] for f in answer["fields"]], fields)
        return [dict(zip(fields, plain(row), strict=True)) for row in answer["data"]]

    def check(self, what: str, row: dict[str, Any]) -> None:
        for name, cell in ROWS[what].items():
            self.assertEqual(row[name], cell, f"{what} {name}")
        self.assertEqual(set(row), set(ROWS[what]))

    def test_instance(self) -> None:
        console = {
            "instance": "inst1.ref.example",
            "kind": "msg",
            "message": "Console not available for fake hypervisor",
        }
        sources = FakeSources(guests={"ref1.ref.example": [guest()]}, console=lambda name: console)
        (row,) = self.rows("instance", ["=", "name", "inst1.ref.example"], sources)
        self.check("instance", row)

    def test_node(self) -> None:
        (row,) = self.rows("node", None, FakeSources())
        self.check("node", row)

    def test_group(self) -> None:
        (row,) = self.rows("group", ["|", ["=", "name", "default"]], FakeSources())
        self.check("group", row)

    def test_network(self) -> None:
        (row,) = self.rows("network", None, FakeSources())
        self.check("network", row)

    def test_filter(self) -> None:
        (row,) = self.rows("filter", None, FakeSources())
        self.check("filter", row)

    def test_job(self) -> None:
        op = OpRecord(
            ROWS["job"]["ops"][1][0],
            Status.SUCCESS,
            True,
            (),
            (1795219079, 547528),
            (1795219079, 551727),
            (1795219079, 606180),
        )
        job = JobRecord(1, [op], (1795219079, 387473), (1795219079, 547528), (1795219079, 606188))
        (row,) = self.rows("job", None, FakeSources(jobs=[job]))
        row["archived"] = [0, True]  # that job was in the archive, which we do not have
        self.check("job", row)

    def test_every_field_of_every_object_has_an_answer(self) -> None:
        config = recorded()
        for what in ("instance", "node", "group", "network", "filter"):
            self.assertTrue(self.rows(what, None, FakeSources(config)))

    def test_the_configuration_is_that_of_the_rows(self) -> None:
        self.assertEqual(ROWS["instance"]["uuid"], [0, INST1])
