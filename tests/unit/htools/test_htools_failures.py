"""What failed checks mean to people."""

from __future__ import annotations

from unittest import TestCase

from ganeti_tw.htools.failures import Fail, remedies


class RemedyTests(TestCase):
    def test_each_kind_that_is_named_is_explained_once(self) -> None:
        found = remedies("Group a: failure reasons: FailMem: 2, FailN1: 4, Group b: failure reasons: FailN1: 1")
        self.assertEqual([words.partition(":")[0] for words in found], ["FailMem", "FailN1"])
        self.assertIn("no-capacity-checks", found[1])

    def test_names_that_begin_alike_are_told_apart(self) -> None:
        self.assertEqual([words.partition(":")[0] for words in remedies("FailDiskCount: 1")], ["FailDiskCount"])

    def test_each_check_has_a_remedy_but_for_what_cannot_happen(self) -> None:
        unexplained = [fail for fail in Fail if not remedies(fail.value)]
        self.assertEqual(unexplained, [Fail.INTERNAL])

    def test_other_words_stay_alone(self) -> None:
        self.assertEqual(remedies("Instances of type file cannot be relocated"), [])
