"""confd and its three clients over real datagrams."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from random import Random
from typing import Any

from attrs import evolve
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from ganeti_tw.confd.actor import Confd, GetConfdFigures
from ganeti_tw.confd.client import on_asyncio, on_twisted
from ganeti_tw.confd.client.blocking import ask
from ganeti_tw.confd.client.exchange import Candidates
from ganeti_tw.confd.key import Key
from ganeti_tw.confd.packet import write_request
from ganeti_tw.errors import Expired, NotSent
from ganeti_tw.kernel import ActorSystem, InlineBlocking, Ref
from ganeti_tw.model.codec import key_of, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster
from ganeti_tw.protocol.config import ConfigChanged

KEY = b"0123456789012345678901234567890123456789\n"
reactor: Any = global_reactor


def first_config() -> Config:
    begin = new_cluster(
        "cluster.example.org",
        now=1.0,
        uuid=lambda: str(uuid.uuid4()),
        node_name="node1.example.org",
        node_ip="192.0.2.1",
        master_ip="192.0.2.9",
    )
    return Config.from_rows({(put.kind, put.key): put.value for put in begin.rows()})


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return int(udp.getsockname()[1])


class UdpTests(TestCase):
    def setUp(self) -> None:
        self.system = ActorSystem(reactor)
        self.addCleanup(self.system.stop)
        self.port = free_port()
        self.key_file = self.mktemp()
        self.write_key(KEY)
        self.config: Config | None = first_config()

    def write_key(self, content: bytes) -> None:
        with open(self.key_file + ".new", "wb") as file:
            file.write(content)
        os.rename(self.key_file + ".new", self.key_file)

    async def start(self, address: str = "127.0.0.1") -> Ref:
        def make() -> Confd:
            return Confd(
                address=address,
                port=self.port,
                reactor=reactor,
                key_file=self.key_file,
                config=lambda: self.config,
                blocking=InlineBlocking(),
                now=time.time,
                monotonic=time.monotonic,
            )

        confd = self.system.spawn("confd", make)
        await self.heard(confd)
        return confd

    async def heard(self, confd: Ref) -> None:
        """Until everything that it was told so far is done."""
        await confd.ask(GetConfdFigures(), 10)

    def candidates(self, *addresses: str, key: bytes = KEY) -> Candidates:
        return Candidates(
            addresses or ("127.0.0.1",), key, time.time, lambda: str(uuid.uuid4()), Random(1), port=self.port
        )

    async def ask(self, *details: Any, to: Candidates | None = None, **options: Any) -> Any:
        found = await deferToThread(ask, to or self.candidates(), *details, **options)
        return found.reply.answer

    async def test_the_blocking_client(self) -> None:
        await self.start()
        self.assertEqual(await self.ask(3), "node1.example.org")
        self.assertEqual(await self.ask(3, {"3": [1, 2]}), ["192.0.2.9", "192.0.2.1"])

    async def test_the_client_on_twisted(self) -> None:
        await self.start()
        client = on_twisted.connect(reactor, self.candidates())
        found = await client.ask(3, timeout=10)
        await client.close()
        self.assertEqual((found.reply.answer, found.address), ("node1.example.org", "127.0.0.1"))

    async def test_the_client_on_asyncio(self) -> None:
        await self.start()

        async def scene() -> Any:
            client = await on_asyncio.connect(self.candidates())
            try:
                return await client.ask(3, timeout=10)
            finally:
                client.close()

        found = await deferToThread(asyncio.run, scene())
        self.assertEqual((found.reply.answer, found.address), ("node1.example.org", "127.0.0.1"))

    async def test_both_families(self) -> None:
        if not socket.has_ipv6:
            raise SkipTest("no IPv6 on this machine")
        await self.start("::")
        for address in ("127.0.0.1", "::1"):
            self.assertEqual(await self.ask(3, to=self.candidates(address)), "node1.example.org")

    async def test_another_key_gets_no_answer(self) -> None:
        await self.start()
        with self.assertRaises(Expired):
            await self.ask(0, to=self.candidates(key=b"other\n"), timeout=0.2)

    async def test_nobody_there_is_told_apart(self) -> None:
        with self.assertRaises(NotSent):
            await self.ask(0, to=self.candidates("127.0.0.1", "127.0.0.2"))

    async def test_one_of_three_is_enough(self) -> None:
        await self.start()
        begin = time.monotonic()
        to = self.candidates("127.0.0.2", "127.0.0.1", "127.0.0.3")
        self.assertEqual(await self.ask(3, to=to), "node1.example.org")
        self.assertLess(time.monotonic() - begin, 5)

    async def test_changes_are_answered_from_at_once(self) -> None:
        confd = await self.start()
        before = self.config
        assert before is not None
        cluster = evolve(before.cluster, master_ip="192.0.2.10", serial_no=9)
        self.config = before.apply([row(cluster)])
        confd.tell(ConfigChanged(self.config, before, frozenset({key_of(cluster)})))
        await self.heard(confd)
        self.assertEqual(await self.ask(3, {"3": [1]}), ["192.0.2.10"])
        # One whose predecessor was not seen: anew.
        other = first_config()
        renamed = evolve(other.cluster, master_ip="192.0.2.11")
        confd.tell(ConfigChanged(other.apply([row(renamed)]), other, frozenset({key_of(renamed)})))
        await self.heard(confd)
        self.assertEqual(await self.ask(3, {"3": [1]}), ["192.0.2.11"])

    async def test_a_renewed_key(self) -> None:
        await self.start()
        await self.ask(0)
        self.write_key(b"renewed\n")
        # The clients keep trying while the server has yet to look.
        await deferLater(reactor, 1.1)
        self.assertEqual(await self.ask(0, to=self.candidates(key=b"renewed\n")), 3000000)
        with self.assertRaises(Expired):
            await self.ask(0, timeout=0.2)

    async def test_a_question_that_nobody_foresaw_is_the_only_one_without_an_answer(self) -> None:
        assert self.config is not None
        spoilt = evolve(self.config.cluster, data_collectors={"lv": 5})
        self.config = self.config.apply([row(spoilt)])
        confd = await self.start()
        with self.assertRaises(Expired):
            await self.ask(11, timeout=0.2, retries=0)
        self.assertEqual(await self.ask(3), "node1.example.org")
        (state,) = (state for state in self.system.list() if state.path == confd.path)
        self.assertEqual(state.restarts, 1)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 2)

    async def test_when_it_stops_the_port_is_free(self) -> None:
        for _ in range(2):
            confd = await self.start()
            await self.ask(0)
            confd.stop()
            await deferLater(reactor, 0.01)
        with self.assertRaises(NotSent):
            await self.ask(0)

    async def test_answers_go_on_in_a_flood_and_so_does_the_reactor(self) -> None:
        await self.start()
        key = Key(KEY)
        flood = [b"plj0" + os.urandom(50) for _ in range(500)] + [b"x" * 9000] * 50
        turns = 0
        stop = Deferred[None]()

        def turn() -> None:
            nonlocal turns
            turns += 1
            if not stop.called:
                reactor.callLater(0, turn)

        def pour() -> int:
            answers = 0
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.settimeout(10)
                for number in range(20):
                    for datagram in flood:
                        udp.sendto(datagram, ("127.0.0.1", self.port))
                    time.sleep(0.005)
                    udp.sendto(write_request(0, None, str(number), key, time.time()), ("127.0.0.1", self.port))
                    answers += bool(udp.recv(4096))
            return answers

        turn()
        answers = await deferToThread(pour)
        stop.callback(None)
        await deferLater(reactor, 0.01)
        self.assertEqual(answers, 20)
        self.assertGreater(turns, 20)
