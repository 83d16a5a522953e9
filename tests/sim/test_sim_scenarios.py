"""Stories of clusters, with their transcripts: what was expected when they were written is what happens."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.testing.simulator.invariants import Broken
from ganeti_tw.testing.simulator.scenario import read, transcript


class ScenarioTests(SynchronousTestCase):
    def test_transcripts(self) -> None:
        files = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
        self.assertGreaterEqual(len(files), 25)
        for path in files:
            scenario = read(path.read_text())
            self.assertIn("expect", [action.verb for action in scenario.script], path.name)
            self.assertEqual(transcript(scenario), scenario.expected, path.name)

    def test_what_is_expected_and_is_not_so(self) -> None:
        for expectation, found in (
            ("master node2", "it is node1"),
            ("role node2 master", "it is candidate"),
            ("follows node3 node2", "it follows node1"),
            ("address node3", "node1 has it"),
            ("tags blue", "it has none"),
            ("nodes node1", "there are node1, node2, node3"),
            ("candidates", "there are node1, node2, node3"),
            ("guest 1 node2", "it runs on none"),
            ("job 1 success", "it is unknown to all clients"),
            ("jobs 1", "there are 0"),
            ("refused 1", "there are 0"),
            ("locks job/1", "none holds some"),
        ):
            with self.assertRaises(Broken, msg=expectation) as caught:
                transcript(read(f"2 expect {expectation}\n"))
            self.assertIn(f"expected {expectation}, and {found}", str(caught.exception))
        with self.assertRaises(Broken) as broken:
            transcript(read("0.5 cut node1 node2\n1 tag a\n2 kill node2\n2 expect level node2\n"))
        self.assertIn("node2 is at", str(broken.exception))

    def test_expectations_that_make_no_sense(self) -> None:
        for line, problem in (("expect peace", "there is no such thing"), ("expect role node1", "the arguments are")):
            with self.assertRaises(BadRequest) as caught:
                transcript(read(f"2 {line}\n"))
            self.assertIn(problem, caught.exception.text)
