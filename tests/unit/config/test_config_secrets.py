"""What only master candidates know, and how it changes."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.secrets import (
    ChangeSecrets,
    Issued,
    Renewal,
    SecretKeeper,
    Secrets,
    Vault,
    new_secret,
    secrets_of,
)
from ganeti_tw.errors import BadRequest, Corrupt, DriverError, GanetiError
from ganeti_tw.kernel import Actor, ActorSystem, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.rows import Delete
from ganeti_tw.protocol.certificates import LowestChanged

SECRETS = Secrets("CA", "key\n", Issued().next().in_use("n1", 1, "aa"), Renewal(1, leaving="OLD"))


class ValueTests(SynchronousTestCase):
    def test_rows_and_back(self) -> None:
        for secrets in (SECRETS, evolve(SECRETS, renewal=None), Secrets("CA", "key")):
            self.assertEqual(secrets_of({(p.kind, p.key): p.value for p in secrets.puts()}), secrets)

    def test_rows_that_are_missing_or_wrong(self) -> None:
        rows = {(p.kind, p.key): p.value for p in SECRETS.puts()}
        for key, value in (("ca", None), ("hmac", b"7"), ("issued", b'{"last": "x"}'), ("renewal", b"[]")):
            wrong = {**rows, ("secret", key): value}
            error = self.assertRaises(Corrupt, secrets_of, {place: v for place, v in wrong.items() if v is not None})
            self.assertIn("candidate", error.text)

    def test_keys_are_not_shown(self) -> None:
        shown = repr(evolve(SECRETS, authority="hush", hmac_key="hush", renewal=Renewal(1, coming="hush")))
        self.assertNotIn("hush", shown)

    def test_a_name_that_left_may_come_back(self) -> None:
        issued = evolve(SECRETS.issued, behind=("n1",))
        self.assertEqual(issued.without("n1"), Issued(last=1))
        self.assertEqual(issued.next().in_use("n1", 2, "bb"), Issued(2, {"n1": 2}, {"n1": "bb"}))

    def test_new_ones_are_40_digits_and_a_newline(self) -> None:
        self.assertEqual(new_secret(lambda count: b"\xab" * count), "ab" * 20 + "\n")


class FakeLedger(Actor):
    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.failure: DriverError | None = None

    @receive(Commit)
    def commit(self, m: Commit) -> int:
        self.commits.append(m)
        if self.failure is not None:
            raise self.failure
        return len(self.commits)


class Follower(Actor):
    rank = 50

    def __init__(self) -> None:
        self.told: list[LowestChanged] = []

    @receive(LowestChanged)
    def lowest_changed(self, m: LowestChanged) -> None:
        self.told.append(m)


class KeeperTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        system = ActorSystem(self.clock)
        self.ledger, self.follower, self.vault = FakeLedger(), Follower(), Vault(SECRETS)
        ledger = system.spawn("ledger", lambda: self.ledger)
        follower = system.spawn("follower", lambda: self.follower)
        unsure: list[GanetiError] = []
        self.vault.keeper = system.spawn(
            "secrets", lambda: SecretKeeper(self.vault, ledger, (follower,), unsure.append)
        )

    def change(self, change: Any) -> Deferred[Any]:
        assert self.vault.keeper is not None
        answer = self.vault.keeper.ask(ChangeSecrets(change), 10)
        for _ in range(6):
            self.clock.advance(0)
        return answer

    def test_all_rows_that_differ_in_one_commit(self) -> None:
        wanted = evolve(SECRETS, authority="NEW", renewal=None)
        self.assertEqual(self.successResultOf(self.change(lambda s: wanted)), wanted)
        (commit,) = self.ledger.commits
        self.assertEqual([p.key for p in commit.puts], ["ca"])
        self.assertEqual(commit.deletes, (Delete("secret", "renewal"),))
        self.assertEqual((self.vault.secrets, self.follower.told), (wanted, []))

    def test_nothing_is_written_when_nothing_differs(self) -> None:
        self.successResultOf(self.change(lambda s: s))
        self.assertEqual(self.ledger.commits, [])

    def test_who_follows_is_told_which_certificates_are_good(self) -> None:
        self.successResultOf(self.change(lambda s: evolve(s, issued=s.issued.next().in_use("n2", 2, "bb"))))
        self.assertEqual(self.follower.told, [LowestChanged({"n1": 1, "n2": 2})])

    def test_what_is_not_stored_is_not_so(self) -> None:
        self.ledger.failure = DriverError("disk full")
        self.failureResultOf(self.change(lambda s: evolve(s, hmac_key="new")), DriverError)
        self.assertEqual(self.vault.secrets, SECRETS)

    def test_a_change_that_cannot_be_made_changes_nothing(self) -> None:
        def wrong(secrets: Secrets) -> Secrets:
            raise BadRequest("no")

        self.failureResultOf(self.change(wrong), BadRequest)
        self.assertEqual((self.ledger.commits, self.vault.secrets), ([], SECRETS))
        self.successResultOf(self.change(lambda s: evolve(s, hmac_key="new")))
