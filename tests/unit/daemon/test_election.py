"""Whom a host believes to be master on the word of those it knows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.election import Poll, believed, check_still_majority
from ganeti_tw.errors import NoMajority
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.mastership import Standing


def says(name: str, master: str, epoch: int) -> Standing:
    return Standing(name, epoch, master, False, None, (), Position(0, 0))


class BelievedTests(SynchronousTestCase):
    def test_more_than_half_of_those_asked(self) -> None:
        both = [says("n1", "n9", 6), says("n2", "n9", 6)]
        self.assertEqual(believed(both, 3, 5), both[0])
        self.assertIsNone(believed(both, 4, 5))  # the silent ones count
        self.assertIsNone(believed([], 0, 5))

    def test_an_earlier_epoch_is_over(self) -> None:
        self.assertIsNone(believed([says("n1", "n9", 4)], 1, 5))
        self.assertIsNotNone(believed([says("n1", "n9", 5)], 1, 5))

    def test_they_must_name_the_same_epoch(self) -> None:
        self.assertIsNone(believed([says("n1", "n9", 6), says("n2", "n9", 7)], 2, 5))

    def test_a_single_liar_among_three_changes_nothing(self) -> None:
        honest = [says("n1", "n9", 6), says("n2", "n9", 6)]
        found = believed([says("n3", "n3", 1000), *honest], 3, 5)
        self.assertEqual(found, honest[0])


class StillMajorityTests(SynchronousTestCase):
    poll = Poll("n1", 3, {}, {})

    def test_only_nodes_that_are_not_offline_count(self) -> None:
        check_still_majority(self.poll, ["n1", "n2"], ["n1", "n2", "n3"], 3)
        self.assertRaises(NoMajority, check_still_majority, self.poll, ["n1", "n2"], ["n1", "n3"], 3)

    def test_half_is_not_most(self) -> None:
        self.assertRaises(NoMajority, check_still_majority, self.poll, ["n1"], ["n1", "n3"], 2)
        check_still_majority(self.poll, ["n1"], ["n1"], 1)
