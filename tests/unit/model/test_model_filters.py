from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.filters import any_of, evaluate, fields_in, from_arguments, glob_pattern, parse

ROW = {
    "name": "web1.example.com",
    "id": 12,
    "mem": 512.5,
    "up": True,
    "tags": ["a", "b"],
    "pnode_names": ["n1.example.com"],
    "empty": "",
    "ip": None,
    "ctime": 1700000000.5,
}


def holds(ast: Any) -> bool:
    return evaluate(ast, ROW.get, hosts=("name", "pnode_names"))


class EvaluateTests(SynchronousTestCase):
    def test_none_wants_all(self) -> None:
        self.assertTrue(holds(None))

    def test_equality_of_text(self) -> None:
        self.assertEqual([holds(["==", "empty", v]) for v in ("", "x")], [True, False])

    def test_the_old_sign_of_equality(self) -> None:
        self.assertTrue(holds(["=", "id", 12]))

    def test_short_host_names_are_equal(self) -> None:
        self.assertEqual([holds(["==", "name", v]) for v in ("web1", "WEB1.example", "web")], [True, True, False])

    def test_short_host_names_in_lists_are_found(self) -> None:
        self.assertTrue(holds(["=[]", "pnode_names", "n1"]))

    def test_short_names_of_other_fields_are_not_equal(self) -> None:
        self.assertFalse(evaluate(["==", "name", "web1"], ROW.get))

    def test_text_is_compared_with_a_number_as_number(self) -> None:
        self.assertEqual([holds(["==", "id", v]) for v in ("12", "x")], [True, False])

    def test_true_is_not_1(self) -> None:
        self.assertEqual([holds(["==", "up", v]) for v in (True, 1)], [True, False])

    def test_inequality(self) -> None:
        self.assertEqual([holds(["!=", "id", v]) for v in (12, 13)], [False, True])

    def test_order(self) -> None:
        found = [holds([op, "mem", 512.5]) for op in ("<", "<=", ">", ">=")]
        self.assertEqual(found, [False, True, False, True])

    def test_times_compare_as_seconds(self) -> None:
        self.assertTrue(holds([">", "ctime", 1700000000]))

    def test_what_cannot_be_ordered_is_false(self) -> None:
        self.assertEqual([holds(["<", f, 5]) for f in ("tags", "ip", "name")], [False] * 3)

    def test_regular_expressions_are_searched(self) -> None:
        self.assertEqual([holds(["=~", "name", p]) for p in ("b1", "^b1")], [True, False])

    def test_regular_expressions_find_only_text(self) -> None:
        self.assertFalse(holds(["=~", "id", "1"]))

    def test_containment(self) -> None:
        self.assertEqual([holds(["=[]", "tags", v]) for v in ("a", "c")], [True, False])

    def test_truth(self) -> None:
        found = [holds(["?", f]) for f in ("up", "id", "empty", "ip", "tags", "nosuch")]
        self.assertEqual(found, [True, True, False, False, True, False])

    def test_logic(self) -> None:
        yes, no = ["?", "up"], ["?", "ip"]
        found = [holds(a) for a in (["&", yes, no], ["|", yes, no], ["!", no], ["&"], ["|"])]
        self.assertEqual(found, [False, True, True, True, False])

    def test_fields_are_gathered(self) -> None:
        self.assertEqual(fields_in(["&", ["?", "a"], ["!", ["==", "b", 1]]]), {"a", "b"})


class MalformedTests(SynchronousTestCase):
    def says(self, ast: Any, needle: str) -> None:
        self.assertIn(needle, str(self.assertRaises(BadRequest, evaluate, ast, ROW.get)))

    def test_the_place_is_told(self) -> None:
        self.says(["&", ["?", "a"], ["~~", "b", 1]], "at [2]: unknown operator '~~'")

    def test_the_number_of_operands_is_checked(self) -> None:
        self.says(["==", "a"], "takes 2 operands")

    def test_a_filter_is_a_list(self) -> None:
        for ast in ("name", 5, [], {}, [1], ["&", None]):
            self.says(ast, "a filter is a list")

    def test_a_field_is_text(self) -> None:
        self.says(["==", 5, "x"], "5 is no field name")

    def test_a_bad_regular_expression_is_shown(self) -> None:
        self.says(["=~", "a", "("], "'('")

    def test_depth_is_limited(self) -> None:
        ast: Any = ["?", "a"]
        for _ in range(5000):
            ast = ["!", ast]
        self.says(ast, "100 deep")


class ParseTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, ast in (
            ('name == "x"', ["==", "name", "x"]),
            ("name = 'x'", ["==", "name", "x"]),
            ("be/maxmem >= 1024", [">=", "be/maxmem", 1024]),
            ("load<-1.5", ["<", "load", -1.5]),
            ("up", ["?", "up"]),
            ("not up", ["!", ["?", "up"]]),
            ("!up", ["!", ["?", "up"]]),
            ('"a" in tags', ["=[]", "tags", "a"]),
            ('"a" not in tags', ["!", ["=[]", "tags", "a"]]),
            ("name =~ m/^web.*/", ["=~", "name", "^web.*"]),
            ("name =~ m/WEB/i", ["=~", "name", "(?i:WEB)"]),
            ("name =~ m#a/b#", ["=~", "name", "a/b"]),
            (r"name =~ m/a\/b/", ["=~", "name", "a/b"]),
            ("name !~ m/x/", ["!", ["=~", "name", "x"]]),
            ('name =* "w*"', ["=~", "name", glob_pattern("w*")]),
            ('name !* "w*"', ["!", ["=~", "name", glob_pattern("w*")]]),
            (r'name == "a\"b"', ["==", "name", 'a"b']),
        ):
            self.assertEqual(parse(text), ast, text)

    def test_and_binds_closer_than_or(self) -> None:
        self.assertEqual(parse("a or b and c"), ["|", ["?", "a"], ["&", ["?", "b"], ["?", "c"]]])

    def test_parentheses_bind_closest(self) -> None:
        self.assertEqual(parse("(a or b) and not (c)"), ["&", ["|", ["?", "a"], ["?", "b"]], ["!", ["?", "c"]]])

    def test_signs_are_words(self) -> None:
        self.assertEqual(parse("a&b|c"), parse("a and b or c"))

    def test_faults_tell_their_position(self) -> None:
        for text, at in (
            ("", 1),
            ("name ==", 8),
            ("name == == 5", 9),
            ("a b", 3),
            ("(a", 3),
            ("a and", 6),
            ("a == $", 6),
            ('"x" of tags', 5),
            ('a == "open', 6),
            ("a =~ m/x/q", 6),
            ("12 == a", 4),
            ("a == " + "1" * 5000, 6),
        ):
            error = self.assertRaises(BadRequest, parse, text)
            self.assertIn(f"at character {at}:", str(error), text)

    def test_a_bad_regular_expression_is_refused(self) -> None:
        self.assertRaises(BadRequest, parse, "a =~ m/(/")

    def test_deep_nesting_is_refused(self) -> None:
        for text in ("(" * 5000, "!" * 5000 + "a"):
            self.assertRaises(BadRequest, parse, text)

    @given(st.text(alphabet="ab1 \"'=!~<>()&|/m*.#\\in"))
    def test_any_text_is_a_filter_or_refused(self, text: str) -> None:
        try:
            ast = parse(text)
        except BadRequest:
            return
        evaluate(ast, ROW.get)


class ArgumentTests(SynchronousTestCase):
    def test_names_become_equalities(self) -> None:
        self.assertEqual(from_arguments(["a", "b"]), ["|", ["==", "name", "a"], ["==", "name", "b"]])

    def test_no_names_want_all(self) -> None:
        self.assertIs(any_of([]), None)

    def test_one_argument_with_operators_is_a_filter(self) -> None:
        self.assertEqual(from_arguments(["a==5"]), ["==", "a", 5])

    def test_one_plain_argument_can_be_forced(self) -> None:
        self.assertEqual(from_arguments(["up"], force=True), ["?", "up"])

    def test_only_one_filter_can_be_given(self) -> None:
        self.assertRaises(BadRequest, from_arguments, ["a", "b"], force=True)

    def test_numbers_are_numbers(self) -> None:
        self.assertEqual(any_of(["7"], "id", numeric=True), ["|", ["==", "id", 7]])

    def test_what_is_no_number_is_refused(self) -> None:
        self.assertRaises(BadRequest, any_of, ["x"], "id", numeric=True)

    def test_globs_match_labels(self) -> None:
        ast = any_of(["web?.*"])
        names = ["web1.example.com", "web10.example.com", "web1"]
        self.assertEqual([evaluate(ast, {"name": n}.get) for n in names], [True, False, False])
