from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from unittest import TestCase

from hypothesis import example, given
from hypothesis import strategies as st

from ganeti_tw.confd.key import Key
from ganeti_tw.confd.packet import (
    LARGEST_REPLY,
    BadPacket,
    Lookup,
    Message,
    Reply,
    read_query,
    read_reply,
    read_request,
    write_message,
    write_request,
)
from ganeti_tw.errors import BadRequest

CONTENT = b"secret\n"
KEY = Key(CONTENT)
NOW = 1_700_000_000.0

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20) | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("0123x"), inner, max_size=3),
)


def signed(msg: str, salt: str = str(int(NOW)), key: bytes = CONTENT) -> bytes:
    """A packet written the long way round, to compare with."""
    digest = hmac.new(key, salt.encode() + msg.encode(), hashlib.sha1).hexdigest()
    return b"plj0" + json.dumps({"msg": msg, "salt": salt, "hmac": digest}).encode()


def inner(**changed: Any) -> str:
    return json.dumps({"protocol": 1, "type": 0, "query": None, "rsalt": "r", **changed})


class PacketTests(TestCase):
    def dropped(self, datagram: bytes, now: float = NOW) -> str:
        with self.assertRaises(BadPacket) as caught:
            read_query(read_request(datagram, KEY, now).query)
        return str(caught.exception)

    def test_what_is_written_is_read(self) -> None:
        for query, read in ((None, None), ("n1", "n1"), ({"0": None, "1": "192.0.2.1"}, Lookup(ip="192.0.2.1"))):
            request = read_request(write_request(2, query, "r", KEY, NOW), KEY, NOW)
            self.assertEqual((request.type, read_query(request.query), request.rsalt), (2, read, "r"))

    def test_packets_of_others_are_read(self) -> None:
        request = read_request(signed(inner(protocol=2, more=1)), KEY, NOW)
        self.assertEqual((request.type, request.query, request.rsalt), (0, b"null", "r"))

    def test_a_query_left_out_is_null(self) -> None:
        request = read_request(signed('{"protocol": 1, "type": 5, "rsalt": "r"}'), KEY, NOW)
        self.assertEqual((request.type, read_query(request.query)), (5, None))

    def test_the_key_is_the_whole_file(self) -> None:
        self.assertIn("HMAC", self.dropped(signed(inner(), key=CONTENT.strip())))

    def test_five_minutes_either_way_are_accepted(self) -> None:
        datagram = signed(inner())
        for shift in (-300, 300):
            read_request(datagram, KEY, NOW + shift)
        for shift in (-302, 302):
            self.assertIn("clocks", self.dropped(datagram, NOW + shift))

    def test_salts_that_are_no_time_are_dropped(self) -> None:
        for salt in ("", "1.5", "-1", "x", "1" * 3000, "\u0661", f" {int(NOW)}"):
            self.assertIn("salt", self.dropped(signed(inner(), salt)))

    def test_each_change_of_one_byte_is_dropped(self) -> None:
        good = write_request(1, "node1", "r", KEY, NOW)
        for place in range(len(good)):
            changed = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
            with self.assertRaises(BadPacket):
                read_request(changed, KEY, NOW)

    def test_malformed_questions_are_dropped_though_proven(self) -> None:
        for msg in (
            "",
            "[]",
            inner(type="0"),
            inner(type=None),
            inner(type=True),
            inner(rsalt=None),
            inner(query=["x"]),
            inner(query={"3": ["0"]}),
            inner(query={"3": [9]}),
            inner(query={"1": 5}),
            "[" * 1000,
            '{"protocol": 1, "type": 0}',
        ):
            self.dropped(signed(msg))

    def test_a_long_request_is_dropped_unread(self) -> None:
        self.assertIn("4096", self.dropped(signed(inner(query="x" * 4096))))

    def test_a_request_no_server_would_read_is_not_written(self) -> None:
        for query in ("x" * 4096, {"2": ["192.0.2.1"] * 400}, object(), "\ud800"):
            with self.assertRaises(BadRequest):
                write_request(2, query, "r", KEY, NOW)

    def test_an_answer_too_large_for_a_datagram_is_an_error_that_fits(self) -> None:
        datagram = write_message(Message(Reply(0, ["x" * 100] * 1000, 5)), "r", KEY)
        self.assertLess(len(datagram), LARGEST_REPLY)
        self.assertEqual(read_reply(datagram, KEY, "r").status, 1)

    def test_answers_to_other_requests_are_dropped(self) -> None:
        datagram = write_message(Message(Reply(0, "a", 5)), "r", KEY)
        self.assertEqual(read_reply(datagram, KEY, "r"), Reply(0, "a", 5))
        for key, rsalt in ((KEY, "s"), (Key(b"other\n"), "r")):
            with self.assertRaises(BadPacket):
                read_reply(datagram, key, rsalt)

    @given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda b: b"plj0" + b))
    @example(b'plj0{"msg": "\\ud800", "salt": "1", "hmac": "\\ud800"}')
    @example(b'plj0{"msg": "", "salt": "", "hmac": "\xc3\xa4"}')
    @example(b"plj0" + b"[" * 4000)
    def test_garbage_is_dropped(self, garbage: bytes) -> None:
        with self.assertRaises(BadPacket):
            read_request(garbage, KEY, NOW)
        with self.assertRaises(BadPacket):
            read_reply(garbage, KEY, "r")

    @given(json_values, json_values, json_values)
    def test_any_proven_json_is_read_or_dropped(self, type: Any, query: Any, rsalt: Any) -> None:
        try:
            read_query(read_request(signed(inner(type=type, query=query, rsalt=rsalt)), KEY, NOW).query)
        except BadPacket:
            pass

    @given(st.binary(max_size=200), st.binary(max_size=300))
    def test_the_mac_is_that_of_the_standard_library(self, content: bytes, text: bytes) -> None:
        self.assertEqual(Key(content).mac(text), hmac.new(content, text, hashlib.sha1).hexdigest())

    def test_an_answer_fits_whatever_the_salt(self) -> None:
        message = Message(Reply(0, "x" * (LARGEST_REPLY - 400), 5))
        self.assertEqual(read_reply(write_message(message, "r", KEY), KEY, "r").status, 0)
        long = "r" * 400
        datagram = write_message(message, long, KEY)
        self.assertLess(len(datagram), LARGEST_REPLY)
        self.assertEqual(read_reply(datagram, KEY, long).status, 1)
