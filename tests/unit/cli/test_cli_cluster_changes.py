"""``gnt-cluster`` commands that change or search the cluster: what is submitted, shown and refused."""

from __future__ import annotations

import base64
import os
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import AT, World
from ganeti_tw.errors import DriverError, NotMaster
from ganeti_tw.model.defaults import IPOLICY
from ganeti_tw.operations import registry

RULE = "-" * 48
NODES = [
    {"name": "n1", "offline": False, "role": "M"},
    {"name": "n2", "offline": False, "role": "C"},
    {"name": "n3", "offline": True, "role": "O"},
]


class ClusterCase(SynchronousTestCase):
    def setUp(self) -> None:
        registry.load_all()
        self.world = World()
        self.world.jobs_end()
        self.world.answer_query(NODES)

    def run_cluster(self, *argv: str, code: int = 0) -> str:
        self.assertEqual(self.world.run("gnt-cluster", *argv), code, self.world.err)
        return self.world.out

    def submitted(self) -> dict[str, Any]:
        (op,) = self.world.submitted()
        registry.parse(op)
        return {k: v for k, v in op.items() if k not in ("reason", "debug_level", "dry_run", "OP_ID", "force")}


class ModifyTests(ClusterCase):
    def test_each_option(self) -> None:
        self.run_cluster(
            *("modify", "-B", "vcpus=2", "-C", "3", "--max-running-jobs", "4", "--max-tracked-jobs", "5"),
            *("--install-image", "/i", "--instance-communication-network", "", "--enabled-hypervisors", "kvm,fake"),
            *("-H", "kvm:acpi=no", "-m", "aa:bb:cc", "--master-netdev", "br0", "--master-netmask", "24"),
            *("-N", "link=br1", "--vg-name", "", "--maintain-node-health", "yes", "--uid-pool", "100-200,300"),
            *("--add-uids", "1", "--remove-uids", "2-3", "--drbd-usermode-helper", "/h", "-I", "hail"),
            *("--default-iallocator-params", "a=b", "--reserved-lvs", "", "--prealloc-wipe-disks", "no"),
            *("--node-parameters", "ssh_port=2222", "--use-external-mip-script", "no", "-D", "plain:stripes=2"),
            *("--hypervisor-state", "kvm:mem_total=1", "--disk-state", "plain/vg:disk_total=2"),
            *("--enabled-disk-templates", "file,plain", "--modify-etc-hosts", "yes", "--user-shutdown", "no"),
            *("--ipolicy-vcpu-ratio", "2", "--file-storage-dir", "/f", "--shared-file-storage-dir", "/s"),
            *("--zeroing-image", "/z", "--compression-tools", "gzip,lzop", "--enabled-data-collectors", "drbd=t,lv=no"),
            *("--data-collector-interval", "drbd=2.5"),
        )
        self.assertEqual(
            self.submitted(),
            {
                "beparams": {"vcpus": 2},
                "candidate_pool_size": 3,
                "max_running_jobs": 4,
                "max_tracked_jobs": 5,
                "install_image": "/i",
                "instance_communication_network": "",
                "enabled_hypervisors": ["kvm", "fake"],
                "hvparams": {"kvm": {"acpi": False}},
                "mac_prefix": "aa:bb:cc",
                "master_netdev": "br0",
                "master_netmask": 24,
                "nicparams": {"link": "br1"},
                "vg_name": "",
                "maintain_node_health": True,
                "uid_pool": [[100, 200], [300, 300]],
                "add_uids": [[1, 1]],
                "remove_uids": [[2, 3]],
                "drbd_helper": "/h",
                "default_iallocator": "hail",
                "default_iallocator_params": {"a": "b"},
                "reserved_lvs": [],
                "prealloc_wipe_disks": False,
                "ndparams": {"ssh_port": 2222},
                "use_external_mip_script": False,
                "diskparams": {"plain": {"stripes": 2}},
                "hv_state": {"kvm": {"mem_total": 1}},
                "disk_state": {"plain": {"vg": {"disk_total": 2}}},
                "enabled_disk_templates": ["file", "plain"],
                "modify_etc_hosts": True,
                "enabled_user_shutdown": False,
                "ipolicy": {"vcpu-ratio": 2.0},
                "file_storage_dir": "/f",
                "shared_file_storage_dir": "/s",
                "zeroing_image": "/z",
                "compression_tools": ["gzip", "lzop"],
                "enabled_data_collectors": {"drbd": True, "lv": False},
                "data_collector_interval": {"drbd": 2_500_000},
            },
        )

    def test_no_compression_tools_means_the_usual_ones(self) -> None:
        self.run_cluster("modify", "--compression-tools", "")
        self.assertEqual(self.submitted(), {"compression_tools": ["none", "gzip", "gzip-fast", "gzip-slow"]})

    def test_refusals(self) -> None:
        self.run_cluster("modify", code=1)
        self.run_cluster("modify", "-f", code=1)
        for option, value in (
            ("--uid-pool", "1-x"),
            ("--add-uids", "-5"),
            ("--master-netmask", "x"),
            ("--data-collector-interval", "drbd=soon"),
            ("--data-collector-interval", "drbd"),
            ("--ipolicy-vcpu-ratio", "default"),
            ("-B", "vcpu=1"),
        ):
            self.run_cluster("modify", f"{option}={value}" if option.startswith("--") else f"{option}{value}", code=1)
        self.assertEqual(self.world.submitted(), [])


class SmallTests(ClusterCase):
    def test_search_tags(self) -> None:
        self.world.jobs_end(result=[["/nodes/n1", "b"], ["/cluster", "a"]])
        self.assertEqual(self.run_cluster("search-tags", "."), "/cluster a\n/nodes/n1 b\n")
        self.assertEqual(self.submitted(), {"pattern": "."})
        self.world.jobs_end(result=[])
        self.run_cluster("search-tags", "x", code=1)

    def test_show_ispecs_cmd(self) -> None:
        self.world.client.answers["cluster_info"] = {"name": "cluster.example", "ipolicy": dict(IPOLICY)}
        out = self.run_cluster("show-ispecs-cmd")
        self.assertTrue(out.startswith("gnt-cluster init --ipolicy-std-specs cpu-count=1,"), out)
        self.assertTrue(out.endswith(" cluster.example\n"), out)

    def test_master_ping(self) -> None:
        self.world.client.answers["config_values"] = ["n1"]
        self.assertEqual(self.run_cluster("master-ping"), "")
        self.world.client.answers["config_values"] = NotMaster("n2 is the master")
        self.assertEqual((self.run_cluster("master-ping", code=1), self.world.err), ("", ""))

    def test_rename(self) -> None:
        self.world.client.answers["config_values"] = ["old.example"]
        terminal = self.world.typing("n")
        self.run_cluster("rename", "new.example", code=1)
        self.assertIn("old.example", terminal.shown)
        self.run_cluster("rename", "-f", "new.example")
        self.assertEqual(self.submitted(), {"name": "new.example"})

    def test_queue(self) -> None:
        self.world.client.answers |= {"set_drain": True, "config_values": [True]}
        self.run_cluster("queue", "drain")
        self.run_cluster("queue", "undrain")
        self.assertEqual(self.world.client.asked("set_drain"), [{"flag": True}, {"flag": False}])
        self.assertEqual(self.run_cluster("queue", "info"), "The drain flag is set\n")
        self.run_cluster("queue", "stop", code=1)

    def test_watcher(self) -> None:
        self.world.client.answers |= {"set_watcher_pause": lambda until: until, "config_values": [None]}
        self.assertEqual(
            self.run_cluster("watcher", "pause", "2h"), f"The watcher is paused until {time.ctime(AT + 7200)}.\n"
        )
        self.assertEqual(self.run_cluster("watcher", "info"), "The watcher is not paused.\n")
        self.assertEqual(self.run_cluster("watcher", "continue"), "The watcher is no longer paused.\n")
        asked = [call["until"] for call in self.world.client.asked("set_watcher_pause")]
        self.assertEqual(asked, [AT + 7200, None])
        for argv in (("pause",), ("pause", "soon"), ("pause", "0"), ("info", "1h"), ("stop",)):
            self.run_cluster("watcher", *argv, code=1)


class CommandTests(ClusterCase):
    def answer(self, status: int | None = 0, reason: str = "", output: str = "out\n") -> None:
        self.world.client.answers["run_command"] = {"status": status, "reason": reason, "output": output}

    def test_all_online_nodes_the_master_last(self) -> None:
        self.answer()
        out = self.run_cluster("command", "ls", "-l")
        self.assertEqual(out, f"{RULE}\nnode: n2\nout\nreturn code = 0\n{RULE}\nnode: n1\nout\nreturn code = 0\n")
        self.assertEqual([c["command"] for c in self.world.client.asked("run_command")], ["ls -l", "ls -l"])
        self.assertIn("n3", self.world.err)

    def test_only_failures_and_what_is_no_status(self) -> None:
        self.answer()
        self.assertEqual(self.run_cluster("command", "--failure-only", "true"), "")
        self.answer(None, "its time was up", "")
        self.assertIn("its time was up\nreturn code = 255\n", self.run_cluster("command", "--failure-only", "true"))
        self.world.client.answers["run_command"] = DriverError("no shell")
        self.assertIn("no shell\nreturn code = 255\n", self.run_cluster("command", "true"))

    def test_machine_names(self) -> None:
        self.answer(output="a\nb\n")
        self.assertEqual(self.run_cluster("command", "-M", "x"), "n2: a\nn2: b\nn1: a\nn1: b\n")


class CopyTests(ClusterCase):
    def test_the_file_goes_to_all_but_the_master(self) -> None:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write("text")
        os.chmod(path, 0o640)
        os.utime(path, (5, 5))
        self.world.client.answers["put_file"] = None
        self.run_cluster("copyfile", path)
        (asked,) = self.world.client.asked("put_file")
        self.assertEqual((asked["node"], asked["path"], asked["mode"], asked["mtime"]), ("n2", path, 0o640, 5.0))
        self.assertEqual((base64.b64decode(asked["content"]), asked["replication"]), (b"text", False))
        self.run_cluster("copyfile", "--use-replication-network", path)
        self.assertTrue(self.world.client.asked("put_file")[1]["replication"])

    def test_places_of_a_virtual_host(self) -> None:
        root = os.path.abspath(self.mktemp())
        os.makedirs(f"{root}/etc")
        with open(f"{root}/etc/notice", "w") as file:
            file.write("text")
        self.world.environ["GANETI_ROOTDIR"] = root
        self.world.client.answers["put_file"] = None
        for given in (f"{root}/etc/notice", "/etc/notice"):
            self.run_cluster("copyfile", given)
        self.assertEqual([c["path"] for c in self.world.client.asked("put_file")], ["/etc/notice", "/etc/notice"])

    def test_failures(self) -> None:
        self.run_cluster("copyfile", "/nowhere/file", code=1)
        self.run_cluster("copyfile", "/", code=1)
        path = os.path.abspath(self.mktemp())
        with open(path, "w"):
            pass
        self.world.client.answers["put_file"] = DriverError("disk full")
        self.run_cluster("copyfile", path)
        self.assertIn("n2 failed: disk full", self.world.err)
