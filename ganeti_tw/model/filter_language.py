"""The filter language of queries: which rows are wanted.

A filter is a nested list: ``["&", F, ...]``, ``["|", F, ...]``, ``["!", F]``,
``["?", field]``, and ``[op, field, value]`` with op one of ``== = != < > <= >=``,
``=~`` (regular expression found) and ``=[]`` (list contains).  None wants all.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.names import same_host

Get: TypeAlias = Callable[[str], Any]
"""The value of a field of one row; None when it has none."""

Test: TypeAlias = Callable[[Get], bool]

MAX_DEPTH = 100

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_BINARY = ("==", "=", "!=", "=~", "=[]", *_ORDER)


def evaluate(ast: Any, get: Get, hosts: Collection[str] = ()) -> bool:
    """Whether one row is wanted; for many rows :func:`compiled` is faster."""
    return compiled(ast, hosts)(get)


def compiled(ast: Any, hosts: Collection[str] = ()) -> Test:
    """A test of rows.  BadRequest says where the filter is wrong.

    ``hosts``: fields that hold host names; a short name equals the full one.  A
    comparison with a field that has no value is false (``!=`` is true), as is one
    of values that cannot be compared; text is turned into a number where the field
    holds one.
    """
    return _compiled(ast, frozenset(hosts), ())


def fields_in(ast: Any) -> frozenset[str]:
    """The fields a well-formed filter looks at."""
    if ast is None:
        return frozenset()
    if ast[0] in ("&", "|", "!"):
        return frozenset().union(*(fields_in(part) for part in ast[1:]))
    return frozenset((ast[1],))


def any_of(names: Iterable[Any], field: str = "name", numeric: bool = False) -> Any:
    """Rows whose field is one of these; texts with ``*`` or ``?`` are patterns.  None for no names.

    BadRequest when ``numeric`` and one is no number.
    """
    tests = [_one_name(name, field, numeric) for name in names]
    return ["|", *tests] if tests else None


def glob_pattern(glob: str) -> str:
    """A regular expression for host names: ``*`` and ``?`` match no dots, a domain may follow."""
    parts = {"*": "[^.]*", "?": "[^.]"}
    return "^" + "".join(parts.get(c, re.escape(c)) for c in glob) + r"(\..*)?$"


def _one_name(name: Any, field: str, numeric: bool) -> list[Any]:
    if numeric:
        if not re.fullmatch(r"[0-9]{1,18}", str(name), re.ASCII):
            raise BadRequest(f"{name!r} is no number")
        return ["==", field, int(name)]
    if "*" in name or "?" in name:
        return ["=~", field, glob_pattern(name)]
    return ["==", field, name]


def _compiled(ast: Any, hosts: frozenset[str], at: tuple[int, ...]) -> Test:
    if ast is None and not at:
        return lambda get: True
    if not isinstance(ast, list | tuple) or not ast or not isinstance(ast[0], str):
        raise _wrong(at, "a filter is a list that starts with an operator")
    if len(at) > MAX_DEPTH:
        raise _wrong(at[:3], f"filters nest at most {MAX_DEPTH} deep")
    op, operands = ast[0], ast[1:]
    if op in ("&", "|"):
        tests = [_compiled(part, hosts, (*at, n)) for n, part in enumerate(operands, 1)]
        return _all(tests) if op == "&" else _any(tests)
    if op == "!":
        _expect(operands, 1, op, at)
        test = _compiled(operands[0], hosts, (*at, 1))
        return lambda get: not test(get)
    if op == "?":
        _expect(operands, 1, op, at)
        return _true(_field(operands[0], at))
    if op in _BINARY:
        _expect(operands, 2, op, at)
        return _binary(op, _field(operands[0], at), operands[1], hosts, at)
    raise _wrong(at, f"unknown operator {op!r}; there are & | ! ? {' '.join(_BINARY)}")


def _wrong(at: tuple[int, ...], text: str) -> BadRequest:
    where = "".join(f"[{n}]" for n in at)
    return BadRequest(f"filter{', at ' + where if where else ''}: {text}")


def _expect(operands: Any, number: int, op: str, at: tuple[int, ...]) -> None:
    if len(operands) != number:
        raise _wrong(at, f"operator {op!r} takes {number} operand{'s' if number > 1 else ''}, not {len(operands)}")


def _field(name: Any, at: tuple[int, ...]) -> str:
    if not isinstance(name, str) or not name:
        raise _wrong(at, f"{name!r} is no field name")
    return name


def _all(tests: list[Test]) -> Test:
    return lambda get: all(test(get) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda get: any(test(get) for test in tests)


def _true(field: str) -> Test:
    return lambda get: bool(get(field))


def _binary(op: str, field: str, wanted: Any, hosts: frozenset[str], at: tuple[int, ...]) -> Test:
    equal = _same_host if field in hosts and isinstance(wanted, str) else _equal
    if op in ("==", "="):
        return lambda get: equal(get(field), wanted)
    if op == "!=":
        return lambda get: not equal(get(field), wanted)
    if op == "=[]":
        return lambda get: _contains(get(field), wanted, equal)
    if op == "=~":
        search = _pattern(wanted, at).search
        return lambda get: isinstance(value := get(field), str) and search(value) is not None
    compare = _ORDER[op]
    return lambda get: _ordered(compare, get(field), wanted)


def _pattern(wanted: Any, at: tuple[int, ...]) -> re.Pattern[str]:
    if not isinstance(wanted, str):
        raise _wrong(at, f"{wanted!r} is no regular expression")
    try:
        return re.compile(wanted)
    except (re.error, OverflowError, RecursionError) as e:
        raise _wrong(at, f"{wanted!r} is no regular expression: {e}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _alike(actual: Any, wanted: Any) -> tuple[Any, Any] | None:
    """Both as numbers or both as they are; None when one is a number and the other cannot be."""
    if _is_number(actual) == _is_number(wanted):
        return actual, wanted
    try:
        if _is_number(actual) and isinstance(wanted, str):
            return actual, float(wanted)
        if _is_number(wanted) and isinstance(actual, str):
            return float(actual), wanted
    except ValueError:
        pass
    return None


def _equal(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, bool) is not isinstance(wanted, bool):
        return False
    pair = _alike(actual, wanted)
    return pair is not None and bool(pair[0] == pair[1])


def _same_host(actual: Any, wanted: Any) -> bool:
    return isinstance(actual, str) and same_host(actual, wanted)


def _contains(actual: Any, wanted: Any, equal: Callable[[Any, Any], bool]) -> bool:
    return isinstance(actual, list | tuple | set | frozenset) and any(equal(item, wanted) for item in actual)


def _ordered(compare: Callable[[Any, Any], bool], actual: Any, wanted: Any) -> bool:
    pair = _alike(actual, wanted)
    if pair is None or None in pair:
        return False
    try:
        return bool(compare(*pair))
    except TypeError:
        return False
