"""Moves as sets of jobs."""

from __future__ import annotations

from unittest import TestCase

from clusters import cluster_of, text_of
from ganeti_tw.htools.balance import Step
from ganeti_tw.htools.cluster import NOWHERE, Place
from ganeti_tw.htools.jobs import job_sets
from ganeti_tw.htools.moves import Kind, Move


class SetTests(TestCase):
    def test_sets_are_formed_from_the_last_move_backwards(self) -> None:
        instance = cluster_of(text_of(1, 3, 5, plain=True)).instances[0]
        first, second, third = (
            Step(instance, Move(Kind.FAILOVER_TO, to), Place(old, NOWHERE), Place(to, NOWHERE), 1.0)
            for old, to in ((0, 1), (2, 3), (0, 4))
        )
        self.assertEqual(job_sets([first, second, third]), [[first], [second, third]])
        self.assertEqual(job_sets([]), [])
