"""Mutual TLS: whose certificate is believed, on either side of a connection."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ganeti_tw.errors import Corrupt, NoCluster, Refused
from ganeti_tw.wire.certificates import fingerprint_of, load_certificates, load_key
from ganeti_tw.wire.identity import Identity, Unjoined, name_in

Verify = Callable[[SSL.Connection, X509, int, int, int], bool]
HANDSHAKE = 10.0  # seconds a peer has for it


@implementer(IOpenSSLServerConnectionCreator)
class ServerSide:
    """Asks every client for a certificate.

    A node believes those of its cluster's authority only.  A host in no
    cluster takes any: what it believes is the proof in the messages.
    """

    def __init__(self, identity: Callable[[], Identity | Unjoined]) -> None:
        self._identity = identity
        self._contexts = _Contexts(_server_context)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self.context(), None)

    def context(self) -> SSL.Context:
        """For the identity of now; Corrupt when it cannot be used."""
        return self._contexts.of(self._identity())


@implementer(IOpenSSLClientConnectionCreator)
class ClientSide:
    """Believes only servers of the cluster's authority; or with ``pin`` only the certificate of that fingerprint."""

    def __init__(self, identity: Callable[[], Identity | Unjoined], pin: str | None = None) -> None:
        self._identity = identity
        self._contexts = _Contexts(lambda identity: _client_context(identity, pin))

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self.context(), None)

    def context(self) -> SSL.Context:
        """For the identity of now; NoCluster when that does not let it know its peers."""
        return self._contexts.of(self._identity())


class _Contexts:
    """The context of the identity in use; making one takes milliseconds."""

    def __init__(self, make: Callable[[Identity | Unjoined], SSL.Context]) -> None:
        self._make = make
        self._made: tuple[Identity | Unjoined, SSL.Context] | None = None

    def of(self, identity: Identity | Unjoined) -> SSL.Context:
        if self._made is None or self._made[0] is not identity:
            try:
                self._made = identity, self._make(identity)
            except SSL.Error as e:
                raise Corrupt(f"key and certificate of {identity.name} cannot be used: {e}") from None
        return self._made[1]


def client_name(certificate: x509.Certificate | None) -> str:
    """The name of the verified client; Refused when its certificate has none."""
    if certificate is None:
        raise Refused("the client shows no certificate")
    name = name_in(certificate)
    check_name(certificate, name)
    return name


def check_name(certificate: x509.Certificate | None, name: str) -> None:
    """Refused unless the certificate is for the host ``name``."""
    if certificate is None:
        raise Refused(f"{name} shows no certificate")
    try:
        verify_certificate_hostname(certificate, name)
    except (VerificationError, CertificateError, ValueError):
        raise Refused(f"who answers at the address of {name} is not {name}: its certificate is for another") from None


def check_pin(certificate: x509.Certificate | None, pin: str) -> None:
    """Refused unless the certificate has the fingerprint ``pin``."""
    if certificate is None or fingerprint_of(certificate) != pin:
        raise Refused(
            "the host's certificate is not the one its token tells of: 'gnt-node token' on it shows a new token, "
            "or says that it is in a cluster already"
        )


def _server_context(identity: Identity | Unjoined) -> SSL.Context:
    context = _context(identity)
    if isinstance(identity, Identity):
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, None)
    else:
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _believe)
    return context


def _client_context(identity: Identity | Unjoined, pin: str | None) -> SSL.Context:
    context = _context(identity)
    if pin is not None:
        context.set_verify(SSL.VERIFY_PEER, _only(pin))
    elif isinstance(identity, Identity):
        context.set_verify(SSL.VERIFY_PEER, None)
    else:
        raise NoCluster("this host belongs to no cluster: it cannot tell who its peers are")
    return context


def _context(identity: Identity | Unjoined) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
    # No session outlives a change of identity.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # In this order OpenSSL notices that they do not belong together.
    context.use_certificate(load_certificates(identity.certificate)[0])  # type: ignore[arg-type]
    context.use_privatekey(load_key(identity.key))  # type: ignore[arg-type]
    if isinstance(identity, Identity):
        store = context.get_cert_store()
        for authority in load_certificates(identity.ca):
            store.add_cert(X509.from_cryptography(authority))
    return context


def _believe(connection: SSL.Connection, certificate: X509, error: int, depth: int, ok: int) -> bool:
    return True


def _only(pin: str) -> Verify:
    def verify(connection: SSL.Connection, certificate: X509, error: int, depth: int, ok: int) -> bool:
        # Who issued it does not matter; the last to be looked at is the host's own, at depth 0.
        return depth > 0 or fingerprint_of(certificate.to_cryptography()) == pin

    return verify
