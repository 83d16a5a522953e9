"""What holds for any parameters, filters and stored objects, whatever they are."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

import attrs
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Corrupt
from ganeti_tw.model import codec, defaults, filled
from ganeti_tw.model.declared import Parameter, Table, defaults_of
from ganeti_tw.model.filters import compiled, fields_in, parse
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.parameters import beparams, hvparams, merged
from model_samples import sample_config, sample_rows

TABLES: dict[str, Table] = {
    **HYPERVISORS,
    "backend": defaults.BACKEND,
    "node": defaults.NODE,
    "nic": defaults.NIC,
    **{f"disk {name}": table for name, table in defaults.DISK.items()},
}
PARAMETERS = [p for table in TABLES.values() for p in table.values()]
FULL = {name: table for name, table in TABLES.items() if table}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
words = st.sampled_from(["default", "DEFAULT", "none", "yes", "No", "12", "-1", "1.5", "4G", "", "/a/b", "a,b", "0"])
anything = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


class ParameterProperties(SynchronousTestCase):
    @settings(deadline=None)
    @given(st.sampled_from(PARAMETERS), anything)
    def test_any_value_is_taken_or_refused_by_name(self, parameter: Parameter, value: Any) -> None:
        try:
            taken = parameter.accept(value)
        except BadRequest as e:
            self.assertIn(parameter.name, e.text)
        else:
            self.assertEqual(parameter.accept(taken), taken)
            json.dumps(taken, allow_nan=False)

    def test_defaults_are_values_that_are_taken(self) -> None:
        for parameter in PARAMETERS:
            if parameter.default not in (None, ""):
                self.assertEqual(parameter.accept(parameter.default), parameter.default, parameter.name)

    @settings(deadline=None)
    @given(st.data(), st.sampled_from(sorted(FULL)))
    def test_merging(self, data: st.DataObject, name: str) -> None:
        """Given values win and are the same the second time; others stay; nothing given is changed."""
        table = FULL[name]
        own, new = self.some(data, table), self.some(data, table)
        before = copy.deepcopy((own, new))
        found = merged(table, own, new, "parameter")
        self.assertEqual((own, new), before)
        self.assertEqual(found, {**own, **new})
        self.assertEqual(merged(table, found, new, "parameter"), found)

    @settings(deadline=None)
    @given(st.data(), st.sampled_from(sorted(FULL)), st.sampled_from(["default", "Default", None]))
    def test_default_takes_away_what_is_there_and_the_inherited_shows(
        self, data: st.DataObject, name: str, word: str | None
    ) -> None:
        table = FULL[name]
        own = self.some(data, table)
        gone = set(data.draw(st.lists(st.sampled_from(sorted(table)), max_size=4)))
        found = merged(table, own, dict.fromkeys(gone, word), "parameter")
        self.assertEqual(found, {k: v for k, v in own.items() if k not in gone})
        shown = {**defaults_of(table), **found}
        self.assertEqual({k: shown[k] for k in gone}, {k: table[k].default for k in gone})
        self.assertEqual(merged(table, own, dict.fromkeys(own, word), "parameter"), {})

    @settings(deadline=None)
    @given(st.data(), st.sampled_from(sorted(FULL)))
    def test_filling_and_taking_the_difference(self, data: st.DataObject, name: str) -> None:
        """What differs from the inherited values makes the same filled ones again."""
        table = FULL[name]
        inherited, own = {**defaults_of(table), **self.some(data, table)}, self.some(data, table)
        whole = {**inherited, **own}
        difference = {k: v for k, v in whole.items() if v != inherited[k]}
        self.assertEqual({**inherited, **merged(table, {}, difference, "parameter")}, whole)

    @settings(deadline=None)
    @given(st.data(), st.sampled_from(sorted(HYPERVISORS)))
    def test_an_instance_shows_its_own_then_those_of_its_os_then_the_clusters(
        self, data: st.DataObject, name: str
    ) -> None:
        table = {k: p for k, p in HYPERVISORS[name].items() if not p.cluster_only and k != "usb_devices"}
        assume(table)
        config = sample_config()
        of_cluster, of_os, own = (self.some(data, table) for _ in range(3))
        cluster = attrs.evolve(config.cluster, hvparams={name: of_cluster}, os_hvp={"noop": {name: of_os}})
        whole = filled.hvparams(cluster, name, "noop", hvparams(name, {}, own))
        for key in table:
            nearest = next((level[key] for level in (own, of_os, of_cluster) if key in level), table[key].default)
            self.assertEqual(whole[key], nearest, key)

    @settings(deadline=None)
    @given(st.integers(0, 2**20), st.integers(0, 2**20))
    def test_minmem_is_never_above_maxmem(self, low: int, high: int) -> None:
        try:
            found = beparams({}, {"minmem": low, "maxmem": high})
        except BadRequest:
            return
        self.assertLessEqual(found["minmem"], found["maxmem"])

    def some(self, data: st.DataObject, table: Table) -> dict[str, Any]:
        """Own values of some parameters: their defaults or small other ones."""
        names = data.draw(st.lists(st.sampled_from(sorted(table)), max_size=4, unique=True))
        found = {}
        for name in names:
            parameter = table[name]
            for value in (data.draw(words), data.draw(st.integers(0, 9)), parameter.default):
                try:
                    taken = parameter.accept(value)
                except BadRequest:
                    continue
                if taken is not None and str(taken).lower() != "default":
                    found[name] = taken
                    break
        return found


FIELDS = st.sampled_from(["name", "be/memory", "disk.size/0", "tags"])
strings = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=6)
values = strings | st.integers(0, 10**6)
patterns = st.text(alphabet="ab1.*^$", max_size=4).filter(lambda text: _is_pattern(text))
tests = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", ">", "<=", ">="]), FIELDS, values).map(list),
    st.tuples(st.just("=~"), FIELDS, patterns).map(list),
    st.tuples(st.just("=[]"), FIELDS, values).map(list),
    st.tuples(st.just("?"), FIELDS).map(list),
)
asts = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("&|"), inner, inner).map(list), st.tuples(st.just("!"), inner).map(list)
    ),
    max_leaves=5,
)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def written(ast: Any) -> str:
    """The text of a filter, with brackets everywhere."""
    op, *rest = ast
    if op in "&|":
        return f"({(' and ' if op == '&' else ' or ').join(map(written, rest))})"
    if op == "!":
        return f"not ({written(rest[0])})"
    if op == "?":
        return f"({rest[0]})"
    name, value = rest
    if op == "=~":
        return f"({name} =~ m/{value}/)"
    shown = str(value) if isinstance(value, int) else json.dumps(value)
    return f"({shown} in {name})" if op == "=[]" else f"({name} {op} {shown})"


class FilterProperties(SynchronousTestCase):
    @settings(deadline=None)
    @given(asts, st.dictionaries(FIELDS, st.none() | strings | st.integers(0, 9) | st.lists(strings, max_size=2)))
    def test_what_is_written_is_read_with_the_same_meaning(self, ast: Any, thing: Mapping[str, Any]) -> None:
        read = parse(written(ast))
        self.assertEqual(fields_in(read), fields_in(ast))
        self.assertEqual(compiled(read)(thing.get), compiled(ast)(thing.get), (ast, read))

    @settings(deadline=None)
    @given(anything)
    def test_anything_is_a_filter_or_refused(self, ast: Any) -> None:
        try:
            test = compiled(ast)
        except BadRequest as e:
            self.assertTrue(e.text)
            return
        self.assertIn(test(lambda name: None), (True, False))

    @settings(deadline=None)
    @given(asts, st.integers(0, 20), anything)
    def test_a_damaged_filter_is_a_filter_or_refused(self, ast: Any, where: int, value: Any) -> None:
        damaged = _damaged(ast, where, value)
        try:
            compiled(damaged)(lambda name: "x")
        except BadRequest as e:
            self.assertTrue(e.text)

    @settings(deadline=None)
    @given(st.text(max_size=30))
    def test_any_text_is_a_filter_or_refused(self, text: str) -> None:
        try:
            ast = parse(text)
        except BadRequest as e:
            self.assertTrue(e.text)
            return
        self.assertEqual(json.loads(json.dumps(ast)), ast)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something in a value of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


def _damaged(plain: Any, where: int, value: Any) -> Any:
    """A copy with something else at one place, not the top."""
    copied = json.loads(json.dumps(plain))
    places = _places(copied)[1:]
    if not places:
        return copied
    *path, last = places[where % len(places)]
    inner = copied
    for key in path:
        inner = inner[key]
    inner[last] = value
    return copied


ROWS = {key: json.loads(value) for key, value in sample_rows().items()}


class CodecProperties(SynchronousTestCase):
    """Rows of every kind, as recorded, with anything added or put in the place of something."""

    def test_every_kind_is_here(self) -> None:
        self.assertEqual({kind for kind, _ in ROWS}, set(codec.CLASSES))

    def through(self, kind: str, key: str, plain: Any) -> Any:
        return json.loads(codec.row(codec.from_json(kind, key, plain)).value)

    def test_each_is_written_as_it_was_read(self) -> None:
        for (kind, key), plain in ROWS.items():
            self.assertEqual(self.through(kind, key, plain), plain, (kind, key))

    @settings(deadline=None)
    @given(st.sampled_from(sorted(ROWS)), st.dictionaries(texts.map("new {}".format), anything, min_size=1, max_size=3))
    def test_unknown_keys_are_kept(self, key: tuple[str, str], more: dict[str, Any]) -> None:
        plain = {**ROWS[key], **more}
        self.assertEqual(self.through(*key, plain), plain)

    @settings(deadline=None)
    @given(st.sampled_from(sorted(ROWS)), st.integers(0, 500), anything)
    def test_anything_in_the_place_of_something_is_kept_or_named(
        self, key: tuple[str, str], where: int, value: Any
    ) -> None:
        plain = _damaged(ROWS[key], where, value)
        try:
            thing = codec.from_json(*key, plain)
        except Corrupt as e:
            self.assertTrue(str(e).startswith(f"{key[0]} {key[1]}: "), e)
            self.assertGreater(len(str(e)), len(f"{key[0]} {key[1]}: ") + 5)
            return
        again = codec.decode(*codec.key_of(thing), codec.row(thing).value)
        self.assertEqual(codec.to_json(again), codec.to_json(thing))

    @settings(deadline=None)
    @given(st.sampled_from(sorted(ROWS)), st.binary(max_size=40))
    def test_garbage_is_named(self, key: tuple[str, str], junk: bytes) -> None:
        error = self.assertRaises(Corrupt, codec.decode, *key, b"\xff" + junk)
        self.assertIn(f"{key[0]} {key[1]}", str(error))
