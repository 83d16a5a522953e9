"""Certificates that are renewed, replaced, expired or wrong, over real TLS sockets."""

from __future__ import annotations

import time
from typing import Any

from attrs import evolve
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ganeti_tw.errors import NotSent, Refused
from ganeti_tw.kernel import Actor, ActorSystem, Rank, receive
from ganeti_tw.protocol.node import Ping, PutFile
from ganeti_tw.wire.certificates import CertificateAuthority, load_certificates, new_key, number_of, signing_request
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.links import Links
from ganeti_tw.wire.server import WireServer

reactor: Any = global_reactor
NOW = time.time()
DAY = 86400.0


def member(ca: CertificateAuthority, name: str, number: int = 1, *, at: float = NOW, days: int = 10) -> Identity:
    key = new_key()
    certificate = ca.sign(signing_request(key, name), name, at, days, number=number)
    return Identity(key, certificate, ca.certificate)


OLD, NEW = CertificateAuthority.create("cluster", NOW), CertificateAuthority.create("cluster", NOW)
MASTER, NODE = member(OLD, "master"), member(OLD, "node1")
BOTH = OLD.certificate + NEW.certificate


class Node(Actor):
    rank = Rank.NODE

    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []

    @receive(Ping)
    def ping(self, m: Ping) -> str:
        return m.text

    @receive(PutFile)
    def slow(self, m: PutFile) -> Any:
        self.waiting.append(Deferred())
        return self.waiting[-1]


class RenewalCase(TestCase):
    def setUp(self) -> None:
        self.system = ActorSystem(reactor)
        self.actor = Node()
        self.system.spawn("node", lambda: self.actor)
        self.lowest: dict[str, int] = {}
        self.server = WireServer(reactor, NODE, self.system, lambda *asked: None, admit=self.admit)
        self.address = self.server.listen(0, "127.0.0.1")
        self.links = self.links_of(MASTER)
        self.node = self.links.ref("node1", "node")

    async def tearDown(self) -> None:
        await self.links.close()
        await self.server.close()
        await self.system.stop()

    def links_of(self, identity: Identity) -> Links:
        return Links(reactor, identity, lambda name: self.address, lambda: 1, random=lambda: 0.0, admit=self.admit)

    def admit(self, peer: str, number: int) -> None:
        if number < self.lowest.get(peer, 0):
            raise Refused(f"the certificate of {peer} was replaced")

    async def ask(self, links: Links | None = None) -> str:
        ref = (links or self.links).ref("node1", "node")
        return str(await ref.ask(Ping("x"), 10))

    async def refused(self, identity: Identity) -> str:
        """Why somebody with this certificate cannot speak to the node."""
        links = self.links_of(identity)
        try:
            await self.ask(links)
        except (NotSent, Refused) as e:
            return e.text
        finally:
            await links.close()
        raise AssertionError("it could")


class RenewalTests(RenewalCase):
    async def test_a_new_certificate_is_shown_while_an_answer_over_the_old_connection_is_awaited(self) -> None:
        slow = self.node.ask(PutFile("/x", b"", 0o600, 0.0), 10)
        await self.ask()
        before = self.links.shown("node1")
        self.assertEqual(before, NODE.fingerprint)
        renewed = member(OLD, "node1", 2)
        self.server.use(renewed, renewed=True)
        await self.ask()
        self.assertEqual(self.links.shown("node1"), before)
        self.links.renew("node1")
        self.assertEqual(await self.ask(), "x")
        self.assertEqual(self.links.shown("node1"), renewed.fingerprint)
        self.lowest["node1"] = 2
        self.actor.waiting[0].callback(None)
        self.assertIsNone(await slow)

    async def test_from_one_authority_to_another(self) -> None:
        """In this order each step leaves both able to speak to each other."""
        steps = (
            (evolve(NODE, ca=BOTH), MASTER),
            (evolve(NODE, ca=BOTH), evolve(MASTER, ca=BOTH)),
            (evolve(member(NEW, "node1", 2), ca=BOTH), evolve(MASTER, ca=BOTH)),
            (evolve(member(NEW, "node1", 2), ca=BOTH), evolve(member(NEW, "master", 3), ca=BOTH)),
            (member(NEW, "node1", 2), evolve(member(NEW, "master", 3), ca=BOTH)),
            (member(NEW, "node1", 2), member(NEW, "master", 3)),
        )
        for node, master in steps:
            self.server.use(node, renewed=True)
            self.links.use(master)
            self.assertEqual(await self.ask(), "x")
        self.assertIn("unknown ca", await self.refused(evolve(MASTER, ca=BOTH)))

    async def test_whatever_is_said_with_a_replaced_certificate_is_refused(self) -> None:
        self.lowest["master"] = 2
        # It is told why: a host that was removed would try on for ever at a connection that only breaks.
        self.assertIn("the certificate of master was replaced", await self.refused(MASTER))
        links = self.links_of(member(OLD, "master", 2))
        self.assertEqual(await self.ask(links), "x")
        await links.close()

    async def test_and_over_a_connection_that_was_there_before(self) -> None:
        await self.ask()
        self.lowest["master"] = 2
        try:
            await self.ask()
        except Refused as e:
            self.assertIn("was replaced", e.text)
        else:
            self.fail("it was heard")
        self.server.review()
        for _ in range(100):
            if not self.server.peers():
                break
            await deferLater(reactor, 0.02, lambda: None)
        self.assertEqual(self.server.peers(), [])

    async def test_a_host_that_shows_a_replaced_certificate_is_not_spoken_to(self) -> None:
        self.lowest["node1"] = 2
        try:
            await self.ask()
        except NotSent as e:
            self.assertIn("was replaced", e.text)
        else:
            self.fail("it was spoken to")

    async def test_certificates_that_are_not_good(self) -> None:
        expired = CertificateAuthority.create("cluster", NOW - 100 * DAY, days=10)
        late = evolve(member(OLD, "master", at=NOW - 100 * DAY), ca=OLD.certificate)
        early = member(OLD, "master", at=NOW + 100 * DAY)
        other = member(CertificateAuthority.create("cluster", NOW), "master")
        alone = Unjoined.create("master", NOW)
        self.server.use(evolve(NODE, ca=OLD.certificate + expired.certificate))
        for wrong, words in (
            (late, "expired"),
            (early, ""),
            (evolve(member(expired, "master"), ca=OLD.certificate), ""),
            (evolve(other, ca=OLD.certificate), "unknown ca"),
            (Identity(alone.key, alone.certificate, OLD.certificate), ""),
        ):
            self.assertIn(words, await self.refused(wrong))
        self.assertEqual(await self.ask(), "x")

    async def test_a_host_with_the_certificate_of_another(self) -> None:
        self.server.use(member(OLD, "node2"))
        try:
            await self.ask()
        except NotSent as e:
            self.assertIn("is not node1", e.text)
        else:
            self.fail("it was believed")

    async def test_a_host_of_an_authority_that_is_gone_is_known_by_its_fingerprint(self) -> None:
        """It trusts the new one, nobody trusts its own."""
        self.server.use(evolve(NODE, ca=BOTH))
        master = self.links_of(member(NEW, "master", 2))
        try:
            await self.ask(master)
        except NotSent:
            pass
        else:
            self.fail("it was believed")
        link = master.pinned(*self.address, NODE.fingerprint)
        self.assertEqual(await link.ref("node").ask(Ping("y"), 10), "y")
        await link.close()
        other = master.pinned(*self.address, member(OLD, "node1").fingerprint)
        try:
            await other.ref("node").ask(Ping("y"), 10)
        except NotSent:
            pass
        else:
            self.fail("it was believed")
        await other.close()
        await master.close()

    def test_numbers_survive_the_certificate(self) -> None:
        for number in (0, 1, 2**40):
            certificate = load_certificates(member(OLD, "node1", number).certificate)[0]
            self.assertEqual(number_of(certificate), number)
