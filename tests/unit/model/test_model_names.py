from __future__ import annotations

import re
from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.names import (
    added_tags,
    check_tag,
    device_name,
    host_name,
    is_uuid,
    mac_address,
    natural_key,
    naturally,
    new_mac,
    object_name,
    same_host,
)
from model_samples import uuid


class HostNameTests(SynchronousTestCase):
    def test_it_becomes_lower_case_without_the_last_dot(self) -> None:
        self.assertEqual(host_name("Web1.Example.COM."), "web1.example.com")

    def test_bad_ones_are_refused(self) -> None:
        for name in ("", ".", "a b", "-a", "a..b", "x" * 256, "a/b", "é.example", ".a"):
            self.assertRaises(BadRequest, host_name, name)

    def test_short_names_match_before_a_dot(self) -> None:
        names = ["web1", "web1.a", "web10.a", "WEB1.b"]
        self.assertEqual([n for n in names if same_host(n, "Web1")], ["web1", "web1.a", "WEB1.b"])


class SortTests(SynchronousTestCase):
    def test_digits_sort_as_numbers(self) -> None:
        self.assertEqual(naturally(["n10", "n9", "n1a", "n1"]), ["n1", "n1a", "n9", "n10"])

    @given(st.lists(st.text(alphabet="a1٣²0.")))
    def test_any_texts_can_be_sorted(self, names: list[str]) -> None:
        self.assertEqual(sorted(naturally(names)), sorted(names))

    def test_numbers_may_have_any_length(self) -> None:
        self.assertEqual(naturally(["n" + "2" * 9999, "n" + "1" * 9999])[0][1], "1")

    def test_equal_numbers_written_differently_stay_apart(self) -> None:
        self.assertNotEqual(natural_key("a01"), natural_key("a1"))

    @given(st.lists(st.text(alphabet="ab01928.-", max_size=8), max_size=12))
    def test_is_the_order_of_texts_and_numbers_in_turn(self, names: list[str]) -> None:
        self.assertEqual(sorted(names, key=natural_key), sorted(names, key=in_turn))


def in_turn(name: str) -> tuple[tuple[int, int, str, str], ...]:
    """Each run of digits as a number, which sorts before all text, and by its digits where numbers are equal."""
    parts = re.split("([0-9]+)", name, flags=re.ASCII)
    numbers = [(0, len(part.lstrip("0")), part.lstrip("0"), part) for part in parts[1::2]]
    texts = [(1, 0, part, "") for part in parts[::2]]
    turns = [key for pair in zip_longest(texts, numbers) for key in pair if key is not None]
    return tuple(key for key in turns if key != (1, 0, "", ""))


class TagTests(SynchronousTestCase):
    def test_good_ones_are_accepted(self) -> None:
        for tag in ("htools:iextags:svc", "a.b+c*/d:e@f-_", "x" * 128):
            self.assertEqual(check_tag(tag), tag)

    def test_bad_ones_are_refused(self) -> None:
        for tag in ("", "a b", "a,b", "x" * 129, "a\n"):
            self.assertRaises(BadRequest, check_tag, tag)

    def test_adding_one_that_is_there_changes_nothing(self) -> None:
        self.assertEqual(added_tags(("b", "a"), ["a"]), ("b", "a"))

    def test_there_are_at_most_4096(self) -> None:
        self.assertRaises(BadRequest, added_tags, [f"t{n}" for n in range(4096)], ["one-more"])


class AddressTests(SynchronousTestCase):
    def test_a_new_mac_has_the_prefix_and_the_octets(self) -> None:
        self.assertEqual(new_mac("AA:00:01", b"\x00\xff\x10"), "aa:00:01:00:ff:10")

    def test_macs_are_lower_case(self) -> None:
        self.assertEqual(mac_address("AA:bb:00:11:22:33"), "aa:bb:00:11:22:33")

    def test_bad_macs_are_refused(self) -> None:
        for mac in ("", "aa:bb", "aa:bb:00:11:22:3g", "aabb00112233", "aa:bb:00:11:22:33\n"):
            self.assertRaises(BadRequest, mac_address, mac)


class OtherNameTests(SynchronousTestCase):
    def test_uuids_are_lower_case(self) -> None:
        self.assertEqual((is_uuid(uuid(10)), is_uuid(uuid(10).upper())), (True, False))

    def test_devices_are_not_called_like_an_index(self) -> None:
        for name in ("0", "-1", "", "none", uuid(1)):
            self.assertRaises(BadRequest, device_name, name)

    def test_groups_are_not_called_like_a_uuid(self) -> None:
        self.assertRaises(BadRequest, object_name, uuid(1))
