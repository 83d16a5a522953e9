"""Giving nodes new certificates, and telling them which authority to trust."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ganeti_tw.protocol.registry import wire


@wire("host.request_certificate/1", what="make a new key", answer=str)
@frozen
class RequestCertificate:
    """Make a new key.  Answer: a signing request for it, PEM; the key in use stays in use."""


@wire("host.use_certificate/1", what="use a new certificate", answer=None)
@frozen
class UseCertificate:
    """Use the certificate of the last request, with its key, and trust these authorities.

    Answer: None, once both are on disk; the answer is the last over the
    connection.  BadRequest when the certificate does not belong to the key or to
    an authority, or is for another name: then nothing changes.
    """

    certificate: str  # PEM
    ca: str  # PEM, one or several


@wire("host.trust/1", what="trust the authorities of the cluster", answer=None)
@frozen
class Trust:
    """Believe peers with certificates of these authorities, and no others.

    Answer: None, once that is on disk.  BadRequest when the host's own
    certificate is from none of them: then nothing changes.
    """

    ca: str  # PEM, one or several


@frozen
class LowestChanged:
    """News: certificates with lower numbers are good no longer, by name of the node.  Never travels."""

    lowest: Mapping[str, int]


MASTER_ONLY = frozenset({"host.request_certificate/1", "host.use_certificate/1", "host.trust/1"})
"""Messages that nobody but the master may send."""
