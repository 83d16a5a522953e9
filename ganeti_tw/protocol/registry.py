"""Which messages may travel between hosts, and how they are written.

A class becomes a message by ``@wire("room.verb/version")``.  Its body and its
answer are msgpack, converted from and to the declared types, so that anything
malformed is refused before an actor sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ganeti_tw.errors import BadRequest

T = TypeVar("T")

_WORD = re.compile("([A-Z][a-z]*)")

_by_name: dict[str, type[Any]] = {}
_names: dict[type[Any], str] = {}
_answers: dict[str, Any] = {}
_words: dict[str, str] = {}
_looks: set[type[Any]] = set()


def wire(name: str, *, what: str, answer: Any = None, looks: bool = False) -> Callable[[type[T]], type[T]]:
    """Let messages of this class travel as ``name``; ``answer`` is the type of its answer.

    ``what``: the receiver is to do, for administrators who read that it was not: "node1 could not be asked to ...".
    ``looks``: the receiver only looks; whoever asked may leave it at that.
    """

    def register(cls: type[T]) -> type[T]:
        if name in _by_name:
            raise ValueError(f"two messages are called {name}")
        _by_name[name], _names[cls], _answers[name], _words[name] = cls, name, answer, what
        if looks:
            _looks.add(cls)
        return cls

    return register


def names() -> list[str]:
    """The names of all messages that may travel, sorted."""
    return sorted(_by_name)


def what(name: str) -> str:
    """What whoever gets the message of that name is to do, in the words of administrators."""
    return _words.get(name, name)


def asked_of(message: Any) -> str:
    """What whoever gets the message is to do: as declared, else made of the name of its class, which is imperative."""
    words = _words.get(_names.get(type(message), ""))
    return words if words is not None else _WORD.sub(r" \1", type(message).__name__).strip(" _").lower()


def only_looks(message: Any) -> bool:
    """Whether nothing is another way than before when the message was handled."""
    return type(message) in _looks


def is_question(name: str) -> bool:
    """Whether the message of that name only looks."""
    return _by_name.get(name) in _looks


def name_of(message: Any) -> str:
    """The name a message travels under; BadRequest when it may not."""
    try:
        return _names[type(message)]
    except KeyError:
        raise BadRequest(f"{type(message).__name__} stays inside its process") from None


def pack(message: Any) -> tuple[str, bytes]:
    """Name and body of a message."""
    return name_of(message), msgspec.msgpack.encode(message)


def unpack(name: str, body: bytes) -> Any:
    """The message; BadRequest when there is none of that name or it is malformed."""
    cls = _by_name.get(name)
    if cls is None:
        raise BadRequest(f"unknown message {name!r}: the other host runs another version?")
    return _decode(name, body, cls)


def pack_answer(value: Any) -> bytes:
    """The body of an answer."""
    return msgspec.msgpack.encode(value)


def unpack_answer(name: str, body: bytes) -> Any:
    """The answer to the message called ``name``; BadRequest when it is malformed."""
    return _decode(f"answer to {name}", body, _answers[name])


def _decode(what: str, body: bytes, type_: Any) -> Any:
    try:
        return msgspec.msgpack.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise BadRequest(f"{what} is malformed: {e}") from None
