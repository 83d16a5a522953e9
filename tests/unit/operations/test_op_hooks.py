"""The environment of hooks, against what scripts of real clusters saw; which operations have hooks, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.new import new_nic
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import HookFailure, Hooks, environment, instance_variables, text
from operation_samples import KINDS, N2, N3, WEB1, FakeHands, changed, cluster, operation, ran

DATA = Path(__file__).resolve().parents[2] / "data"
SEEN: dict[str, dict[str, str]] = json.loads((DATA / "hooks_env.json").read_text())
OPCODES: dict[str, Any] = json.loads((DATA / "reference" / "opcodes.json").read_text())["opcodes"]
NET = "fcaff84f-ea03-465f-af55-114841192e56"

INST1, INST3 = {"instance_name": "inst1.ref.example"}, {"instance_name": "inst3.ref.example"}
SAME_VALUES: dict[str, tuple[str, dict[str, Any]]] = {
    "cluster-modify": ("OP_CLUSTER_SET_PARAMS", {"candidate_pool_size": 5}),
    "group-add": ("OP_GROUP_ADD", {"group_name": "g2"}),
    "group-modify": ("OP_GROUP_SET_PARAMS", {"group_name": "g3", "alloc_policy": "preferred"}),
    "group-remove": ("OP_GROUP_REMOVE", {"group_name": "g10"}),
    "network-add": (
        "OP_NETWORK_ADD",
        {
            "network_name": "net1",
            "network": "192.0.2.0/28",
            "gateway": "192.0.2.1",
            "mac_prefix": "aa:00:55",
            "tags": ["ntag"],
        },
    ),
    "network-modify": ("OP_NETWORK_SET_PARAMS", {"network_name": "net1", "add_reserved_ips": ["192.0.2.9"]}),
    "network-connect": (
        "OP_NETWORK_CONNECT",
        {"group_name": "default", "network_name": "net1", "network_mode": "bridged", "network_link": "br0"},
    ),
    "network-disconnect": ("OP_NETWORK_DISCONNECT", {"group_name": "default", "network_name": "net1"}),
    "instance-start": ("OP_INSTANCE_STARTUP", INST3),
    "instance-stop": ("OP_INSTANCE_SHUTDOWN", INST3),
    "instance-reboot": ("OP_INSTANCE_REBOOT", {**INST1, "reboot_type": "hard"}),
    "instance-reinstall": ("OP_INSTANCE_REINSTALL", INST1),
    "instance-modify": ("OP_INSTANCE_SET_PARAMS", {**INST3, "beparams": {"auto_balance": True}}),
}


def recorded(name: str) -> Config:
    """The configuration when the sample of that hook was taken."""
    data = (DATA / "config.data.json").read_text()
    config = Config.from_rows({(p.kind, p.key): p.value for p in rows_from_config_data(data)})
    seen = SEEN[f"{name}-pre"] if f"{name}-pre" in SEEN else SEEN[f"{name}-post"]
    if name == "network-add":
        return Config.from_rows(
            {(p.kind, p.key): p.value for p in rows_from_config_data(data) if p.kind != "network" and p.key != NET}
        )
    if name == "network-disconnect":
        group = config.group("default")
        return changed(config, group, networks={NET: {"mode": "bridged", "link": "br0", "vlan": ""}})
    if "GANETI_INSTANCE_NAME" in seen:
        instance = config.instance(seen["GANETI_INSTANCE_NAME"])
        count = int(seen["GANETI_INSTANCE_DISK_COUNT"])
        disks = instance.disks[:count]
        for index, uuid in enumerate(disks):
            config = changed(config, config.disks[uuid], size=int(seen[f"GANETI_INSTANCE_DISK{index}_SIZE"]))
        state = seen["GANETI_INSTANCE_STATUS"]
        tags = tuple(seen["GANETI_INSTANCE_TAGS"].split())
        os = seen["GANETI_INSTANCE_OS_TYPE"]
        config = changed(config, instance, disks=disks, admin_state=state, tags=tags, os=os)
    return config


def whole(config: Config, op_id: str, hooks: Hooks, phase: str) -> dict[str, str]:
    after = hooks.variables_after(config) if phase == "post" else None
    return environment(config, op_id, hooks, phase, after=after)


class SampleTests(SynchronousTestCase):
    def seen(self, name: str, phase: str) -> dict[str, str]:
        return {key: value for key, value in SEEN[f"{name}-{phase}"].items() if key != "PWD"}

    def test_what_scripts_saw_before_operations(self) -> None:
        for name, (op_id, parameters) in SAME_VALUES.items():
            with self.subTest(name):
                if name == "group-remove":
                    continue  # the group is not in the sample of the configuration
                config = recorded(name)
                self.assertEqual(
                    whole(config, op_id, operation(op_id, **parameters).hooks(config), "pre"), self.seen(name, "pre")
                )

    def test_names_of_what_they_see_afterwards(self) -> None:
        for name, (op_id, parameters) in SAME_VALUES.items():
            if name in ("group-remove", "instance-modify"):
                continue
            with self.subTest(name):
                config = recorded(name)
                shown = whole(config, op_id, operation(op_id, **parameters).hooks(config), "post")
                self.assertEqual(set(shown), set(self.seen(name, "post")))

    def test_after_a_change_the_values_are_those_then(self) -> None:
        config = recorded("instance-start")
        hooks = operation("OP_INSTANCE_STARTUP", **INST3).hooks(config)
        after = changed(config, config.instance("inst3"), admin_state="up")
        self.assertEqual(whole(after, "OP_INSTANCE_STARTUP", hooks, "post"), self.seen("instance-start", "post"))

    def test_of_what_is_gone_the_values_stay(self) -> None:
        config = cluster()
        hooks = operation("OP_INSTANCE_RENAME", instance_name="web1", new_name="web2.example").hooks(config)
        after = changed(config, config.instance("web1"), name="web2.example")
        self.assertEqual(hooks.variables_after(after), hooks.variables)
        self.assertEqual(hooks.variables["INSTANCE_NEW_NAME"], "web2.example")

    def test_a_new_instance(self) -> None:
        config = recorded("instance-start")
        network = {"network": "net1", "ip": "192.0.2.7", "name": "n0", "mac": "aa:00:55:00:00:01"}
        op = operation(
            "OP_INSTANCE_CREATE",
            instance_name="new.ref.example",
            mode="create",
            disk_template="file",
            disks=[{"size": 16, "name": "d0"}],
            nics=[network],
            os_type="noop+default",
            pnode="ref1.ref.example",
            beparams={"minmem": 8, "maxmem": 16},
            hypervisor="fake",
            tags=["itag1"],
            ignore_ipolicy=True,
        )
        shown = whole(config, "OP_INSTANCE_CREATE", op.hooks(config), "pre")
        wanted = self.seen("instance-add", "pre")
        differ = {"GANETI_OP_TARGET", "GANETI_INSTANCE_NAME"} | {
            f"GANETI_INSTANCE_NIC0_{key}" for key in ("IP", "MAC", "UUID")
        }
        self.assertEqual(set(shown), set(wanted))
        self.assertEqual({key for key in shown if shown[key] != wanted[key]}, differ)

    def test_a_verified_group(self) -> None:
        config = recorded("cluster-verify")
        op = operation("OP_CLUSTER_VERIFY_GROUP", group_name="default")
        shown = whole(config, "OP_CLUSTER_VERIFY_GROUP", op.hooks(config), "post")
        self.assertEqual(shown.pop("GANETI_NODE_TAGS_ref1.ref.example"), "ntag2")  # no shell shows such a name
        self.assertEqual(shown.pop("GANETI_POST_NODE_TAGS_ref1.ref.example"), "ntag2")
        self.assertEqual(shown, self.seen("cluster-verify", "post"))

    def test_a_renamed_group(self) -> None:
        hooks = operation("OP_GROUP_RENAME", group_name="other", new_name="next").hooks(cluster())
        self.assertEqual(hooks.variables, {"OLD_NAME": "other", "NEW_NAME": "next"})
        self.assertEqual(hooks.pre, ("n1.example", "n3.example"))


EXAMPLES: dict[str, dict[str, Any]] = {
    "OP_CLUSTER_RENAME": {"name": "other.example"},
    "OP_CLUSTER_VERIFY_GROUP": {"group_name": "default"},
    "OP_GROUP_ADD": {"group_name": "g"},
    "OP_GROUP_EVACUATE": {"group_name": "other"},
    "OP_GROUP_REMOVE": {"group_name": "other"},
    "OP_GROUP_RENAME": {"group_name": "other", "new_name": "g"},
    "OP_GROUP_SET_PARAMS": {"group_name": "other"},
    "OP_INSTANCE_CREATE": {
        "instance_name": "db1.example",
        "mode": "create",
        "disks": [{"size": 10}],
        "nics": [],
        "pnode": "n2",
        "ignore_ipolicy": True,
    },
    "OP_INSTANCE_FAILOVER": {"instance_name": "web1", "target_node": "n3"},
    "OP_INSTANCE_MIGRATE": {"instance_name": "web1", "target_node": "n3"},
    "OP_INSTANCE_REBOOT": {"instance_name": "web1", "reboot_type": "hard"},
    "OP_INSTANCE_RENAME": {"instance_name": "web1", "new_name": "web2.example"},
    "OP_INSTANCE_SET_PARAMS": {"instance_name": "web1", "beparams": {"vcpus": 2}, "ignore_ipolicy": True},
    "OP_NETWORK_ADD": {"network_name": "net2", "network": "203.0.113.0/28"},
    "OP_NODE_ADD": {"node_name": "n4.example", "primary_ip": "192.0.2.4"},
    "OP_NODE_MIGRATE": {"node_name": "n2", "target_node": "n3"},
    "OP_NODE_REMOVE": {"node_name": "n3"},
    "OP_NODE_SET_PARAMS": {"node_name": "n3", "offline": True},
}
WITH_NETWORK = {"group_name": "default", "network_name": "net1"}
NETWORKS = {
    "OP_NETWORK_CONNECT": {**WITH_NETWORK, "network_mode": "bridged", "network_link": "br0"},
    "OP_NETWORK_DISCONNECT": WITH_NETWORK,
    "OP_NETWORK_REMOVE": {"network_name": "net1"},
    "OP_NETWORK_SET_PARAMS": {"network_name": "net1"},
}
M, ALL, WEB = ("n1.example",), ("n1.example", "n2.example", "n3.example"), ("n1.example", "n2.example")
WHERE = {  # pre, post
    "OP_CLUSTER_DESTROY": ((), M),
    "OP_CLUSTER_POST_INIT": ((), M),
    "OP_CLUSTER_RENAME": (M, ALL),
    "OP_CLUSTER_SET_PARAMS": (M, M),
    "OP_CLUSTER_VERIFY_GROUP": ((), WEB),
    "OP_GROUP_EVACUATE": (("n1.example", "n3.example"),) * 2,
    "OP_INSTANCE_CHANGE_GROUP": (M, M),
    "OP_GROUP_RENAME": (("n1.example", "n3.example"),) * 2,
    "OP_INSTANCE_FAILOVER": (("n1.example", "n3.example"), ("n1.example", "n3.example", "n2.example")),
    "OP_INSTANCE_MIGRATE": (("n1.example", "n2.example", "n3.example"),) * 2,
    "OP_INSTANCE_REMOVE": (M, WEB),
    "OP_NETWORK_CONNECT": (WEB, WEB),
    "OP_NETWORK_DISCONNECT": (WEB, WEB),
    "OP_NODE_ADD": (ALL, (*ALL, "n4.example")),
    "OP_NODE_REMOVE": (WEB, WEB),
    "OP_NODE_SET_PARAMS": (("n1.example", "n3.example"),) * 2,
}


def with_network() -> Config:
    hands = FakeHands(cluster())
    ran(operation("OP_NETWORK_ADD", network_name="net1", network="198.51.100.0/28"), hands)
    return hands.config()


class DeclarationTests(SynchronousTestCase):
    def declared(self, op_id: str) -> Hooks:
        parameters = EXAMPLES.get(op_id) or NETWORKS.get(op_id)
        if parameters is None:
            parameters = {"instance_name": "web1"} if op_id.startswith("OP_INSTANCE") else {}
        hooks: Hooks = operation(op_id, **parameters).hooks(with_network())
        return hooks

    def test_operations_have_the_hooks_they_should(self) -> None:
        for op_id, kind in KINDS.items():
            with self.subTest(op_id):
                name = OPCODES.get(op_id, {}).get("hook_name")
                if name is None:
                    self.assertFalse(hasattr(kind.cls, "hooks"))
                    continue
                hooks = self.declared(op_id)
                self.assertEqual((hooks.name, hooks.object_type), (name, OPCODES[op_id]["hook_object_type"]))

    def test_nodes(self) -> None:
        for op_id, kind in KINDS.items():
            if hasattr(kind.cls, "hooks"):
                with self.subTest(op_id):
                    hooks = self.declared(op_id)
                    usual = (WEB, WEB) if op_id.startswith("OP_INSTANCE") else (M, M)
                    self.assertEqual((hooks.pre, hooks.post), WHERE.get(op_id, usual))

    def test_a_node_as_it_became(self) -> None:
        hooks = operation("OP_NODE_ADD", node_name="n2.example").hooks(cluster())
        self.assertEqual((hooks.variables["NODE_PIP"], hooks.variables["MASTER_CAPABLE"]), ("", True))
        self.assertEqual(hooks.variables_after(cluster())["NODE_PIP"], "192.0.2.2")

    def test_a_leaving_node_gets_its_hooks_unless_it_is_offline(self) -> None:
        for offline, wanted in ((False, ["n3.example"]), (True, [])):
            config = cluster()
            hands = FakeHands(changed(config, config.nodes[N3], offline=offline, master_candidate=not offline))
            self.successResultOf(ran(operation("OP_NODE_REMOVE", node_name="n3"), hands))
            self.assertEqual(hands.leaving_hooks_on, wanted)

    def test_failing_hooks_fail_a_verification(self) -> None:
        hands = FakeHands(cluster())
        op = operation("OP_CLUSTER_VERIFY_GROUP", group_name="default", error_codes=True)

        def judged(*failures: HookFailure) -> Any:
            return self.successResultOf(Deferred.fromCoroutine(op.hooked(Context(hands), True, failures)))

        self.assertIs(judged(), True)
        self.assertEqual(hands.said, [])
        self.assertIs(judged(HookFailure("n2.example", "10-disk", "full\n")), False)
        self.assertIn("ERROR:ENODEHOOKS:node:n2.example:hook script 10-disk failed, output: full", hands.said[-1])


class ValueTests(SynchronousTestCase):
    def test_values_as_text(self) -> None:
        values = (None, True, 120.0, 0.5, 7, "a", "a\0b")
        self.assertEqual([text(v) for v in values], ["None", "True", "120", "0.5", "7", "a", "ab"])

    def places(self, disk: Disk) -> dict[str, Any]:
        config = cluster()
        config = config.apply([row(evolve(config.disks_of(config.instances[WEB1])[0], **self.fields(disk)))])
        shown = instance_variables(config, config.instances[WEB1])
        common = ("SIZE", "MODE", "UUID", "DEV_TYPE")
        disk0 = {k.removeprefix("INSTANCE_DISK0_"): v for k, v in shown.items() if k.startswith("INSTANCE_DISK0_")}
        return {k: v for k, v in disk0.items() if k not in common}

    def fields(self, disk: Disk) -> dict[str, Any]:
        return {"dev_type": disk.dev_type, "logical_id": disk.logical_id, "children": disk.children}

    def test_where_disks_are(self) -> None:
        data = Disk(dev_type="plain", size=10, logical_id=("vg", "lv.data"))
        meta = Disk(dev_type="plain", size=10, logical_id=("vg2", "lv.meta"))
        drbd = Disk(dev_type="drbd", size=10, logical_id=(N2, N3, 11000, 0, 1, "secret"), children=(data, meta))
        self.assertEqual(self.places(data), {"VG": "vg", "ID": "lv.data"})
        self.assertEqual(
            self.places(Disk(dev_type="ext", size=1, logical_id=("prov", "vol"))), {"PROVIDER": "prov", "ID": "vol"}
        )
        self.assertEqual(
            self.places(Disk(dev_type="rbd", size=1, logical_id=("rbd", "img"))), {"DRIVER": "rbd", "ID": "img"}
        )
        self.assertEqual(
            self.places(drbd),
            {
                "PNODE": N2,
                "SNODE": N3,
                "PORT": 11000,
                "PMINOR": 0,
                "SMINOR": 1,
                "DATA_VG": "vg",
                "DATA_ID": "lv.data",
                "META_VG": "vg2",
                "META_ID": "lv.meta",
            },
        )

    def test_a_bridged_nic(self) -> None:
        config = cluster()
        nic = new_nic("aa:00:00:00:00:02", uuid="u")
        config = changed(config, config.instances[WEB1], nics=(nic,))
        shown = instance_variables(config, config.instances[WEB1])
        link = config.cluster.nicparams["default"]["link"]
        self.assertEqual((shown["INSTANCE_NIC0_BRIDGE"], shown["INSTANCE_NIC0_IP"]), (link, ""))
        self.assertNotIn("INSTANCE_NIC0_NAME", shown)
