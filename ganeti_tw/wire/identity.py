"""Who this host is, to other hosts.

A host that is in no cluster is :class:`Unjoined`: it has a key and a
certificate it signed itself.  Joining makes an :class:`Identity` of it, with a
certificate of the cluster's authority.  Both are values; a running server or
set of links changes over with ``use(identity)``.
"""

from __future__ import annotations

import os
from functools import cached_property, lru_cache
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from service_identity import CertificateError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNSPattern

from ganeti_tw.errors import BadRequest, Corrupt, NotFound, Refused
from ganeti_tw.wire.certificates import (
    CertificateAuthority,
    checked_name,
    fingerprint,
    load_certificates,
    load_key,
    new_key,
    self_signed,
    signing_request,
)

__all__ = ["CertificateAuthority", "Identity", "Unjoined", "fingerprint", "load", "name_in"]

FILE = "identity.pem"
_END = "-----END "


def name_in(certificate: x509.Certificate) -> str:
    """The one name a host's certificate is for; Refused when it has none or several."""
    try:
        names = [p.pattern.decode() for p in extract_patterns(certificate) if isinstance(p, DNSPattern)]
    except (CertificateError, UnicodeDecodeError) as e:
        raise Refused(f"a certificate without a usable name: {e}") from None
    if len(names) != 1 or "*" in names[0]:
        raise Refused(f"a host's certificate has one name, this one has {names}")
    return names[0]


@frozen
class Unjoined:
    """A host in no cluster: known by the fingerprint of its certificate, which its token shows."""

    key: str = field(repr=False)  # PEM
    certificate: str = field(repr=False)  # PEM

    @classmethod
    def create(cls, name: str, now: float) -> Unjoined:
        """A new key and certificate for the host ``name``."""
        key = new_key()
        return cls(key, self_signed(key, name, now))

    @cached_property
    def name(self) -> str:
        return name_in(load_certificates(self.certificate)[0])

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    def csr(self) -> str:
        """A signing request for the host's key, PEM."""
        return signing_request(self.key, self.name)

    def join(self, certificate: str, ca: str) -> Identity:
        """The host as a node.  BadRequest when the certificate is not for its key or not from ``ca``."""
        return Identity(self.key, certificate, ca).checked()

    def save(self, directory: Path | str) -> None:
        _write(Path(directory), [self.key, self.certificate])


@frozen
class Identity:
    """A node of a cluster."""

    key: str = field(repr=False)  # PEM
    certificate: str = field(repr=False)  # PEM
    ca: str = field(repr=False)  # PEM; two certificates while the authority is being replaced

    @cached_property
    def name(self) -> str:
        """The node's name, as its certificate has it."""
        return name_in(load_certificates(self.certificate)[0])

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    def csr(self) -> str:
        """A signing request for the same key, PEM."""
        return signing_request(self.key, self.name)

    def renew(self, certificate: str, ca: str) -> Identity:
        """The same node with a new certificate.  BadRequest as in :meth:`Unjoined.join`."""
        return Identity(self.key, certificate, ca).checked()

    def checked(self) -> Identity:
        """Itself; BadRequest when key, certificate and authority do not belong together."""
        try:
            certificate = load_certificates(self.certificate)[0]
            authorities = load_certificates(self.ca)
            public = load_key(self.key).public_key()
        except Corrupt as e:
            raise BadRequest(e.text) from None
        if certificate.public_key() != public:
            raise BadRequest("the certificate is for another key")
        if not any(_issued(certificate, authority) for authority in authorities):
            raise BadRequest("the certificate is not from the authority that came with it")
        checked_name(self.name)
        return self

    def save(self, directory: Path | str) -> None:
        """Write everything into one file, so that what is found after a crash belongs together."""
        _write(Path(directory), [self.key, self.certificate, self.ca])


def load(directory: Path | str) -> Identity | Unjoined:
    """What was saved; NotFound when nothing was, Corrupt when it cannot be read."""
    path = Path(directory, FILE)
    try:
        pem = path.read_text("ascii")
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as e:
        raise Corrupt(f"{path}: {e}") from None
    try:
        return _parsed(pem)
    except (BadRequest, Corrupt, Refused) as e:
        raise Corrupt(f"{path}: {e.text}") from None


def _parsed(pem: str) -> Identity | Unjoined:
    key, _, rest = pem.partition(_END)
    line, _, certificates = rest.partition("\n")
    key_pem = f"{key}{_END}{line}\n"
    certificate, *authorities = load_certificates(certificates)
    public_pem = [c.public_bytes(Encoding.PEM).decode() for c in (certificate, *authorities)]
    if authorities:
        return Identity(key_pem, public_pem[0], "".join(public_pem[1:])).checked()
    if certificate.public_key() != load_key(key_pem).public_key():
        raise Corrupt("the certificate is for another key")
    if not _issued(certificate, certificate):
        raise Corrupt("the certificate of the cluster's authority is missing")
    return Unjoined(key_pem, public_pem[0])


@lru_cache(1024)  # the same few are asked about at each message
def trusts(ca: str, certificate: str) -> bool:
    """Whether one of these authorities issued the certificate."""
    return any(_issued(load_certificates(certificate)[0], authority) for authority in load_certificates(ca))


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _write(directory: Path, parts: list[str]) -> None:
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    path, new = directory / FILE, directory / (FILE + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as f:
        f.writelines(part.rstrip("\n") + "\n" for part in parts)
        f.flush()
        os.fsync(f.fileno())
    os.replace(new, path)
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
