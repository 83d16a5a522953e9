"""Certificates of a cluster's nodes, as its master gives them out and renews them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from attrs import evolve
from twisted.internet.defer import Deferred

from ganeti_tw.config.secrets import Issued, Renewal, Secrets, Vault
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, NotSent, OutcomeUnknown, Refused
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.certificates import RequestCertificate, Trust, UseCertificate
from ganeti_tw.protocol.node import GetHostState
from ganeti_tw.wire.certificates import CertificateAuthority, distinct, fingerprint, load_certificates, number_of
from ganeti_tw.wire.identity import Identity

TIMEOUT = 15.0  # a host has a key to make, or a file to write
CHECK_TIMEOUT = 10.0
BEGIN = "-----BEGIN CERTIFICATE-----"


class Ways(Protocol):
    """What this needs of the links to other hosts."""

    def renew(self, node: str) -> None:
        """Use a new connection to the node from now on."""

    def shown(self, node: str) -> str:
        """Fingerprint of the certificate that the node shows on the present connection; empty without one."""

    def pinned(self, host: str, port: int, fingerprint: str) -> Any:
        """A link to the host with this certificate, whoever issued it."""


class MasterCertificates:
    """Signs, spreads and replaces; what has been done is on the ledger at once.

    A renewal goes on where an earlier one was interrupted, by whatever
    happened and on whatever master.
    """

    def __init__(
        self,
        ways: Ways,
        directory: Directory,
        vault: Vault,
        record: Callable[[], HostRecord],
        now: Callable[[], float],
        own: Callable[[], Identity],
        address: Callable[[str], tuple[str, int]],
    ) -> None:
        self._ways = ways
        self._directory = directory
        self._vault = vault
        self._record = record
        self._now = now
        self._own = own
        self._address = address

    # -- one certificate -----------------------------------------------------------------------------------------

    def bundle(self) -> str:
        """The authorities that every host is to trust now, PEM, the one that issues first.

        Those that this host trusts are among them: in a ledger that was restored
        there may be another than the one whose certificates are in use.
        """
        secrets = self._vault.secrets
        renewal = secrets.renewal or Renewal(0)
        coming = authority_of(renewal.coming).certificate if renewal.coming else ""
        return distinct(authority_of(secrets.authority).certificate + coming + renewal.leaving + self._own().ca)

    async def first(self, csr: str, name: str) -> str:
        """A certificate for a host that joins; those of an earlier node of its name are good no longer."""
        return await self._sign(csr, name, in_use=True)

    def forget(self, name: str) -> Deferred[Secrets]:
        """The node left the cluster."""
        return self._vault.change(lambda s: evolve(s, issued=s.issued.without(name)))

    async def _sign(self, csr: str, name: str, *, in_use: bool = False) -> str:
        signed: list[str] = []

        def change(secrets: Secrets) -> Secrets:
            issued = secrets.issued.next()
            signed[:] = [authority_of(secrets.authority).sign(csr, name, self._now(), number=issued.last)]
            if in_use:
                issued = issued.in_use(name, issued.last, fingerprint(signed[0]))
            return evolve(secrets, issued=issued)

        await self._vault.change(change)
        return signed[0]

    # -- a renewal of all ----------------------------------------------------------------------------------------

    def renewal(self) -> Renewal | None:
        """The one that has begun and not ended."""
        return self._vault.secrets.renewal

    def outdated(self, names: Iterable[str]) -> list[str]:
        """Those of the nodes that still have a certificate that the renewal replaces."""
        secrets = self._vault.secrets
        replaced = secrets.renewal.replaced if secrets.renewal is not None else -1
        return [name for name in names if secrets.issued.lowest.get(name, 0) <= replaced]

    def lowest(self) -> Mapping[str, int]:
        """Numbers of the certificates that are good, by name of the node."""
        return self._vault.secrets.issued.lowest

    async def begin(self, *, authority: bool) -> None:
        """Renew all certificates, and with ``authority`` what vouches for them; one that has begun stays as it is."""
        cluster = self._record().cluster

        def change(secrets: Secrets) -> Secrets:
            before = secrets.renewal
            if before is not None and (before.coming or before.leaving or not authority):
                return secrets
            made = CertificateAuthority.create(cluster, self._now()) if authority else None
            coming = made.key + made.certificate if made is not None else ""
            return evolve(secrets, renewal=Renewal(secrets.issued.last, coming=coming))

        await self._vault.change(change)

    async def trust(self, name: str, *, leaving: bool) -> None:
        """Tell a node which authorities to trust: all there are, or all but the one that is leaving."""
        ca = self.bundle() if leaving else authority_of(self._vault.secrets.authority).certificate
        await self._directory.ref(name, "host").ask(Trust(ca), TIMEOUT)

    async def adopt(self) -> None:
        """The coming authority issues from now on; the one before it is trusted until the renewal ends."""

        def change(secrets: Secrets) -> Secrets:
            renewal = secrets.renewal
            if renewal is None or not renewal.coming:
                return secrets
            leaving = authority_of(secrets.authority).certificate
            return evolve(secrets, authority=renewal.coming, renewal=Renewal(secrets.issued.last, leaving=leaving))

        await self._vault.change(change)

    async def renew(self, name: str) -> None:
        """Give a node a new key and certificate, and see that it uses them.

        Errors of the wire; BadRequest when what the node says is no signing
        request; Refused when another certificate is shown after all.
        """
        host = self._directory.ref(name, "host")
        issued = self._vault.secrets.issued
        if name in issued.behind:
            certificate = await self._bring_up(name, issued)
        else:
            certificate = await self._replace(host, name)
        if await self._shown(host, name) != fingerprint(certificate):
            raise Refused(f"{name} does not show the certificate it was given")
        await self._renewed(name, certificate)

    async def _shown(self, host: Any, name: str) -> str:
        if name == self._own().name:
            return self._own().fingerprint
        self._ways.renew(name)
        await host.ask(GetHostState(), CHECK_TIMEOUT)
        return self._ways.shown(name)

    async def _bring_up(self, name: str, issued: Issued) -> str:
        """The same for a node whose certificate nobody vouches for any more: it is known by its fingerprint."""
        link = self._ways.pinned(*self._address(name), issued.fingerprints.get(name, ""))
        try:
            return await self._replace(link.ref("host"), name)
        except NotSent as e:
            raise NotSent(
                f"{e.text}. It was not there when the authority changed: if it runs now, it may not have been told "
                "of the new one; then remove it with 'gnt-node remove' and add it again"
            ) from None
        finally:
            await link.close()

    async def _replace(self, host: Any, name: str) -> str:
        csr = await host.ask(RequestCertificate(), TIMEOUT)
        certificate = await self._sign(csr, name)
        try:
            await host.ask(UseCertificate(certificate, self.bundle()), TIMEOUT)
        except OutcomeUnknown:
            pass  # which of the two it shows is looked at next
        return certificate

    def _renewed(self, name: str, certificate: str) -> Deferred[Secrets]:
        number, shown = number_of(load_certificates(certificate)[0]), fingerprint(certificate)
        return self._vault.change(lambda s: evolve(s, issued=s.issued.in_use(name, number, shown)))

    async def end(self, behind: Iterable[str]) -> None:
        """The renewal is done; ``behind`` are the nodes that could not be reached."""
        names = tuple(sorted(behind))

        def change(secrets: Secrets) -> Secrets:
            if secrets.renewal is None:
                return secrets
            issued = secrets.issued
            if secrets.renewal.leaving:
                issued = evolve(issued, behind=tuple(sorted({*issued.behind, *names})))
            return evolve(secrets, renewal=None, issued=issued)

        await self._vault.change(change)

    # -- confd's key ---------------------------------------------------------------------------------------------

    def hmac_key(self) -> str:
        """What a host that joins is given."""
        return self._vault.secrets.hmac_key

    async def set_hmac_key(self, key: str) -> None:
        """Store the key that nodes are given from now on."""
        if not key:
            raise BadRequest("the key is empty")
        await self._vault.change(lambda s: evolve(s, hmac_key=key))


def authority_of(pem: str) -> CertificateAuthority:
    """Of key and certificate, PEM."""
    key, _, certificate = pem.partition(BEGIN)
    return CertificateAuthority(key, BEGIN + certificate)
