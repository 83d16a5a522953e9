"""Who hosts are when a simulated cluster begins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ganeti_tw.config.secrets import Issued, Secrets
from ganeti_tw.testing.clock import EPOCH_START
from ganeti_tw.wire.certificates import CertificateAuthority
from ganeti_tw.wire.identity import Identity, Unjoined

# Keys are random and nothing depends on them, so clusters share those they begin with: making them takes longer than
# the first seconds of a cluster.


@cache
def first_identity(name: str) -> Unjoined:
    """Who a host is before it is in a cluster."""
    return Unjoined.create(name, EPOCH_START)


@cache
def first_certificates(members: tuple[str, ...]) -> tuple[Secrets, Mapping[str, Identity]]:
    """The secrets of a cluster, and who its members are in it: every one has a certificate."""
    authority, issued = CertificateAuthority.create("cluster", EPOCH_START), Issued()
    identities = {}
    for name in members:
        unjoined = first_identity(name)
        issued = issued.next()
        certificate = authority.sign(unjoined.csr(), name, EPOCH_START, number=issued.last)
        identity = identities[name] = unjoined.join(certificate, authority.certificate)
        issued = issued.in_use(name, issued.last, identity.fingerprint)
    return Secrets(authority.key + authority.certificate, "key\n", issued), identities
