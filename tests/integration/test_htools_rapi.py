"""Reading a cluster's RAPI over real TLS, from servers good and bad."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import TestCase

from ganeti_tw.cli.htools import https
from ganeti_tw.cli.htools.sources import fetch, from_remote
from ganeti_tw.htools.cluster import BadData
from ganeti_tw.wire.certificates import new_key, self_signed

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "htools" / "rapi"
Answer = Callable[[str, socket.socket], None]


def head(request: str) -> str:
    return request.split("\r\n")[0]


def reply(connection: socket.socket, body: bytes, status: str = "200 OK", length: int | None = None) -> None:
    size = len(body) if length is None else length
    text = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    connection.sendall(text.encode() + body)


def samples(request: str, connection: socket.socket) -> None:
    """What Ganeti 3.0.2 answered."""
    name = head(request).split()[1].removeprefix("/2/").removesuffix("?bulk=1")
    path = SAMPLES / f"{name}.json"
    if path.exists():
        reply(connection, path.read_bytes())
    else:
        reply(connection, b'{"code": 404}\n', "404 Not Found")


class RapiTests(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.pem = Path(folder.name) / "rapi.pem"
        key = new_key()
        self.pem.write_text(key + self_signed(key, "cluster.example", time.time()))
        self.requests: list[str] = []
        self.problems: list[Exception] = []

    @contextlib.contextmanager
    def served(self, answer: Answer, tls: bool = True) -> Iterator[int]:
        """The port of a server that gives this answer to each connection until the end of the block."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(10)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        open_ones: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return
                try:
                    raw.settimeout(10)
                    connection = context.wrap_socket(raw, server_side=True) if tls else raw
                    open_ones.append(connection)
                    request = ""
                    while "\r\n\r\n" not in request:
                        request += connection.recv(4096).decode("latin-1")
                    self.requests.append(request)
                    answer(request, connection)
                    connection.close()
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            for each in open_ones:
                each.close()
            thread.join(10)

    def refusal(self, answer: Answer, tls: bool = True) -> str:
        with self.served(answer, tls) as port:
            with self.assertRaises(BadData) as caught:
                fetch(f"https://jack:s%3Acret@127.0.0.1:{port}/2/info")
        self.assertNotIn("cret", str(caught.exception))
        return str(caught.exception)

    def test_a_cluster_is_read(self) -> None:
        with self.served(samples) as port:
            cluster = from_remote(fetch, f"jack:s%3Acret@127.0.0.1:{port}")
        self.assertEqual([each.name for each in cluster.instances], ["inst1.ref.example", "inst2.ref.example"])
        self.assertEqual(
            [head(request) for request in self.requests],
            [f"GET /2/{name} HTTP/1.1" for name in ("groups?bulk=1", "nodes?bulk=1", "instances?bulk=1", "info")],
        )
        self.assertIn("\r\nAuthorization: Basic amFjazpzOmNyZXQ=\r\n", self.requests[0])

    def test_long_answers(self) -> None:
        with self.served(lambda request, connection: reply(connection, b'["%s"]' % (b"x" * 3_000_000))) as port:
            self.assertEqual(fetch(f"https://127.0.0.1:{port}/2/info"), ["x" * 3_000_000])

    def test_without_a_user_no_credentials_are_sent(self) -> None:
        with self.served(samples) as port:
            fetch(f"https://127.0.0.1:{port}/2/info")
        self.assertNotIn("Authorization", self.requests[0])

    def test_errors_of_the_server(self) -> None:
        for status, hint in (("401 Unauthorized", "give a user that may read"), ("502 Bad Gateway", "")):
            text = self.refusal(lambda request, c, status=status: reply(c, b"{}", status))
            self.assertIn(f"the server answered {status}", text)
            self.assertIn(hint, text)

    def test_answers_that_are_none(self) -> None:
        for answer, text in (
            (lambda request, c: reply(c, b"[1, 2"), "the answer is not JSON"),
            (lambda request, c: reply(c, b"[]", length=100), "the connection ended before the answer did"),
            (lambda request, c: c.sendall(b"SSH-2.0-OpenSSH\r\n"), "the answer is no HTTP"),
            (lambda request, c: None, "127.0.0.1"),
        ):
            self.assertIn(text, self.refusal(answer))

    def test_a_server_without_tls(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with self.assertRaisesRegex(BadData, f"https://127.0.0.1:{port}/2/info: "):
            fetch(f"https://127.0.0.1:{port}/2/info")
        thread.join(10)
        listener.close()

    def test_nobody_there(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listener.close()
        with self.assertRaisesRegex(BadData, "Connection refused"):
            fetch(f"https://127.0.0.1:{port}/2/info")
        with self.assertRaisesRegex(BadData, "the host name has no address"):
            fetch("https://nobody.invalid:5080/2/info")

    def test_a_server_that_drips_is_given_up_in_time(self) -> None:
        def drip(request: str, connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.05)

        begin = time.monotonic()
        with self.served(drip) as port:
            with self.assertRaisesRegex(BadData, "x: no answer within 5 s [+] 0.3 s"):
                https.get(True, "127.0.0.1", port, "/", None, "x", connect_seconds=5, answer_seconds=0.3)
            self.assertLess(time.monotonic() - begin, 3)

    def test_a_server_that_never_speaks_tls_is_given_up_in_time(self) -> None:
        with self.served(samples, tls=False) as port:
            with self.assertRaisesRegex(BadData, "x: no answer within 0.3 s"):
                https.get(True, "127.0.0.1", port, "/", None, "x", connect_seconds=0.3, answer_seconds=5)
