"""Certificates, identities on disk, tokens and proofs."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from attrs import evolve
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Corrupt, NotFound, Refused
from ganeti_tw.wire import identity
from ganeti_tw.wire.certificates import load_certificates
from ganeti_tw.wire.identity import CertificateAuthority, Identity, Unjoined, fingerprint
from ganeti_tw.wire.tls import check_name, client_name
from ganeti_tw.wire.token import Invitation, Token, join_proof
from wire_world import CA, NODE, authority, member

NOW = time.time()


class CertificateTests(SynchronousTestCase):
    def test_signed_certificate_has_the_name_the_authority_gave(self) -> None:
        host = Unjoined.create("evil.example.com", NOW)
        node = host.join(CA.sign(host.csr(), "node1.example.com", NOW), CA.certificate)
        self.assertEqual(node.name, "node1.example.com")
        certificate = load_certificates(node.certificate)[0]
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        self.assertTrue(usage.digital_signature and usage.key_encipherment)
        self.assertFalse(usage.key_cert_sign)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["node1.example.com"])
        self.assertGreater(certificate.not_valid_after_utc.timestamp(), NOW + 86400)
        self.assertLess(certificate.not_valid_before_utc.timestamp(), NOW)

    def test_names_that_are_no_host_names(self) -> None:
        csr = NODE.csr()
        for name in ("*.example.com", "", "192.0.2.1", "a b", "näme.example.com", "x" * 64, "-a", "2001:db8::1"):
            self.assertRaises(BadRequest, CA.sign, csr, name, NOW)

    def test_long_names(self) -> None:
        name = "a" * 60 + ".some.long.domain.example.com"
        self.assertEqual(member(CA, name).name, name)

    def test_malformed_requests(self) -> None:
        good = NODE.csr()
        broken = good[:200] + ("A" if good[200] != "A" else "B") + good[201:]
        for csr in ("", "x", good[:-60], broken, NODE.certificate):
            self.assertRaises(BadRequest, CA.sign, csr, "node1.example.com", NOW)

    def test_what_does_not_belong_together_does_not_join(self) -> None:
        host, other = Unjoined.create("a.example.com", NOW), Unjoined.create("b.example.com", NOW)
        theirs = CA.sign(other.csr(), "a.example.com", NOW)
        self.assertRaises(BadRequest, host.join, theirs, CA.certificate)
        mine = CA.sign(host.csr(), "a.example.com", NOW)
        self.assertRaises(BadRequest, host.join, mine, authority().certificate)
        self.assertRaises(BadRequest, host.join, mine, "garbage")
        self.assertRaises(BadRequest, host.join, "garbage", CA.certificate)

    def test_authorities_may_be_replaced_one_by_one(self) -> None:
        new = authority()
        node = NODE.renew(new.sign(NODE.csr(), NODE.name, NOW), new.certificate + CA.certificate)
        self.assertEqual(node.name, NODE.name)
        self.assertEqual(node.key, NODE.key)

    def test_client_names(self) -> None:
        self.assertEqual(client_name(load_certificates(NODE.certificate)[0]), "node1.example.com")
        self.assertRaises(Refused, client_name, load_certificates(CA.certificate)[0])
        self.assertRaises(Refused, client_name, None)
        self.assertRaises(Refused, check_name, load_certificates(NODE.certificate)[0], "node2.example.com")

    def test_keys_are_not_shown(self) -> None:
        for thing in (CA, NODE, Unjoined.create("a.example.com", NOW)):
            self.assertNotIn("PRIVATE", repr(thing))


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())

    def test_saved_and_loaded(self) -> None:
        for who in (NODE, Unjoined.create("a.example.com", NOW)):
            who.save(self.directory)
            self.assertEqual(identity.load(self.directory), who)
            (file,) = os.listdir(self.directory)
            self.assertEqual(stat.S_IMODE((self.directory / file).stat().st_mode), 0o600)

    def test_two_authorities(self) -> None:
        node = evolve(NODE, ca=NODE.ca + authority().certificate)
        node.save(self.directory)
        self.assertEqual(identity.load(self.directory), node)

    def test_left_over_of_a_crash_does_not_matter(self) -> None:
        NODE.save(self.directory)
        (self.directory / "identity.pem.new").write_text("half")
        self.assertEqual(identity.load(self.directory), NODE)
        NODE.save(self.directory)

    def test_nothing_there(self) -> None:
        self.assertIn("identity.pem", self.assertRaises(NotFound, identity.load, self.directory).text)

    def test_damage_is_named(self) -> None:
        NODE.save(self.directory)
        path = self.directory / "identity.pem"
        good = path.read_text()
        other = Unjoined.create("b.example.com", NOW)
        for bad in ("", "x", good[:300], good[300:], good[:-100], other.key + NODE.certificate + NODE.ca):
            path.write_text(bad)
            self.assertIn(str(path), self.assertRaises(Corrupt, identity.load, self.directory).text)

    def test_values_compare(self) -> None:
        self.assertEqual(Identity(NODE.key, NODE.certificate, NODE.ca), NODE)
        self.assertEqual(CertificateAuthority(CA.key, CA.certificate), CA)


class TokenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.host = Unjoined.create("node9.example.com", NOW)
        self.token = Token("node9.example.com", "192.0.2.9", 1811, self.host.fingerprint, b"s" * 32, NOW + 600)

    def test_text(self) -> None:
        text = self.token.text()
        self.assertTrue(text.startswith("gtw1."))
        self.assertTrue(text.isascii() and text.isprintable() and " " not in text)
        self.assertEqual(Token.parse(text), self.token)
        self.assertEqual(Token.parse(f"  {text[:40]}\n{text[40:]}\n"), self.token)
        self.assertNotIn("ssss", repr(self.token))

    def test_what_is_wrong_is_said(self) -> None:
        text = self.token.text()
        for bad, why in (
            ("", "begins with gtw1."),
            ("hello", "begins with gtw1."),
            ("gtw1.", "cut off"),
            (text[:-9], "cut off"),
            (text + "A", "cut off"),
            (text.replace("gtw1.", "gtw1.ü"), "characters"),
            (text[:30] + ("A" if text[30] != "A" else "B") + text[31:], "mistyped"),
            (evolve(self.token, port=0).text(), "port 0"),
            (evolve(self.token, secret=b"").text(), "secret"),
            (evolve(self.token, fingerprint="aa").text(), "SHA-256"),
        ):
            self.assertIn(why, self.assertRaises(BadRequest, Token.parse, bad).text, bad)

    def test_expiry(self) -> None:
        self.token.check_time(NOW + 599)
        self.assertIn("expired", self.assertRaises(BadRequest, self.token.check_time, NOW + 600).text)

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=200))
    def test_any_text(self, text: str) -> None:
        for candidate in (text, "gtw1." + text):
            self.assertRaises(BadRequest, Token.parse, candidate)


class InvitationTests(SynchronousTestCase):
    def setUp(self) -> None:
        counter = iter(range(1000))
        self.token = Token("n", "192.0.2.9", 1811, fingerprint(NODE.certificate), b"s" * 32, NOW + 600)
        self.invitation = Invitation(self.token, lambda n: next(counter).to_bytes(n, "big"))

    def proof(self, nonce: str, master: str = "m1", secret: bytes = b"s" * 32) -> str:
        return join_proof(secret, nonce, self.token.fingerprint, master)

    def test_good_once(self) -> None:
        nonce = self.invitation.hello("m1", NOW)
        self.invitation.welcome(self.proof(nonce), "m1", NOW)
        self.assertRaises(Refused, self.invitation.hello, "m2", NOW)
        self.assertRaises(Refused, self.invitation.welcome, self.proof(nonce), "m1", NOW)

    def test_wrong_proofs_do_not_use_it_up(self) -> None:
        for bad in ("", "ü", "0" * 64):
            self.invitation.hello("m1", NOW)
            self.assertRaises(Refused, self.invitation.welcome, bad, "m1", NOW)
        nonce = self.invitation.hello("m1", NOW)
        self.assertRaises(Refused, self.invitation.welcome, self.proof(nonce, secret=b"t" * 32), "m1", NOW)
        nonce = self.invitation.hello("m1", NOW)
        self.invitation.welcome(self.proof(nonce), "m1", NOW)

    def test_proof_is_bound_to_nonce_and_master(self) -> None:
        first = self.invitation.hello("m1", NOW)
        self.invitation.hello("m1", NOW)
        self.assertRaises(Refused, self.invitation.welcome, self.proof(first), "m1", NOW)
        nonce = self.invitation.hello("m1", NOW)
        self.assertRaises(Refused, self.invitation.welcome, self.proof(nonce), "m2", NOW)
        self.invitation.hello("m2", NOW)
        self.assertRaises(Refused, self.invitation.welcome, self.proof(nonce), "m2", NOW)

    def test_expired(self) -> None:
        nonce = self.invitation.hello("m1", NOW)
        self.assertRaises(Refused, self.invitation.welcome, self.proof(nonce), "m1", NOW + 600)
        self.assertRaises(Refused, self.invitation.hello, "m1", NOW + 601)

    def test_many_hellos_are_not_remembered_for_ever(self) -> None:
        self.invitation.hello("m0", NOW)
        for i in range(100):
            self.invitation.hello(f"x{i}", NOW)
        self.assertLessEqual(len(self.invitation._nonces), 16)
