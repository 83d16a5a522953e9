from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli import values


class SizeTests(SynchronousTestCase):
    def test_a_plain_number_is_mib(self) -> None:
        self.assertEqual(values.size_mib("128"), 128)

    def test_suffixes_in_any_case_and_form(self) -> None:
        for text in ("2g", "2G", "2gb", "2GiB", "2048m", "2048MB", "2048mib", " 2 g ", "2. g"):
            self.assertEqual(values.size_mib(text), 2048, text)
        self.assertEqual(values.size_mib("1t"), 1024 * 1024)
        self.assertEqual(values.size_mib("1TiB"), 1024 * 1024)

    def test_rounded_up_to_a_multiple_of_four(self) -> None:
        cases = {"0": 0, "1": 4, "4": 4, "5": 8, "127": 128, "0.5": 4, "4.1": 8, "1.5g": 1536, ".5g": 512, "0.001g": 4}
        self.assertEqual({text: values.size_mib(text) for text in cases}, cases)

    def test_what_is_no_size_is_named(self) -> None:
        for text in ("", " ", "g", "1x", "1kb", "-4", "1.2.3", "1 2", "1g2", "0x10", "1e3", "nan", "1,5g"):
            with self.assertRaises(ValueError, msg=text) as caught:
                values.size_mib(text)
            self.assertIn(f"'{text}'", str(caught.exception))

    @settings(max_examples=40)
    @given(st.integers(0, 10**9))
    def test_never_less_than_asked_nor_a_granule_more(self, mib: int) -> None:
        size = values.size_mib(str(mib))
        self.assertEqual(size % 4, 0)
        self.assertTrue(mib <= size < mib + 4)


class BooleanTests(SynchronousTestCase):
    def test_words_in_any_case(self) -> None:
        self.assertEqual([values.boolean(t) for t in ("yes", "TRUE", "no", "False")], [True, True, False, False])

    def test_anything_else_is_refused(self) -> None:
        for text in ("", "1", "y", "on", "yes "):
            self.assertRaises(ValueError, values.boolean, text)


class PieceTests(SynchronousTestCase):
    def test_commas_and_backslashes(self) -> None:
        cases = {
            "": [],
            "a": ["a"],
            "a,b": ["a", "b"],
            "a,": ["a", ""],
            "a\\,b,c": ["a,b", "c"],
            "a\\\\,b": ["a\\", "b"],
            "a\\\\\\,b": ["a\\,b"],
            "a\\": ["a\\"],
        }
        self.assertEqual({text: values.pieces(text) for text in cases}, cases)

    @settings(max_examples=40)
    @given(st.lists(st.text(), min_size=1))
    def test_escaped_texts_come_back(self, texts: list[str]) -> None:
        joined = ",".join(t.replace("\\", "\\\\").replace(",", "\\,") for t in texts)
        self.assertEqual(values.pieces(joined), [] if texts == [""] else texts)


class KeyValueTests(SynchronousTestCase):
    def test_all_forms(self) -> None:
        self.assertEqual(
            values.key_values("a=1,b,no_c,-d,e=,f=x=y,g=1\\,2"),
            {"a": "1", "b": True, "c": False, "d": None, "e": "", "f": "x=y", "g": "1,2"},
        )

    def test_nothing(self) -> None:
        self.assertEqual(values.key_values(""), {})

    def test_prefixes_count_only_without_a_value(self) -> None:
        self.assertEqual(values.key_values("no_a=1,-b=2"), {"no_a": "1", "-b": "2"})

    def test_a_key_given_twice_or_not_at_all(self) -> None:
        for text in ("a=1,a=2", "a,no_a", "=1", "a,,b", "no_", "-"):
            self.assertRaises(ValueError, values.key_values, text)

    def test_values_are_not_repeated_in_errors(self) -> None:
        error = self.assertRaises(ValueError, values.key_values, "secret=hunter2,secret=hunter3")
        self.assertNotIn("hunter", str(error))


class NamedKeyValueTests(SynchronousTestCase):
    def test_all_forms(self) -> None:
        cases = {
            "kvm": ("kvm", {}),
            "kvm:": ("kvm", {}),
            "kvm:acpi=no,pae": ("kvm", {"acpi": "no", "pae": True}),
            "0:size=1g,vg=a:b": ("0", {"size": "1g", "vg": "a:b"}),
            "-1:size=1g": ("-1", {"size": "1g"}),
            "no_kvm": ("kvm", False),
            "-kvm": ("kvm", None),
        }
        self.assertEqual({text: values.named_key_values(text) for text in cases}, cases)

    def test_what_is_taken_away_has_no_parameters(self) -> None:
        for text in ("no_kvm:a=1", "-kvm:a", "no_", "-", ":a=1", ""):
            self.assertRaises(ValueError, values.named_key_values, text)


class SectionTests(SynchronousTestCase):
    def test_lists_of_sections(self) -> None:
        self.assertEqual(
            values.sections("min:a=1/max:a=2,b=3//min:a=4/max:a=5"),
            [{"min": {"a": "1"}, "max": {"a": "2", "b": "3"}}, {"min": {"a": "4"}, "max": {"a": "5"}}],
        )

    def test_the_word_default_stays(self) -> None:
        self.assertEqual(values.sections("default"), "default")

    def test_sections_need_names_of_their_own(self) -> None:
        for text in ("", "min", ":a=1", "min:a=1/min:a=2", "min:a=1//", "min:a=1,a=2"):
            self.assertRaises(ValueError, values.sections, text)


class NumberOrDefaultTests(SynchronousTestCase):
    def test_numbers_and_the_word(self) -> None:
        self.assertEqual([values.number_or_default(t) for t in ("4", "1.5", "default")], [4.0, 1.5, "default"])
        self.assertRaises(ValueError, values.number_or_default, "many")
