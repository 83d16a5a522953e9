"""The filter language as people write it, for example ``pnode == "n1" and not be/maxmem < 1024``.

====================================  ==========================================
``field``                             it is true, not empty, not 0
``field == "x"`` ``!= < > <= >=``     comparison with a text or number
``field =~ m/re/i`` ``!~``            a regular expression is found; i s as flags
``field =* "web*"`` ``!*``            a glob for host names
``"x" in field`` ``not in``           a list contains
``and or not ( )``, ``& | !``         ``and`` binds closer than ``or``
====================================  ==========================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.filter_language import MAX_DEPTH, any_of, compiled, glob_pattern

_OPERATORS = set("\t\n\v\f\r !\"'()/<=>\\~")
"""A single argument with one of these is a filter, not a name."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?[0-9]{1,30}(?:\.[0-9]{1,30})?)(?![\w.])
    | (?P<regex>m(?P<mark>[/\#^|])(?P<re>(?:\\.|(?!(?P=mark)).)*)(?P=mark)(?P<flags>[a-zA-Z]*))
    | (?P<word>[a-zA-Z_][\w./-]*)
    | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<op>==|!=|<=|>=|=~|!~|=\*|!\*|&&|\|\||[=<>()!&|])
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = {"==": "==", "=": "==", "!=": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_LOGIC = {"and": "and", "&": "and", "&&": "and", "or": "or", "|": "or", "||": "or", "not": "not", "!": "not"}


@frozen
class _Token:
    kind: str  # number, regex, word, text, op, logic, end
    value: Any
    at: int


def parse(text: str) -> Any:
    """The filter as a nested list.  BadRequest tells the position, counted from 1."""
    parser = _Parser(_tokens(text))
    ast = parser.alternatives(0)
    parser.expect_end()
    compiled(ast)
    return ast


def from_arguments(arguments: Sequence[str], field: str = "name", numeric: bool = False, force: bool = False) -> Any:
    """The filter that the arguments of a ``list`` command stand for; None for none.

    One argument with operator characters, or any one when forced, is a filter;
    otherwise they are names.
    """
    if force and len(arguments) > 1:
        raise BadRequest("give the filter as one argument")
    if len(arguments) == 1 and (force or _OPERATORS & set(arguments[0])):
        return parse(arguments[0])
    return any_of(arguments, field, numeric)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            start = len(text) - len(text[at:].lstrip())
            raise _wrong(start, f"{text[start : start + 20]!r} is not understood")
        tokens.append(_token(match))
        at = match.end()
    tokens.append(_Token("end", None, end))
    return tokens


def _token(match: re.Match[str]) -> _Token:
    kind = match.lastgroup or ""
    kind = "regex" if match["regex"] is not None else kind
    value, at = match[kind], match.start(kind)
    if kind == "number":
        return _Token(kind, float(value) if "." in value else int(value), at)
    if kind == "text":
        return _Token(kind, re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL), at)
    if kind == "regex":
        return _Token(kind, _regex(match, at), at)
    if value.lower() in _LOGIC:
        return _Token("logic", _LOGIC[value.lower()], at)
    return _Token(kind, value, at)


def _regex(match: re.Match[str], at: int) -> str:
    flags = "".join(sorted(set(match["flags"].lower())))
    if set(flags) - {"i", "s"}:
        raise _wrong(at, "a regular expression has only the flags i and s")
    mark = match["mark"]
    pattern = match["re"].replace("\\" + mark, mark if mark in "/#" else "\\" + mark)
    return f"(?{flags}:{pattern})" if flags else pattern


def _wrong(at: int, text: str) -> BadRequest:
    return BadRequest(f"filter, at character {at + 1}: {text}")


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.next = 0

    def take(self) -> _Token:
        token = self.tokens[self.next]
        if token.kind != "end":
            self.next += 1
        return token

    def takes(self, kind: str, value: Any) -> bool:
        """Step over a token if it is this one."""
        token = self.tokens[self.next]
        if (token.kind, token.value) != (kind, value):
            return False
        self.next += 1
        return True

    def expect_end(self) -> None:
        token = self.take()
        if token.kind != "end":
            raise _wrong(token.at, f"the filter should end before {token.value!r}")

    def alternatives(self, depth: int) -> Any:
        parts = [self.conjunction(depth)]
        while self.takes("logic", "or"):
            parts.append(self.conjunction(depth))
        return ["|", *parts] if len(parts) > 1 else parts[0]

    def conjunction(self, depth: int) -> Any:
        parts = [self.negation(depth)]
        while self.takes("logic", "and"):
            parts.append(self.negation(depth))
        return ["&", *parts] if len(parts) > 1 else parts[0]

    def negation(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _wrong(self.tokens[self.next].at, f"filters nest at most {MAX_DEPTH} deep")
        if self.takes("logic", "not"):
            return ["!", self.negation(depth + 1)]
        if self.takes("op", "("):
            inner = self.alternatives(depth + 1)
            if not self.takes("op", ")"):
                raise _wrong(self.tokens[self.next].at, "a closing parenthesis is missing")
            return inner
        return self.condition()

    def condition(self) -> Any:
        token = self.take()
        if token.kind in ("text", "number"):
            return self.membership(token)
        if token.kind != "word":
            raise _wrong(token.at, "a field name, text, number, not or ( should be here")
        if self.tokens[self.next].kind != "op" or self.tokens[self.next].value in ("(", ")"):
            return ["?", token.value]
        return self.comparison(token.value)

    def membership(self, value: _Token) -> Any:
        negated = self.takes("logic", "not")
        word = self.take()
        if (word.kind, str(word.value).lower()) != ("word", "in"):
            raise _wrong(word.at, "after a value comes in or not in")
        field = self.take()
        if field.kind != "word":
            raise _wrong(field.at, "a field name should be here")
        test = ["=[]", field.value, value.value]
        return ["!", test] if negated else test

    def comparison(self, field: str) -> Any:
        op = self.take()
        value = self.take()
        if op.value in _COMPARISONS:
            if value.kind not in ("text", "number"):
                raise _wrong(value.at, f"after {op.value} comes a number or a text in quotes")
            return [_COMPARISONS[op.value], field, value.value]
        if op.value in ("=~", "!~"):
            if value.kind not in ("regex", "text"):
                raise _wrong(value.at, f"after {op.value} comes a regular expression like m/web[0-9]+/i")
            test = ["=~", field, value.value]
        else:
            if value.kind != "text":
                raise _wrong(value.at, f"after {op.value} comes a pattern in quotes")
            test = ["=~", field, glob_pattern(value.value)]
        return ["!", test] if op.value[0] == "!" else test
