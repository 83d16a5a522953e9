"""Operations that only look: settings of the cluster, all about instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw import __version__
from ganeti_tw.errors import DriverError, NotFound
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.instance.query_data import InstanceQueryData
from ganeti_tw.operations.registry import find
from ganeti_tw.operations.steps.clusterinfo import cluster_info
from ganeti_tw.protocol.instance import DiskFound, FindDisks, ListInstances
from query_samples import INST1, NODE, changed, data, guest, late, plain, recorded, started

PATH = "/srv/ganeti/file-storage/inst1.ref.example/0253a91f-c48f-45c7-9033-f200ab707931.file.disk0"
SAMPLE = data("instance_query_data.json")["inst1.ref.example"]


class ClusterInfoTests(SynchronousTestCase):
    def test_is_that_of_the_original(self) -> None:
        ours, sample = plain(cluster_info(recorded())), data("cluster_info.json")
        self.assertEqual(list(ours), list(sample))
        own = {"vcs_version": f"ganeti_tw {__version__}", "architecture": ours["architecture"]}
        self.assertEqual(ours, {**sample, **own})
        self.assertRegex(ours["architecture"][0], "^(32|64)bits$")


class FakeHands:
    """A node that answers."""

    def __init__(self, config: Any, answer: Callable[[Any], Any]) -> None:
        self._config, self._answer = config, answer
        self.asked: list[Any] = []
        self.said: list[str] = []

    def config(self) -> Any:
        return self._config

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Deferred[Any]:
        self.asked.append(type(message))
        found = self._answer(message)
        return fail(found) if isinstance(found, Exception) else succeed(found)

    def stopping(self) -> bool:
        return False

    def say(self, kind: str, text: Any) -> None:
        self.said.append(text)


def running(message: Any) -> Any:
    if isinstance(message, FindDisks):
        return tuple(DiskFound(PATH) for _ in message.wanted)
    return guest(), guest("inst2.ref.example", "shutdown")


class QueryDataTests(SynchronousTestCase):
    def look(self, op: InstanceQueryData, answer: Callable[[Any], Any] = running, config: Any = None) -> dict[str, Any]:
        self.hands = FakeHands(config or recorded(), answer)
        context = Context(self.hands)  # type: ignore[arg-type]
        op.check(context.config)
        found: dict[str, Any] = plain(self.successResultOf(started(op.run(context))))
        return found

    def one(self, answer: Callable[[Any], Any] = running, config: Any = None, **parameters: Any) -> dict[str, Any]:
        op = InstanceQueryData(instances=["inst1"], **parameters)
        found: dict[str, Any] = self.look(op, answer, config)["inst1.ref.example"]
        return found

    def test_is_that_of_the_original(self) -> None:
        found = self.one()
        self.assertEqual(list(found), list(SAMPLE))
        self.assertEqual(found, SAMPLE)

    def test_all_when_none_is_named_in_natural_order(self) -> None:
        found = self.look(InstanceQueryData())
        self.assertEqual(list(found), ["inst1.ref.example", "inst2.ref.example", "inst3.ref.example"])
        self.assertEqual([i["run_state"] for i in found.values()], ["up", "down", "down"])
        self.assertEqual(self.hands.asked, [ListInstances, FindDisks])

    def test_static_asks_nobody(self) -> None:
        found = self.one(static=True)
        self.assertEqual((found["run_state"], found["disks"][0]["pstatus"]), (None, None))
        self.assertEqual(self.hands.asked, [])

    def test_a_silent_node_is_asked_once(self) -> None:
        found = self.one(lambda message: late())
        self.assertEqual((found["run_state"], found["disks"][0]["pstatus"]), (None, None))
        self.assertEqual(self.hands.asked, [ListInstances])
        self.assertIn("ref1.ref.example", self.hands.said[0])

    def test_a_disk_that_cannot_be_found(self) -> None:
        for answer in ((DiskFound(),), (DiskFound(error="no such file"),), DriverError("no files"), late()):
            found = self.one(lambda m, answer=answer: (guest(),) if isinstance(m, ListInstances) else answer)
            self.assertEqual((found["run_state"], found["disks"][0]["pstatus"]), ("up", None))
            told = [text for text in self.hands.said if "WARNING: ref1.ref.example" in text]
            self.assertEqual(len(told), 0 if answer == (DiskFound(),) else 1, self.hands.said)

    def test_an_offline_node_is_not_asked(self) -> None:
        config = recorded()
        found = self.one(config=changed(config, attrs.evolve(config.nodes[NODE], offline=True)))
        self.assertEqual(found["run_state"], None)
        self.assertEqual(self.hands.asked, [])

    def test_an_unknown_name_is_refused(self) -> None:
        self.assertRaises(NotFound, InstanceQueryData(instances=["nobody"]).check, recorded())

    def test_locks_only_when_asked_for(self) -> None:
        config = recorded()
        self.assertEqual(InstanceQueryData(instances=["inst1"]).locks(config), {})
        instance = config.instances[INST1]
        self.assertEqual(
            InstanceQueryData(instances=["inst1"], use_locking=True).locks(config),
            {
                "instance/inst1.ref.example": 0,
                f"node/{NODE}": 0,
                f"nodegroup/{config.nodes[NODE].group}": 0,
                f"network/{instance.nics[0].network}": 0,
            },
        )

    def test_parameters_are_those_of_the_original_and_no_job_is_needed(self) -> None:
        kind = find("OP_INSTANCE_QUERY_DATA")
        params = data("reference/opcodes.json")["opcodes"]["OP_INSTANCE_QUERY_DATA"]["params"]
        self.assertEqual([a.name for a in attrs.fields(kind.cls)], [p["name"] for p in params])
        self.assertTrue(kind.read_only)
