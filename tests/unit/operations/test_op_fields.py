"""Every operation's parameters are those of the original's opcode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.operations.registry import Common, Kind
from operation_samples import KINDS

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "reference" / "opcodes.json").read_text())

# What only this implementation has.
OUR_OPERATIONS = {"OP_NETWORK_RENAME"}
OURS = {
    "OP_NODE_ADD": {"token"},
    "OP_CLUSTER_RENEW_CRYPTO": {"cluster_certificate", "confd_hmac_key", "files"},
}
# What the original has no default for, because a client always fills it in.
REQUIRED = "required"


def default(a: Any) -> Any:
    if isinstance(a.default, attrs.Factory):  # type: ignore[arg-type]
        return a.default.factory()
    return REQUIRED if a.default is attrs.NOTHING else a.default


def theirs(params: list[dict[str, Any]]) -> dict[str, Any]:
    return {p["name"]: REQUIRED if p["required"] else p["default"] for p in params}


class FieldTests(SynchronousTestCase):
    def each(self) -> list[tuple[str, Kind, dict[str, Any]]]:
        return [
            (op_id, kind, REFERENCE["opcodes"][op_id]) for op_id, kind in KINDS.items() if op_id not in OUR_OPERATIONS
        ]

    def test_every_operation_is_one_of_the_original(self) -> None:
        self.assertEqual(set(KINDS) - set(REFERENCE["opcodes"]) - OUR_OPERATIONS, set())

    def test_names_and_defaults(self) -> None:
        for op_id, kind, reference in self.each():
            ours = {a.name: default(a) for a in attrs.fields(kind.cls) if a.name not in OURS.get(op_id, ())}
            self.assertEqual(ours, theirs(reference["params"]), op_id)

    def test_our_own_parameters_are_those_named_here(self) -> None:
        for op_id, kind, reference in self.each():
            extra = {a.name for a in attrs.fields(kind.cls)} - {p["name"] for p in reference["params"]}
            self.assertEqual(extra, OURS.get(op_id, set()), op_id)

    def test_summary_field_and_big_lock(self) -> None:
        for op_id, kind, reference in self.each():
            wanted = reference["summary_field"], reference.get("requires_big_lock", False)
            self.assertEqual((kind.summary, kind.big_lock), wanted, op_id)

    def test_common_parameters(self) -> None:
        ours = {a.name: default(a) for a in attrs.fields(Common)}
        self.assertEqual(ours, theirs(REFERENCE["common_params"]))

    def test_what_is_refused_exists_and_may_be_left_out(self) -> None:
        for op_id, kind, _ in self.each():
            fields = {a.name: default(a) for a in attrs.fields(kind.cls)}
            for name in kind.not_yet:
                self.assertNotEqual(fields[name], REQUIRED, f"{op_id} {name}")
