"""Settings of the cluster: every refusal, and what is stored."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, GanetiError, NotSent, NotUnique, ResolverError, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.registry import input_of, parse
from ganeti_tw.protocol.node import CheckOs, VerifyNode
from operation_samples import DISK1, GROUP2, N1, N2, N3, WEB1, FakeHands, changed, cluster, operation, ran, well

SMALL = {"cpu-count": 1, "disk-count": 0, "disk-size": 0, "memory-size": 4, "nic-count": 0, "spindle-use": 0}
LARGE = {"cpu-count": 9, "disk-count": 9, "disk-size": 999, "memory-size": 99, "nic-count": 9, "spindle-use": 9}


def modify(**parameters: Any) -> Any:
    return operation("OP_CLUSTER_SET_PARAMS", **parameters)


class SettingsCase(SynchronousTestCase):
    def refused(self, kind: type[GanetiError], word: str, config: Config | None = None, **parameters: Any) -> None:
        error = self.assertRaises(kind, lambda: modify(**parameters).check(config or cluster()))
        self.assertIn(word, error.text)

    def done(self, config: Config | None = None, **parameters: Any) -> Any:
        """The cluster afterwards."""
        self.hands = FakeHands(config or cluster())
        self.assertIsNone(self.successResultOf(ran(modify(**parameters), self.hands)))
        return self.hands.config().cluster


class RefusalTests(SettingsCase):
    def test_values(self) -> None:
        for word, parameters in (
            ("candidate_pool_size", {"candidate_pool_size": 0}),
            ("max_running_jobs", {"max_running_jobs": 0}),
            ("max_tracked_jobs", {"max_tracked_jobs": -1}),
            ("max_tracked_jobs 25", {"max_running_jobs": 26}),
            ("must not be less", {"max_tracked_jobs": 19}),
            ("from 1 to 32", {"master_netmask": 33}),
            ("master_netdev", {"master_netdev": ""}),
            ("MAC prefix", {"mac_prefix": "aa:00"}),
            ("ascend", {"uid_pool": [[5, 4]]}),
            ("ascend", {"add_uids": [[-1, 4]]}),
            ("already", {"add_uids": [[1, 5], [5, 9]]}),
            ("no range 1-5", {"remove_uids": [[1, 5]]}),
            ("reserved_lvs", {"reserved_lvs": ["("]}),
            ("compression_tools", {"compression_tools": ["a b"]}),
            ("install_image", {"install_image": "image"}),
            ("zeroing_image", {"zeroing_image": "file://x"}),
            ("default_iallocator", {"default_iallocator": "a/b"}),
            ("drbd_helper", {"drbd_helper": "true"}),
            ("no data collector 'x'", {"enabled_data_collectors": {"x": True}}),
            ("interval", {"data_collector_interval": {"drbd": 0}}),
            ("vcpu", {"beparams": {"vcpu": 1}}),
            ("minmem", {"beparams": {"minmem": 999}}),
            ("mode", {"nicparams": {"mode": "flying"}}),
            ("ssh_port", {"ndparams": {"ssh_port": 0}}),
            ("stripes", {"diskparams": {"plain": {"stripes": 0}}}),
            ("acpi", {"hvparams": {"kvm": {"acpi": "perhaps"}}}),
            ("kernel_path", {"os_hvp": {"noop": {"kvm": {"kernel_path": "x"}}}}),
            ("OS is empty", {"osparams": {"": {"a": "b"}}}),
            ("mem_x", {"hv_state": {"kvm": {"mem_x": 1}}}),
            ("tape", {"disk_state": {"tape": {}}}),
            ("inherits nothing", {"ipolicy": {"vcpu-ratio": "default"}}),
            ("not enabled", {"ipolicy": {"disk-templates": ["plain"]}}),
            ("at least one", {"enabled_hypervisors": []}),
            ("at least one", {"enabled_disk_templates": []}),
            ("file_storage_dir", {"file_storage_dir": "relative"}),
            ("file_storage_dir is needed", {"file_storage_dir": ""}),
        ):
            self.refused(BadRequest, word, **parameters)

    def test_types(self) -> None:
        for parameters in (
            {"enabled_hypervisors": ["vmware"]},
            {"enabled_disk_templates": ["floppy"]},
            {"uid_pool": [[1]]},
            {"hidden_os": [["hide", "x"]]},
            {"enabled_data_collectors": {"drbd": "no"}},
            {"candidate_pool_size": "many"},
        ):
            self.assertRaises(BadRequest, modify, **parameters)

    def test_what_is_in_use_stays_enabled(self) -> None:
        self.refused(WrongState, "web1.example", enabled_hypervisors=["kvm"])
        self.refused(WrongState, "web1.example", enabled_disk_templates=["diskless"])

    def test_policies_stay_a_part_of_the_enabled_templates(self) -> None:
        self.refused(BadRequest, "sharedfile", enabled_disk_templates=["file", "diskless"])
        policy = {"disk-templates": ["file"]}
        self.done(enabled_disk_templates=["file", "diskless"], ipolicy=policy)
        group = changed(cluster(), cluster().groups[GROUP2], ipolicy={"disk-templates": ["sharedfile"]})
        self.refused(BadRequest, "group other", group, enabled_disk_templates=["file"], ipolicy=policy)

    def test_lvm_and_drbd(self) -> None:
        templates = ["file", "diskless", "sharedfile", "plain"]
        self.refused(BadRequest, "volume group", enabled_disk_templates=templates)
        self.refused(BadRequest, "helper", enabled_disk_templates=[*templates, "drbd"], vg_name="xenvg")
        lvm = changed(cluster(), cluster().cluster, volume_group_name="xenvg", drbd_usermode_helper="/bin/true")
        enabled = changed(lvm, lvm.cluster, enabled_disk_templates=(*templates, "drbd"))
        self.refused(BadRequest, "vg_name", enabled, vg_name="")
        self.refused(BadRequest, "drbd_helper", enabled, drbd_helper="")
        disks = changed(lvm, lvm.disks[DISK1], dev_type="drbd", logical_id=(N1, N2, 11000, 0, 0, "x"))
        self.refused(WrongState, "web1", disks, vg_name="")
        self.refused(WrongState, "web1", disks, drbd_helper="")
        self.assertIsNone(self.done(lvm, vg_name="", drbd_helper="").volume_group_name)

    def test_routed_nics_need_addresses(self) -> None:
        nic = evolve(cluster().instances[WEB1].nics[0], ip=None)
        config = changed(cluster(), cluster().instances[WEB1], nics=(nic,))
        self.refused(WrongState, "nic/0 of web1.example", config, nicparams={"mode": "routed"})
        self.done(nicparams={"mode": "routed"})
        bridged = changed(config, config.instances[WEB1], nics=(evolve(nic, nicparams={"mode": "bridged"}),))
        self.done(bridged, nicparams={"mode": "routed"})


class OnNodesTests(SettingsCase):
    """What only the nodes know."""

    def asked(self, report: dict[str, Any], **parameters: Any) -> Any:
        """The question to n2, and how the operation ended with such reports."""
        hands = self.hands = FakeHands(cluster(), {VerifyNode: lambda m: well(m, **report)})
        ended = ran(modify(**parameters), hands)
        self.assertEqual(sorted(node for node, m in hands.asked), ["n1.example", "n2.example", "n3.example"])
        return hands.messages(VerifyNode)[0], ended

    def test_hypervisors_directories_and_paths_that_are_new(self) -> None:
        question, ended = self.asked(
            {},
            enabled_hypervisors=["fake", "kvm", "lxc"],
            enabled_disk_templates=["file", "diskless", "sharedfile", "gluster"],
            file_storage_dir="/disks",
            hvparams={"kvm": {"kernel_path": "/boot/mine", "initrd_path": ""}},
            os_hvp={"noop": {"kvm": {"initrd_path": "/boot/ram"}}},
        )
        self.successResultOf(ended)
        self.assertEqual(question.hypervisors, ("lxc",))
        self.assertEqual(question.storage, {"file": "/disks", "gluster": "/var/run/ganeti/gluster"})
        self.assertEqual(question.paths, {"/boot/mine": "file", "/boot/ram": "file"})

    def test_what_nodes_cannot_do_is_refused_unless_forced(self) -> None:
        for report, parameters in (
            ({"hypervisors": {"lxc": "no driver"}}, {"enabled_hypervisors": ["fake", "kvm", "lxc"]}),
            ({"storage": {"file": "no driver: full"}}, {"file_storage_dir": "/disks"}),
            ({"paths": {"/k": "/k: no driver"}}, {"hvparams": {"kvm": {"kernel_path": "/k"}}}),
        ):
            before = cluster().cluster
            _, ended = self.asked(report, **parameters)
            self.assertIn("no driver", self.failureResultOf(ended, WrongState).value.text)
            self.assertEqual(self.hands.config().cluster, before)
            self.successResultOf(self.asked(report, **parameters, force=True)[1])
            self.assertEqual(len([line for line in self.hands.said if "no driver" in line]), 3)

    def test_a_node_that_does_not_answer(self) -> None:
        hands = FakeHands(cluster(), {VerifyNode: NotSent("no link")})
        ended = ran(modify(file_storage_dir="/disks"), hands)
        self.assertIn("n3.example gave no answer: no link", self.failureResultOf(ended, WrongState).value.text)

    def test_offline_nodes_and_those_without_instances_are_not_asked(self) -> None:
        config = changed(cluster(), cluster().nodes[N2], offline=True)
        config = changed(config, config.nodes[N3], vm_capable=False)
        self.done(config, file_storage_dir="/disks")
        self.assertEqual([node for node, _ in self.hands.asked], ["n1.example"])

    def test_nobody_is_asked_about_the_rest(self) -> None:
        self.done(candidate_pool_size=5, beparams={"vcpus": 2}, hvparams={"xen-pvm": {"kernel_path": "/boot/x"}})
        self.assertEqual(self.hands.asked, [])

    def test_os_parameters_are_looked_at_on_the_master(self) -> None:
        hands = FakeHands(cluster(), {CheckOs: BadRequest("the color hurts")})
        ended = ran(modify(osparams={"noop": {"color": "pink"}}), hands)
        self.assertIn("hurts", self.failureResultOf(ended, BadRequest).value.text)
        ended = ran(modify(osparams={"noop": {"size": "1"}}), hands)
        self.assertIn("no parameter size", self.failureResultOf(ended, BadRequest).value.text)
        self.assertEqual({node for node, _ in hands.asked}, {"n1.example"})


class StoredTests(SettingsCase):
    def test_collectors_that_ganeti_does_not_have_can_be_set(self) -> None:
        stored = self.done(
            enabled_data_collectors={"inst-status": False}, data_collector_interval={"site-raid": 60_000_000}
        ).data_collectors
        self.assertEqual(stored["inst-status"], {"active": False, "interval": 5_000_000})
        self.assertEqual(stored["site-raid"], {"active": True, "interval": 60_000_000})
        self.assertNotIn("node-resources", stored)

    def test_plain_settings(self) -> None:
        given: dict[str, Any] = {
            "max_running_jobs": 5,
            "max_tracked_jobs": 6,
            "maintain_node_health": True,
            "prealloc_wipe_disks": True,
            "default_iallocator": "",
            "default_iallocator_params": {"a": 1},
            "mac_prefix": "aa:bb:cc",
            "master_netdev": "br1",
            "master_netmask": 24,
            "use_external_mip_script": True,
            "modify_etc_hosts": False,
            "file_storage_dir": "/a",
            "shared_file_storage_dir": "/b",
            "gluster_storage_dir": "/c",
            "install_image": "http://x/y",
            "zeroing_image": "/z",
            "instance_communication_network": "",
            "enabled_user_shutdown": True,
        }
        stored = self.done(**given)
        self.assertEqual({name: getattr(stored, name) for name in given}, given)

    def test_parameters_are_put_over_those_there_are(self) -> None:
        stored = self.done(
            beparams={"vcpus": "2"},
            nicparams={"link": "br1"},
            ndparams={"spindle_count": 3},
            diskparams={"drbd": {"protocol": "A"}},
            hvparams={"kvm": {"acpi": "no"}},
            hv_state={"kvm": {"mem_total": 1}},
            disk_state={"plain": {"vg": {"disk_total": 2}}},
        )
        before = cluster().cluster
        self.assertEqual(stored.beparams["default"], {**before.beparams["default"], "vcpus": 2})
        self.assertEqual(stored.nicparams["default"], {**before.nicparams["default"], "link": "br1"})
        self.assertEqual(stored.ndparams, {**before.ndparams, "spindle_count": 3})
        self.assertEqual(stored.diskparams["drbd"], {**before.diskparams["drbd"], "protocol": "A"})
        self.assertEqual(stored.hvparams["kvm"], {**before.hvparams["kvm"], "acpi": False})
        self.assertEqual(stored.hv_state_static["kvm"]["mem_total"], 1)
        self.assertEqual(stored.disk_state_static, {"plain": {"vg": {"disk_total": 2}}})

    def test_by_os(self) -> None:
        stored = self.done(
            os_hvp={"noop": {"kvm": {"acpi": False}}},
            osparams={"noop": {"color": "red"}},
            osparams_private_cluster={"noop": {"color": "x"}, "unknown+a": {"any": "y"}},
        )
        self.assertEqual(stored.os_hvp, {"noop": {"kvm": {"acpi": False}}})
        self.assertEqual(stored.osparams, {"noop": {"color": "red"}})
        self.assertEqual(stored.osparams_private_cluster, {"noop": {"color": "x"}, "unknown+a": {"any": "y"}})
        self.assertEqual(self.hands.messages(CheckOs), [CheckOs("noop", {"color": "x"})])
        self.assertIn("OS unknown is not there", self.hands.said[0])
        config = self.hands.config()
        stored = self.done(config, os_hvp={"noop": {"kvm": {"acpi": None}}}, osparams={"noop": {"color": "default"}})
        self.assertEqual((stored.os_hvp, stored.osparams), ({}, {}))

    def test_private_parameters_are_not_shown(self) -> None:
        kind, op, common = parse({"OP_ID": "OP_CLUSTER_SET_PARAMS", "osparams_private_cluster": {"noop": {"key": "x"}}})
        self.assertEqual(input_of(kind, op, common)["osparams_private_cluster"], {"noop": None})

    def test_lists(self) -> None:
        stored = self.done(
            reserved_lvs=["a.*"],
            compression_tools=["gzip", "lzop", "gzip"],
            hidden_os=[["add", "b"], ["attach", "a"], ["remove", "b"]],
            blacklisted_os=[["add", "c"], ["add", "c"]],
            enabled_hypervisors=["fake", "lxc", "fake"],
        )
        self.assertEqual(
            (stored.reserved_lvs, stored.compression_tools, stored.hidden_os, stored.blacklisted_os),
            (("a.*",), ("gzip", "lzop"), ("a",), ("c",)),
        )
        self.assertEqual(stored.enabled_hypervisors, ("fake", "lxc"))

    def test_what_changes_nothing_of_a_list_is_said(self) -> None:
        config = cluster(hidden_os=("a",))
        stored = self.done(config, hidden_os=[["add", "a"]], blacklisted_os=[["remove", "b"]])
        self.assertEqual((stored.hidden_os, stored.blacklisted_os), (("a",), ()))
        self.assertEqual(
            self.hands.said,
            [
                " - INFO: OS a is hidden already, nothing to do about that",
                " - INFO: OS b is not blacklisted anyway, nothing to do about that",
            ],
        )

    def test_user_ids(self) -> None:
        stored = self.done(uid_pool=[[1, 5], [7, 7]], add_uids=[[9, 10]], remove_uids=[[1, 5]])
        self.assertEqual([list(r) for r in stored.uid_pool], [[7, 7], [9, 10]])
        self.assertEqual(list(self.done(self.hands.config(), uid_pool=[]).uid_pool), [])

    def test_data_collectors(self) -> None:
        stored = self.done(enabled_data_collectors={"drbd": False}, data_collector_interval={"lv": 7})
        self.assertEqual(stored.data_collectors["drbd"], {"active": False, "interval": 5_000_000})
        self.assertEqual(stored.data_collectors["lv"], {"active": True, "interval": 7})

    def test_the_pool_is_filled_and_nobody_is_demoted(self) -> None:
        self.done(candidate_pool_size=3)
        self.assertEqual({n.uuid for n in self.hands.config().candidates}, {N1, N2, N3})
        self.assertIn("n2.example is a master candidate now", " ".join(self.hands.said))
        self.done(candidate_pool_size=1)
        self.assertEqual({n.uuid for n in self.hands.config().candidates}, {N1, N3})

    def test_a_new_policy_only_warns(self) -> None:
        large = changed(cluster(), cluster().disks[DISK1], size=2048)
        self.done(large, ipolicy={"minmax": [{"min": SMALL, "max": LARGE}], "std": SMALL})
        self.assertIn("web1.example", " ".join(self.hands.said))

    def test_locks(self) -> None:
        self.assertEqual(
            modify().locks(cluster()), {"node/[lockset]": 0, "instance/[lockset]": 0, "nodegroup/[lockset]": 0}
        )


class RenameTests(SynchronousTestCase):
    def renamed(self, name: str, address: str | None, *awake: str) -> Any:
        self.hands = FakeHands(cluster())
        if address is not None:
            self.hands.addresses[name] = address
        self.hands.awake.update(awake)
        return ran(operation("OP_CLUSTER_RENAME", name=name), self.hands)

    def test_name_and_address(self) -> None:
        self.assertEqual(self.successResultOf(self.renamed("new.example", "192.0.2.11")), "new.example")
        stored = self.hands.config().cluster
        self.assertEqual((stored.cluster_name, stored.master_ip), ("new.example", "192.0.2.11"))

    def test_refusals(self) -> None:
        self.failureResultOf(self.renamed("cluster.example", "192.0.2.10"), BadRequest)
        self.failureResultOf(self.renamed("new.example", "192.0.2.2"), NotUnique)
        self.failureResultOf(self.renamed("new.example", "192.0.2.11", "192.0.2.11"), NotUnique)
        self.failureResultOf(self.renamed("new.example", None), ResolverError)
        self.failureResultOf(self.renamed("no host", None), BadRequest)
