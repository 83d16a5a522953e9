"""Creating instances: every refusal, what is written down, and taking it back."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import (
    BadRequest,
    DriverError,
    Exists,
    Expired,
    GanetiError,
    NodeOffline,
    NotFound,
    NotUnique,
    ResolverError,
    WrongState,
)
from ganeti_tw.model.config import Config
from ganeti_tw.protocol.instance import CreateDisk, InstallOs, RemoveDisk, StartInstance
from ganeti_tw.protocol.node import CheckOs, GetFigures, ListOses
from operation_samples import N2, NOOP, FakeHands, changed, cluster, operation, ran

DEFAULTS: dict[str, Any] = {
    "instance_name": "web2.example",
    "disks": [{"size": 1024}],
    "nics": [{}],
    "mode": "create",
    "pnode": "n2",
    "os_type": "noop",
    "disk_template": "file",
    "name_check": False,
    "ip_check": False,
}


def create(**parameters: Any) -> Any:
    return operation("OP_INSTANCE_CREATE", **{**DEFAULTS, **parameters})


class CheckTests(SynchronousTestCase):
    def refused(
        self, *words: str, kind: type[GanetiError] = BadRequest, config: Config | None = None, **p: Any
    ) -> None:
        error = self.assertRaises(kind, lambda: create(**p).check(config or cluster()))
        for word in words:
            self.assertIn(word, error.text)

    def test_the_usual_is_fine(self) -> None:
        create().check(cluster())

    def test_modes(self) -> None:
        for mode in ("import", "remote-import"):
            self.refused(mode, mode=mode)

    def test_secondary_nodes(self) -> None:
        self.refused("secondary", snode="n1")
        self.refused("secondary", snode_uuid=N2)

    def test_names(self) -> None:
        for name in ("", "-a", "a b", "a..b", ".", "x" * 256, "a/b"):
            self.refused("host name", instance_name=name)

    def test_taken_name(self) -> None:
        self.refused("web1.example", kind=Exists, instance_name="web1.example")
        self.refused("web1.example", kind=Exists, instance_name="WEB1.Example.")

    def test_the_start_of_a_taken_name_is_another_name(self) -> None:
        create(instance_name="web1").check(cluster())

    def test_nodes(self) -> None:
        config = cluster()
        self.refused("n9", kind=NotFound, pnode="n9")
        self.refused("n9", kind=NotFound, pnode=None, group_name="n9")
        self.refused("no default", pnode=None, config=cluster(default_iallocator=""))
        self.refused("not both", iallocator="hail")
        self.refused("iallocator", opportunistic_locking=True)
        self.refused("group other", group_name="other")
        create(group_name="default").check(config)
        node = config.node("n2")
        self.refused("offline", kind=NodeOffline, config=changed(config, node, offline=True))
        self.refused("drained", kind=WrongState, config=changed(config, node, drained=True))
        self.refused("vm_capable", kind=WrongState, config=changed(config, node, vm_capable=False))

    def test_disk_templates(self) -> None:
        config = cluster(enabled_disk_templates=("file", "plain"), volume_group_name="vg")
        self.refused("not enabled", disk_template="sharedfile", config=config)
        self.refused("not supported yet", disk_template="plain", config=config)
        self.refused("no disks", disk_template="diskless")
        self.refused("at least one", disks=[])
        self.refused("not enabled", disk_template=None, disks=[], config=config)

    def test_disks(self) -> None:
        for disk in ({}, {"size": 0}, {"size": -1}, {"size": "1g"}, {"size": True}, {"size": 1.5}, {"size": 2**50}):
            self.refused("disk/0", "size", disks=[disk])
        self.refused("disk/1", "mode", disks=[{"size": 1}, {"size": 1, "mode": "x"}])
        self.refused("disk/0", "vg", disks=[{"size": 1, "vg": "x"}])
        self.refused("'12'", disks=[{"size": 1, "name": "12"}])
        self.refused("disk/0", "name", disks=[{"size": 1, "name": 12}])
        self.refused("disk/0", "'a'", disks=[{"size": 1, "name": "a"}, {"size": 1, "name": "a"}])
        for spindles in (0, "1", True, {}):
            self.refused("spindles", disks=[{"size": 1, "spindles": spindles}])
        self.refused("access", disks=[{"size": 1, "access": "userspace"}])
        self.refused("17 disks", disks=[{"size": 1}] * 17, ignore_ipolicy=True)

    def test_directories_of_disks(self) -> None:
        for directory in ("/etc", "../../etc", "a/../b", "a//b", "."):
            self.refused("directory", file_storage_dir=directory)
        create(file_storage_dir="a/b").check(cluster())

    def test_nics(self) -> None:
        for nic, word in (
            ({"colour": "red"}, "colour"),
            ({"mac": 5}, "mac"),
            ({"ip": "a.b"}, "IP"),
            ({"mode": "routed"}, "routed"),
            ({"mode": "strange"}, "mode"),
            ({"name": 3}, "name"),
        ):
            self.refused("nic/0", word, nics=[nic])
        self.refused("MAC", nics=[{"mac": "zz"}])
        self.refused("name", nics=[{"name": "3"}])
        self.refused("9 NICs", nics=[{}] * 9, ignore_ipolicy=True)

    def test_parameters_of_hypervisor_and_backend(self) -> None:
        self.refused("not enabled", hypervisor="lxc")
        self.refused("nonsense", hypervisor="kvm", hvparams={"nonsense": 1})
        self.refused("acpi", hypervisor="kvm", hvparams={"acpi": "perhaps"})
        self.refused("memory_", beparams={"memory_": 1})
        self.refused("minmem", beparams={"minmem": 512, "maxmem": 256})

    def test_operating_systems(self) -> None:
        self.refused("no operating system", os_type=None)
        create(os_type=None, no_install=True).check(cluster())
        self.refused("blacklisted", config=cluster(blacklisted_os=("noop",)), os_type="noop+a")

    def test_address_checks(self) -> None:
        self.refused("name check", ip_check=True, name_check=False)

    def test_tags(self) -> None:
        self.refused("tag", tags=["a b"])

    def test_policy(self) -> None:
        self.refused("policy", "default", beparams={"memory": 64 * 1024})
        create(beparams={"memory": 64 * 1024}, ignore_ipolicy=True).check(cluster())
        self.refused("policy", disks=[{"size": 2 * 1024 * 1024}])


class RunTests(SynchronousTestCase):
    def hands(self, config: Config | None = None, answers: dict[type[Any], Any] | None = None) -> FakeHands:
        self.made = FakeHands(config or cluster(), answers)
        return self.made

    def nothing_left(self) -> None:
        config, before = self.made.config(), cluster()
        self.assertIsNone(config.find_instance("web2.example"))
        self.assertEqual(set(config.disks), set(before.disks))

    def test_order_of_work(self) -> None:
        hands = self.hands()
        self.assertEqual(self.successResultOf(ran(create(), hands)), ["n2.example"])
        self.assertEqual(
            [type(m) for m in hands.messages()],
            [ListOses, CheckOs, GetFigures, CreateDisk, InstallOs, StartInstance],
        )
        self.assertEqual({node for node, _ in hands.asked}, {"n2.example"})

    def test_what_is_written_down(self) -> None:
        hands = self.hands()
        op = create(
            ignore_ipolicy=True,
            disks=[{"size": 10, "mode": "ro", "name": "root"}, {"size": "20"}],
            tags=["a"],
            file_storage_dir="sub",
        )
        self.successResultOf(ran(op, hands))
        config = hands.config()
        instance = config.instance("web2.example")
        self.assertEqual((instance.admin_state, instance.disks_active, instance.tags), ("up", True, ("a",)))
        one, two = config.disks_of(instance)
        self.assertEqual((one.size, one.mode, one.name, one.iv_name, one.nodes), (10, "ro", "root", "disk/0", (N2,)))
        self.assertTrue(one.logical_id[1].startswith("/srv/ganeti/file-storage/sub/web2.example/"), one.logical_id)
        self.assertNotEqual(one.logical_id, two.logical_id)
        self.assertEqual(config.owner_of(two.uuid), instance)

    def test_macs_are_made_and_differ(self) -> None:
        hands = self.hands()
        self.successResultOf(ran(create(nics=[{}, {"mac": "generate"}, {"mac": "AA:BB:CC:00:00:01"}]), hands))
        macs = [nic.mac for nic in hands.config().instance("web2.example").nics]
        self.assertEqual((len(set(macs)), macs[2]), (3, "aa:bb:cc:00:00:01"))
        self.assertTrue(macs[0].startswith("aa:00:00:"))

    def test_addresses_of_others_are_refused(self) -> None:
        for nics in ([{"mac": "aa:00:00:00:00:01"}], [{"mac": "aa:bb:cc:00:00:01"}] * 2, [{"ip": "192.0.2.101"}]):
            self.failureResultOf(ran(create(nics=nics), self.hands()), NotUnique)
            self.nothing_left()
        self.successResultOf(ran(create(nics=[{"ip": "192.0.2.101"}], conflicts_check=False), self.hands()))

    def test_a_failing_disk_is_taken_back_with_those_before_it(self) -> None:
        def disk(m: Any) -> Any:
            return DriverError("broken") if m.disk.index == 1 else "/dev/null"

        hands = self.hands(answers={CreateDisk: disk})
        failure = self.failureResultOf(ran(create(disks=[{"size": 1024}] * 3), hands), DriverError)
        self.assertEqual(failure.value.text, "broken")
        self.assertEqual([m.disk.index for m in hands.messages(RemoveDisk)], [1, 0])
        self.nothing_left()

    def test_a_failing_os_script_takes_all_back(self) -> None:
        hands = self.hands(answers={InstallOs: DriverError("script failed")})
        self.failureResultOf(ran(create(), hands), DriverError)
        self.assertEqual(len(hands.messages(RemoveDisk)), 1)
        self.nothing_left()

    def test_what_cannot_be_taken_back_is_said_and_the_rest_is_done(self) -> None:
        hands = self.hands(answers={InstallOs: DriverError("x"), RemoveDisk: DriverError("stuck")})
        self.failureResultOf(ran(create(), hands), DriverError)
        self.nothing_left()
        self.assertTrue(any("WARNING" in line and "disk/0" in line for line in hands.said), hands.said)

    def test_a_failing_start_leaves_it_created(self) -> None:
        hands = self.hands(answers={StartInstance: DriverError("no memory")})
        self.failureResultOf(ran(create(), hands), DriverError)
        self.assertTrue(hands.config().instance("web2.example").admin_up)
        self.assertEqual(hands.messages(RemoveDisk), [])

    def test_ports_are_taken_and_given_back(self) -> None:
        hands = self.hands()
        self.successResultOf(ran(create(hypervisor="kvm"), hands))
        self.assertEqual(hands.config().instance("web2.example").network_port, 11001)
        failing = self.hands(answers={InstallOs: DriverError("x")})
        self.failureResultOf(ran(create(hypervisor="kvm"), failing), DriverError)
        self.assertEqual(failing.config().cluster.tcpudp_port_pool, (11001,))
        failing.answers_of[InstallOs] = None
        self.successResultOf(ran(create(hypervisor="kvm"), failing))
        found = failing.config()
        self.assertEqual((found.instance("web2.example").network_port, found.cluster.tcpudp_port_pool), (11001, ()))
        self.assertEqual(found.cluster.highest_used_port, 11001)

    def test_no_port_for_those_without_a_console_port(self) -> None:
        hands = self.hands()
        self.successResultOf(ran(create(hypervisor="fake"), hands))
        self.assertIsNone(hands.config().instance("web2.example").network_port)

    def test_an_edit_of_unknown_end_is_taken_back(self) -> None:
        hands = self.hands()
        edit, edits = hands.edit, []

        def late(change: Any) -> Any:
            edits.append(edit(change))
            if len(edits) == 1:
                hands.editing = Expired("too late")
                answer = edit(change)
                hands.editing = None
                return answer
            return edits[-1]

        hands.edit = late  # type: ignore[method-assign]
        self.failureResultOf(ran(create(), hands), Expired)
        self.nothing_left()

    def test_not_started_not_installed(self) -> None:
        hands = self.hands()
        self.successResultOf(ran(create(start=False), hands))
        self.assertEqual(hands.messages(StartInstance), [])
        self.assertEqual(hands.config().instance("web2.example").admin_state, "down")
        hands = self.hands()
        self.successResultOf(ran(create(start=False, no_install=True, os_type=None), hands))
        self.assertEqual([type(m) for m in hands.messages()], [CreateDisk])

    def test_the_os_must_be_there_and_fit(self) -> None:
        variants = evolve(NOOP, variants=("a", "b"))
        for status, parameters, kind, word in (
            ((), {}, NotFound, "noop"),
            ((evolve(NOOP, valid=False, problem="no create script"),), {}, WrongState, "no create script"),
            ((variants,), {}, BadRequest, "noop+a"),
            ((variants,), {"os_type": "noop+c"}, BadRequest, "variant c"),
            ((NOOP,), {"osparams": {"size": "1"}}, BadRequest, "size"),
            ((NOOP,), {"osparams_secret": {"key": "1"}}, BadRequest, "key"),
        ):
            failure = self.failureResultOf(ran(create(**parameters), self.hands(answers={ListOses: status})), kind)
            self.assertIn(word, failure.value.text)
            self.nothing_left()
        fine = {"os_type": "noop+c", "force_variant": True, "osparams": {"color": "red"}}
        self.successResultOf(ran(create(**fine), self.hands(answers={ListOses: (variants,)})))

    def test_memory_must_be_there_for_real_guests(self) -> None:
        failure = self.failureResultOf(
            ran(create(hypervisor="kvm", beparams={"memory": 4096}), self.hands()), WrongState
        )
        self.assertIn("2048", failure.value.text)
        self.successResultOf(ran(create(hypervisor="kvm", beparams={"memory": 4096}, start=False), self.hands()))

    def test_the_name_must_have_an_address_where_nobody_answers(self) -> None:
        op = create(name_check=True, ip_check=True)
        self.failureResultOf(ran(op, self.hands()), ResolverError)
        hands = self.hands()
        hands.addresses["web2.example"] = "192.0.2.102"
        hands.awake.add("192.0.2.102")
        self.failureResultOf(ran(op, hands), NotUnique)
        hands.awake.clear()
        self.successResultOf(ran(op, hands))

    def test_private_parameters_reach_the_scripts_and_secret_ones_nothing_else(self) -> None:
        status = evolve(NOOP, parameters=(("pin", ""), ("key", "")))
        hands = self.hands(answers={ListOses: (status,)})
        self.successResultOf(ran(create(osparams_private={"pin": "1"}, osparams_secret={"key": "2"}), hands))
        (install,) = hands.messages(InstallOs)
        self.assertEqual({k: install.spec.osparams[k] for k in ("pin", "key")}, {"pin": "1", "key": "2"})
        instance = hands.config().instance("web2.example")
        self.assertEqual((dict(instance.osparams), dict(instance.osparams_private)), ({}, {"pin": "1"}))
        (start,) = hands.messages(StartInstance)
        self.assertNotIn("key", start.spec.osparams)

    def test_dry_run_names_the_node(self) -> None:
        self.assertEqual(create().dry_run_result(cluster()), ["n2.example"])
