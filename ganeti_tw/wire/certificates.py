"""Certificates: a cluster's own authority, and the names it vouches for."""

from __future__ import annotations

import datetime
import ipaddress
import re
from functools import lru_cache

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ganeti_tw.errors import BadRequest, Corrupt

DAY = 86400.0
HOST_DAYS = 5 * 365
CA_DAYS = 20 * 365
_RANDOM_BITS = 64  # of a serial number; above them is the number of the certificate
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.IGNORECASE)


def checked_name(name: str) -> str:
    """The node name, if a certificate can hold it; BadRequest when not."""
    if len(name) > 253 or not _NAME.fullmatch(name) or _is_address(name):
        raise BadRequest(f"{name!r} is not a host name")
    return name.lower()


def new_key() -> str:
    """A P-256 key as PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def load_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """The key; Corrupt when it is none, or of another kind."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as e:
        raise Corrupt(f"not a private key: {e}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Corrupt("the private key is not an elliptic curve key")
    return key


@lru_cache(256)  # the same few are looked at with each connection, and each message
def load_certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """All certificates of a bundle, at least one; Corrupt when something is wrong."""
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as e:
        raise Corrupt(f"not a certificate: {e}") from None
    if len(certificates) != pem.count("-----BEGIN "):
        raise Corrupt("a certificate is cut off")
    return tuple(certificates)


def distinct(pem: str) -> str:
    """A bundle with each of its certificates once, in the same order."""
    return "".join(_pem(certificate) for certificate in dict.fromkeys(load_certificates(pem)))


def fingerprint(pem: str) -> str:
    """SHA-256 of the (first) certificate, hex."""
    return fingerprint_of(load_certificates(pem)[0])


def fingerprint_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def digest(pem: str) -> str:
    """SHA-1 of the (first) certificate as Ganeti writes it, ``AA:BB:...``: for people and files, it proves nothing."""
    return load_certificates(pem)[0].fingerprint(hashes.SHA1()).hex(":").upper()


def number_of(certificate: x509.Certificate) -> int:
    """How many certificates the cluster had issued when it issued this one; 0 where nobody counted."""
    return certificate.serial_number >> _RANDOM_BITS


def self_signed(key_pem: str, name: str, now: float, days: int = CA_DAYS) -> str:
    """A certificate nobody vouches for: it is known by its fingerprint."""
    key, name = load_key(key_pem), checked_name(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = _for_host(subject, subject, name, key.public_key(), now, days)
    return _pem(builder.sign(key, hashes.SHA256()))


def check_certificate(pem: str, what: str, now: float) -> None:
    """BadRequest unless there are certificates and the first is valid now."""
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    except ValueError as e:
        raise BadRequest(f"{what} cannot be read: {e}") from None
    if not certificate.not_valid_before_utc.timestamp() <= now < certificate.not_valid_after_utc.timestamp():
        raise BadRequest(
            f"{what} is valid from {certificate.not_valid_before_utc} to {certificate.not_valid_after_utc}: not now"
        )


def check_pair(pem: str, what: str, now: float) -> None:
    """BadRequest unless there is a key of any kind, without a password, and a certificate for it that is valid now."""
    check_certificate(pem, what, now)
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise BadRequest(f"{what} has no private key that can be read: {e}") from None
    if key.public_key() != x509.load_pem_x509_certificates(pem.encode())[0].public_key():
        raise BadRequest(f"{what} is for another key than the one with it")


def signing_request(key_pem: str, name: str) -> str:
    """What is sent to the authority.  It decides the name; the one in here is only a hint."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(load_key(key_pem), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


@frozen
class CertificateAuthority:
    """What vouches for the names of a cluster's hosts.  The key belongs to the master candidates."""

    key: str = field(repr=False)  # PEM
    certificate: str  # PEM

    @classmethod
    def create(cls, cluster: str, now: float, days: int = CA_DAYS) -> CertificateAuthority:
        """A new authority.  ``now``: seconds since 1970."""
        key_pem = new_key()
        key = load_key(key_pem)
        serial = x509.random_serial_number()
        # The serial number keeps the authorities of one cluster apart during a renewal.
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ganeti cluster"),
                x509.NameAttribute(NameOID.COMMON_NAME, cluster[:64]),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{serial:x}"),
            ]
        )
        builder = (
            _builder(subject, subject, key.public_key(), now, days)
            .serial_number(serial)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
        )
        return cls(key_pem, _pem(builder.sign(key, hashes.SHA256())))

    def sign(self, csr_pem: str, name: str, now: float, days: int = HOST_DAYS, *, number: int = 0) -> str:
        """A certificate as PEM for the key of the request; its only name is ``name``.

        ``number``: counts the certificates of the cluster, so that of two for
        the same name all see which is the later one.
        BadRequest when the request or the name cannot be used.
        """
        name = checked_name(name)
        try:
            request = x509.load_pem_x509_csr(csr_pem.encode())
            public = request.public_key()
            valid = request.is_signature_valid
        except (ValueError, InvalidSignature) as e:
            raise BadRequest(f"not a certificate signing request: {e}") from None
        if not valid:
            raise BadRequest("the certificate signing request is not signed with its own key")
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise BadRequest("the certificate signing request is not for an elliptic curve key")
        issuer = load_certificates(self.certificate)[0]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        builder = _for_host(subject, issuer.subject, name, public, now, days, number).add_extension(
            _authority_id(issuer), critical=False
        )
        return _pem(builder.sign(load_key(self.key), hashes.SHA256()))


def _for_host(
    subject: x509.Name,
    issuer: x509.Name,
    name: str,
    key: ec.EllipticCurvePublicKey,
    now: float,
    days: int,
    number: int = 0,
) -> x509.CertificateBuilder:
    serial = number << _RANDOM_BITS | x509.random_serial_number() % 2**_RANDOM_BITS | 1
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        _builder(subject, issuer, key, now, days)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: float, days: int
) -> x509.CertificateBuilder:
    # A day of grace for clocks that are behind.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .not_valid_before(_date(now - DAY))
        .not_valid_after(_date(now + days * DAY))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    key_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_encipherment=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _date(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
