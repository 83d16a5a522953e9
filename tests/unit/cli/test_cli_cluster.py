"""``gnt-cluster`` and ``gnt-node`` commands that change things."""

from __future__ import annotations

from io import StringIO
from typing import Any

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.cli.cluster._settings import AS_GIVEN, LISTS
from ganeti_tw.cli.cluster.init import OWN_SETTINGS
from ganeti_tw.daemon.newcluster import NewCluster
from ganeti_tw.errors import NotFound, WrongState


class InitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.client.answers["init_cluster"] = {"job": 1}

    def init(self, *argv: str) -> dict[str, Any]:
        self.assertEqual(self.world.run("gnt-cluster", "init", *argv, "c.example.com"), 0, self.world.err)
        return self.world.client.asked("init_cluster")[-1]

    def test_only_what_was_given_is_sent(self) -> None:
        self.assertEqual(
            self.init(), {"cluster_name": "c.example.com", "modify_etc_hosts": True, "modify_ssh_setup": True}
        )
        self.assertEqual(self.world.client.asked("wait")[0]["id"], 1)

    def test_everything(self) -> None:
        given = self.init(
            *("--enabled-hypervisors", "fake,kvm", "--enabled-disk-templates", "file,diskless"),
            *("-H", "kvm:acpi=no", "-H", "fake:migration_mode=live", "-H", "kvm:kernel_path="),
            *("-B", "memory=1g", "-N", "mode=routed,link=main", "--node-parameters", "ssh_port=2222,cpu_speed=1.5"),
            *("-D", "drbd:metavg=x,dynamic-resync=yes,c-max-rate=10", "-C", "3", "-m", "aa:00:11"),
            *("--master-netdev", "eth0", "--master-netmask", "24", "-s", "10.0.0.1"),
            *("--file-storage-dir", "/f", "--shared-file-storage-dir", "/s", "--gluster-storage-dir", "/g"),
            *("-I", "hail", "--prealloc-wipe-disks", "yes", "--user-shutdown", "no"),
            *("--maintain-node-health", "no", "--no-etc-hosts", "--no-ssh-init"),
            *("--compression-tools", "", "--default-iallocator-params", "a=b", "--disk-state", "plain/vg:disk_total=9"),
            *("--drbd-usermode-helper", "/bin/false", "--hypervisor-state", "kvm:mem_node=5", "--install-image", "/i"),
            *("--primary-ip-version", "6", "--ssh-key-bits", "384", "--ssh-key-type", "ecdsa", "--uid-pool", "5-9,11"),
            *("--use-external-mip-script", "yes", "--vg-name", "vg", "--zeroing-image", "/z"),
        )
        self.assertEqual(
            given,
            {
                "cluster_name": "c.example.com",
                "enabled_hypervisors": ["fake", "kvm"],
                "enabled_disk_templates": ["file", "diskless"],
                "hvparams": {"kvm": {"acpi": False, "kernel_path": ""}, "fake": {"migration_mode": "live"}},
                "beparams": {"memory": 1024},
                "nicparams": {"mode": "routed", "link": "main"},
                "ndparams": {"ssh_port": 2222, "cpu_speed": 1.5},
                "diskparams": {"drbd": {"metavg": "x", "dynamic-resync": True, "c-max-rate": 10}},
                "candidate_pool_size": 3,
                "mac_prefix": "aa:00:11",
                "master_netdev": "eth0",
                "master_netmask": 24,
                "secondary_ip": "10.0.0.1",
                "file_storage_dir": "/f",
                "shared_file_storage_dir": "/s",
                "gluster_storage_dir": "/g",
                "default_iallocator": "hail",
                "prealloc_wipe_disks": True,
                "enabled_user_shutdown": False,
                "maintain_node_health": False,
                "modify_etc_hosts": False,
                "modify_ssh_setup": False,
                "compression_tools": ["none", "gzip", "gzip-fast", "gzip-slow"],
                "default_iallocator_params": {"a": "b"},
                "disk_state": {"plain": {"vg": {"disk_total": 9}}},
                "drbd_helper": "/bin/false",
                "hv_state": {"kvm": {"mem_node": 5}},
                "install_image": "/i",
                "primary_ip_version": 6,
                "ssh_key_bits": 384,
                "ssh_key_type": "ecdsa",
                "uid_pool": [[5, 9], [11, 11]],
                "use_external_mip_script": True,
                "vg_name": "vg",
                "zeroing_image": "/z",
            },
        )
        self.assertIn("vg_name is kept for later", self.world.err)

    def test_the_cluster_knows_all_that_can_be_sent(self) -> None:
        sent = {*AS_GIVEN, *OWN_SETTINGS, *LISTS, "cluster_name", "master_netmask"}
        sent |= {"hvparams", "beparams", "nicparams", "ndparams", "diskparams", "hv_state", "disk_state"}
        sent |= {"compression_tools", "primary_ip_version", "uid_pool"}
        self.assertEqual(sent - {field.name for field in fields(NewCluster)}, set())

    def test_what_is_wrong_is_named(self) -> None:
        cases = {
            ("--master-netmask", "24x"): "'24x' is not the length",
            ("--primary-ip-version", "5"): "'5' is no version of IP",
            ("--uid-pool", "a-b"): "'a' is not a whole number",
            ("--master-netmask", "129"): "'129' is not the length",
            ("-H", "kvm:frob=1"): "frob",
            ("-H", "no_kvm"): "kvm",
            ("-D", "floppy:stripes=1"): "no disk template called floppy",
            ("-D", "drbd:stripes=1"): "no parameter of drbd disks called stripes",
            ("-N", "ip=1.2.3.4"): "no nic parameter called ip",
            ("--node-parameters", "cpu_speed=fast"): "cpu_speed: 'fast' is not a number",
        }
        for argv, text in cases.items():
            self.assertEqual(self.world.run("gnt-cluster", "init", *argv, "c"), 1, argv)
            self.assertIn(text, self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_a_host_of_a_cluster(self) -> None:
        self.world.client.answers["init_cluster"] = WrongState("this host belongs to a cluster")
        self.assertEqual(self.world.run("gnt-cluster", "init", "c"), 1)
        self.assertIn("error type: wrong_state", self.world.err)


class DestroyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.client.answers["forget_cluster"] = None

    def test_it_wants_to_be_confirmed(self) -> None:
        self.assertEqual(self.world.run("gnt-cluster", "destroy"), 1)
        self.assertIn("--yes-do-it", self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_the_host_forgets_when_the_job_is_done(self) -> None:
        for flag in ("--yes-do-it", "--ya-rly"):
            self.world.client.calls.clear()
            self.assertEqual(self.world.run("gnt-cluster", "destroy", flag), 0)
            self.assertEqual([name for name, _ in self.world.client.calls], ["submit", "wait", "forget_cluster"])

    def test_a_failed_job_forgets_nothing(self) -> None:
        self.world.jobs_end("error", ["OpPrereqError", ["there are instances", "wrong_state"]])
        self.assertEqual(self.world.run("gnt-cluster", "destroy", "--yes-do-it"), 1)
        self.assertEqual(self.world.client.asked("forget_cluster"), [])


class NodeAddTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.answer_query([], {"name": "text", "role": "text"})

    def add(self, *argv: str) -> int:
        return self.world.run("gnt-node", "add", *argv, "n2.example.com")

    def test_with_a_token(self) -> None:
        self.assertEqual(self.add("--token", "gtw1.abc", "-s", "10.0.0.2", "-g", "rack2", "--vm-capable", "no"), 0)
        op = self.world.submitted()[0]
        wanted = {
            "OP_ID": "OP_NODE_ADD",
            "node_name": "n2.example.com",
            "token": "gtw1.abc",
            "secondary_ip": "10.0.0.2",
            "group": "rack2",
            "vm_capable": False,
            "master_capable": None,
            "ndparams": None,
        }
        self.assertEqual({key: op[key] for key in wanted}, wanted)
        self.assertEqual(self.world.machine.commands, [])

    def test_a_token_on_standard_input(self) -> None:
        self.world.stdin = StringIO("gtw1.abc\nrest")
        self.assertEqual(self.add("--token", "-", "--node-parameters", "ssh_port=2222"), 0)
        op = self.world.submitted()[0]
        self.assertEqual((op["token"], op["ndparams"]), ("gtw1.abc", {"ssh_port": 2222}))

    def test_an_empty_token(self) -> None:
        for argv in (("--token", "-"), ("--token", " ")):
            self.assertEqual(self.add(*argv), 1)
            self.assertIn("the token is empty", self.world.err)

    def test_a_token_over_ssh(self) -> None:
        self.world.machine.output = "Welcome to n2\ngtw1.xyz\n"
        self.assertEqual(self.add("-v"), 0)
        self.assertEqual(self.world.submitted()[0]["token"], "gtw1.xyz")
        command = self.world.machine.commands[0]
        self.assertEqual(command[-3:], ["root@n2.example.com", "gnt-node", "token"])
        self.assertNotIn("-oStrictHostKeyChecking=no", command)
        self.assertIn("Running ssh ", self.world.err)
        self.add("--no-ssh-key-check")
        self.assertIn("-oStrictHostKeyChecking=no", self.world.machine.commands[1])

    def test_ssh_that_fails_tells_the_other_way(self) -> None:
        self.world.machine.status = 255
        self.world.machine.errors = "ssh: connect to host n2: Connection refused\n"
        self.assertEqual(self.add(), 1)
        self.assertIn("Connection refused", self.world.err)
        self.assertIn("gnt-node add --token TOKEN n2.example.com", self.world.err)
        self.assertEqual(self.world.submitted(), [])

    def test_ssh_that_prints_nothing(self) -> None:
        self.assertEqual(self.add(), 1)
        self.assertIn("it printed no token", self.world.err)

    def test_a_node_of_the_cluster_is_not_asked(self) -> None:
        self.world.answer_query([{"name": "n2.example.com", "role": "R"}])
        self.assertEqual(self.add(), 1)
        self.assertIn("error type: already_exists", self.world.err)
        self.assertIn("--readd", self.world.err)
        self.assertEqual(self.world.machine.commands, [])

    def test_readd(self) -> None:
        self.world.answer_query([{"name": "n2.example.com", "role": "O"}])
        states = ("--hypervisor-state", "kvm:mem_node=5", "--disk-state", "plain/vg:disk_total=9")
        self.assertEqual(self.world.run("gnt-node", "add", "--readd", "--token", "t", *states, "n2"), 0)
        op = self.world.submitted()[0]
        self.assertEqual((op["node_name"], op["readd"], op["secondary_ip"]), ("n2.example.com", True, None))
        self.assertEqual(
            (op["hv_state"], op["disk_state"]), ({"kvm": {"mem_node": 5}}, {"plain": {"vg": {"disk_total": 9}}})
        )

    def test_readd_only_of_other_nodes_that_are_known(self) -> None:
        self.assertEqual(self.add("--readd", "--token", "t"), 1)
        self.assertIn("no node of this cluster", self.world.err)
        self.world.answer_query([{"name": "n2.example.com", "role": "M"}])
        self.assertEqual(self.add("--readd", "--token", "t"), 1)
        self.assertIn("is the master", self.world.err)
        self.assertEqual(self.world.submitted(), [])

    def test_an_unknown_name_is_right(self) -> None:
        self.world.client.answers["query"] = NotFound("no node n2.example.com")
        self.assertEqual(self.add("--token", "t"), 0)

    def test_options_without_effect_say_so(self) -> None:
        self.assertEqual(self.add("--token", "t", "--force-join", "--no-node-setup"), 0)
        self.assertIn("--force-join", self.world.err)
        self.assertIn("--no-node-setup", self.world.err)

    def test_wrong_node_parameters(self) -> None:
        self.assertEqual(self.add("--token", "t", "--node-parameters", "speed=1"), 1)
        self.assertIn("no node parameter called speed", self.world.err)


class NodeTests(SynchronousTestCase):
    def test_token(self) -> None:
        world = World()
        world.client.answers["join_token"] = lambda ttl: {"token": f"gtw1.{ttl}"}
        self.assertEqual((world.run("gnt-node", "token"), world.out), (0, "gtw1.3600\n"))
        self.assertEqual((world.run("gnt-node", "token", "--ttl", "60"), world.out), (0, "gtw1.60\n"))

    def test_token_of_a_host_that_leaves(self) -> None:
        world = World()
        answers = world.client.answers
        answers |= {"join_token": {"token": "gtw1.x"}, "forget_cluster": None}

        def run(role: str, *argv: str) -> tuple[int, int]:
            answers["host_state"] = {"name": "n2", "cluster": "c" if role != "none" else "", "role": role}
            world.client.calls.clear()
            return world.run("gnt-node", "token", "--leave", *argv), len(world.client.asked("forget_cluster"))

        self.assertEqual(run("none"), (0, 0))
        self.assertEqual(run("node"), (1, 0))  # nobody confirms
        self.assertEqual(run("candidate", "--yes"), (0, 1))
        self.assertEqual(world.out, "gtw1.x\n")
        self.assertEqual(run("master", "--yes"), (1, 0))
        self.assertIn("is the master", world.err)

    def test_remove(self) -> None:
        world = World()
        world.jobs_end()
        self.assertEqual(world.run("gnt-node", "remove", "--dry-run", "n2"), 0)
        op = world.submitted()[0]
        self.assertEqual((op["OP_ID"], op["node_name"], op["dry_run"]), ("OP_NODE_REMOVE", "n2", True))


class TagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.answer_query([{"name": "web1.example.com", "tags": ["b", "a"]}])
        self.world.client.answers["cluster_info"] = {"tags": ["y", "x"]}

    def changed(self, *argv: str) -> list[Any]:
        self.code = self.world.run(*argv)
        return [op[key] for op in self.world.submitted() for key in ("OP_ID", "kind", "name", "tags")]

    def test_list(self) -> None:
        self.assertEqual((self.world.run("gnt-instance", "list-tags", "web1"), self.world.out), (0, "a\nb\n"))
        self.assertEqual((self.world.run("gnt-cluster", "list-tags"), self.world.out), (0, "x\ny\n"))
        self.assertEqual((self.world.run("gnt-node", "list-tags", "n9"), self.world.out), (1, ""))

    def test_change(self) -> None:
        self.assertEqual(
            self.changed("gnt-instance", "add-tags", "web1", "a", "b"), ["OP_TAGS_SET", "instance", "web1", ["a", "b"]]
        )
        self.world.client.calls.clear()
        self.assertEqual(self.changed("gnt-node", "remove-tags", "n1", "a"), ["OP_TAGS_DEL", "node", "n1", ["a"]])
        self.world.client.calls.clear()
        self.assertEqual(self.changed("gnt-cluster", "add-tags", "a"), ["OP_TAGS_SET", "cluster", "", ["a"]])

    def test_a_tag_may_begin_with_a_dash(self) -> None:
        self.assertEqual(self.changed("gnt-node", "add-tags", "n1", "-x", "--submit")[-1], ["-x", "--submit"])

    def test_options_stand_before_the_name(self) -> None:
        self.assertEqual(self.changed("gnt-node", "add-tags", "--submit", "n1", "x")[-1], ["x"])
        self.assertEqual(self.world.err, "JobID: 7\n")

    def test_tags_from_standard_input_and_from_a_file(self) -> None:
        self.world.stdin = StringIO(" a \n\nb\n")
        self.assertEqual(self.changed("gnt-node", "add-tags", "--from", "-", "n1", "z")[-1], ["z", "a", "b"])
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write("c\nd")
        self.assertEqual(self.changed("gnt-cluster", "add-tags", "--from", path)[-1], ["c", "d"])

    def test_no_tags(self) -> None:
        for argv in ((), ("--from", "-"), ("--from", "/nonexistent/tags")):
            self.assertEqual(self.changed("gnt-cluster", "add-tags", *argv), [])
            self.assertEqual(self.code, 1)
            self.assertIn("error type: wrong_input", self.world.err)


class DebugTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()

    def test_delay(self) -> None:
        self.assertEqual(
            self.world.run("gnt-debug", "delay", "--no-master", "-n", "n1", "-n", "n2", "-r2", "-l", "1.5"), 0
        )
        op = self.world.submitted()[0]
        wanted = {"duration": 1.5, "on_master": False, "on_nodes": ["n1", "n2"], "repeat": 2}
        self.assertEqual({key: op[key] for key in wanted}, wanted)
        self.assertTrue(op["no_locks"])

    def test_delays_that_cannot_be(self) -> None:
        for text in ("long", "-1", "nan", "inf", ""):
            self.assertEqual(self.world.run("gnt-debug", "delay", "--", text), 1, text)
            self.assertIn("is not a number of seconds", self.world.err)
        self.assertEqual(self.world.submitted(), [])

    def actors(self, *argv: str) -> str:
        self.world.client.answers["actors"] = [
            {"path": "locks", "actor": "LockManager", "depth": 0, "message": "", "age": 0.0},
            {"path": "job/7", "actor": "Job", "depth": 12, "message": "Start", "age": 1.23456},
        ]
        self.world.client.answers["lag"] = {"seconds": 0.0123, "at_work": "job/7", "age": 3.7}
        self.assertEqual(self.world.run("gnt-debug", "actors", *argv), 0)
        return self.world.out

    def test_actors(self) -> None:
        self.assertEqual(
            self.actors(),
            "Path  Actor       Depth Message   Age\n"
            "locks LockManager     0 -       0.000\n"
            "job/7 Job            12 Start   1.235\n"
            "Reactor lag: at most 12.3 ms in the last minute, 4 s ago, job/7 at work\n",
        )
        self.assertEqual(
            self.actors("--no-headers", "--separator=|"), "locks|LockManager|0|-|0.000\njob/7|Job|12|Start|1.235\n"
        )

    def test_again_and_again(self) -> None:
        def interrupt() -> None:
            if len(self.world.sleeps) == 2:
                raise KeyboardInterrupt

        self.world.on_sleep = interrupt
        self.world.client.answers |= {"actors": [], "lag": {"seconds": 0.0, "at_work": "", "age": 0.0}}
        self.assertEqual(self.world.run("gnt-debug", "actors", "--interval", "0.5"), 1)
        self.assertEqual(self.world.sleeps, [0.5, 0.5])
        self.assertEqual(len(self.world.client.asked("actors")), 2)

    def test_an_interval_without_length(self) -> None:
        for text in ("0", "-1", "nan"):
            self.assertEqual(self.world.run("gnt-debug", "actors", f"--interval={text}"), 1)
            self.assertIn("error type: wrong_input", self.world.err)


class ImportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_sends_the_text_and_shows_what_to_do(self) -> None:
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"ä": 1}')
        notes = ["The other nodes have not joined"]
        self.world.client.answers["import_cluster"] = {"cluster": "c", "counts": {"node": 2}, "notes": notes}
        self.assertEqual(self.world.run("gnt-cluster", "import", path), 0)
        self.assertEqual(self.world.client.asked("import_cluster"), [{"text": '{"ä": 1}', "force": False}])
        self.assertEqual(self.world.out, "Cluster c was imported: 2 node.\n- The other nodes have not joined.\n")

    def test_a_file_that_cannot_be_read(self) -> None:
        self.assertEqual(self.world.run("gnt-cluster", "import", "/nowhere"), 1)
        self.assertIn("/nowhere cannot be read: No such file", self.world.err)
