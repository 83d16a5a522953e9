"""A node gets another certificate, or other authorities to trust; what does not fit changes nothing."""

from __future__ import annotations

from attrs import evolve

from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, NoCluster, Refused
from ganeti_tw.protocol.certificates import RequestCertificate, Trust, UseCertificate
from ganeti_tw.wire.certificates import CertificateAuthority, new_key, signing_request
from ganeti_tw.wire.identity import Identity
from test_host_joining import NOW, HostCase


class CertificateTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        certificate = self.authority.sign(self.unjoined.csr(), "n2", NOW, number=1)
        self.before = self.roles.identity = self.unjoined.join(certificate, self.authority.certificate)
        self.ca = self.authority.certificate

    @property
    def now_used(self) -> Identity:
        identity = self.roles.identity
        assert identity is not None
        return identity

    def request(self) -> str:
        csr = self.successResultOf(self.ask(RequestCertificate()))
        assert isinstance(csr, str)
        return csr

    def test_a_new_key_and_certificate(self) -> None:
        csr = self.request()
        self.assertEqual(self.now_used, self.before)
        certificate = self.authority.sign(csr, "n2", NOW, number=2)
        self.successResultOf(self.ask(UseCertificate(certificate, self.ca)))
        self.assertEqual((self.now_used.certificate, self.now_used.ca), (certificate, self.ca))
        self.assertNotEqual(self.now_used.key, self.before.key)
        self.now_used.checked()
        # Said once more, as after an answer that was lost.
        self.successResultOf(self.ask(UseCertificate(certificate, self.ca)))
        self.assertEqual(self.now_used.certificate, certificate)

    def test_what_does_not_fit(self) -> None:
        csr, other = self.request(), CertificateAuthority.create("other", NOW)
        for certificate, ca, kind in (
            ("nonsense", self.ca, BadRequest),
            ("", "", BadRequest),
            (self.authority.sign(csr, "n3", NOW), self.ca, Refused),
            (self.authority.sign(signing_request(new_key(), "n2"), "n2", NOW), self.ca, BadRequest),
            (other.sign(csr, "n2", NOW), self.ca, BadRequest),
            (self.authority.sign(csr, "n2", NOW), "nonsense", BadRequest),
        ):
            self.failureResultOf(self.ask(UseCertificate(certificate, ca)), kind)
            self.assertEqual(self.now_used, self.before)
        self.successResultOf(self.ask(UseCertificate(self.authority.sign(csr, "n2", NOW), self.ca)))

    def test_a_certificate_nobody_asked_for(self) -> None:
        certificate = self.authority.sign(self.unjoined.csr(), "n2", NOW, number=7)
        self.refused(self.ask(UseCertificate(certificate, self.ca)), "asked for no certificate", kind=BadRequest)

    def test_authorities_to_trust(self) -> None:
        coming = CertificateAuthority.create("cluster", NOW)
        both = self.ca + coming.certificate
        self.successResultOf(self.ask(Trust(both)))
        self.assertEqual(self.now_used, evolve(self.before, ca=both))
        for ca in (coming.certificate, "", "nonsense"):
            self.failureResultOf(self.ask(Trust(ca)), BadRequest)
            self.assertEqual(self.now_used.ca, both)

    def test_a_host_in_no_cluster(self) -> None:
        self.roles.identity = None
        for message in (RequestCertificate(), UseCertificate("", ""), Trust("")):
            self.failureResultOf(self.ask(message), NoCluster)


class RecordTests(HostCase):
    record = HostRecord(
        "cluster", "cu", "n2", "u2", 4, "n1", ("n1",), addresses={"n1": "a", "n2": "b", "n3": "c"}, lowest={"n1": 5}
    )

    def test_who_is_admitted(self) -> None:
        for peer, number in (("n1", 5), ("n1", 6), ("n3", 0)):
            self.record.admit(peer, number, self.record.knows(peer))
        self.assertRaises(Refused, self.record.admit, "n1", 4, known=True)
        self.assertRaises(Refused, self.record.admit, "n9", 99, known=False)

    def test_a_host_that_just_joined_knows_no_names_yet(self) -> None:
        evolve(self.record, addresses={}).admit("n9", 0, known=False)
