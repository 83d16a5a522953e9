"""Finding operations by their identifier and making them from submitted JSON."""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import attrs
import msgspec

import ganeti_tw.operations
from ganeti_tw.errors import BadRequest, NotFound
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context

SHARED, EXCLUSIVE = 0, 1
BGL = "cluster/BGL"


class Operation(Protocol):
    """Something a job does.

    It may have more: ``dry_run_result(config)`` when it is only tried; ``hooks``
    and ``hooked``, of which :mod:`ganeti_tw.operations.hooks` tells; ``interrupted(config)``, when a master died in the
    middle of it: what is done and what is left to do, as far as the configuration tells;
    ``opportunistic(config)``, the locks of which it takes those that are free, or
    None; ``before_locks(context)``, a coroutine that changes nothing; ``choose(context)``, see below.

    What an operation leaves to be chosen, such as the node of a new instance, ``choose``
    chooses once the locks of all that it may choose from are held: a coroutine that changes nothing
    and gives the operation with its choice made.  That one is checked in turn and done; the locks that it
    does not need are given back.  When ``choose`` raises TryLater all locks are given back, and it is tried again
    a while later.
    """

    def locks(self, config: Config) -> Mapping[str, int]:
        """Locks needed, each shared (0) or exclusive (1); looked up again once they are held."""

    def check(self, config: Config) -> None:
        """Raise when it cannot work; changes nothing."""

    async def run(self, context: Context) -> Any:
        """Do it; the value is the result of the opcode."""


@attrs.frozen
class Opportunistic:
    """Locks, each of ``some`` whole or not at all, of which an operation takes what is free, and at least ``least``.

    Which it got is in :meth:`Context.locks`.
    """

    some: tuple[Mapping[str, int], ...]
    least: int = 1


T = TypeVar("T")

Depends: TypeAlias = tuple[int, list[Literal["canceled", "success", "error"]]]
"""Id of a job and the statuses it has to end in; without any, it may end in all but canceled."""

PRIVATE = {"private": True}
"""Metadata of fields whose values are neither stored nor shown."""

OPCODES = {"opcodes": True}
"""Metadata of fields that hold opcodes, whose private values are neither stored nor shown."""

PRIORITIES = (-10, 0, 10)
DEEPEST = 20  # levels of lists and objects in an opcode
LARGEST_JOB = 10**18
LARGEST_NUMBER = 2**63 - 1

_FIELD = re.compile(r"`\$\.(\w+)")


@attrs.frozen
class Kind:
    """What is known of an operation besides its fields."""

    op_id: str
    cls: type[Any]
    summary: str | None  # field shown in job lists
    big_lock: bool  # nothing else runs meanwhile
    read_only: bool  # may be answered without a job
    not_yet: tuple[str, ...]  # parameters that are refused when given


@attrs.frozen
class Common:
    """Parameters that every operation has."""

    dry_run: bool | None = None
    debug_level: Annotated[int, msgspec.Meta(ge=0)] | None = None
    priority: int = 0
    depends: list[Depends] | None = None
    comment: str | None = None
    reason: list[Any] = attrs.field(factory=list)


_kinds: dict[str, Kind] = {}
_COMMON = tuple(a.name for a in attrs.fields(Common))


def operation(
    op_id: str,
    *,
    summary: str | None = None,
    big_lock: bool = False,
    read_only: bool = False,
    not_yet: tuple[str, ...] = (),
) -> Callable[[type[T]], type[T]]:
    """Make a frozen class the operation of that identifier."""

    def register(cls: type[T]) -> type[T]:
        if op_id in _kinds:
            raise ValueError(f"two operations are called {op_id}")
        _kinds[op_id] = Kind(op_id, cls, summary, big_lock, read_only, not_yet)
        return cls

    return register


def load_all() -> dict[str, Kind]:
    """Every operation by identifier."""
    for module in pkgutil.walk_packages(ganeti_tw.operations.__path__, "ganeti_tw.operations."):
        importlib.import_module(module.name)
    return dict(sorted(_kinds.items()))


def find(op_id: Any) -> Kind:
    """NotFound names an operation that is not there."""
    kind = _kinds.get(op_id) if isinstance(op_id, str) else None
    if kind is None:
        raise NotFound(f"there is no operation {op_id!r}")
    return kind


def parse(opcode: Any) -> tuple[Kind, Operation, Common]:
    """The operation of an opcode object; BadRequest names the parameter that is wrong."""
    if not isinstance(opcode, dict):
        raise BadRequest("an opcode is an object with OP_ID and parameters")
    kind = find(opcode.get("OP_ID"))
    _storable(kind.op_id, opcode)
    given = {k: v for k, v in opcode.items() if k != "OP_ID"}
    shared = {k: given.pop(k) for k in _COMMON if k in given}
    if shared.get("reason", ()) is None:  # as good as none
        del shared["reason"]
    common = _convert(kind.op_id, shared, Common)
    if common.priority not in PRIORITIES:
        raise BadRequest(f"{kind.op_id}: priority {common.priority} is none of -10, 0, 10")
    if any(not -LARGEST_JOB < number < LARGEST_JOB or not number for number, _ in common.depends or ()):
        raise BadRequest(f"{kind.op_id}: depends: job ids begin at 1; negative ones count back from the job's own id")
    fields = {a.name: a for a in attrs.fields(kind.cls)}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise BadRequest(f"{kind.op_id} has no parameter {', '.join(unknown)}")
    op = _convert(kind.op_id, given, kind.cls)
    for name in kind.not_yet:
        if getattr(op, name) != _default(fields[name]):
            raise BadRequest(f"{kind.op_id}: parameter {name} is not supported yet")
    return kind, op, common


def input_of(kind: Kind, op: Operation, common: Common) -> dict[str, Any]:
    """The opcode object with all defaults filled in, as it is stored and shown: without private values."""
    values = {a.name: _shown(a, getattr(op, a.name)) for a in attrs.fields(kind.cls)}
    values.update({name: getattr(common, name) for name in _COMMON})
    return {"OP_ID": kind.op_id, **dict(sorted(values.items()))}


def remembered(opcode: Mapping[str, Any]) -> Operation:
    """The operation of a stored opcode, as if private values had not been given; BadRequest when it cannot be read."""
    private = {a.name for a in attrs.fields(find(opcode.get("OP_ID")).cls) if a.metadata.get("private")}
    return parse({k: v for k, v in opcode.items() if k not in private})[1]


def is_whole(opcode: Mapping[str, Any]) -> bool:
    """Whether a stored opcode still has all it was submitted with; private values are not stored."""
    kind = find(opcode.get("OP_ID"))
    return all(_is_whole(a, opcode.get(a.name)) for a in attrs.fields(kind.cls))


def _is_whole(field: Any, value: Any) -> bool:
    if field.metadata.get("opcodes"):
        return all(is_whole(opcode) for opcode in value or ())
    return not field.metadata.get("private") or value == _default(field)


def _shown(field: Any, value: Any) -> Any:
    if field.metadata.get("opcodes"):
        return [_shown_opcode(opcode) for opcode in value]
    if not field.metadata.get("private") or value == _default(field):
        return value
    return dict.fromkeys(value) if isinstance(value, dict) else None


def _shown_opcode(opcode: Any) -> Any:
    kind = _kinds.get(str(opcode.get("OP_ID"))) if isinstance(opcode, dict) else None
    if kind is None:
        return None  # nobody knows what in it is private; it is going to be refused
    fields = attrs.fields_dict(kind.cls)
    return {name: _shown(fields[name], value) if name in fields else value for name, value in opcode.items()}


def summary_of(opcode: Mapping[str, Any]) -> str:
    """What job lists show of an opcode: ``INSTANCE_CREATE(web1)``."""
    op_id = str(opcode.get("OP_ID", ""))
    text = op_id.removeprefix("OP_")
    kind = _kinds.get(op_id)
    if kind is None or kind.summary is None:
        return text
    value = opcode.get(kind.summary)
    if isinstance(value, (list, tuple)):
        value = ",".join(str(v) for v in value)
    if isinstance(value, float) and value.is_integer():  # as it was given
        value = int(value)
    return f"{text}({value})"


def _storable(what: str, value: Any, depth: int = 0) -> None:
    """Refuse what JSON can say and our files cannot."""
    if depth > DEEPEST:
        raise BadRequest(f"{what}: nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            _storable(what, key, depth + 1)
            _storable(f"{what}: {key}" if depth == 0 else what, inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _storable(what, inner, depth + 1)
    elif isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise BadRequest(f"{what}: text with half a character")
    elif isinstance(value, int):
        if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            raise BadRequest(f"{what}: {value:.6g} is too large a number")
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadRequest(f"{what}: {value} is no number to work with")


def _default(field: Any) -> Any:
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return field.default.factory()
    return None if field.default is attrs.NOTHING else field.default


def _convert(op_id: str, given: dict[str, Any], cls: type[Any]) -> Any:
    try:
        return msgspec.convert(given, cls)
    except (msgspec.ValidationError, ValueError) as e:
        raise BadRequest(f"{op_id}: {_explained(str(e), cls)}") from None


def _explained(text: str, cls: type[Any]) -> str:
    """With the words that are possible where only one of some is."""
    where = _FIELD.search(text)
    if where is None or not text.startswith("Invalid enum value"):
        return text
    return f"{text}: it must be one of {', '.join(_words(get_type_hints(cls)[where[1]]))}"


def _words(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return [str(word) for word in get_args(hint)]
    return [word for inner in get_args(hint) for word in _words(inner)]
