"""Changing instances: every refusal, what is written down, and the work on nodes."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

import operation_samples
from ganeti_tw.errors import (
    BadRequest,
    DriverError,
    GanetiError,
    NodeOffline,
    NotFound,
    NotUnique,
    WrongState,
)
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.network import Network
from ganeti_tw.model.new import new_disk
from ganeti_tw.operations.registry import input_of, parse
from ganeti_tw.protocol.instance import CreateDisk, ListInstances, RemoveDisk, RunningInstance
from operation_samples import DISK1, N1, N2, N3, NOW, FakeHands, changed, operation, ran, uuid

DEFAULT, NET = uuid(1), uuid(500)
LINK = {"mode": "routed", "link": "main", "vlan": ""}
RUNS = {ListInstances: (RunningInstance("web1.example", "fake", "running", 128, 1),)}
QUIET: dict[type[Any], Any] = {ListInstances: ()}


def cluster(**settings: Any) -> Config:
    """With an instance policy that web1 fits."""
    low = {"cpu-count": 1, "disk-count": 1, "disk-size": 1, "memory-size": 8, "nic-count": 0, "spindle-use": 1}
    high = {"cpu-count": 9, "disk-count": 9, "disk-size": 9999, "memory-size": 9999, "nic-count": 4, "spindle-use": 9}
    templates = ["file", "sharedfile", "diskless"]
    policy = {"minmax": [{"min": low, "max": high}], "std": low, "disk-templates": templates}
    return operation_samples.cluster(ipolicy=policy, **settings)


def modify(**parameters: Any) -> Any:
    return operation("OP_INSTANCE_SET_PARAMS", instance_name="web1", **parameters)


def with_network(config: Config | None = None) -> Config:
    config = config or cluster()
    config = changed(config, config.groups[DEFAULT], networks={NET: LINK})
    network = Network(uuid=NET, name="net1", network="198.51.100.0/29", serial_no=1, mac_prefix="aa:00:55")
    return config.apply([row(IpPool.new("198.51.100.0/29").stored_in(network))])


def with_spare(config: Config | None = None, name: str | None = "spare", node: str = N2, number: int = 700) -> Config:
    """A disk that belongs to no instance."""
    disk = new_disk(
        "file", uuid=uuid(number), now=NOW, index=0, size=64, logical_id=("loop", "/d/old/x"), nodes=(node,), name=name
    )
    return (config or cluster()).apply([row(disk)])


class ModifyCase(SynchronousTestCase):
    def refused(
        self, *words: str, kind: type[GanetiError] = BadRequest, config: Config | None = None, **p: Any
    ) -> None:
        error = self.assertRaises(kind, lambda: modify(**p).check(config or cluster()))
        for word in words:
            self.assertIn(word, error.text)

    def after(self, config: Config | None = None, answers: dict[type[Any], Any] | None = None, **p: Any) -> Config:
        self.hands = FakeHands(config or cluster(), {**QUIET, **(answers or {})})
        self.report = self.successResultOf(ran(modify(**p), self.hands))
        return self.hands.config()

    def fails(
        self,
        kind: type[GanetiError],
        config: Config | None = None,
        answers: dict[type[Any], Any] | None = None,
        **p: Any,
    ) -> str:
        self.hands = FakeHands(config or cluster(), {**QUIET, **(answers or {})})
        text: str = self.failureResultOf(ran(modify(**p), self.hands), kind).value.text
        return text


class ParameterTests(ModifyCase):
    def test_nothing_given(self) -> None:
        self.refused("nothing to change")

    def test_what_goes_with_a_conversion_only(self) -> None:
        for word, parameters in (
            ("a directory for disks", {"file_storage_dir": "x"}),
            ("-e", {"ext_params": {"a": 1}}),
            ("a secondary node", {"remote_node": "n1"}),
            ("a secondary node", {"iallocator": "hail"}),
        ):
            self.refused(word, beparams={"vcpus": 2}, **parameters)

    def test_backend_and_hypervisor_parameters(self) -> None:
        config = self.after(beparams={"memory": "256", "vcpus": 2})
        instance = config.instance("web1")
        self.assertEqual(instance.beparams, {"minmem": 256, "maxmem": 256, "vcpus": 2})
        self.assertEqual(self.report, [("be/minmem", 256), ("be/maxmem", 256), ("be/vcpus", 2)])
        config = self.after(config, beparams={"vcpus": None, "maxmem": "default", "minmem": "default"})
        self.assertEqual(config.instance("web1").beparams, {})
        self.assertEqual(self.report[0], ("be/vcpus", "default"))
        kvm = changed(cluster(), cluster().instance("web1"), hypervisor="kvm")
        self.assertEqual(self.after(kvm, hvparams={"acpi": "no"}).instance("web1").hvparams, {"acpi": False})
        self.assertEqual(self.report, [("hv/acpi", "no")])

    def test_parameters_that_cannot_be(self) -> None:
        self.refused("minmem", beparams={"minmem": 4096})
        self.refused("ram", beparams={"ram": 1})
        self.refused("migration_mode", hvparams={"migration_mode": "live"})
        self.refused("nonsense", hvparams={"nonsense": 1})

    def test_policy(self) -> None:
        self.refused("policy", beparams={"memory": 64 * 1024})
        self.refused("policy", beparams={"minmem": 1})
        modify(beparams={"memory": 64 * 1024}, ignore_ipolicy=True).check(cluster())

    def test_os_and_its_parameters(self) -> None:
        config = self.after(osparams={"color": "red"}, osparams_private={"color": "s3cret"})
        instance = config.instance("web1")
        self.assertEqual((instance.osparams, instance.osparams_private), ({"color": "red"}, {"color": "s3cret"}))
        self.assertEqual(self.report, [("os/color", "red"), ("os_private/color", "<redacted>")])
        config = self.after(config, osparams={"color": None}, osparams_private={"color": "default"})
        self.assertEqual((config.instance("web1").osparams, config.instance("web1").osparams_private), ({}, {}))
        config = self.after(os_name="noop+x", force=True)
        self.assertEqual((config.instance("web1").os, self.report), ("noop+x", [("os", "noop+x")]))

    def test_os_that_cannot_be(self) -> None:
        self.assertIn("no OS other", self.fails(NotFound, os_name="other"))
        self.assertIn("no variant", self.fails(BadRequest, os_name="noop+x"))
        self.assertIn("size", self.fails(BadRequest, osparams={"size": "1"}))
        self.refused("blacklisted", os_name="noop", config=cluster(blacklisted_os=("noop",)))

    def test_private_values_are_not_stored_with_the_job(self) -> None:
        given = parse({"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": "a", "osparams_private": {"pw": "s3cret"}})
        self.assertNotIn("s3cret", str(input_of(*given)))

    def test_offline_and_online(self) -> None:
        config = self.after(offline=True)
        self.assertEqual((config.instance("web1").admin_state, self.report), ("offline", [("admin_state", "offline")]))
        self.assertEqual(self.after(config, offline=False).instance("web1").admin_state, "down")
        up = changed(cluster(), cluster().instance("web1"), admin_state="up")
        self.refused("marked up", kind=WrongState, config=up, offline=True)
        self.refused("marked up", kind=WrongState, config=up, offline=False)
        self.assertIn("runs on n2", self.fails(WrongState, answers=RUNS, offline=True))

    def test_a_reserved_instance(self) -> None:
        config = changed(cluster(), cluster().instance("web1"), forthcoming=True)
        self.refused("only reserved", kind=WrongState, config=config, beparams={"vcpus": 2})

    def test_new_primary(self) -> None:
        config = self.after(pnode="n1")
        self.assertEqual((config.instance("web1").primary_node, config.disk(DISK1).nodes), (N1, (N1,)))
        self.assertEqual(self.report, [("primary_node", "n1.example")])
        self.assertIn("runs on n2", self.fails(WrongState, answers=RUNS, pnode="n1"))
        self.assertEqual(self.after(answers=RUNS, pnode="n1", force=True).instance("web1").primary_node, N1)
        self.after(answers={ListInstances: DriverError("broken")}, pnode="n1")
        self.assertIn("cannot see whether", self.hands.said[0])

    def test_new_primary_that_cannot_be(self) -> None:
        config = cluster()
        self.refused("n9", kind=NotFound, pnode="n9")
        self.refused("offline", kind=NodeOffline, config=changed(config, config.node("n1"), offline=True), pnode="n1")
        self.refused("vm_cap", kind=WrongState, config=changed(config, config.node("n1"), vm_capable=False), pnode="n1")
        self.refused("at once", pnode="n1", disks=[["add", -1, {"size": 1}]])
        inside = self.after(with_network(), nics=[["modify", 0, {"network": "net1", "ip": "pool"}]])
        self.refused("not connected", config=inside, pnode_uuid=N3)


class NicTests(ModifyCase):
    def test_forms_that_cannot_be(self) -> None:
        for item in ("add", [], ["add"], ["add", 0, 1], ["grow", 0, {}], [True, {}], ["modify", None, {"ip": "x"}]):
            self.refused("nic change 0", nics=[item])
        self.refused("takes no parameters", nics=[["remove", 0, {"ip": "x"}]])
        self.refused("nothing to modify", nics=[["modify", 0, {}]])
        self.refused("no attach", nics=[["attach", 0, {}]])
        self.refused("given an index", nics=[["add", "name", {}]])
        self.refused("0 to 1", nics=[["add", 5, {}]])

    def test_add_in_front_and_at_the_end(self) -> None:
        config = self.after(nics=[["add", 0, {"name": "a"}], ["add", {"mac": "aa:bb:cc:00:00:01", "name": "z"}]])
        nics = config.instance("web1").nics
        self.assertEqual([nic.name for nic in nics], ["a", None, "z"])
        self.assertEqual((len({nic.uuid for nic in nics}), len({nic.mac for nic in nics})), (3, 3))
        link = config.cluster.nicparams["default"]["link"]
        told = f"add:mac={nics[0].mac},ip=None,mode=bridged,link={link},network=None"
        self.assertEqual(self.report[0], ("nic/0", told))
        self.assertEqual(self.report[1][0], "nic/2")

    def test_remove_by_index_uuid_and_name(self) -> None:
        named = self.after(nics=[["modify", "0", {"name": "n"}]])
        for identifier in (0, -1, "0", "n", uuid(200)):
            self.assertEqual(self.after(named, nics=[["remove", identifier, {}]]).instance("web1").nics, ())
            self.assertEqual(self.report, [("nic/0", "remove")])
        self.refused("no nic 1", kind=NotFound, nics=[["remove", 1, {}]])
        self.refused("'x'", kind=NotFound, nics=[["remove", "x", {}]])
        self.assertEqual(self.after(nics=[["remove", {}]]).instance("web1").nics, ())

    def test_modify_keeps_the_rest(self) -> None:
        before = cluster().instance("web1").nics[0]
        (nic,) = self.after(nics=[[0, {"link": "br7"}]]).instance("web1").nics
        self.assertEqual(nic, evolve(before, nicparams={"link": "br7"}))
        self.assertEqual(self.report, [("nic.link/0", "br7")])
        config = self.after(nics=[["modify", 0, {"bridge": "br8", "ip": "none", "name": "a"}]])
        (nic,) = config.instance("web1").nics
        self.assertEqual((nic.nicparams, nic.ip, nic.name, nic.uuid), ({"link": "br8"}, None, "a", before.uuid))
        (nic,) = self.after(config, nics=[["modify", "a", {"link": "default", "name": None}]]).instance("web1").nics
        self.assertEqual((nic.nicparams, nic.name), ({}, None))
        (nic,) = self.after(nics=[["modify", 0, {"mac": "generate"}]]).instance("web1").nics
        self.assertNotEqual(nic.mac, before.mac)

    def test_what_cannot_be(self) -> None:
        self.refused("nic/0", "colour", nics=[["modify", 0, {"colour": "red"}]])
        self.refused("routed", nics=[["modify", 0, {"mode": "routed", "ip": "none"}]])
        self.refused("MAC", nics=[["modify", 0, {"mac": "zz"}]])
        self.refused("'a'", kind=NotUnique, nics=[["add", -1, {"name": "a"}], ["add", -1, {"name": "a"}]])
        self.refused("9 NICs", nics=[["add", -1, {}]] * 8, ignore_ipolicy=True)
        self.refused("policy", "nic-count", nics=[["add", -1, {}]] * 4)

    def test_macs_and_addresses_of_others(self) -> None:
        two = self.after(nics=[["add", -1, {"mac": "aa:bb:cc:00:00:01", "ip": "192.0.2.77"}]])
        self.refused(
            "aa:00:00:00:00:01", kind=NotUnique, config=two, nics=[["modify", 1, {"mac": "aa:00:00:00:00:01"}]]
        )
        self.refused("192.0.2.101", kind=NotUnique, config=two, nics=[["modify", 1, {"ip": "192.0.2.101"}]])
        modify(conflicts_check=False, nics=[["modify", 1, {"ip": "192.0.2.101"}]]).check(two)

    def test_pools_get_back_what_was_taken(self) -> None:
        config = self.after(with_network(), nics=[["modify", 0, {"network": "net1", "ip": "pool"}]])
        (nic,) = config.instance("web1").nics
        self.assertEqual((nic.ip, nic.network, nic.nicparams), ("198.51.100.1", NET, LINK))
        self.assertEqual(self.report, [("nic.network/0", "net1"), ("nic.ip/0", "198.51.100.1")])
        self.assertEqual(IpPool.of(config.network("net1")).map, "XX.....X")
        config = self.after(config, nics=[["modify", 0, {"ip": "198.51.100.4"}]])
        self.assertEqual(IpPool.of(config.network("net1")).map, "X...X..X")
        config = self.after(config, nics=[["modify", 0, {"name": "n"}]])
        self.assertEqual(config.network("net1").serial_no, 3)  # nothing was taken or given back
        left = self.after(config, nics=[["modify", 0, {"network": "none", "ip": "192.0.2.9"}]])
        self.assertEqual(IpPool.of(left.network("net1")).map, "X......X")
        self.assertEqual(left.instance("web1").nics[0].nicparams, {})
        gone = self.after(config, nics=[["remove", 0, {}], ["add", 0, {"network": "net1", "ip": "198.51.100.4"}]])
        self.assertEqual(IpPool.of(gone.network("net1")).map, "X...X..X")

    def test_networks_that_cannot_be(self) -> None:
        config = with_network()
        self.refused("not in", config=config, nics=[["modify", 0, {"network": "net1"}]])  # it has another address
        self.refused("mode", config=config, nics=[["modify", 0, {"network": "net1", "ip": "pool", "mode": "bridged"}]])
        self.refused("net9", kind=NotFound, config=config, nics=[["modify", 0, {"network": "net9"}]])
        self.refused("198.51.100.3", kind=WrongState, config=config, nics=[["modify", 0, {"ip": "198.51.100.3"}]])
        self.refused(
            "198.51.100.7", kind=NotUnique, config=config, nics=[["add", -1, {"network": NET, "ip": "198.51.100.7"}]]
        )


class DiskTests(ModifyCase):
    def test_add(self) -> None:
        config = self.after(
            disks=[["add", -1, {"size": 1024, "name": "data"}], ["add", 0, {"size": "64", "mode": "ro"}]]
        )
        disks = config.disks_of(config.instance("web1"))
        self.assertEqual([d.size for d in disks], [64, 512, 1024])
        self.assertEqual([d.iv_name for d in disks], ["disk/0", "disk/1", "disk/2"])
        self.assertEqual(self.report, [("disk/1", "add:size=1024,mode=rw"), ("disk/0", "add:size=64,mode=ro")])
        made = self.hands.messages(CreateDisk)
        self.assertEqual([(m.disk.index, m.disk.size_mib) for m in made], [(0, 64), (2, 1024)])
        self.assertTrue(made[0].disk.logical_id[1].startswith("/d/web1/"))
        self.assertEqual({node for node, _ in self.hands.asked}, {"n2.example"})

    def test_a_failing_creation_is_taken_back(self) -> None:
        def broken(m: CreateDisk) -> Any:
            return DriverError("no space") if m.disk.index == 2 else "/x"

        self.fails(
            DriverError, answers={CreateDisk: broken}, disks=[["add", -1, {"size": 4}], ["add", -1, {"size": 8}]]
        )
        self.assertEqual([m.disk.index for m in self.hands.messages(RemoveDisk)], [2, 1])
        self.assertEqual(len(self.hands.config().disks), 1)

    def test_a_change_that_cannot_be_stored_is_taken_back(self) -> None:
        self.hands = FakeHands(cluster(), QUIET)
        self.hands.editing = DriverError("ledger")
        self.failureResultOf(ran(modify(disks=[["add", -1, {"size": 4}]]), self.hands), DriverError)
        self.assertEqual(len(self.hands.messages(RemoveDisk)), 1)

    def test_remove(self) -> None:
        two = self.after(disks=[["add", -1, {"size": 4, "name": "b"}]])
        config = self.after(two, disks=[["remove", 0, {}]])
        (disk,) = config.disks_of(config.instance("web1"))
        self.assertEqual((disk.name, disk.iv_name, list(config.disks)), ("b", "disk/0", [disk.uuid]))
        self.assertEqual([m.disk.uuid for m in self.hands.messages(RemoveDisk)], [DISK1])
        self.assertEqual(self.report, [("disk/0", "remove")])

    def test_a_failing_removal_is_told(self) -> None:
        config = self.after(answers={RemoveDisk: DriverError("busy")}, disks=[["remove", 0, {}]])
        self.assertEqual(config.instance("web1").disks, ())
        self.assertIn("busy", self.hands.said[-1])

    def test_taking_away_needs_it_down(self) -> None:
        up = changed(cluster(), cluster().instance("web1"), admin_state="up")
        for action in ("remove", "detach"):
            self.refused("marked up", kind=WrongState, config=up, disks=[[action, 0, {}]])
            self.assertIn("though it is marked down", self.fails(WrongState, answers=RUNS, disks=[[action, 0, {}]]))

    def test_work_on_disks_needs_the_node(self) -> None:
        config = changed(cluster(), cluster().node("n2"), offline=True)
        for change in (["add", -1, {"size": 4}], ["remove", 0, {}]):
            self.refused("n2.example", kind=NodeOffline, config=config, disks=[change])
        self.after(config, disks=[["modify", 0, {"mode": "ro"}]])

    def test_modify(self) -> None:
        config = self.after(disks=[["modify", -1, {"mode": "ro", "name": "root"}]])
        self.assertEqual((config.disk(DISK1).mode, config.disk(DISK1).name), ("ro", "root"))
        self.assertEqual(self.report, [("disk.mode/0", "ro"), ("disk.name/0", "root")])
        config = self.after(config, disks=[["modify", "root", {"name": "none"}]])
        self.assertIsNone(config.disk(DISK1).name)
        self.assertEqual(self.hands.messages(), [])

    def test_what_cannot_be(self) -> None:
        self.refused("grow-disk", disks=[["modify", 0, {"size": 1}]])
        self.refused("mode", disks=[["modify", 0, {"mode": "x"}]])
        self.refused("'12'", disks=[["modify", 0, {"name": "12"}]])
        self.refused("no text", disks=[["modify", 0, {"name": 12}]])
        self.refused("disk/1", "size", disks=[["add", -1, {}]])
        self.refused("disk/1", "vg", disks=[["add", -1, {"size": 1, "vg": "x"}]])
        self.refused("17 disks", disks=[["add", -1, {"size": 1}]] * 16, ignore_ipolicy=True)
        self.refused("at once", disks=[["add", 0, {"size": 1}], ["remove", 0, {}]])
        self.refused("active", disks=[["add", -1, {"size": 1}]], wait_for_sync=False)
        self.refused("policy", disks=[["add", -1, {"size": 2**30}]])
        self.refused(
            "'a'", kind=NotUnique, disks=[["add", -1, {"size": 1, "name": "a"}], ["add", -1, {"size": 1, "name": "a"}]]
        )
        bare = self.after(disks=[["remove", 0, {}]])
        self.refused("diskless", kind=WrongState, config=bare, disks=[["add", -1, {"size": 1}]])

    def test_detach_and_attach(self) -> None:
        config = self.after(disks=[["detach", 0, {}]])
        self.assertEqual((config.instance("web1").disks, list(config.disks)), ((), [DISK1]))
        self.assertEqual((self.report, self.hands.messages(RemoveDisk)), ([("disk/0", "detach")], []))
        config = self.after(config, disks=[["attach", -1, {"uuid": DISK1}]])
        self.assertEqual(
            (config.instance("web1").disks, self.report), ((DISK1,), [("disk/0", "attach:size=512,mode=rw")])
        )
        config = self.after(with_spare(), disks=[["attach", 0, {"name": "spare"}]])
        self.assertEqual(config.instance("web1").disks, (uuid(700), DISK1))
        self.assertEqual(config.disk(DISK1).iv_name, "disk/1")

    def test_attachments_that_cannot_be(self) -> None:
        for parameters in ({}, {"size": 1}, {"uuid": "a", "name": "b"}):
            self.refused("uuid or name", disks=[["attach", -1, parameters]])
        self.refused("'x'", kind=NotFound, disks=[["attach", -1, {"name": "x"}]])
        self.refused("belongs to web1", kind=WrongState, disks=[["attach", -1, {"uuid": DISK1}]])
        self.refused("on n1", kind=WrongState, config=with_spare(node=N1), disks=[["attach", -1, {"name": "spare"}]])
        twice = with_spare(with_spare(), number=701)
        self.refused("2 disks", kind=NotUnique, config=twice, disks=[["attach", -1, {"name": "spare"}]])
