"""Addresses of hosts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.names import Names, check_reachable, parse_hosts
from ganeti_tw.errors import Corrupt, Expired, ResolverError, WrongState
from ganeti_tw.kernel import InlineBlocking


class HostsFileTests(SynchronousTestCase):
    def test_names_comments_and_empty_lines(self) -> None:
        text = (
            "# hosts\n\n192.0.2.1 n1.example n1 # the first\n\t192.0.2.2\tN2.Example\n192.0.2.3\n  \n2001:db8::1 six\n"
        )
        expected = {"n1.example": "192.0.2.1", "n1": "192.0.2.1", "n2.example": "192.0.2.2", "six": "2001:db8::1"}
        self.assertEqual(parse_hosts(text), expected)

    def test_the_first_mention_counts(self) -> None:
        self.assertEqual(parse_hosts("192.0.2.1 a\n192.0.2.2 a b"), {"a": "192.0.2.1", "b": "192.0.2.2"})

    def test_a_name_of_this_machine_alone_is_refused_with_the_remedy(self) -> None:
        for address in ("127.0.1.1", "::1"):
            error = self.assertRaises(WrongState, check_reachable, "n1.example", address, "/etc/ganeti/hosts")
            for words in ("n1.example", address, "/etc/hosts", "/etc/ganeti/hosts"):
                self.assertIn(words, error.text)
        for address in ("192.0.2.1", "2001:db8::1"):
            check_reachable("n1.example", address, "/etc/ganeti/hosts")

    def test_nothing(self) -> None:
        for text in ("", "#", "# 192.0.2.1 a", "192.0.2.1", "192.0.2.1 # a"):
            self.assertEqual(parse_hosts(text), {})


class NamesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.names = Names(str(self.path), InlineBlocking(), InlineBlocking())

    def address(self, name: str) -> Deferred[str]:
        return Deferred.fromCoroutine(self.names.address(name))

    def test_read_anew_each_time(self) -> None:
        for address in ("192.0.2.1", "192.0.2.2"):
            self.path.write_text(f"{address} n1.example\n")
            self.assertEqual(self.successResultOf(self.address("N1.Example")), address)

    def test_then_the_resolver(self) -> None:
        self.assertEqual(self.successResultOf(self.address("127.0.0.1")), "127.0.0.1")

    def test_a_resolver_that_does_not_answer(self) -> None:
        class Late:
            def run(self, function: Callable[..., Any], /, *args: Any, deadline: float, **kw: Any) -> Deferred[Any]:
                return fail(Expired(f"{function.__qualname__} did not end within {deadline:g} s"))

        self.names = Names(str(self.path), InlineBlocking(), Late())
        error = self.failureResultOf(self.address("n1.example"), ResolverError).value
        self.assertEqual(
            str(error),
            f"n1.example has no address: it is not in {self.path}, and the resolver does not answer within 10 s",
        )

    def test_interfaces(self) -> None:
        for name, there in (("lo", True), ("no-such-device", False), ("", False)):
            self.assertIs(self.successResultOf(Deferred.fromCoroutine(self.names.has_interface(name))), there)

    def test_addresses_that_are_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.assertTrue(self.successResultOf(Deferred.fromCoroutine(self.names.is_taken("127.0.0.1", port))))
        for address, taken in (("127.0.0.1", True), ("255.255.255.255", False)):
            answer = Deferred.fromCoroutine(self.names.is_taken(address, port))
            self.assertIs(self.successResultOf(answer), taken)

    def test_names_nobody_knows_or_can_have(self) -> None:
        for name in ("no-such-host.invalid", "x" * 100 + ".example", "a..b"):
            error = self.failureResultOf(self.address(name), ResolverError).value
            self.assertIn(name, error.text)
            self.assertIn(str(self.path), error.text)

    def test_a_list_that_cannot_be_read(self) -> None:
        self.path.write_bytes(b"192.0.2.1 \xff\xfe")
        error = self.failureResultOf(self.address("n1"), Corrupt).value
        self.assertIn(str(self.path), error.text)
