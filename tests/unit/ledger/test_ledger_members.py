"""Who counts when a change is acknowledged."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.ledger.members import Member, Members, Standing


def member(standing: Standing, position: int, record: int | None = None) -> Member:
    found = Member("", standing)
    found.position, found.record, found.witnessed = position, record, standing is Standing.LEAVING
    return found


class MembersTests(SynchronousTestCase):
    def acknowledged(self, stored: int, **members: Member) -> int:
        self.members = Members(members)
        return self.members.acknowledged(stored)

    def test_alone_the_own_disk_decides(self) -> None:
        self.assertEqual(self.acknowledged(5), 5)

    def test_the_slowest_in_sync_decides(self) -> None:
        self.assertEqual(self.acknowledged(5, a=member(Standing.IN, 4), b=member(Standing.IN, 9)), 4)

    def test_nobody_waits_for_one_who_is_out(self) -> None:
        self.assertEqual(self.acknowledged(5, a=member(Standing.OUT, 0)), 5)

    def test_one_who_joins_counts_before_that_is_recorded(self) -> None:
        self.assertEqual(self.acknowledged(5, a=member(Standing.JOINING, 3)), 3)

    def test_one_who_is_level_counts_too(self) -> None:
        self.assertEqual(self.acknowledged(5, a=member(Standing.AWAITED, 3)), 3)
        self.assertIs(self.members["a"].standing, Standing.AWAITED)

    def test_one_who_joins_is_in_once_that_is_acknowledged(self) -> None:
        self.assertEqual(self.acknowledged(5, a=member(Standing.JOINING, 5, record=5)), 5)
        self.assertIs(self.members["a"].standing, Standing.IN)

    def test_one_who_leaves_counts_until_that_is_stored_here(self) -> None:
        self.assertEqual(self.acknowledged(5, a=member(Standing.LEAVING, 3, record=6)), 3)
        self.assertEqual(self.members.acknowledged(6), 6)
        self.assertIs(self.members["a"].standing, Standing.OUT)

    def test_one_who_leaves_counts_until_enough_nodes_know_of_it(self) -> None:
        leaver = member(Standing.LEAVING, 3, record=6)
        leaver.witnessed = False
        self.assertEqual(self.acknowledged(6, a=leaver), 3)
        leaver.witnessed = True
        self.assertEqual(self.members.acknowledged(6), 6)

    def test_one_who_leaves_counts_until_that_is_stored_by_the_others(self) -> None:
        self.assertEqual(self.acknowledged(6, a=member(Standing.LEAVING, 3, record=6), b=member(Standing.IN, 5)), 3)
        self.members["b"].position = 6
        self.assertEqual(self.members.acknowledged(6), 6)

    def test_one_who_leaves_counts_until_another_leaver_has_stored_it_or_goes_too(self) -> None:
        a, b = member(Standing.LEAVING, 3, record=6), member(Standing.LEAVING, 5)
        self.assertEqual(self.acknowledged(6, a=a, b=b), 3)
        b.record = 7
        self.assertEqual(self.members.acknowledged(7), 7)

    def test_one_whose_joining_was_lost_leaves_where_others_may_know_of_it(self) -> None:
        for elsewhere, standing in ((False, Standing.OUT), (True, Standing.LEAVING)):
            joiner = member(Standing.JOINING, 5)
            joiner.record_lost(elsewhere)
            self.assertIs(joiner.standing, standing)

    def test_two_who_leave_do_not_wait_for_each_other(self) -> None:
        a, b = member(Standing.LEAVING, 3, record=6), member(Standing.LEAVING, 2, record=7)
        self.assertEqual(self.acknowledged(6, a=a, b=b), 2)
        self.assertIs(a.standing, Standing.LEAVING)
        self.assertEqual(self.members.acknowledged(7), 7)

    def test_the_rows_say_who_is_in(self) -> None:
        found = Members.recorded({"a": b'{"in_sync": true, "since": 1}', "b": b'{"in_sync": false, "since": 1}'})
        self.assertEqual([(m.name, m.standing) for m in found.values()], [("a", Standing.IN), ("b", Standing.OUT)])
