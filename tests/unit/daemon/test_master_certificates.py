"""The master renews a certificate; hosts that do not play their part are found out."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.secrets import Issued, Renewal, Secrets, Vault
from ganeti_tw.daemon.certificates import MasterCertificates
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, Expired, GanetiError, NotSent, Refused
from ganeti_tw.kernel import Actor, ActorSystem, Rank, receive
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.certificates import RequestCertificate, UseCertificate
from ganeti_tw.protocol.node import GetHostState
from ganeti_tw.wire.certificates import (
    CertificateAuthority,
    fingerprint,
    load_certificates,
    new_key,
    number_of,
    signing_request,
)
from ganeti_tw.wire.identity import Identity, Unjoined

NOW = 1_790_000_000.0
CA = CertificateAuthority.create("cluster", NOW)


class SimpleVault(Vault):
    def change(self, change: Any) -> Deferred[Secrets]:
        self.secrets = change(self.secrets)
        return succeed(self.secrets)


class Host(Actor):
    """The host n2, as it should be unless told otherwise."""

    rank = Rank.NODE

    def __init__(self) -> None:
        self.csr = signing_request(new_key(), "n2")
        self.used: list[UseCertificate] = []
        self.shown = ""
        self.refusal: GanetiError | None = None
        self.obeys = True

    @receive(RequestCertificate)
    def request(self, m: RequestCertificate) -> str:
        return self.csr

    @receive(UseCertificate)
    def use(self, m: UseCertificate) -> None:
        self.used.append(m)
        if self.obeys:
            self.shown = fingerprint(m.certificate)
        if self.refusal is not None:
            raise self.refusal

    @receive(GetHostState)
    def state(self, m: GetHostState) -> str:
        return "here"


class Ways:
    """The links to n2, which is an actor of this process."""

    def __init__(self, host: Host, system: ActorSystem) -> None:
        self.host, self.system = host, system
        self.pins: list[tuple[str, int, str]] = []

    def ref(self, node: str, path: str, rank: int = 0) -> Any:
        return self.system.find(path)

    def renew(self, node: str) -> None:
        return None

    def shown(self, node: str) -> str:
        return self.host.shown

    def pinned(self, host: str, port: int, fingerprint: str) -> Any:
        self.pins.append((host, port, fingerprint))
        return self

    def close(self) -> Deferred[None]:
        return succeed(None)


class PinnedWays(Ways):
    def ref(self, node: str, path: str = "", rank: int = 0) -> Any:
        return self.system.find(path or node)


class RenewTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock)
        self.host = Host()
        self.system.spawn("host", lambda: self.host)
        self.ways = PinnedWays(self.host, self.system)
        issued = Issued(4, {"n1": 1, "n2": 2}, {"n2": "f2"})
        self.vault = SimpleVault(Secrets(CA.key + CA.certificate, "key", issued, Renewal(4)))
        own = Unjoined.create("n1", NOW)
        identity = own.join(CA.sign(own.csr(), "n1", NOW, number=1), CA.certificate)
        record = HostRecord("cluster", "cu", "n1", "u1", 4, "n1", ("n1",))
        self.certificates = MasterCertificates(
            self.ways,
            Directory("n1", self.system, self.ways),
            self.vault,
            lambda: record,
            lambda: NOW,
            lambda: identity,
            lambda name: ("192.0.2.2", 1811),
        )

    def renew(self) -> Deferred[None]:
        done = Deferred.fromCoroutine(self.certificates.renew("n2"))
        for _ in range(10):
            self.clock.advance(0)
        return done

    def test_it_is_done_once_it_is_shown(self) -> None:
        self.assertEqual(self.certificates.outdated(["n1", "n2"]), ["n1", "n2"])
        self.successResultOf(self.renew())
        issued, certificate = self.vault.secrets.issued, self.host.used[0].certificate
        self.assertEqual((issued.last, issued.lowest), (5, {"n1": 1, "n2": 5}))
        self.assertEqual(issued.fingerprints["n2"], fingerprint(certificate))
        self.assertEqual(number_of(load_certificates(certificate)[0]), 5)
        self.assertEqual(self.certificates.outdated(["n1", "n2"]), ["n1"])

    def test_garbage_instead_of_a_request(self) -> None:
        before = self.vault.secrets
        for csr in ("", "nonsense", CA.certificate, self.host.csr.replace("M", "N", 3)):
            self.host.csr = csr
            self.failureResultOf(self.renew(), BadRequest)
        self.assertEqual((self.vault.secrets, self.host.used), (before, []))

    def test_a_request_for_another_name_gives_it_no_other_name(self) -> None:
        self.host.csr = signing_request(new_key(), "n1")
        self.successResultOf(self.renew())
        self.assertEqual(Identity("", self.host.used[0].certificate, "").name, "n2")

    def test_a_host_that_goes_on_with_its_old_certificate(self) -> None:
        self.host.obeys = False
        self.failureResultOf(self.renew(), Refused)
        self.assertEqual(self.vault.secrets.issued.lowest["n2"], 2)
        self.assertEqual(self.certificates.outdated(["n2"]), ["n2"])

    def test_an_answer_that_is_lost(self) -> None:
        self.host.refusal = Expired("no answer came")
        self.successResultOf(self.renew())
        self.assertEqual(self.certificates.outdated(["n2"]), [])
        self.host.obeys = False
        self.failureResultOf(self.renew(), Refused)

    def test_a_host_whose_authority_is_gone_is_known_by_its_fingerprint(self) -> None:
        self.vault.secrets = evolve(
            self.vault.secrets, issued=evolve(self.vault.secrets.issued, behind=("n2",)), renewal=Renewal(4)
        )
        self.successResultOf(self.renew())
        self.assertEqual(self.ways.pins, [("192.0.2.2", 1811, "f2")])
        self.assertEqual(self.vault.secrets.issued.behind, ())

    def test_and_when_that_fails_the_remedy_is_named(self) -> None:
        self.vault.secrets = evolve(self.vault.secrets, issued=evolve(self.vault.secrets.issued, behind=("n2",)))
        self.host.refusal = NotSent("certificate verify failed")
        self.assertIn("gnt-node remove", self.failureResultOf(self.renew(), NotSent).value.text)

    def test_a_renewal_that_was_begun_is_not_begun_again(self) -> None:
        begun = evolve(self.vault.secrets, renewal=Renewal(3, leaving="OLD"))
        for authority in (True, False):
            self.vault.secrets = begun
            self.successResultOf(Deferred.fromCoroutine(self.certificates.begin(authority=authority)))
            self.assertEqual(self.vault.secrets, begun)
        # One of certificates alone becomes one of the authority too.
        self.vault.secrets = evolve(begun, renewal=Renewal(3))
        self.successResultOf(Deferred.fromCoroutine(self.certificates.begin(authority=True)))
        renewal = self.vault.secrets.renewal
        assert renewal is not None
        self.assertIn("BEGIN", renewal.coming)

    def test_the_authority_changes_hands(self) -> None:
        self.vault.secrets = evolve(self.vault.secrets, renewal=None)
        self.successResultOf(Deferred.fromCoroutine(self.certificates.begin(authority=True)))
        self.assertEqual(self.certificates.bundle().count("BEGIN CERTIFICATE"), 2)
        self.assertTrue(self.certificates.bundle().startswith(CA.certificate))
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(self.certificates.adopt()))
        bundle = self.certificates.bundle()
        self.assertTrue(bundle.endswith(CA.certificate))
        self.assertEqual(bundle.count("BEGIN CERTIFICATE"), 2)
        self.successResultOf(Deferred.fromCoroutine(self.certificates.end(["n2"])))
        self.assertNotIn(CA.key, self.vault.secrets.rows()["ca"].decode())
        self.assertEqual(self.vault.secrets.issued.behind, ("n2",))
