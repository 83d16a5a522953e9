"""The JSON of long answers, in pieces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

AT_ONCE = 500  # members of an object or array that are written in one go
TURN = 2**20  # bytes of JSON, some milliseconds of work; more holds up everybody else
DEPTH = 2  # rows of a query are two levels below the top

_encode = msgspec.json.encode


def is_long(value: Any, depth: int = DEPTH) -> bool:
    """Whether an object or array near the top has very many members."""
    if not isinstance(value, dict | list | tuple):
        return False
    if len(value) > AT_ONCE:
        return True
    members = value.values() if isinstance(value, dict) else value
    return depth > 0 and any(is_long(member, depth - 1) for member in members)


async def encoded(value: Any, pause: Callable[[], Awaitable[None]]) -> bytes:
    """The same as ``msgspec.json.encode`` gives; ``pause`` lets others work."""
    text: list[bytes] = []
    size = total = 0
    for piece in _pieces(value, DEPTH):
        text.append(piece)
        size += len(piece)
        if size >= TURN:
            total, size = total + size, 0
            await pause()
    whole = b"".join(text)
    if total:
        await pause()  # whoever sends it copies it once more
    return whole


def _pieces(value: Any, depth: int) -> Iterator[bytes]:
    if not is_long(value, depth):
        yield _encode(value)
    elif isinstance(value, dict):
        yield from _between(b"{}", _of_object(value, depth))
    else:
        yield from _between(b"[]", _of_array(value, depth))


def _of_object(value: dict[Any, Any], depth: int) -> Iterator[Iterator[bytes]]:
    if len(value) > AT_ONCE:
        members = iter(value.items())
        while part := dict(islice(members, AT_ONCE)):
            yield iter((_encode(part)[1:-1],))
        return
    for key, member in value.items():
        yield _after(_encode({key: 0})[1:-2], _pieces(member, depth - 1))


def _of_array(value: list[Any] | tuple[Any, ...], depth: int) -> Iterator[Iterator[bytes]]:
    if len(value) > AT_ONCE:
        for start in range(0, len(value), AT_ONCE):
            yield iter((_encode(value[start : start + AT_ONCE])[1:-1],))
        return
    for member in value:
        yield _pieces(member, depth - 1)


def _between(brackets: bytes, members: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
    yield brackets[:1]
    for number, pieces in enumerate(members):
        if number:
            yield b","
        yield from pieces
    yield brackets[1:]


def _after(key: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield key
    yield from pieces
