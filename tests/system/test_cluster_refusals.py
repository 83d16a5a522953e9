"""Strangers, wrong tokens, garbage: clear refusals, nothing changed, the processes live."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import TestCase

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.wire.certificates import CertificateAuthority
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.token import Token
from real_cluster import RealCluster

STREAM_PORTS = (1811, 1815)
CONFD = 1814


class RefusalTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.run("gnt-cluster", "init", "--enabled-hypervisors=fake", "cluster")
        cls.cluster.run("gnt-node", "add", "--token", cls.cluster.token("node2"), "node2")
        with open(cls.cluster.paths("node1").hosts, "a") as hosts:
            hosts.write("127.99.99.99 node9\n")

    def setUp(self) -> None:
        self.pids = [self.cluster.pid(name) for name in self.cluster.names]
        self.before = self.nodes()
        self.addCleanup(self.check_nothing_changed)

    def check_nothing_changed(self) -> None:
        self.assertEqual([self.cluster.pid(name) for name in self.cluster.names], self.pids)
        self.assertEqual(self.nodes(), self.before)
        self.assertEqual(self.cluster.state("node3")["role"], "none")

    def nodes(self) -> list[Any]:
        with self.cluster.client() as client:
            fields = ["name", "pip", "serial_no"]
            rows: list[Any] = client.call("query", {"what": "node", "fields": fields, "filter": None})["data"]
            return rows

    def refused(self, *words: str) -> str:
        done = self.cluster.run("gnt-node", "add", *words, check=False)
        self.assertEqual(done.returncode, 1, done)
        return done.stderr

    def altered(self, **changes: Any) -> str:
        token = Token.parse(self.cluster.token("node3"))
        values = {name: getattr(token, name) for name in ("name", "host", "port", "fingerprint", "secret", "expires")}
        return Token(**{**values, **changes}).text()

    def test_a_name_that_is_taken(self) -> None:
        self.assertIn("already", self.refused("--token", self.cluster.token("node3"), "node2"))

    def test_the_token_of_another_host(self) -> None:
        self.assertIn("the token is of host node3", self.refused("--token", self.cluster.token("node3"), "node9"))

    def test_a_host_that_calls_itself_by_a_name_that_is_taken(self) -> None:
        """The token says node9, the host behind it is node3."""
        self.assertIn("called node3", self.refused("--token", self.altered(name="node9"), "node9"))

    def test_a_wrong_secret(self) -> None:
        self.assertIn("the proof is wrong", self.refused("--token", self.altered(secret=b"x" * 20), "node3"))

    def test_an_expired_token(self) -> None:
        self.assertIn("expired", self.refused("--token", self.altered(expires=time.time() - 1), "node3"))

    def test_a_token_that_expires_on_the_way(self) -> None:
        with self.cluster.client("node3") as client:
            token = client.call("join_token", {"ttl": 0.2})["token"]
        shown = Token.parse(token)
        later = Token(shown.name, shown.host, shown.port, shown.fingerprint, shown.secret, time.time() + 60).text()
        time.sleep(0.3)
        self.assertIn("expired", self.refused("--token", later, "node3"))

    def test_another_host_than_the_one_that_showed_the_token(self) -> None:
        self.refused("--token", self.altered(fingerprint="0" * 64), "node3")

    def test_garbage_instead_of_a_token(self) -> None:
        for text in ("x", "gtw1.", "gtw1.####", "gtw9.AAAA", "gtw1." + "A" * 5000):
            self.refused("--token", text, "node3")

    def test_a_node_shows_no_token(self) -> None:
        with self.cluster.client("node2") as client:
            self.assertRaises(GanetiError, client.call, "join_token", {"ttl": 60})

    def test_a_token_that_lives_too_long_is_not_made(self) -> None:
        with self.cluster.client("node3") as client:
            self.assertRaises(BadRequest, client.call, "join_token", {"ttl": 1e9})

    def test_a_strangers_certificate(self) -> None:
        now = time.time()
        other = CertificateAuthority.create("other", now)
        unjoined = Unjoined.create("node1", now)
        identity = unjoined.join(other.sign(unjoined.csr(), "node1", now), other.certificate)
        for stranger in (identity, unjoined):
            self.assertEqual(self.tls(stranger, b"\0\4_ask\0\0011\0\0"), b"")

    def tls(self, who: Identity | Unjoined, words: bytes) -> bytes:
        """What a host in the cluster says to somebody with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with tempfile.TemporaryDirectory() as directory:
            pem = Path(directory, "pem")
            pem.write_text(who.key + who.certificate)
            context.load_cert_chain(pem)
        raw = socket.create_connection((self.cluster.address("node2"), 1811), timeout=10)
        try:
            with context.wrap_socket(raw) as stream:
                stream.sendall(words)
                return stream.recv(1000)
        except (ssl.SSLError, ConnectionError):
            return b""

    def test_garbage_on_every_port(self) -> None:
        for host in self.cluster.names:
            address = self.cluster.address(host)
            for port in STREAM_PORTS:
                for words in (os.urandom(5000), b"\0" * 100_000, b"GET / HTTP/9.9\r\n" + b"a: b\r\n" * 5000):
                    self.shout(socket.AF_INET, (address, port), words)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                for words in (b"", b"plj0", b"plj0{", b'plj0{"msg":1}', os.urandom(4000), b"x" * 60000):
                    datagrams.sendto(words, (address, CONFD))

    def test_garbage_on_the_local_socket(self) -> None:
        for host in self.cluster.names:
            for words in (os.urandom(5000), b"\xff" * 100_000, b"\0\4_ask\0", box(_command=b"Nothing", _ask=b"1")):
                self.shout(socket.AF_UNIX, self.cluster.paths(host).socket, words)

    def shout(self, family: int, address: Any, words: bytes) -> None:
        with socket.socket(family) as stream:
            stream.settimeout(5)
            stream.connect(address)
            try:
                stream.sendall(words)
                stream.shutdown(socket.SHUT_WR)
                while stream.recv(65536):
                    pass
            except OSError:
                return  # it hung up on us, as it may

    def test_ten_megabytes_in_one_value(self) -> None:
        large = "x" * 10_000_000
        with self.cluster.client() as client:
            with self.assertRaises(GanetiError) as caught:
                client.call("submit", {"ops": [{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [large]}]})
                number = client.call("submit", {"ops": [{"OP_ID": large}]})
                self.fail(f"job {number} was accepted")
            self.assertLess(len(str(caught.exception)), 20_000_000)
            self.assertEqual(client.call("host_state")["role"], "master")

    def test_bad_calls(self) -> None:
        with self.cluster.client() as client:
            for method, arguments in (
                ("nothing", {}),
                ("_handle", {}),
                ("submit", {}),
                ("submit", {"ops": "x"}),
                ("submit", {"ops": [{"OP_ID": "OP_NOTHING"}]}),
                ("submit", {"ops": [{"OP_ID": "OP_TEST_DELAY", "duration": "long"}]}),
                ("submit", {"ops": [{"OP_ID": "OP_TEST_DELAY", "duration": 0, "unknown": 1}]}),
                ("wait", {"id": "x", "fields": []}),
                ("wait", {"id": 99999, "fields": ["status"]}),
                ("query", {"what": "nothing", "fields": ["name"]}),
                ("query", {"what": "node", "fields": ["name"], "filter": ["?"]}),
                ("init_cluster", {"cluster_name": "again"}),
            ):
                with self.assertRaises(GanetiError, msg=f"{method} {arguments}"):
                    client.call(method, arguments)


def box(**values: bytes) -> bytes:
    """An AMP box."""
    parts = [struct.pack("!H", len(k)) + k.encode() + struct.pack("!H", len(v)) + v for k, v in values.items()]
    return b"".join(parts) + b"\0\0"
