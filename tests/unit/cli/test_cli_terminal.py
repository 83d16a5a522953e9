from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cli_world import FakeTerminal
from ganeti_tw.cli.terminal import Choice, ask, confirm, confirm_many

CHOICES = (Choice("y", "yes", "Do it"), Choice("v", "view", "Look"), Choice("n", "no", "Leave it"))


class AskTests(SynchronousTestCase):
    def test_the_first_letter_counts_in_any_case(self) -> None:
        for line in ("y\n", "Y\n", " yes\n"):
            self.assertEqual(ask(FakeTerminal(line), "Really?", CHOICES), "yes")

    def test_the_question_and_the_choices_are_shown(self) -> None:
        terminal = FakeTerminal("v\n")
        self.assertEqual(ask(terminal, "Really?", CHOICES), "view")
        self.assertEqual(terminal.shown, "Really?\ny/v/[n]/?: ")

    def test_without_a_terminal_the_last_choice_is_taken(self) -> None:
        self.assertEqual(ask(None, "Really?", CHOICES), "no")

    def test_nothing_typed_is_the_last_choice(self) -> None:
        self.assertEqual(ask(FakeTerminal("\n"), "Really?", CHOICES), "no")
        self.assertEqual(ask(FakeTerminal(), "Really?", CHOICES), "no")

    def test_unknown_letters_ask_again(self) -> None:
        terminal = FakeTerminal("x\n", "1\n", "y\n")
        self.assertEqual(ask(terminal, "Really?", CHOICES), "yes")
        self.assertEqual(terminal.shown.count("y/v/[n]/?: "), 3)

    def test_a_question_mark_explains(self) -> None:
        terminal = FakeTerminal("?\n", "n\n")
        self.assertEqual(ask(terminal, "Really?", CHOICES), "no")
        self.assertIn(" y - Do it\n v - Look\n n - Leave it\n", terminal.shown)

    def test_long_questions_are_wrapped(self) -> None:
        terminal = FakeTerminal("n\n")
        ask(terminal, "word " * 40 + "\nsecond", CHOICES)
        self.assertLessEqual(max(len(line) for line in terminal.shown.splitlines()), 70)
        self.assertIn("\nsecond\n", terminal.shown)


class ConfirmTests(SynchronousTestCase):
    def test_yes_and_no(self) -> None:
        self.assertTrue(confirm(FakeTerminal("y\n"), "Really?"))
        self.assertFalse(confirm(FakeTerminal("n\n"), "Really?"))
        self.assertFalse(confirm(None, "Really?"))

    def test_names_are_listed(self) -> None:
        terminal = FakeTerminal("y\n")
        self.assertTrue(confirm_many(terminal, ["web1", "web2"], "instances", "shutdown"))
        self.assertIn("The shutdown will operate on 2 instances.", terminal.shown)
        self.assertIn("Affected instances:\n  web1\n  web2\n", terminal.shown)

    def test_many_names_are_listed_on_request_only(self) -> None:
        names = [f"web{n}" for n in range(21)]
        terminal = FakeTerminal("n\n")
        self.assertFalse(confirm_many(terminal, names, "instances", "shutdown"))
        self.assertNotIn("web7", terminal.shown)
        terminal = FakeTerminal("v\n", "y\n")
        self.assertTrue(confirm_many(terminal, names, "instances", "shutdown"))
        self.assertIn("  web7\n", terminal.shown)
        self.assertTrue(terminal.shown.endswith("y/[n]/?: "))
