"""Operations that only look."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ganeti_tw.errors import BadRequest, NotFound
from ganeti_tw.jobs.look import LookHands, look
from job_case import JobCase


class LookTests(JobCase):
    def look(self, op_id: str, **parameters: object) -> Deferred[object]:
        return Deferred.fromCoroutine(look({"OP_ID": op_id, **parameters}, self.places))

    def test_the_result_without_a_job(self) -> None:
        found = self.successResultOf(self.look("OP_CLUSTER_QUERY"))
        self.assertEqual(found["name"], "cluster.example")  # type: ignore[index]
        self.assertEqual((self.ledger.commits, self.held()), ([], {}))

    def test_what_changes_things_is_refused(self) -> None:
        for op_id, parameters in (("OP_TEST_DELAY", {"duration": 1}), ("OP_CLUSTER_DESTROY", {})):
            error = self.failureResultOf(self.look(op_id, **parameters), BadRequest)
            self.assertIn("submit it as a job", error.value.text)

    def test_bad_requests_and_refusals(self) -> None:
        self.failureResultOf(self.look("OP_OS_DIAGNOSE", output_fields=["x"]), BadRequest)
        self.failureResultOf(self.look("OP_TAGS_GET", kind="node", name="n9"), NotFound)

    def test_hands_that_look_change_nothing(self) -> None:
        hands = LookHands(self.places)
        self.assertRaises(BadRequest, hands.edit, lambda config: config)
        hands.say("message", "nobody listens")
