"""Certificates and keys, renewed on a whole cluster."""

from __future__ import annotations

import json
import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.secrets import ChangeSecrets, secrets_of
from ganeti_tw.daemon.certificates import authority_of
from ganeti_tw.errors import GanetiError
from ganeti_tw.protocol.node import GetHostState
from ganeti_tw.testing.cluster import Cluster, Command
from ganeti_tw.wire.certificates import digest
from ganeti_tw.wire.identity import Identity, trusts

RENEW = ("gnt-cluster", "renew-crypto", "-f")


class CryptoCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=4)

    def renew(self, *options: str, code: int = 0) -> Command:
        done = self.cluster.run(*RENEW, *options)
        self.assertEqual(done.code, code, done)
        self.cluster.settle(2)
        return done

    def identity(self, name: str) -> Identity:
        identity = self.cluster.hosts[name].identity
        assert isinstance(identity, Identity)
        return identity

    def shown(self) -> dict[str, str]:
        return {name: host.identity.fingerprint for name, host in self.cluster.hosts.items()}

    @property
    def secrets(self) -> Any:
        snapshot = self.cluster.result(self.cluster.master_host.store.load(("secret",)))
        return secrets_of(snapshot.rows)

    def everybody_hears_everybody(self, *, but: tuple[str, ...] = ()) -> None:
        """Any pair of hosts that is up; what TLS would refuse is refused."""
        alive = [name for name, host in self.cluster.hosts.items() if host.alive and name not in but]
        for one in alive:
            for other in alive:
                if one != other:
                    ref = self.cluster.hosts[one].process.directory.ref(other, "host")
                    self.assertEqual(self.cluster.result(ref.ask(GetHostState(), 5)).name, other)

    def all_from_one_authority(self, *, but: tuple[str, ...] = ()) -> None:
        ca = authority_of(self.secrets.authority).certificate
        for name in self.cluster.hosts:
            if name not in but:
                self.assertEqual(self.identity(name).ca, ca, name)
                self.assertTrue(trusts(ca, self.identity(name).certificate), name)


class NodeCertificateTests(CryptoCase):
    def test_each_node_has_a_new_one_and_the_authority_stays(self) -> None:
        before, authority = self.shown(), self.secrets.authority
        done = self.renew("--new-node-certificates", "-v")
        self.assertIn("Renewing the certificate of node2", done.out)
        for name, shown in self.shown().items():
            self.assertNotEqual(shown, before[name])
        secrets = self.secrets
        self.assertEqual((secrets.authority, secrets.renewal), (authority, None))
        self.assertEqual(secrets.issued.fingerprints, self.shown())
        self.everybody_hears_everybody()
        for host in self.cluster.hosts.values():
            self.assertEqual(host.record.lowest, secrets.issued.lowest)

    def test_the_configuration_has_the_digests_of_the_new_ones(self) -> None:
        self.cluster.settle(2)
        before = dict(self.cluster.config.cluster.candidate_certs)
        self.assertEqual(len(before), 4)
        self.renew("--new-node-certificates")
        self.cluster.settle(2)
        after = dict(self.cluster.config.cluster.candidate_certs)
        self.assertEqual(before.keys(), after.keys())
        for node in self.cluster.config.nodes.values():
            shown = digest(self.identity(node.name).certificate)
            self.assertEqual(after[node.uuid], shown)
            self.assertNotEqual(after[node.uuid], before[node.uuid])

    def test_the_old_certificate_is_refused_everywhere(self) -> None:
        old = self.identity("node3")
        self.renew("--new-node-certificates")
        self.cluster.hosts["node3"].identity = old
        ref = self.cluster.hosts["node3"].process.directory.ref("node2", "host")
        error = self.assertRaises(GanetiError, self.cluster.result, ref.ask(GetHostState(), 5))
        self.assertIn("was replaced by a later one", error.text)

    def test_a_node_that_is_down_is_named_and_done_the_next_time(self) -> None:
        before = self.shown()
        self.cluster.hosts["node3"].kill()
        done = self.renew("--new-node-certificates", code=1)
        self.assertIn("no new certificate on node3", done.err)
        done_once = self.shown()
        self.assertEqual(done_once["node3"], before["node3"])
        self.cluster.hosts["node3"].boot()
        self.cluster.settle(15)
        done = self.renew("--new-node-certificates")
        self.assertIn("Finishing the renewal", done.out)
        after = self.shown()
        self.assertNotEqual(after["node3"], before["node3"])
        # The others were done: nothing is done twice.
        self.assertEqual({**after, "node3": ""}, {**done_once, "node3": ""})
        self.everybody_hears_everybody()

    def test_a_node_marked_offline_is_not_waited_for(self) -> None:
        self.assertEqual(self.cluster.run("gnt-node", "modify", "-O", "yes", "--auto-promote", "node4").code, 0)
        self.cluster.hosts["node4"].kill()
        done = self.renew("--new-node-certificates")
        self.assertIn("node4 has no new certificate, it is marked offline", done.out)
        self.assertIsNone(self.secrets.renewal)

    def test_a_node_that_answers_garbage_is_named_and_keeps_what_it_has(self) -> None:
        before = self.shown()
        self.cluster.hosts["node2"].process.host.stop()
        self.cluster.settle(1)
        done = self.renew("--new-node-certificates", code=1)
        self.assertIn("node2", done.err)
        self.assertEqual(self.shown()["node2"], before["node2"])


class AuthorityTests(CryptoCase):
    def test_all_is_new_and_the_old_one_is_trusted_nowhere(self) -> None:
        before = self.secrets.authority
        self.renew("--new-cluster-certificate")
        self.assertNotEqual(self.secrets.authority, before)
        self.assertIsNone(self.secrets.renewal)
        self.all_from_one_authority()
        self.everybody_hears_everybody()

    def test_a_host_that_was_down_while_it_was_announced_stops_it_before_anything_changes(self) -> None:
        before = self.shown()
        self.cluster.hosts["node2"].kill()
        done = self.renew("--new-cluster-certificate", code=1)
        self.assertIn("not done on node2", done.err)
        self.assertEqual(self.shown(), before)
        self.cluster.hosts["node2"].boot()
        self.cluster.settle(15)
        self.everybody_hears_everybody()
        self.renew("--new-cluster-certificate")
        self.all_from_one_authority()

    def test_a_new_host_joins_in_the_middle(self) -> None:
        self.cluster = Cluster(nodes=3, spare=1)
        self.cluster.hosts["node2"].kill()
        self.renew("--new-cluster-certificate", code=1)
        self.cluster.hosts["node2"].boot()
        self.cluster.settle(15)
        self.assertEqual(self.cluster.run("gnt-node", "add", "--token", "token of node4", "node4").code, 0)
        self.cluster.settle(2)
        self.everybody_hears_everybody()
        self.renew("--new-cluster-certificate")
        self.all_from_one_authority()
        self.everybody_hears_everybody()

    def test_the_master_dies_at_any_moment(self) -> None:
        """Whoever is master then: everybody hears everybody, and a second run ends it."""
        interrupted = set()
        for seed in range(24):
            self.cluster = Cluster(nodes=3, seed=seed)
            chance = random.Random(seed)
            op = {"OP_ID": "OP_CLUSTER_RENEW_CRYPTO", "cluster_certificate": True, "reason": []}
            self.cluster.begin("submit", {"ops": [op]}).addErrback(lambda failure: None)
            self.cluster.settle(0.15 * seed / 24 + chance.uniform(0, 0.006))
            self.cluster.restart("node1")
            self.cluster.settle(20)
            renewal = self.secrets.renewal
            interrupted.add(None if renewal is None else "coming" if renewal.coming else "leaving")
            self.everybody_hears_everybody()
            self.renew("--new-cluster-certificate")
            self.all_from_one_authority()
            self.everybody_hears_everybody()
            self.assertIsNone(self.secrets.renewal)
        # Otherwise nothing was tried.
        self.assertLessEqual({"coming", "leaving"}, interrupted)

    def test_nobody_is_refused_meanwhile(self) -> None:
        """Each host asks all others again and again while everything is renewed."""
        cluster = self.cluster
        troubles: list[str] = []
        op = {"OP_ID": "OP_CLUSTER_RENEW_CRYPTO", "cluster_certificate": True, "reason": []}
        before = self.secrets.authority
        cluster.begin("submit", {"ops": [op]})
        for _ in range(100):
            for one, host in cluster.hosts.items():
                for other in cluster.hosts:
                    if one != other:
                        asked = host.process.directory.ref(other, "host").ask(GetHostState(), 5)
                        asked.addErrback(lambda failure: troubles.append(failure.getErrorMessage()))
            cluster.settle(0.02)
        self.assertNotEqual(self.secrets.authority, before)
        self.assertIsNone(self.secrets.renewal)
        self.assertEqual(troubles, [])

    def test_after_a_ledger_was_restored_from_before_the_last_renewal(self) -> None:
        cluster, old = self.cluster, self.secrets
        self.renew("--new-cluster-certificate")
        master = cluster.master_host.process.master
        assert master is not None
        cluster.result(master.secrets.ask(ChangeSecrets(lambda now: old), 10))
        cluster.settle(2)
        self.everybody_hears_everybody()
        self.renew("--new-cluster-certificate")
        self.all_from_one_authority()
        self.everybody_hears_everybody()

    def test_another_master_ends_it(self) -> None:
        self.cluster.hosts["node3"].kill()
        self.renew("--new-cluster-certificate", code=1)
        self.cluster.hosts["node3"].boot()
        self.cluster.settle(15)
        self.cluster.hosts["node1"].kill()
        self.cluster.use("node2")
        self.assertEqual(self.cluster.run("gnt-cluster", "master-failover").code, 0)
        self.cluster.hosts["node1"].boot()
        self.cluster.settle(30)
        self.renew("--new-cluster-certificate")
        self.all_from_one_authority()
        self.everybody_hears_everybody()


class RemovalTests(CryptoCase):
    def test_a_removed_host_is_refused_although_it_kept_its_certificate(self) -> None:
        cluster = self.cluster
        kept, record = self.identity("node4"), cluster.hosts["node4"].record
        cluster.network.cut("node1", "node4")
        done = cluster.run("gnt-node", "remove", "node4")
        self.assertEqual(done.code, 0, done)
        cluster.network.mend("node1", "node4")
        cluster.settle(2)
        self.assertEqual((cluster.hosts["node4"].identity, cluster.hosts["node4"].record.uuid), (kept, record.uuid))
        for other in ("node1", "node2", "node3"):
            ref = cluster.hosts["node4"].process.directory.ref(other, "host")
            error = self.assertRaises(GanetiError, cluster.result, ref.ask(GetHostState(), 5))
            self.assertIn("is no node that", error.text)

    def test_a_host_that_comes_back_has_a_new_certificate_and_its_old_one_is_refused(self) -> None:
        cluster = self.cluster
        old = self.identity("node4")
        self.assertEqual(cluster.run("gnt-node", "remove", "node4").code, 0)
        cluster.settle(2)
        self.assertEqual(cluster.run("gnt-node", "add", "--token", "token of node4", "node4").code, 0)
        cluster.settle(2)
        self.everybody_hears_everybody()
        cluster.hosts["node4"].identity = old
        for other in ("node1", "node2", "node3"):
            ref = cluster.hosts["node4"].process.directory.ref(other, "host")
            error = self.assertRaises(GanetiError, cluster.result, ref.ask(GetHostState(), 5))
            self.assertIn("was replaced by a later one", error.text)


class KeyTests(CryptoCase):
    def files(self, name: str) -> dict[str, bytes]:
        return dict(self.cluster.hosts[name].ancillary.files)

    def test_confds_key_is_stored_and_put_everywhere(self) -> None:
        self.renew("--new-confd-hmac-key")
        key = self.secrets.hmac_key
        self.assertRegex(key, "^[0-9a-f]{40}\n$")
        for name in self.cluster.hosts:
            self.assertEqual(self.files(name)["/var/lib/ganeti/hmac.key"].decode(), key)

    def test_a_node_that_does_not_take_it_is_named(self) -> None:
        self.cluster.hosts["node3"].ancillary.broken.add("/var/lib/ganeti/hmac.key")
        done = self.renew("--new-confd-hmac-key", code=1)
        self.assertIn("node3", done.err)
        self.assertIn("redist-conf", done.err)
        self.cluster.hosts["node3"].ancillary.broken.clear()
        self.assertEqual(self.cluster.run("gnt-cluster", "redist-conf").code, 0)
        self.assertEqual(self.files("node3")["/var/lib/ganeti/hmac.key"].decode(), self.secrets.hmac_key)

    def test_what_does_not_go_together(self) -> None:
        for options, words in (
            ((), "Nothing to renew"),
            (("--new-rapi-certificate", "--rapi-certificate", "x"), "not both"),
            (("--new-spice-certificate", "--spice-certificate", "x"), "not both"),
            (("--new-cluster-domain-secret", "--cluster-domain-secret", "x"), "not both"),
            (("--spice-certificate", "x"), "together"),
            (("--rapi-certificate", "/does/not/exist"), "/does/not/exist"),
            (("--new-ssh-keys",), "no ssh keys"),
        ):
            done = self.renew(*options, code=1)
            self.assertIn(words, done.err)

    def test_wrong_files_change_nothing(self) -> None:
        path = self.mktemp()
        for content in ("", "nonsense", self.identity("node1").certificate):
            with open(path, "w", encoding="ascii") as file:
                file.write(content)
            done = self.renew("--rapi-certificate", path, code=1)
            self.assertIn("the RAPI certificate", done.err)
        self.assertEqual(self.files("node1"), {})

    def test_secrets_are_not_in_the_job(self) -> None:
        path = self.mktemp()
        with open(path, "w", encoding="ascii") as file:
            file.write("hush-hush\n")
        self.renew("--cluster-domain-secret", path)
        self.assertEqual(self.files("node2")["/var/lib/ganeti/cluster-domain-secret"], b"hush-hush\n")
        rows = self.cluster.result(self.cluster.master_host.store.load(("job",))).rows
        self.assertNotIn("hush", json.dumps([value.decode() for value in rows.values()]))
