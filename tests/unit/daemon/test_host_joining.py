"""The actor ``host``: who may bring it into a cluster, and what it keeps of what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon import record as records
from ganeti_tw.daemon.hostactor import HostActor
from ganeti_tw.daemon.memory import FileMemory, keep_membership
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, Corrupt, GanetiError, NoCluster, Refused
from ganeti_tw.kernel import ActorSystem, InlineBlocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.node import GetHostState, JoinHello, JoinWelcome, LeaveCluster, UpdateHost
from ganeti_tw.wire.certificates import CertificateAuthority, digest
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.identity import Identity, Unjoined, load
from ganeti_tw.wire.token import Invitation, Token, join_proof

NOW = 1_790_000_000.0
MASTER = "ab" * 32  # fingerprint


class FakeRoles:
    """Remembers what the host was told to be."""

    def __init__(self, unjoined: Unjoined | None) -> None:
        self.who = unjoined
        self.shown: Invitation | None = None
        self.record: HostRecord | None = None
        self.joins: list[tuple[HostRecord, Identity, str]] = []
        self.updates: list[HostRecord] = []
        self.left = 0
        self.position_of_ledger: Position | None = None
        self.stepped_down: list[str] = []
        self.memory: FileMemory
        self.identity: Identity | None = None

    def node_identity(self) -> Identity:
        if self.identity is None:
            raise NoCluster("in no cluster")
        return self.identity

    async def renewed(self, identity: Identity) -> None:
        self.identity = identity

    def role(self) -> str:
        return "none" if self.record is None else "node"

    def position(self) -> int:
        return 3

    def certificate(self) -> str:
        assert self.who is not None
        return digest(self.who.certificate)

    def invitation(self) -> Invitation | None:
        return self.shown

    def unjoined(self) -> Unjoined | None:
        return self.who

    async def joined(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        self.joins.append((record, identity, hmac_key))

    def keep(self, record: HostRecord) -> None:
        self.memory.save(record)
        self.record = record

    async def ledger(self) -> Position | None:
        return self.position_of_ledger

    async def step_down(self, reason: str) -> None:
        self.stepped_down.append(reason)

    async def updated(self, before: HostRecord, record: HostRecord) -> None:
        self.updates.append(record)

    async def leave(self) -> None:
        self.left += 1


class HostCase(SynchronousTestCase):
    authority: ClassVar[CertificateAuthority]
    unjoined: ClassVar[Unjoined]

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = CertificateAuthority.create("cluster", NOW)  # keys take long to make
        cls.unjoined = Unjoined.create("n2", NOW)

    def setUp(self) -> None:
        self.clock = Clock()
        self.now = NOW
        self.paths = Paths(str(Path(self.mktemp()).resolve()))
        Path(self.paths.data).mkdir(parents=True)
        self.roles = FakeRoles(self.unjoined)
        self.system = ActorSystem(self.clock, log=Logger(observer=lambda event: None))
        self.roles.memory = FileMemory(self.paths, "n2", InlineBlocking(), lambda: self.now)
        self.host = self.system.spawn(
            "host",
            lambda: HostActor(self.roles, "n2", self.roles.memory, lambda: self.now, lambda: self.roles.record),
        )

    def ask(self, message: Any) -> Deferred[Any]:
        answer = self.host.ask(message, 10)
        for _ in range(5):
            self.clock.advance(0)
        return answer

    def stranger(self, message: Any, fingerprint: str = MASTER) -> Deferred[Any]:
        return self.ask(FromStranger(fingerprint, message))

    def refused(self, answer: Deferred[Any], *words: str, kind: type[GanetiError] = Refused) -> None:
        error = self.failureResultOf(answer, kind).value
        for word in words:
            self.assertIn(word, error.text)


class JoinTests(HostCase):
    def show_token(self) -> None:
        numbers = iter(range(1, 100))
        self.token = Token("n2", "192.0.2.2", 1811, self.unjoined.fingerprint, b"s" * 20, NOW + 60)
        self.roles.shown = Invitation(self.token, lambda n: next(numbers).to_bytes(n, "big"))

    def hello(self, fingerprint: str = MASTER) -> Any:
        return self.successResultOf(self.stranger(JoinHello("cluster", "n2"), fingerprint))

    def welcome(self, nonce: str, secret: bytes = b"s" * 20, master: str = MASTER, **fields: Any) -> JoinWelcome:
        return JoinWelcome(
            **{
                "proof": join_proof(secret, nonce, self.unjoined.fingerprint, master),
                "cluster": "cluster",
                "cluster_uuid": "cu",
                "node": "n2",
                "node_uuid": "u2",
                "master": "n1",
                "epoch": 4,
                "ca": self.authority.certificate,
                "certificate": self.authority.sign(self.unjoined.csr(), "n2", NOW),
                "hmac_key": "hmac",
                **fields,
            }
        )

    def test_joins_once(self) -> None:
        self.show_token()
        hello = self.hello()
        self.assertIn("CERTIFICATE REQUEST", hello["csr"])
        self.assertIsNone(self.successResultOf(self.stranger(self.welcome(hello["nonce"]))))
        ((record, identity, hmac_key),) = self.roles.joins
        self.assertEqual(record, HostRecord("cluster", "cu", "n2", "u2", 4, "n1", ("n1",)))
        self.assertEqual((identity.name, hmac_key), ("n2", "hmac"))
        for message in (JoinHello("cluster", "n2"), self.welcome(hello["nonce"])):
            self.refused(self.stranger(message), "used already")
        self.assertEqual(len(self.roles.joins), 1)

    def test_without_a_token(self) -> None:
        for message in (JoinHello("cluster", "n2"), GetHostState()):
            self.refused(self.stranger(message), "gnt-node token")

    def test_for_another_name(self) -> None:
        self.show_token()
        self.refused(self.stranger(JoinHello("cluster", "n3")), "n2", "n3")

    def test_wrong_proofs(self) -> None:
        self.show_token()
        for secret, fields in ((b"t" * 20, {}), (b"s" * 20, {"proof": ""}), (b"s" * 20, {"proof": "\xe9"})):
            nonce = self.hello()["nonce"]
            self.refused(self.stranger(self.welcome(nonce, secret, **fields)), "proof is wrong")
        nonce = self.hello()["nonce"]
        self.refused(self.stranger(self.welcome(nonce, master="cd" * 32)), "proof is wrong")
        self.assertEqual(self.roles.joins, [])
        self.successResultOf(self.stranger(self.welcome(self.hello()["nonce"])))

    def test_a_proof_overheard_is_of_no_use_to_another(self) -> None:
        self.show_token()
        overheard = self.welcome(self.hello()["nonce"])
        self.hello("cd" * 32)
        self.refused(self.stranger(overheard, "cd" * 32), "proof is wrong")

    def test_a_welcome_without_a_hello(self) -> None:
        self.show_token()
        self.refused(self.stranger(self.welcome("00")), "hello")

    def test_too_late(self) -> None:
        self.show_token()
        nonce = self.hello()["nonce"]
        self.now = NOW + 60
        self.refused(self.stranger(self.welcome(nonce)), "expired")
        self.refused(self.stranger(JoinHello("cluster", "n2")), "expired")

    def test_certificates_that_do_not_fit(self) -> None:
        others = Unjoined.create("n2", NOW)
        for fields, kind in (
            ({"certificate": self.authority.sign(others.csr(), "n2", NOW)}, BadRequest),
            ({"certificate": self.unjoined.certificate}, BadRequest),
            ({"certificate": "nonsense"}, BadRequest),
            ({"node": "n3"}, Refused),
        ):
            self.show_token()
            answer = self.stranger(self.welcome(self.hello()["nonce"], **fields))
            self.refused(answer, kind=kind)
        self.assertEqual(self.roles.joins, [])

    def test_strangers_say_nothing_else(self) -> None:
        self.show_token()
        for message in (LeaveCluster(), GetHostState(), UpdateHost(1, "n1", (), False, {}, {})):
            self.refused(self.stranger(message))
        self.assertEqual((self.roles.left, self.roles.updates), (0, []))

    def test_a_member_is_not_taken_by_another_cluster(self) -> None:
        for message in (JoinHello("other", "n2"), self.show_token() or self.welcome("00")):  # type: ignore[func-returns-value]
            self.refused(self.ask(message), "in a cluster already")

    def test_membership_is_on_disk_with_the_record_last(self) -> None:
        identity = self.unjoined.join(self.authority.sign(self.unjoined.csr(), "n2", NOW), self.authority.certificate)
        record = HostRecord("cluster", "cu", "n2", "u2", 4, "n1", ("n1",))
        keep_membership(self.paths, record, identity, "hmac")
        self.assertEqual((records.load(self.paths.host_state), load(self.paths.tls)), (record, identity))
        self.assertEqual(Path(self.paths.hmac_key).read_text(), "hmac")


class UpdateTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.roles.record = HostRecord("cluster", "cu", "n2", "u2", 4, "n1", ("n1",), 10)

    def update(self, serial: int = 11, **fields: Any) -> Deferred[Any]:
        message = UpdateHost(serial, "n1", ("n1", "n2"), True, {"n1": "192.0.2.1"}, {"master_node": "n1\n"})
        return self.ask(evolve(message, **fields))

    def test_kept_on_disk_and_passed_on(self) -> None:
        collectors = {"lv": {"active": False, "interval": 1}}
        fields = {"file_storage_dirs": {"file": "/d"}, "data_collectors": collectors}
        self.successResultOf(self.update(hypervisors=("fake",), **fields))
        (record,) = self.roles.updates
        self.assertEqual(record.data_collectors, collectors)
        self.assertEqual(records.load(self.paths.host_state), record)
        self.assertEqual((record.serial, record.candidates, record.hypervisors), (11, ("n1", "n2"), ("fake",)))
        self.assertEqual((record.epoch, record.uuid, record.addresses), (4, "u2", {"n1": "192.0.2.1"}))
        self.assertEqual(Path(self.paths.ssconf("master_node")).read_text(), "n1\n")

    def test_an_older_one_changes_nothing(self) -> None:
        self.successResultOf(self.update(9))
        self.assertEqual((self.roles.updates, list(Path(self.paths.data).iterdir())), ([], []))

    def test_a_later_epoch_heard_of_meanwhile_is_kept(self) -> None:
        """The gate raises the epoch between the messages and during them."""
        waiting: Deferred[Any] = Deferred()

        class Slow:
            def run(self, function: Any, *args: Any, deadline: float) -> Deferred[Any]:
                function(*args)
                return waiting

        slow: Any = Slow()
        memory = FileMemory(self.paths, "n2", slow, lambda: NOW)
        host = self.system.spawn(
            "slow", lambda: HostActor(self.roles, "n2", memory, lambda: NOW, lambda: self.roles.record)
        )
        message = UpdateHost(11, "n1", ("n1",), False, {}, {})
        answer = host.ask(message, 10)
        self.clock.advance(0)
        assert self.roles.record is not None
        self.roles.record = self.roles.record.seen("n1", 9)
        waiting.callback(None)
        for _ in range(5):
            self.clock.advance(0)
        self.successResultOf(answer)
        self.assertEqual(self.roles.record.epoch, 9)
        stored = records.load(self.paths.host_state)
        self.assertTrue(stored is None or stored.epoch == 9)

    def test_a_member_without_its_certificate_is_told_the_way_back(self) -> None:
        record = HostRecord("cluster", "u", "n2", "u2", 4, "n1", ("n1",))
        error = self.assertRaises(Corrupt, self.roles.memory.identity, record)
        for words in (self.paths.tls, self.paths.host_state, "gnt-node add --readd n2"):
            self.assertIn(words, error.text)

    def test_outside_a_cluster(self) -> None:
        self.roles.record = None
        self.refused(self.update(), "n2", kind=NoCluster)

    def test_state(self) -> None:
        state = self.successResultOf(self.ask(GetHostState()))
        self.assertEqual((state.name, state.uuid, state.role, state.epoch, state.position), ("n2", "u2", "node", 4, 3))

    def test_the_certificate_in_the_state_is_as_ganeti_writes_digests(self) -> None:
        found = self.successResultOf(self.ask(GetHostState())).certificate
        self.assertRegex(found, r"\A([0-9A-F]{2}:){19}[0-9A-F]{2}\Z")
        self.assertEqual(found, digest(self.unjoined.certificate))
        self.roles.record = None
        self.assertEqual(self.successResultOf(self.ask(GetHostState())).certificate, "")

    def test_leaving(self) -> None:
        self.successResultOf(self.ask(LeaveCluster()))
        self.assertEqual(self.roles.left, 1)
