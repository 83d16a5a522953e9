"""Full mailboxes."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Expired, MailboxFull
from ganeti_tw.kernel import Actor, Gone, Overflow, receive
from ganeti_tw.kernel.aside import itself
from ganeti_tw.kernel.mailbox import Sure, make_room
from kernel_case import KernelCase, Note, Notebook, Notes


class OverflowTests(KernelCase):
    def spawn(self, policy, size=3):
        class Small(Notebook):
            capacity = size
            overflow = policy

        self.book = []
        return self.system.spawn("a", lambda: Small(self.book))

    def test_refuse_raises_in_the_sender(self):
        ref = self.spawn(Overflow.REFUSE)
        for text in "abc":
            ref.tell(Note(text))
        with self.assertRaises(MailboxFull) as caught:
            ref.tell(Note("d"))
        self.assertEqual(str(caught.exception), "a has 3 messages waiting: try again later")
        answer = ref.ask(Note("e"), 5)
        self.failure(answer, MailboxFull)
        self.turn()
        self.assertEqual(self.book, ["a", "b", "c"])

    def test_there_is_room_again_afterwards(self):
        ref = self.spawn(Overflow.REFUSE, 1)
        ref.tell(Note("a"))
        self.turn()
        ref.tell(Note("b"))
        self.turn()
        self.assertEqual(self.book, ["a", "b"])

    def test_drop_oldest_forgets_the_first_tell(self):
        ref = self.spawn(Overflow.DROP_OLDEST)
        for text in "abcde":
            ref.tell(Note(text))
        self.turn()
        self.assertEqual(self.book, ["c", "d", "e"])
        self.assertEqual(self.state("a").dropped, 2)

    def test_drop_oldest_never_forgets_an_ask(self):
        ref = self.spawn(Overflow.DROP_OLDEST)
        answer = ref.ask(Note("a"), 5)
        for text in "bcde":
            ref.tell(Note(text))
        self.turn()
        self.successResultOf(answer)
        self.assertEqual(self.book, ["a", "d", "e"])

    def test_drop_oldest_refuses_when_only_asks_wait(self):
        ref = self.spawn(Overflow.DROP_OLDEST, 2)
        answers = [ref.ask(Note("x"), 5) for _ in range(2)]
        self.assertRaises(MailboxFull, ref.tell, Note("y"))
        self.turn()
        self.assertEqual([self.successResultOf(a) for a in answers], [1, 2])

    def test_keep_latest_of_a_kind(self):
        ref = self.spawn(Overflow.KEEP_LATEST, 2)
        ref.tell(Notes())
        for text in "abcd":
            ref.tell(Note(text))
        self.turn()
        self.assertEqual(self.book, ["d"])
        self.assertEqual(self.state("a").handled, 2)
        self.assertEqual(self.state("a").dropped, 3)

    def test_keep_latest_refuses_an_ask_without_room(self):
        ref = self.spawn(Overflow.KEEP_LATEST, 1)
        ref.tell(Note("a"))
        self.failure(ref.ask(Note("b"), 5), MailboxFull)

    def test_one_message_object_may_wait_several_times(self):
        ref, same = self.spawn(Overflow.DROP_OLDEST), Note("x")
        for _ in range(4):
            ref.tell(same)
        self.turn()
        self.assertEqual(self.book, ["x"] * 3)

    def test_asks_that_expired_give_room(self):
        class Stuck(Actor):
            capacity = 2

            @receive(Note)
            async def note(self, m):
                await never

        never = Deferred()
        ref = self.system.spawn("b", Stuck)
        ref.tell(Note("a"))
        self.turn()
        old = [ref.ask(Note("x"), 1) for _ in range(2)]
        self.turn(1)
        for answer in old:
            self.failure(answer, Expired)
        ref.tell(Note("c"))
        ref.tell(Note("d"))
        self.assertRaises(MailboxFull, ref.tell, Note("e"))
        self.assertEqual(self.state("b").depth, 2)
        never.callback(None)
        self.turn()
        self.assertEqual(self.state("b").handled, 3)


class MakeRoomTests(SynchronousTestCase):
    @given(
        st.sampled_from(Overflow), st.lists(st.sampled_from(["a", 1, "sure"]), min_size=1), st.sampled_from(["b", 2])
    )
    def test_sure_messages_stay_and_order_is_kept(self, policy, items, message):
        waiting = deque(Sure(itself, Gone("x"), None) if item == "sure" else item for item in items)
        before = list(waiting)
        removed = make_room(waiting, policy, message)
        self.assertFalse(any(isinstance(item, Sure) for item in removed))
        self.assertEqual(len(before), len(waiting) + len(removed))
        kept = iter(before)
        self.assertTrue(all(any(item is other for other in kept) for item in waiting))
        if policy is Overflow.REFUSE:
            self.assertEqual(removed, [])
