"""Renewing certificates and keys of real processes."""

from __future__ import annotations

import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import TestCase

from twisted.protocols.amp import AmpBox

from ganeti_tw.errors import GanetiError
from ganeti_tw.wire.envelope import DELIVER, Envelope
from ganeti_tw.wire.identity import Identity, load
from real_cluster import RealCluster

RENEW = ("gnt-cluster", "renew-crypto", "-f")


class CryptoCase(TestCase):
    hosts = 3

    def setUp(self) -> None:
        self.cluster = RealCluster(self.hosts)
        self.addCleanup(self.cluster.destroy)
        self.cluster.form()
        self.address = {host: self.cluster.address(host) for host in self.cluster.names}
        self.settled()

    def settled(self) -> None:
        """All hosts know all others."""
        self.cluster.until(
            lambda: len({self.cluster.state(h)["position"] for h in self.cluster.names}) == 1, seconds=60
        )

    def renew(self, *options: str, code: int = 0) -> str:
        done = self.cluster.run(*RENEW, *options, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def identity(self, host: str) -> Identity:
        identity = load(self.cluster.paths(host).tls)
        assert isinstance(identity, Identity)
        return identity

    def works(self) -> None:
        """What goes through all nodes goes well, and a change reaches every candidate."""
        self.cluster.run("gnt-cluster", "add-tags", f"tag{random.getrandbits(30)}")
        self.settled()
        done = self.cluster.run("gnt-cluster", "command", "true")
        self.assertNotIn("failed", done.stdout + done.stderr)

    def welcome(self, who: Identity, host: str) -> bool:
        """Whether a host listens to what somebody with this certificate says."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with tempfile.TemporaryDirectory() as directory:
            pem = Path(directory, "pem")
            pem.write_text(who.key + who.certificate)
            context.load_cert_chain(pem)
        try:
            with socket.create_connection((self.address[host], 1811), timeout=10) as raw:
                with context.wrap_socket(raw) as stream:
                    # Nobody is called so; whoever is listened to is told that, the others that they are refused.
                    fields = Envelope("nobody", "nothing/1", b"{}", 0, 10.0).fields()
                    box = {"_ask": b"1", "_command": DELIVER, **fields}
                    stream.sendall(AmpBox({key.encode(): value for key, value in box.items()}).serialize())
                    said = b""
                    while b"_answer" not in said or not said.endswith(b"\0\0"):
                        got = stream.recv(1000)
                        if not got:
                            return False
                        said += got
                    return b"replaced by a later one" not in said and b"is no node" not in said
        except (ssl.SSLError, ConnectionError):
            return False


class RenewalTests(CryptoCase):
    def test_certificates_of_nodes_change_and_the_old_ones_are_refused(self) -> None:
        before = {host: self.identity(host) for host in self.cluster.names}
        self.assertTrue(self.welcome(before["node2"], "node3"))
        self.renew("--new-node-certificates")
        for host in self.cluster.names:
            self.assertNotEqual(self.identity(host).certificate, before[host].certificate)
            self.assertNotEqual(self.identity(host).key, before[host].key)
            self.assertEqual(self.identity(host).ca, before[host].ca)
        for host, other in (("node2", "node3"), ("node2", "node1"), ("node1", "node2")):
            self.cluster.until(lambda h=host, o=other: not self.welcome(before[h], o))  # type: ignore[misc]
            self.assertTrue(self.welcome(self.identity(host), other))
        self.works()
        for host in self.cluster.names:  # what is on disk is good too
            self.cluster.kill(host)
        self.cluster.start()
        self.cluster.until(lambda: self.cluster.state("node1")["role"] == "master", seconds=60)
        self.works()

    def test_the_authority_changes_while_jobs_run(self) -> None:
        before = self.identity("node1").ca
        problems: list[str] = []
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                try:
                    self.cluster.run("gnt-cluster", "add-tags", f"tag{random.getrandbits(30)}")
                except RuntimeError as e:
                    problems.append(str(e))

        worker = threading.Thread(target=work)
        worker.start()
        try:
            said = self.renew("--new-cluster-certificate", "-v")
        finally:
            ended.set()
            worker.join()
        self.assertEqual(problems, [])
        self.assertIn("Renewing the certificate of node3", said)
        (ca,) = {self.identity(host).ca for host in self.cluster.names}
        self.assertNotEqual(ca, before)
        self.works()

    def test_the_master_is_killed_in_the_middle_and_the_next_run_ends_it(self) -> None:
        before = self.identity("node1").ca
        for _ in range(4):
            command = threading.Thread(
                target=lambda: self.cluster.run(*RENEW, "--new-cluster-certificate", check=False)
            )
            command.start()
            time.sleep(0.3 + random.random() * 0.4)  # a command needs some time to start
            self.cluster.kill("node1")
            command.join()
            self.cluster.start("node1")
            self.cluster.until(lambda: self.cluster.state("node1")["role"] == "master", seconds=60)
            self.works()
        self.renew("--new-cluster-certificate")
        (ca,) = {self.identity(host).ca for host in self.cluster.names}
        self.assertNotEqual(ca, before)
        self.assertEqual(ca.count("BEGIN CERTIFICATE"), 1)
        self.works()

    def test_keys_and_certificates_for_clients(self) -> None:
        old = Path(self.cluster.paths("node2").hmac_key).read_bytes()
        self.renew(
            "--new-confd-hmac-key", "--new-rapi-certificate", "--new-spice-certificate", "--new-cluster-domain-secret"
        )
        for name in ("hmac.key", "rapi.pem", "spice.pem", "spice-ca.pem", "cluster-domain-secret"):
            (content,) = {Path(self.cluster.paths(h).data, name).read_bytes() for h in self.cluster.names}
            self.assertTrue(content)
        self.assertNotEqual(Path(self.cluster.paths("node2").hmac_key).read_bytes(), old)
        stale = Path(self.cluster.top, "stale")
        stale.write_bytes(old)
        self.assertEqual(self.confd("node2"), 0)
        self.assertNotEqual(self.confd("node2", "-k", str(stale)), 0)
        rapi = Path(self.cluster.paths("node1").data, "rapi.pem")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(rapi)
        # Given by hand:
        copy = self.cluster.top / "given.pem"
        shutil.copy(rapi, copy)
        self.renew("--new-rapi-certificate")
        self.assertNotEqual(rapi.read_bytes(), copy.read_bytes())
        self.renew("--rapi-certificate", str(copy))
        self.assertEqual(Path(self.cluster.paths("node3").data, "rapi.pem").read_bytes(), copy.read_bytes())

    def confd(self, host: str, *options: str) -> int:
        time.sleep(1.5)  # it looks at the key once a second
        argv = [sys.executable, "-m", "ganeti_tw.daemon.confd_client", "master", "-t", "2", *options]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        environ |= {"GANETI_ROOTDIR": str(self.cluster.directory / host), "GANETI_HOSTNAME": host}
        argv += ["-a", self.address[host]]
        return subprocess.run(argv, capture_output=True, timeout=60, env=environ, check=False).returncode


class AbsentNodeTests(CryptoCase):
    def test_a_node_that_is_down_is_renewed_by_the_next_run(self) -> None:
        before = self.identity("node2").certificate
        self.cluster.kill("node2")
        said = self.renew("--new-node-certificates", code=1)
        self.assertIn("no new certificate on node2", said)
        self.cluster.start("node2")
        self.settled()
        self.renew("--new-node-certificates")
        self.assertNotEqual(self.identity("node2").certificate, before)
        self.works()

    def test_a_node_told_of_the_authority_comes_back_after_the_other_is_gone(self) -> None:
        self.cluster.run("gnt-node", "modify", "-O", "yes", "--auto-promote", "node3")
        self.cluster.kill("node2")
        said = self.renew("--new-cluster-certificate", code=1)
        self.assertIn("not done on node2", said)  # but node3 was told
        self.cluster.kill("node3")
        self.cluster.start("node2")
        self.cluster.until(lambda: self.cluster.state("node2")["role"] == "candidate")
        said = self.renew("--new-cluster-certificate")
        self.assertIn("node3", said)
        self.assertEqual(self.identity("node2").ca, self.identity("node1").ca)
        self.cluster.start("node3")
        refused = self.cluster.run("gnt-node", "modify", "-f", "-O", "no", "node3", check=False)
        self.assertEqual(refused.returncode, 1)
        self.renew("--new-node-certificates")
        self.cluster.run("gnt-node", "modify", "-f", "-O", "no", "node3")
        self.assertEqual(self.identity("node3").ca, self.identity("node1").ca)
        self.works()

    def test_a_removed_host_is_refused_and_so_is_its_certificate_when_it_is_back(self) -> None:
        removed = self.identity("node3")
        self.cluster.kill("node3")
        self.cluster.run("gnt-node", "remove", "node3")
        for host in ("node1", "node2"):
            self.cluster.until(lambda h=host: not self.welcome(removed, h))  # type: ignore[misc]
        Path(self.cluster.paths("node3").host_state).unlink()
        shutil.rmtree(self.cluster.paths("node3").tls)
        self.cluster.start("node3")
        self.cluster.run("gnt-node", "add", "--token", self.cluster.token("node3"), "node3")
        self.works()
        for host in ("node1", "node2"):
            self.assertTrue(self.welcome(self.identity("node3"), host))
            self.assertFalse(self.welcome(removed, host))
        with self.assertRaises(GanetiError), self.cluster.client("node3") as client:
            client.call("join_token", {"ttl": 60})
