"""The local socket and its blocking client."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from ganeti_tw.cli.client import Client
from ganeti_tw.errors import ActorCrashed, BadRequest, Exists, Expired, GanetiError, NoRoom, NotSent, OutcomeUnknown
from ganeti_tw.wire.local import LocalServer

reactor: Any = global_reactor


class LocalSocketTests(TestCase):
    def setUp(self) -> None:
        # A short path: the address of a UNIX socket is.
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "ganeti-amp")
        self.cancelled: list[Deferred[Any]] = []
        self.waiting: list[Deferred[Any]] = []
        self.server = LocalServer(reactor, self.path, self.handle, most_calls=50)
        self.server.listen()

    async def tearDown(self) -> None:
        await self.server.close()
        self.assertFalse(os.path.exists(self.path))
        self.directory.cleanup()

    def handle(self, method: str, arguments: dict[str, Any]) -> Any:
        if method == "wait":
            self.waiting.append(Deferred(self.cancelled.append))
            return self.waiting[-1]
        if method == "later":
            return deferLater(reactor, 0.001, lambda: arguments)
        if method == "full":
            raise NoRoom("all 256 minors are taken")
        if method == "bug":
            raise ZeroDivisionError
        if method == "coroutine":
            return self.coroutine(arguments)
        return arguments

    async def coroutine(self, arguments: dict[str, Any]) -> Any:
        await deferLater(reactor, 0.001, lambda: None)
        return arguments

    async def blocking(self, work: Any, *args: Any) -> Any:
        return await deferToThread(work, *args)

    async def test_values(self) -> None:
        def work() -> None:
            with Client(self.path) as client:
                for method in ("echo", "later", "coroutine"):
                    for value in ({}, {"a": [1, 2.5, None, True, "ü"]}, {"long": "x" * 3_000_000}):
                        assert client.call(method, **value) == value
                assert client.call("echo", {"timeout": 3, "method": "m"}, timeout=9, b=1) == {
                    "timeout": 3,
                    "method": "m",
                    "b": 1,
                }

        await self.blocking(work)

    async def test_errors(self) -> None:
        def work() -> None:
            with Client(self.path) as client:
                for method, kind, text in (("full", NoRoom, "all 256"), ("bug", ActorCrashed, "ZeroDivisionError")):
                    try:
                        client.call(method)
                    except kind as e:
                        assert text in str(e), e
                    else:
                        raise AssertionError(method)
                try:
                    client.call("echo", a=object())
                except BadRequest:
                    pass
                assert client.call("echo", a=1) == {"a": 1}

        await self.blocking(work)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_many_in_flight(self) -> None:
        def work() -> None:
            with Client(self.path, timeout=10) as client:
                tags: list[int] = []
                for i in range(3000):
                    tags.append(client.send("later" if i % 2 else "echo", i=i, filling="x" * 2000))
                    if i % 1000 == 999:
                        client.call("echo")  # fails when the connection was lost, which sending does not tell
                for i, tag in reversed(list(enumerate(tags))):
                    assert client.receive(tag)["i"] == i

        await self.blocking(work)

    async def test_timeout_leaves_the_connection_usable(self) -> None:
        def work() -> str:
            with Client(self.path) as client:
                try:
                    client.call("wait", timeout=0.1)
                except Expired as e:
                    reactor.callFromThread(lambda: self.waiting[0].callback("late"))
                    assert client.call("later", x=1) == {"x": 1}
                    return str(e)
            return ""

        self.assertIn(self.path, await self.blocking(work))

    async def test_client_that_goes_away(self) -> None:
        def work() -> None:
            client = Client(self.path)
            client.send("wait")
            client.call("echo")
            client.close()

        await self.blocking(work)
        for _ in range(100):
            if self.cancelled:
                break
            await deferLater(reactor, 0.01, lambda: None)
        self.assertEqual(self.cancelled, self.waiting)

    async def test_process_that_goes_away(self) -> None:
        def work() -> list[type[BaseException]]:
            found: list[type[BaseException]] = []
            client = Client(self.path)
            tag = client.send("wait")
            client.call("echo")
            reactor.callFromThread(self.server.close)
            for action in (lambda: client.receive(tag), lambda: client.call("echo")):
                try:
                    action()
                except GanetiError as e:
                    found.append(type(e))
            return found

        self.assertEqual(await self.blocking(work), [OutcomeUnknown, NotSent])

    async def test_nobody_listens(self) -> None:
        missing = self.path + "-missing"
        with self.assertRaises(NotSent) as caught:
            Client(missing).call("echo")
        self.assertIn(missing, str(caught.exception))
        self.assertIn("twistd ganeti", str(caught.exception))

    async def test_mode_and_second_server(self) -> None:
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        second = LocalServer(reactor, self.path, self.handle)
        with self.assertRaises(Exists):
            second.listen()
        await deferToThread(lambda: Client(self.path).call("echo"))

    async def test_socket_of_a_dead_process(self) -> None:
        path = self.path + "2"
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
        second = LocalServer(reactor, path, self.handle, mode=0o660)
        second.listen()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        await second.close()

    async def test_socket_file_that_somebody_removed(self) -> None:
        path = self.path + "2"
        second = LocalServer(reactor, path, self.handle)
        second.listen()
        os.unlink(path)
        await second.close()

    async def test_garbage_is_harmless(self) -> None:
        def work() -> None:
            with Client(self.path) as client:
                client.call("echo")
                for garbage in (b"\xff" * 100000, b"GET / HTTP/1.0\r\n\r\n", b"\0\0", b""):
                    with socket.socket(socket.AF_UNIX) as s:
                        s.connect(self.path)
                        s.settimeout(5)
                        try:
                            s.sendall(garbage)
                            if garbage:
                                assert s.recv(1) == b""
                        except (BrokenPipeError, ConnectionResetError):
                            pass
                assert client.call("echo", a=1) == {"a": 1}

        await self.blocking(work)

    async def test_client_needs_no_twisted(self) -> None:
        code = (
            "import sys; from ganeti_tw.cli.client import Client\n"
            "print(Client(sys.argv[1]).call('echo', a=1))\n"
            "print([m for m in sys.modules if m.split('.')[0] in ('twisted', 'attr', 'msgspec', 'OpenSSL', 'zope')])"
        )
        command = [sys.executable, "-c", code, self.path]
        done = await deferToThread(subprocess.run, command, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("{'a': 1}\n[]\n", ""))
