"""Renaming, installing again, and creating several at once."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import (
    BadRequest,
    DriverError,
    Exists,
    GanetiError,
    NodeOffline,
    NotFound,
    NotUnique,
    ResolverError,
    WrongState,
)
from ganeti_tw.model.config import Config
from ganeti_tw.operations.registry import input_of, is_whole, parse
from ganeti_tw.protocol.instance import InstallOs, ListInstances, RenameDisk, RenameOs, RunningInstance
from operation_samples import DISK1, FakeHands, changed, cluster, operation, ran

RUNS = {ListInstances: (RunningInstance("web1.example", "fake", "running", 128, 1),)}
QUIET: dict[type[Any], Any] = {ListInstances: ()}


class OperationCase(SynchronousTestCase):
    def make(self, **parameters: Any) -> Any:
        raise NotImplementedError

    def refused(
        self, *words: str, kind: type[GanetiError] = BadRequest, config: Config | None = None, **p: Any
    ) -> None:
        error = self.assertRaises(kind, self.make(**p).check, config or cluster())
        for word in words:
            self.assertIn(word, error.text)

    def run_op(self, config: Config | None = None, answers: dict[type[Any], Any] | None = None, **p: Any) -> Any:
        self.hands = FakeHands(config or cluster(), {**QUIET, **(answers or {})})
        return ran(self.make(**p), self.hands)


class RenameTests(OperationCase):
    def make(self, **parameters: Any) -> Any:
        defaults = {"instance_name": "web1", "new_name": "web2.example", "name_check": False, "ip_check": False}
        return operation("OP_INSTANCE_RENAME", **{**defaults, **parameters})

    def test_disks_configuration_and_os(self) -> None:
        self.assertEqual(self.successResultOf(self.run_op(new_name="WEB2.example")), "web2.example")
        config = self.hands.config()
        self.assertIsNone(config.find_instance("web1.example"))
        self.assertEqual([type(m) for m in self.hands.messages()], [ListInstances, RenameOs])
        script = self.hands.messages(RenameOs)[0]
        self.assertEqual((script.old_name, script.spec.name), ("web1.example", "web2.example"))

    def placed(self) -> Config:
        return changed(cluster(), cluster().disk(DISK1), logical_id=("loop", "/d/web1.example/disk0"))

    def test_directories_of_the_old_name_get_the_new_one(self) -> None:
        self.successResultOf(self.run_op(self.placed()))
        (renamed,) = self.hands.messages(RenameDisk)
        self.assertEqual(renamed.disk.logical_id, ("loop", "/d/web1.example/disk0"))
        self.assertEqual(renamed.to.logical_id, ("loop", "/d/web2.example/disk0"))
        self.assertEqual(self.hands.config().disk(DISK1).logical_id[1], "/d/web2.example/disk0")

    def test_a_change_that_cannot_be_stored_is_taken_back(self) -> None:
        self.hands = FakeHands(self.placed(), QUIET)
        self.hands.editing = DriverError("ledger")
        self.failureResultOf(ran(self.make(), self.hands), DriverError)
        there, back = self.hands.messages(RenameDisk)
        self.assertEqual((back.disk, back.to), (there.to, there.disk))

    def test_a_failing_script_is_only_told(self) -> None:
        self.successResultOf(self.run_op(answers={RenameOs: DriverError("exit 1")}))
        self.assertIn("exit 1", self.hands.said[-1])
        self.assertIsNotNone(self.hands.config().find_instance("web2.example"))

    def test_names(self) -> None:
        self.refused("host name", new_name="a b")
        self.refused("web1.example", kind=Exists, new_name="WEB1.example")
        self.refused("name check", ip_check=True)
        self.refused("web9", kind=NotFound, instance_name="web9")

    def test_states(self) -> None:
        config = cluster()
        up = changed(config, config.instance("web1"), admin_state="up")
        self.refused("marked up", kind=WrongState, config=up)
        self.refused("offline", kind=NodeOffline, config=changed(config, config.node("n2"), offline=True))
        self.failureResultOf(self.run_op(answers=RUNS), WrongState)

    def test_addresses(self) -> None:
        self.failureResultOf(self.run_op(name_check=True), ResolverError)
        self.hands = FakeHands(cluster(), QUIET)
        self.hands.addresses["web2.example"] = "192.0.2.7"
        self.hands.awake.add("192.0.2.7")
        self.failureResultOf(ran(self.make(name_check=True, ip_check=True), self.hands), NotUnique)
        self.successResultOf(ran(self.make(name_check=True), self.hands))


class ReinstallTests(OperationCase):
    def make(self, **parameters: Any) -> Any:
        return operation("OP_INSTANCE_REINSTALL", **{"instance_name": "web1", **parameters})

    def test_the_same_again(self) -> None:
        self.assertIsNone(self.successResultOf(self.run_op()))
        (install,) = self.hands.messages(InstallOs)
        self.assertEqual((install.reinstall, install.spec.os), (True, "noop"))
        self.assertEqual(self.hands.config().instance("web1").serial_no, 1)

    def test_a_new_os_with_parameters(self) -> None:
        config = changed(cluster(), cluster().instance("web1"), os="old")
        self.successResultOf(
            self.run_op(config, os_type="noop", osparams={"color": "red"}, osparams_secret={"color": "s3cret"})
        )
        instance = self.hands.config().instance("web1")
        self.assertEqual((instance.os, instance.osparams), ("noop", {"color": "red"}))
        self.assertEqual(self.hands.messages(InstallOs)[0].spec.osparams["color"], "s3cret")

    def test_private_parameters_are_remembered(self) -> None:
        self.successResultOf(self.run_op(osparams_private={"color": "blue"}))
        self.assertEqual(self.hands.config().instance("web1").osparams_private, {"color": "blue"})
        self.assertEqual(self.hands.messages(InstallOs)[0].spec.osparams["color"], "blue")

    def test_refusals(self) -> None:
        config = cluster()
        web1 = config.instance("web1")
        self.refused("marked up", kind=WrongState, config=changed(config, web1, admin_state="up"))
        self.refused("diskless", kind=WrongState, config=changed(config, web1, disks=()))
        self.refused("no operating system", config=changed(config, web1, os=""))
        self.refused("offline", kind=NodeOffline, config=changed(config, config.node("n2"), offline=True))
        self.refused("blacklisted", config=cluster(blacklisted_os=("noop",)))
        self.failureResultOf(self.run_op(answers=RUNS), WrongState)
        self.failureResultOf(self.run_op(os_type="other"), NotFound)
        self.failureResultOf(self.run_op(os_type="noop+x"), BadRequest)
        self.failureResultOf(self.run_op(osparams={"size": "1"}), BadRequest)
        self.assertEqual(self.hands.config().instance("web1").osparams, {})


def creation(name: str, **parameters: Any) -> dict[str, Any]:
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": name,
        "mode": "create",
        "disks": [],
        "nics": [],
        "disk_template": "diskless",
        "pnode": "n2",
        "os_type": "noop",
        **parameters,
    }


class MultiAllocTests(OperationCase):
    def make(self, **parameters: Any) -> Any:
        return operation("OP_INSTANCE_MULTI_ALLOC", **parameters)

    def test_a_job_for_each(self) -> None:
        one, two = creation("a.example"), creation("b.example")
        self.assertEqual(
            self.successResultOf(self.run_op(instances=[one, two])),
            {"jobs": [[one], [two]], "allocatable": ["a.example", "b.example"], "failed": []},
        )
        self.assertEqual(self.successResultOf(self.run_op())["jobs"], [])

    def test_refusals_name_the_entry(self) -> None:
        good = creation("a.example")
        for bad, word in (
            (5, "OP_INSTANCE_CREATE"),
            ({"OP_ID": "OP_TEST_DELAY", "duration": 1}, "OP_INSTANCE_CREATE"),
            ({**good, "colour": 1}, "colour"),
            ({k: v for k, v in good.items() if k != "mode"}, "mode"),
            (creation("a b"), "host name"),
            (creation("b", pnode=None), "pnode"),
            (creation("A.example"), "twice"),
        ):
            self.refused("instances[1]", word, instances=[good, bad])

    def test_allocators_are_for_instances_without_nodes(self) -> None:
        for name, value in (("iallocator", "hail"), ("opportunistic_locking", True)):
            self.refused("nothing for an iallocator", **{name: value}, instances=[creation("a.example")])

    def test_what_is_open_is_checked_before_an_allocator_is_asked(self) -> None:
        good = creation("a.example", pnode=None)
        for bad, word in (
            (creation("b.example", pnode=None, iallocator="hail"), "together"),
            (creation("b.example", pnode=None, opportunistic_locking=True), "together"),
            (creation("b.example", pnode=None, group_name="other"), "group_name"),
            (creation("b.example", pnode=None, disks=[{"size": 1}]), "diskless"),
            (creation("b.example", pnode=None, hypervisor="lxc"), "hypervisor lxc"),
            (creation("b.example"), "pnode"),
        ):
            self.refused("instances[1]", word, instances=[good, bad], iallocator="hail")

    def test_private_values_are_not_stored(self) -> None:
        secret = creation("a.example", osparams_private={"pw": "s3cret"}, osparams_secret={"key": "s3cret"})
        for instance, text in ((secret, "pw"), ({**secret, "OP_ID": "OP_X"}, "None"), (5, "None")):
            stored = input_of(*parse({"OP_ID": "OP_INSTANCE_MULTI_ALLOC", "instances": [instance]}))
            self.assertNotIn("s3cret", str(stored))
            self.assertIn(text, str(stored["instances"]))
        whole = {"OP_ID": "OP_INSTANCE_MULTI_ALLOC", "instances": [creation("a")]}
        self.assertEqual((is_whole(whole), is_whole({**whole, "instances": [secret]})), (True, False))
