"""Making operations from what clients submit."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, GanetiError, NotFound
from ganeti_tw.operations.instance.startup import InstanceStartup
from ganeti_tw.operations.registry import Common, input_of, is_whole, parse, summary_of
from operation_samples import KINDS, operation

CREATE = {"OP_ID": "OP_INSTANCE_CREATE", "instance_name": "web2", "disks": [], "nics": [], "mode": "create"}
ADD = {"OP_ID": "OP_NODE_ADD", "node_name": "n9"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


class ParseTests(SynchronousTestCase):
    def refused(self, opcode: Any, *words: str, kind: type[GanetiError] = BadRequest) -> None:
        error = self.assertRaises(kind, parse, opcode)
        for word in words:
            self.assertIn(word, error.text)

    def test_gives_kind_operation_and_common_parameters(self) -> None:
        kind, op, common = parse({"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": "a", "priority": -10})
        self.assertEqual((kind.op_id, op, common), ("OP_INSTANCE_STARTUP", InstanceStartup("a"), Common(priority=-10)))

    def test_no_object(self) -> None:
        for wrong in (None, [], "OP_TEST_DELAY", 7):
            self.refused(wrong, "OP_ID")

    def test_unknown_operation(self) -> None:
        for op_id in ("OP_NONSENSE", None, ["OP_TEST_DELAY"], 3):
            self.refused({"OP_ID": op_id}, "there is no operation", kind=NotFound)

    def test_unknown_parameter(self) -> None:
        self.refused({**CREATE, "colour": 1}, "OP_INSTANCE_CREATE", "colour")

    def test_missing_parameter(self) -> None:
        self.refused({"OP_ID": "OP_INSTANCE_STARTUP"}, "instance_name")

    def test_wrong_types(self) -> None:
        for name, value in (
            ("instance_name", 3),
            ("start", "yes"),
            ("disks", {}),
            ("disks", [3]),
            ("tags", "a"),
            ("mode", "x"),
        ):
            self.refused({**CREATE, name: value}, name)
        self.refused({**CREATE, "file_driver": "floppy"}, "file_driver")

    def test_numbers_for_durations_may_be_whole(self) -> None:
        self.assertEqual(operation("OP_INSTANCE_SHUTDOWN", instance_name="a", timeout=5).timeout, 5)

    def test_bad_priorities(self) -> None:
        for priority in (5, 11, -11):
            self.refused({**CREATE, "priority": priority}, "priority")
        self.refused({**CREATE, "priority": "high"}, "priority")

    def test_dependencies(self) -> None:
        for good in ([], None, [[1, ["success", "error", "canceled"]], [-1, []]]):
            parse({**CREATE, "depends": good})
        for bad in ([1], [[1]], [[1, ["running"]]], [[True, []]], [["1", []]], [[0, []]], [[1, "success"]]):
            self.refused({**CREATE, "depends": bad}, "depends")

    def test_what_is_not_there_yet_is_refused_by_name_unless_it_is_the_default(self) -> None:
        others = {"forthcoming": True, "src_node": "n1", "identify_defaults": True}
        for name, value in others.items():
            self.refused({**CREATE, name: value}, name, "not supported yet")
        parse({**CREATE, "src_node": None, "forthcoming": False})

    def test_what_files_cannot_hold(self) -> None:
        for value in (2**64, -(2**64), float("nan"), float("inf"), "\ud800"):
            self.refused({**CREATE, "hvparams": {"a": value}}, "OP_INSTANCE_CREATE", "hvparams")
            self.refused({**CREATE, "comment": [value]})
            self.refused({**CREATE, "reason": [[value]]})
        self.refused({**CREATE, "hvparams": {"\udfff": 1}})
        deep: Any = []
        for _ in range(5000):
            deep = [deep]
        self.refused({**CREATE, "reason": deep}, "too deeply")

    @settings(max_examples=200, deadline=None)
    @given(
        st.sampled_from(sorted(KINDS)),
        st.dictionaries(
            st.sampled_from(
                ["instance_name", "disks", "nics", "mode", "duration", "kind", "tags", "reason", "priority"]
            ),
            json_values,
        ),
    )
    def test_anything_is_either_refused_or_can_be_stored(self, op_id: str, parameters: dict[str, Any]) -> None:
        try:
            kind, op, common = parse({"OP_ID": op_id, **parameters})
        except GanetiError:
            return
        json.loads(json.dumps(input_of(kind, op, common)).encode())


class StoredInputTests(SynchronousTestCase):
    def input(self, opcode: dict[str, Any]) -> dict[str, Any]:
        return input_of(*parse(opcode))

    def test_has_all_defaults(self) -> None:
        found = self.input({"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": "a", "dry_run": True})
        self.assertEqual(found["shutdown_timeout"], 120)
        self.assertEqual((found["dry_run"], found["priority"], found["comment"]), (True, 0, None))

    def test_makes_the_same_operation_again(self) -> None:
        kind, op, common = parse({**CREATE, "tags": ["b"], "priority": 10})
        self.assertEqual(parse(input_of(kind, op, common)), (kind, op, common))

    def test_private_values_are_not_in_it(self) -> None:
        found = self.input({**ADD, "token": "gtw1.secret"})
        self.assertNotIn("secret", json.dumps(found))
        self.assertIsNone(found["token"])
        found = self.input({**CREATE, "osparams_private": {"pin": "1234"}, "osparams_secret": {"key": "5678"}})
        self.assertEqual((found["osparams_private"], found["osparams_secret"]), ({"pin": None}, {"key": None}))
        self.assertNotIn("1234", json.dumps(found))

    def test_is_whole_unless_private_values_are_missing(self) -> None:
        self.assertTrue(is_whole(self.input(CREATE)))
        self.assertTrue(is_whole(self.input(ADD)))
        self.assertFalse(is_whole(self.input({**ADD, "token": "gtw1.secret"})))
        self.assertFalse(is_whole(self.input({**CREATE, "osparams_secret": {"key": "5678"}})))

    def test_summaries(self) -> None:
        self.assertEqual(summary_of(self.input(CREATE)), "INSTANCE_CREATE(web2)")
        self.assertEqual(summary_of({"OP_ID": "OP_CLUSTER_QUERY"}), "CLUSTER_QUERY")
        self.assertEqual(summary_of({"OP_ID": "OP_FROM_ELSEWHERE", "x": 1}), "FROM_ELSEWHERE")
        self.assertEqual(summary_of({}), "")
