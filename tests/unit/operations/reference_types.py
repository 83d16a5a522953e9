"""What the types in the reference table of opcodes allow, independent of the types of our operations.

A type is text like ``None or (List of NonEmptyString)``.  Labels in brackets mean nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import cache
from typing import Any

Test = Callable[[Any], bool]

_TOKEN = re.compile(r"[()]|\[[^]]*\]|,|[^\s(),\[\]]+")


def fits(type_text: str, value: Any) -> bool:
    """Whether a value of JSON is one of that type."""
    return _test(type_text)(value)


@cache
def _test(type_text: str) -> Test:
    reader = _Reader([t for t in _TOKEN.findall(type_text) if not t.startswith("[")])
    found = reader.alternatives()
    if reader.tokens:
        raise ValueError(f"{type_text}: {reader.tokens} is left over")
    return found


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _filled(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _address(make: Callable[[str], Any]) -> Test:
    def test(value: Any) -> bool:
        try:
            make(value)
        except ValueError:
            return False
        return True

    return test


_SIMPLE: dict[str, Test] = {
    "Anything": lambda value: True,
    "None": lambda value: value is None,
    "Boolean": lambda value: isinstance(value, bool),
    "String": _text,
    "NonEmptyString": _filled,
    "Integer": _whole,
    "Float": _number,
    "NonNegativeNumber": lambda value: _number(value) and value >= 0,
    "PositiveNumber": lambda value: _number(value) and value > 0,
    "JobId": lambda value: _whole(value) and value > 0,
    "RelativeJobId": lambda value: _whole(value) and value < 0,
    "List": lambda value: isinstance(value, list),
    "Tuple": lambda value: isinstance(value, list),
}
_ADDRESSES: dict[tuple[str, str], Test] = {
    ("IPv4", "address"): _address(ipaddress.IPv4Address),
    ("IPv6", "address"): _address(ipaddress.IPv6Address),
    ("IPv4", "network"): _address(lambda text: ipaddress.IPv4Network(text, strict=False)),
    ("IPv6", "network"): _address(lambda text: ipaddress.IPv6Network(text, strict=False)),
}


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def accept(self, *words: str) -> bool:
        if self.tokens[: len(words)] != list(words):
            return False
        del self.tokens[: len(words)]
        return True

    def next(self) -> str:
        return self.tokens.pop(0)

    def alternatives(self) -> Test:
        tests = [self.conjunction()]
        while self.accept("or"):
            tests.append(self.conjunction())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def conjunction(self) -> Test:
        tests = [self.single()]
        while self.accept("and"):
            tests.append(self.single())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def single(self) -> Test:
        if self.accept("("):
            for words, test in _ADDRESSES.items():
                if self.accept(*words, ")"):
                    return test
            found = self.alternatives()
            if not self.accept(")"):
                raise ValueError(f"no end of the bracket before {self.tokens}")
            return found
        if self.accept("List", "of") or self.accept("Set", "of"):
            return _each(self.single())
        if self.accept("Dictionary", "with", "keys", "of"):
            key = self.single()
            if not self.accept("and", "values", "of"):
                raise ValueError(f"no values before {self.tokens}")
            return _mapping(key, self.single())
        if self.accept("Tuple", "of"):
            return self.items()
        if self.accept("OneOf"):
            return self.one_of()
        if self.accept("Length"):
            length = int(self.next())
            return lambda value: isinstance(value, list) and len(value) == length
        if self.accept("Less", "than"):
            limit = int(self.next())
            return lambda value: value < limit
        if self.accept("Private"):
            return self.single()
        if self.tokens[0] == "Item":
            return self.numbered()
        return _SIMPLE[self.next()]

    def one_of(self) -> Test:
        names = [self.next()]
        while self.accept(","):
            names.append(self.next())
        numbers = [int(name) for name in names if re.fullmatch("-?[0-9]+", name)]
        return lambda value: (_text(value) and value in names) or (_whole(value) and value in numbers)

    def items(self) -> Test:
        if not self.accept("("):
            raise ValueError(f"no bracket before {self.tokens}")
        if self.tokens[:2] == ["OneOf", "NonEmptyString"]:  # how the table writes a pair of these two
            self.accept("OneOf", "NonEmptyString", ",")
            tests = [self.one_of(), _filled]
        else:
            tests = [self.alternatives()]
            while self.accept(","):
                tests.append(self.alternatives())
        self.accept(")")
        return _items(tests)

    def numbered(self) -> Test:
        tests: list[Test] = []
        while self.accept("Item", str(len(tests)), "is") or self.accept("item", str(len(tests)), "is"):
            tests.append(self.single())
            self.accept(",")
        return _items(tests)


def _each(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(test(item) for item in value)


def _mapping(key: Test, item: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(key(k) and item(v) for k, v in value.items())


def _items(tests: list[Test]) -> Test:
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(tests)
        and all(test(item) for test, item in zip(tests, value, strict=True))
    )
