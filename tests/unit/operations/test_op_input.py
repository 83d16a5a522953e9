"""Every parameter of every operation takes what the table of opcodes says, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import NOTHING, fields
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.operations.registry import parse
from operation_samples import KINDS
from reference_types import fits

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "reference" / "opcodes.json").read_text())

VALUES: tuple[Any, ...] = (
    None,
    *(True, False, 0, 1, -1, 16, 2.5, -2.5),
    *("", "text", "9", "\0\x7f\xff", "192.0.2.1", "2001:db8::1"),
    *([], [3], [""], ["a"], [None], [[]], [["a", 1]], [[1, "a"]], [[1, 2]], [["add", 0, {"size": True}]]),
    *([["modify", 0, {"name": "n"}]], [["add", {}]], [[True, {}]], [[1, ["success"]]], [[1, ["running"]]]),
    *({}, {"": 1}, {"a": 1}, {"a": None}, {"a": {"b": 1}}, {"ip": 3}, {"ip": "x"}, {"drbd": {}}, {"drbd": 1}),
    *([{}], [{"a": 1}], [{"a": None}], [{"ip": 3}], [{"size": []}], [{"size": 1.5}], [{"ip": None}], [{"": "x"}]),
)
NEVER = (float("nan"), float("inf"), 2**70, "\ud800", [float("nan")], {"a": 2**70})
"""Nothing that is stored can hold these."""

# Where we ask for more than the table: whole numbers of things, and parameters for a hypervisor of an OS.
FRACTIONS = ("NonNegativeNumber", "PositiveNumber")
OURS_ALONE = {("OP_CLUSTER_SET_PARAMS", "os_hvp", str({"a": {"b": 1}}))}


def sample(parameter: dict[str, Any]) -> Any:
    """A value that fits."""
    words = ("create", "hard", "cluster", "health", "192.0.2.0/24", "bridged", "in", "relocate", "primary-only")
    for value in ("a.example", 1, [], *words):
        if fits(parameter["type"], value):
            return value
    raise AssertionError(f"no sample fits {parameter}")


def cases() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Identifier, a parameter, an opcode that is fine."""
    for op_id in sorted(set(KINDS) & set(REFERENCE["opcodes"])):
        parameters = REFERENCE["opcodes"][op_id]["params"] + REFERENCE["common_params"]
        good = {"OP_ID": op_id, **{p["name"]: sample(p) for p in parameters if p["required"]}}
        for parameter in parameters:
            yield op_id, parameter, good


def wrong_values(parameter: dict[str, Any]) -> Iterator[Any]:
    """Values that the parameter does not take."""
    yield from (value for value in VALUES if not fits(parameter["type"], value))
    yield from NEVER


class InputTests(SynchronousTestCase):
    def refused(self, opcode: dict[str, Any], name: str) -> str:
        error = self.assertRaises(BadRequest, parse, opcode)
        self.assertIn(opcode["OP_ID"], error.text)
        self.assertIn(name, error.text)
        return str(error.text)

    def test_wrong_values_are_refused_by_name(self) -> None:
        for op_id, parameter, good in cases():
            for value in wrong_values(parameter):
                text = self.refused({**good, parameter["name"]: value}, parameter["name"])
                self.assertGreater(len(text), len(f"{op_id}: {parameter['name']}") + 5, text)

    def test_values_of_the_right_type_are_taken(self) -> None:
        for op_id, parameter, good in cases():
            for value in VALUES:
                doubtful = isinstance(value, float) and any(word in parameter["type"] for word in FRACTIONS)
                if not fits(parameter["type"], value) or doubtful:
                    continue
                if (op_id, parameter["name"], str(value)) in OURS_ALONE:
                    continue
                self.taken({**good, parameter["name"]: value})

    def taken(self, opcode: dict[str, Any]) -> None:
        """What is right but not there yet is refused with other words."""
        try:
            parse(opcode)
        except GanetiError as e:
            if "not supported yet" not in e.text and not self.is_about_its_meaning(opcode, e.text):
                raise AssertionError(f"{opcode} is refused: {e.text}") from None

    def is_about_its_meaning(self, opcode: dict[str, Any], text: str) -> bool:
        """Changes of devices must change something: a rule that types do not tell."""
        return opcode["OP_ID"] == "OP_INSTANCE_SET_PARAMS" and "nothing to modify" in text

    def test_words_that_are_possible_are_told(self) -> None:
        text = self.refused({"OP_ID": "OP_INSTANCE_REBOOT", "instance_name": "a", "reboot_type": "x"}, "reboot_type")
        self.assertIn("soft, hard, full", text)
        text = self.refused({"OP_ID": "OP_GROUP_ADD", "group_name": "a", "diskparams": {"floppy": {}}}, "diskparams")
        self.assertIn("sharedfile", text)

    def test_devices_are_told_by_their_number(self) -> None:
        create = {"OP_ID": "OP_INSTANCE_CREATE", "instance_name": "a", "mode": "create", "disks": [], "nics": []}
        self.refused({**create, "nics": [{}, {"colour": "red"}]}, "nics: nic/1: there is no parameter 'colour'")
        self.refused({**create, "disks": [{"size": 1}, {"size": [1]}]}, "disks: disk/1: size must be")

    def test_unknown_parameters_are_named(self) -> None:
        for op_id in KINDS:
            self.refused({"OP_ID": op_id, "colour": 1}, "colour")

    def test_each_missing_parameter_is_named(self) -> None:
        for op_id, parameter, good in cases():
            if parameter["required"]:
                self.refused({k: v for k, v in good.items() if k != parameter["name"]}, parameter["name"])

    def test_our_own_operations_refuse_too(self) -> None:
        for op_id in sorted(set(KINDS) - set(REFERENCE["opcodes"])):
            required = [a.name for a in fields(KINDS[op_id].cls) if a.default is NOTHING]
            good = {"OP_ID": op_id, **dict.fromkeys(required, "a")}
            parse(good)
            for name in required:
                for value in (None, 3, [], {}, "", *NEVER):
                    self.refused({**good, name: value}, name)

    def test_no_reason_is_the_same_as_an_empty_one(self) -> None:
        self.assertEqual(parse({"OP_ID": "OP_CLUSTER_QUERY", "reason": None})[2].reason, [])
