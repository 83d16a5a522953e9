"""Which jobs may start: rules set by ``gnt-filter`` and limits that reasons give.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.filter import Filter
from ganeti_tw.model.filter_language import Test, compiled, fields_in

ACCEPT, PAUSE, REJECT, CONTINUE, RATE_LIMIT = "ACCEPT", "PAUSE", "REJECT", "CONTINUE", "RATE_LIMIT"
WATERMARK = "watermark"
REASON_FIELDS = ("source", "reason", "timestamp")

_LIMIT = re.compile(r"rate-limit:([0-9]{1,9}):(.*)", re.ASCII | re.DOTALL)

Ops: TypeAlias = Sequence[Mapping[str, Any]]
"""The opcodes of a job as they are stored."""

Bucket: TypeAlias = tuple[str, str, int]
"""What limits jobs, its name and how many of them may run."""


@frozen
class Rule:
    """A filter, ready to be applied."""

    uuid: str
    action: str
    limit: int
    tests: tuple[Callable[[int, Ops], bool], ...]

    def matches(self, job_id: int, ops: Ops) -> bool:
        return all(test(job_id, ops) for test in self.tests)


@frozen
class Verdict:
    """``action`` is ACCEPT, PAUSE or REJECT, by ``rule``; an accepted job needs room in all ``buckets``."""

    action: str = ACCEPT
    buckets: tuple[Bucket, ...] = ()
    rule: str = ""  # UUID; empty when none had anything to say


def check(predicates: Sequence[Any], action: Any) -> None:
    """BadRequest names a predicate or an action that makes no sense."""
    _action(action)
    for predicate in predicates:
        _test(predicate, 0)


def rules_of(filters: Iterable[Filter]) -> list[Rule]:
    """In the order in which they are asked: by priority, watermark and UUID."""
    rules = []
    for f in sorted(filters, key=lambda f: (f.priority, f.watermark, f.uuid)):
        action, limit = _action(f.action)
        rules.append(Rule(f.uuid, action, limit, tuple(_test(p, f.watermark) for p in f.predicates)))
    return rules


def judge(rules: Iterable[Rule], job_id: int, ops: Ops) -> Verdict:
    """What the first rule that matches and does not pass on says; with the limits of the job's reasons."""
    action, decided, buckets = ACCEPT, "", _reason_buckets(ops)
    for rule in rules:
        if rule.action != CONTINUE and rule.matches(job_id, ops):
            if rule.action == RATE_LIMIT:
                buckets.append(("rule", rule.uuid, rule.limit))
            else:
                action, decided = rule.action, rule.uuid
            break
    return Verdict(action, tuple(buckets), decided)


def _reason_buckets(ops: Ops) -> list[Bucket]:
    found: dict[Bucket, None] = {}
    for entry in _reasons(ops):
        match = _LIMIT.fullmatch(entry["reason"]) if isinstance(entry["reason"], str) else None
        if match is not None:
            found["reason", f"{match[1]}:{match[2]}", int(match[1])] = None
    return list(found)


def _reasons(ops: Ops) -> Iterable[dict[str, Any]]:
    for op in ops:
        for entry in op.get("reason") or ():
            if isinstance(entry, list | tuple) and len(entry) == len(REASON_FIELDS):
                yield dict(zip(REASON_FIELDS, entry, strict=True))


def _action(action: Any) -> tuple[str, int]:
    if action in (ACCEPT, PAUSE, REJECT, CONTINUE):
        return str(action), 0
    if isinstance(action, list | tuple) and len(action) == 2 and action[0] == RATE_LIMIT:
        limit = action[1]
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            return RATE_LIMIT, limit
    raise BadRequest(f"action: {action!r:.60} is none of ACCEPT, PAUSE, REJECT, CONTINUE, [RATE_LIMIT, number above 0]")


def _test(predicate: Any, watermark: int) -> Callable[[int, Ops], bool]:
    if not isinstance(predicate, list | tuple) or len(predicate) != 2 or predicate[1] is None:
        raise BadRequest(f"predicates: {predicate!r:.60} is no pair of a name and a filter")
    name, ast = predicate
    if name == "opcode":
        test = _compiled(name, ast)
        return lambda job_id, ops: any(test(_path_in(op)) for op in ops)
    if name == "reason":
        test = _plain(name, ast, REASON_FIELDS)
        return lambda job_id, ops: any(test(entry.get) for entry in _reasons(ops))
    if name == "jobid":
        test = _plain(name, _with_watermark(ast, watermark), ("id",))
        return lambda job_id, ops: test({"id": job_id}.get)
    raise BadRequest(f"predicates: {name!r:.60} is none of jobid, opcode, reason")


def _compiled(name: str, ast: Any) -> Test:
    try:
        return compiled(ast)
    except BadRequest as e:
        raise BadRequest(f"predicates: {name}: {e.text}") from None


def _plain(name: str, ast: Any, fields: Sequence[str]) -> Test:
    test = _compiled(name, ast)
    unknown = sorted(fields_in(ast) - set(fields))
    if unknown:
        raise BadRequest(f"predicates: {name} has no field {', '.join(unknown)}; it has {', '.join(fields)}")
    if _has_pattern(ast):
        raise BadRequest(f"predicates: {name} takes no regular expressions, only opcode does")
    return test


def _has_pattern(ast: Any) -> bool:
    if ast[0] in ("&", "|", "!"):
        return any(_has_pattern(part) for part in ast[1:])
    return bool(ast[0] == "=~")


def _with_watermark(ast: Any, watermark: int) -> Any:
    if not isinstance(ast, list | tuple):
        return ast
    if len(ast) == 3 and ast[2] == WATERMARK:
        return [ast[0], ast[1], watermark]
    return [_with_watermark(part, watermark) for part in ast]


def _path_in(op: Mapping[str, Any]) -> Callable[[str], Any]:
    """Fields of an opcode by name; dots reach into objects."""

    def get(path: str) -> Any:
        value: Any = op
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    return get
