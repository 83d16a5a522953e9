"""The JSON of long answers."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.wire.pieces import AT_ONCE, TURN, encoded, is_long

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.text(max_size=5))
FEW = st.recursive(PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)))


def many(member: Any, count: int, kind: str) -> Any:
    if kind == "object":
        return {f"ü{n}": member for n in range(count)}
    return [member] * count if kind == "array" else (member,) * count


class PiecesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pauses = 0

    async def pause(self) -> None:
        self.pauses += 1

    def check(self, value: Any) -> None:
        found = self.successResultOf(Deferred.fromCoroutine(encoded(value, self.pause)))
        self.assertEqual(found, msgspec.json.encode(value))

    @settings(max_examples=25)
    @given(FEW, st.sampled_from((0, 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE)), st.sampled_from(("object", "array", "t")))
    def test_it_is_what_is_written_in_one_go(self, member: Any, count: int, kind: str) -> None:
        long = many(member, count, kind)
        for value in (long, [long], {"data": long, "x": member}, {"a": {"b": long, "c": [long, 1]}}, [[[[long]]]]):
            self.check(value)

    def test_keys_need_not_be_texts(self) -> None:
        self.check({n: {5: [n] * 600} for n in range(3)})
        self.check(dict.fromkeys(range(600), 1))

    def test_only_long_ones_are_cut(self) -> None:
        self.assertEqual([is_long(v) for v in (1, "x" * 5000, [], [0] * AT_ONCE, {"a": [0] * AT_ONCE})], [False] * 5)
        self.assertTrue(all(is_long(v) for v in ([0] * 501, {"a": [0] * 501}, [{"a": (0,) * 501}])))

    def test_others_work_after_each_mebibyte(self) -> None:
        self.check([0] * 10_000)
        self.assertEqual(self.pauses, 0)
        self.check({"data": [["x" * (TURN // AT_ONCE)]] * 10_000})
        self.assertEqual(self.pauses, 10_000 // AT_ONCE + 1)

    def test_what_json_cannot_hold_is_an_error(self) -> None:
        self.failureResultOf(Deferred.fromCoroutine(encoded([object()] * 501, self.pause)), TypeError)
