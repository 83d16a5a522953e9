"""What only master candidates know: the cluster's authority, confd's key, and which certificates were issued."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import Corrupt, GanetiError, OutcomeUnknown
from ganeti_tw.kernel import Actor, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import SECRET, Delete, Put
from ganeti_tw.protocol.certificates import LowestChanged

AUTHORITY, HMAC, ISSUED, RENEWAL = "ca", "hmac", "issued", "renewal"
COMMIT_TIMEOUT, CHANGE_TIMEOUT = 60.0, 70.0


@frozen
class Issued:
    """Certificates of nodes, by name.  They are numbered in the order in which they were issued."""

    last: int = 0
    lowest: dict[str, int] = field(factory=dict)  # those of the same name with a lower number are good no longer
    fingerprints: dict[str, str] = field(factory=dict)  # of the one in use, where that is known
    behind: tuple[str, ...] = ()  # nodes whose certificate is from an authority that is trusted no longer

    def next(self) -> Issued:
        """With one more number given out, which is ``last``."""
        return evolve(self, last=self.last + 1)

    def in_use(self, name: str, number: int, fingerprint: str) -> Issued:
        """From now on only this certificate, or a later one, is good for the node."""
        return evolve(
            self,
            lowest={**self.lowest, name: number},
            fingerprints={**self.fingerprints, name: fingerprint},
            behind=tuple(n for n in self.behind if n != name),
        )

    def without(self, name: str) -> Issued:
        """After the node left the cluster."""
        return evolve(
            self,
            lowest={n: number for n, number in self.lowest.items() if n != name},
            fingerprints={n: found for n, found in self.fingerprints.items() if n != name},
            behind=tuple(n for n in self.behind if n != name),
        )


@frozen
class Renewal:
    """A renewal of certificates that has begun and not ended.

    With ``coming`` the hosts are being told to trust a new authority that
    issues nothing yet; with ``leaving`` it does, and the one before it is still
    trusted; with neither the authority stays.
    """

    replaced: int  # certificates up to this number get a successor
    coming: str = field(default="", repr=False)  # PEM, key and certificate
    leaving: str = ""  # PEM, certificate


@frozen
class Secrets:
    """All of them."""

    authority: str = field(repr=False)  # PEM, key and certificate
    hmac_key: str = field(repr=False)
    issued: Issued = Issued()
    renewal: Renewal | None = None

    def rows(self) -> dict[str, bytes]:
        """As the ledger keeps them."""
        values = {AUTHORITY: self.authority, HMAC: self.hmac_key, ISSUED: self.issued, RENEWAL: self.renewal}
        return {key: msgspec.json.encode(value) for key, value in values.items() if value is not None}

    def puts(self) -> list[Put]:
        """Rows of a new ledger."""
        return [Put(SECRET, key, value) for key, value in self.rows().items()]


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """40 hexadecimal digits and a newline: confd's key, and the cluster domain secret."""
    return random_bytes(20).hex() + "\n"


def secrets_of(rows: Mapping[tuple[str, str], bytes]) -> Secrets:
    """As the ledger has them; Corrupt names a row that is missing or wrong."""
    try:
        return Secrets(
            authority=msgspec.json.decode(rows[SECRET, AUTHORITY], type=str),
            hmac_key=msgspec.json.decode(rows[SECRET, HMAC], type=str),
            issued=msgspec.json.decode(rows.get((SECRET, ISSUED), b"{}"), type=Issued),
            renewal=msgspec.json.decode(rows.get((SECRET, RENEWAL), b"null"), type=Renewal | None),
        )
    except KeyError as e:
        raise Corrupt(f"the ledger has no secret {e.args[0][1]!r}: restore it from another master candidate") from None
    except msgspec.MsgspecError as e:
        raise Corrupt(f"a secret in the ledger cannot be read: {e}; restore it from another candidate") from None


@frozen
class ChangeSecrets:
    """Change them by a function of the newest ones.  Answer: the Secrets, once they are stored, all or none."""

    change: Callable[[Secrets], Secrets]


class Vault:
    """The latest stored secrets, for the master alone."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self.keeper: Ref | None = None

    def change(self, change: Callable[[Secrets], Secrets]) -> Deferred[Secrets]:
        """What ChangeSecrets does."""
        assert self.keeper is not None, "the reign has not begun"
        return self.keeper.ask(ChangeSecrets(change), CHANGE_TIMEOUT)


class SecretKeeper(Actor):
    """Stores a change of the secrets and only then shows it; ``followers`` are told which certificates are good.

    ``unsure`` ends the reign when nobody knows whether one was stored: what came
    next would be made from secrets that may be old, and a number issued twice.
    """

    rank = Rank.CONFIG
    capacity = 100
    restarts = 3

    def __init__(
        self, vault: Vault, ledger: Ref, followers: Iterable[Ref], unsure: Callable[[GanetiError], None]
    ) -> None:
        self._unsure = unsure
        self._vault = vault
        self._ledger = ledger
        self._followers = tuple(followers)

    @receive(ChangeSecrets)
    async def change(self, m: ChangeSecrets) -> Secrets:
        before = self._vault.secrets
        after = m.change(before)
        old, new = before.rows(), after.rows()
        puts = tuple(Put(SECRET, key, value) for key, value in new.items() if old.get(key) != value)
        deletes = tuple(Delete(SECRET, key) for key in old.keys() - new.keys())
        if puts or deletes:
            try:
                await self.ask(self._ledger, Commit(puts, deletes), COMMIT_TIMEOUT)
            except OutcomeUnknown as e:
                self._unsure(e)
                raise
        self._vault.secrets = after
        if after.issued.lowest != before.issued.lowest:
            for follower in self._followers:
                follower.tell(LowestChanged(after.issued.lowest))
        return after
