"""What programs do when they are told to end."""

from __future__ import annotations

import io
import os
import signal
from contextlib import redirect_stderr

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.endings import ENDING, endings, run, undisturbed


class EndingTests(SynchronousTestCase):
    def test_a_program_cleans_up_undisturbed(self) -> None:
        for number in ENDING:
            done: list[str] = []

            def program(number: int = number, done: list[str] = done) -> int:
                try:
                    os.kill(os.getpid(), number)
                    done.append("went on")
                finally:
                    for other in ENDING:
                        os.kill(os.getpid(), other)
                    done.append("cleaned")
                return 0

            said = io.StringIO()
            with redirect_stderr(said):
                self.assertEqual(run(program), 128 + number)
            self.assertEqual(done, ["cleaned"])
            self.assertEqual(said.getvalue(), f"{signal.Signals(number).name}: what was started is stopped\n")

    def test_nothing_is_said_of_a_program_that_ends_by_itself(self) -> None:
        said = io.StringIO()
        with redirect_stderr(said):
            self.assertEqual(run(lambda: 3), 3)
        self.assertEqual(said.getvalue(), "")

    def test_all_is_as_before_afterwards(self) -> None:
        before = [signal.getsignal(number) for number in ENDING]
        with endings():
            self.assertNotEqual([signal.getsignal(number) for number in ENDING], before)
            with undisturbed():
                for number in ENDING:
                    os.kill(os.getpid(), number)
            with self.assertRaises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual([signal.getsignal(number) for number in ENDING], before)
