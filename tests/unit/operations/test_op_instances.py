"""Starting, stopping, rebooting and removing instances."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NodeOffline, NotFound, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.protocol.instance import Console, GetConsole, RebootInstance, RemoveDisk, StartInstance, StopInstance
from operation_samples import DISK1, FakeHands, changed, cluster, operation, ran

VERBS = ("STARTUP", "SHUTDOWN", "REBOOT", "REMOVE", "CONSOLE")


def op(verb: str, **parameters: Any) -> Any:
    if verb == "REBOOT":
        parameters.setdefault("reboot_type", "hard")
    return operation(f"OP_INSTANCE_{verb}", **{"instance_name": "web1", **parameters})


def with_instance(**values: Any) -> Config:
    config = cluster()
    return changed(config, config.instance("web1"), **values)


def with_offline_node(config: Config | None = None) -> Config:
    config = config or cluster()
    return changed(config, config.node("n2"), offline=True)


class CheckTests(SynchronousTestCase):
    def refused(self, wanted: Any, config: Config, kind: type[GanetiError], word: str = "") -> None:
        self.assertIn(word, self.assertRaises(kind, wanted.check, config).text)

    def test_unknown_names(self) -> None:
        for verb in VERBS:
            self.refused(op(verb, instance_name="web9"), cluster(), NotFound, "web9")

    def test_offline_nodes(self) -> None:
        for verb in VERBS:
            self.refused(op(verb), with_offline_node(), NodeOffline, "n2.example")
        for verb in ("STARTUP", "SHUTDOWN"):
            op(verb, ignore_offline_nodes=True).check(with_offline_node())
        op("REMOVE", ignore_failures=True).check(with_offline_node())

    def test_instances_marked_offline(self) -> None:
        config = with_instance(admin_state="offline")
        for verb in ("STARTUP", "SHUTDOWN", "REBOOT"):
            self.refused(op(verb), config, WrongState, "offline")
        op("SHUTDOWN", force=True).check(config)

    def test_those_only_reserved(self) -> None:
        self.refused(op("STARTUP"), with_instance(forthcoming=True), WrongState, "reserved")

    def test_parameters(self) -> None:
        self.refused(op("STARTUP", hvparams={"nonsense": 1}), cluster(), BadRequest, "nonsense")
        self.refused(op("STARTUP", beparams={"vcpus": "many"}), cluster(), BadRequest, "vcpus")
        self.assertIn("timeout", self.assertRaises(BadRequest, op, "SHUTDOWN", timeout=-1).text)
        self.assertRaises(BadRequest, op, "REBOOT", reboot_type="gentle")


class RunTests(SynchronousTestCase):
    def run_op(self, wanted: Any, config: Config | None = None, answers: dict[type[Any], Any] | None = None) -> Any:
        self.hands = FakeHands(config or cluster(), answers)
        return self.successResultOf(ran(wanted, self.hands))

    def fails(self, wanted: Any, config: Config | None = None, answers: dict[type[Any], Any] | None = None) -> Any:
        self.hands = FakeHands(config or cluster(), answers)
        return self.failureResultOf(ran(wanted, self.hands)).value

    @property
    def web1(self) -> Any:
        return self.hands.config().instance("web1.example")

    def test_startup_writes_the_wish_and_does_it(self) -> None:
        self.run_op(op("STARTUP", startup_paused=True, hvparams={}, beparams={"vcpus": 2}))
        (start,) = self.hands.messages()
        self.assertEqual((type(start), start.paused, start.spec.beparams["vcpus"]), (StartInstance, True, 2))
        self.assertEqual((self.web1.admin_state, self.web1.disks_active, dict(self.web1.beparams)), ("up", True, {}))

    def test_a_failing_start_keeps_the_wish(self) -> None:
        self.assertIsInstance(self.fails(op("STARTUP"), answers={StartInstance: DriverError("x")}), DriverError)
        self.assertTrue(self.web1.admin_up)

    def test_startup_not_remembered(self) -> None:
        self.run_op(op("STARTUP", no_remember=True))
        self.assertFalse(self.web1.admin_up)
        self.assertEqual(len(self.hands.messages(StartInstance)), 1)

    def test_startup_on_an_offline_node_is_only_written_down(self) -> None:
        self.run_op(op("STARTUP", ignore_offline_nodes=True), with_offline_node())
        self.assertEqual((self.hands.asked, self.web1.admin_up), ([], True))
        self.assertIn("only marked", self.hands.said[0])

    def test_shutdown(self) -> None:
        self.run_op(op("SHUTDOWN", timeout=7), with_instance(admin_state="up", disks_active=True))
        (stop,) = self.hands.messages()
        self.assertEqual(stop, StopInstance("web1.example", "fake", 7))
        self.assertEqual((self.web1.admin_state, self.web1.disks_active), ("down", False))
        self.assertEqual(self.web1.admin_state_source, "admin")

    def test_shutdown_in_the_name_of_the_user_and_not_remembered(self) -> None:
        self.run_op(op("SHUTDOWN", admin_state_source="user"), with_instance(admin_state="up"))
        self.assertEqual(self.web1.admin_state_source, "user")
        self.run_op(op("SHUTDOWN", no_remember=True), with_instance(admin_state="up"))
        self.assertTrue(self.web1.admin_up)

    def test_forced_shutdown_leaves_those_marked_offline_so(self) -> None:
        self.run_op(op("SHUTDOWN", force=True), with_instance(admin_state="offline"))
        self.assertEqual(self.web1.admin_state, "offline")

    def test_reboots(self) -> None:
        for kind in ("soft", "hard"):
            self.run_op(op("REBOOT", reboot_type=kind), with_instance(admin_state="up"))
            (reboot,) = self.hands.messages()
            self.assertEqual((type(reboot), reboot.kind), (RebootInstance, kind))
        self.run_op(op("REBOOT", reboot_type="full", shutdown_timeout=3))
        self.assertEqual([type(m) for m in self.hands.messages()], [StopInstance, StartInstance])
        self.assertTrue(self.web1.admin_up)

    def test_remove(self) -> None:
        self.run_op(op("REMOVE"), with_instance(admin_state="up", network_port=11000))
        self.assertEqual([type(m) for m in self.hands.messages()], [StopInstance, RemoveDisk])
        config = self.hands.config()
        self.assertIsNone(config.find_instance("web1"))
        self.assertNotIn(DISK1, config.disks)
        self.assertEqual(config.cluster.tcpudp_port_pool, (11000,))

    def test_a_removal_that_fails_half_way_leaves_it_marked_down(self) -> None:
        for broken in (StopInstance, RemoveDisk):
            self.fails(op("REMOVE"), with_instance(admin_state="up"), {broken: DriverError("x")})
            self.assertEqual(self.web1.admin_state, "down")

    def test_failures_ignored_are_said(self) -> None:
        broken = {StopInstance: DriverError("deaf"), RemoveDisk: DriverError("stuck")}
        self.run_op(op("REMOVE", ignore_failures=True), answers=broken)
        self.assertIsNone(self.hands.config().find_instance("web1"))
        self.assertEqual(["deaf" in self.hands.said[0], "stuck" in self.hands.said[1]], [True, True])
        self.run_op(op("REMOVE", ignore_failures=True), with_offline_node())
        self.assertEqual((self.hands.asked, self.hands.config().find_instance("web1")), ([], None))

    def test_console(self) -> None:
        console = Console("web1.example", "msg", message="none")
        found = self.run_op(op("CONSOLE"), answers={GetConsole: console})
        self.assertEqual((found["kind"], found["message"]), ("msg", "none"))

    def test_a_node_set_offline_meanwhile_is_not_asked(self) -> None:
        hands = FakeHands(cluster())
        edit = hands.edit

        def edit_and_lose_node(change: Any) -> Any:
            answer = edit(change)
            hands._config = with_offline_node(hands.config())
            return answer

        hands.edit = edit_and_lose_node  # type: ignore[method-assign]
        create = operation(
            "OP_INSTANCE_CREATE",
            instance_name="web2",
            disks=[{"size": 1}],
            nics=[],
            mode="create",
            pnode="n2",
            os_type="noop",
            name_check=False,
            ip_check=False,
            ignore_ipolicy=True,
        )
        self.failureResultOf(ran(create, hands), NodeOffline)
        self.assertIsNone(hands.config().find_instance("web2"))
        self.assertTrue(any("left behind" in line for line in hands.said), hands.said)

    def test_specs_follow_the_configuration(self) -> None:
        config = with_instance(tags=("a",), hvparams={})
        config = changed(config, config.disk(DISK1), size=99)
        self.run_op(op("STARTUP"), config)
        (start,) = self.hands.messages(StartInstance)
        self.assertEqual(
            (start.spec.tags, start.spec.disks[0].size_mib, start.spec.nics[0].mac), (("a",), 99, "aa:00:00:00:00:01")
        )
        self.assertEqual(evolve(start.spec.disks[0], uuid="").logical_id, ("loop", "/d/web1/disk0"))
