from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.new import new_node
from ganeti_tw.model.node import Node
from ganeti_tw.model.roles import pool, promotions, role, should_promote_self
from model_samples import uuid


def node(number: int, **flags: Any) -> Node:
    return new_node(f"n{number}", uuid=uuid(number), now=1.0, primary_ip=f"192.0.2.{number}", group="g", **flags)


def first(nodes: Sequence[Node], number: int) -> Sequence[Node]:
    return nodes[:number]


CANDIDATE = {"master_candidate": True}


class RoleTests(SynchronousTestCase):
    def test_each_role_has_its_letter(self) -> None:
        nodes = [node(1, **CANDIDATE), node(2, **CANDIDATE), node(3), node(4, drained=True), node(5, offline=True)]
        self.assertEqual([role(n, uuid(1)) for n in nodes], ["M", "C", "R", "D", "O"])


class PoolTests(SynchronousTestCase):
    def test_no_more_are_wanted_than_could_be(self) -> None:
        nodes = [
            node(1, **CANDIDATE),
            node(2),
            node(3, offline=True),
            node(4, drained=True),
            node(5, master_capable=False),
        ]
        self.assertEqual((pool(nodes, 10).now, pool(nodes, 10).wanted), (1, 2))

    def test_no_more_are_wanted_than_the_pool_size(self) -> None:
        self.assertEqual(pool([node(n) for n in range(1, 6)], 3).wanted, 3)

    def test_nodes_about_to_change_do_not_count(self) -> None:
        found = pool([node(1, **CANDIDATE), node(2, **CANDIDATE)], 10, (uuid(2),))
        self.assertEqual((found.now, found.wanted), (1, 1))

    def test_a_node_that_comes_back_promotes_itself_while_there_is_room(self) -> None:
        self.assertTrue(should_promote_self([node(1, **CANDIDATE)], 2, node(2)))

    def test_a_full_pool_takes_nobody(self) -> None:
        self.assertFalse(should_promote_self([node(1, **CANDIDATE)], 1, node(2)))

    def test_an_incapable_node_is_not_promoted(self) -> None:
        self.assertFalse(should_promote_self([node(1, **CANDIDATE)], 2, node(2, master_capable=False)))

    def test_what_the_node_was_does_not_count(self) -> None:
        self.assertTrue(should_promote_self([node(1, **CANDIDATE), node(2, offline=True)], 2, node(2)))

    def test_missing_candidates_are_chosen_from_eligible_nodes(self) -> None:
        nodes = [node(1, **CANDIDATE), node(2, offline=True), node(3), node(4)]
        self.assertEqual([n.name for n in promotions(nodes, 2, first)], ["n3"])

    def test_nodes_about_to_change_are_not_chosen(self) -> None:
        nodes = [node(1, **CANDIDATE), node(3), node(4)]
        self.assertEqual([n.name for n in promotions(nodes, 2, first, (uuid(3),))], ["n4"])

    def test_nobody_is_chosen_for_a_full_pool(self) -> None:
        self.assertEqual(promotions([node(1, **CANDIDATE), node(2)], 1, first), ())
