from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.cli.instance.add import split_nodes


class AddTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()

    def add(self, *argv: str) -> dict[str, Any]:
        self.assertEqual(self.world.run("gnt-instance", "add", *argv, "web1"), 0, self.world.err)
        return self.world.submitted()[-1]

    def refused(self, *argv: str) -> str:
        self.assertEqual(self.world.run("gnt-instance", "add", *argv, "web1"), 1, argv)
        self.assertIn("error type: wrong_input, error details:\n", self.world.err)
        self.assertEqual(self.world.client.calls, [])
        return self.world.err.splitlines()[-1]

    def test_an_allocator_chooses_the_nodes(self) -> None:
        op = self.add("-t", "diskless", "-I", "hail", "-g", "default", "--opportunistic-locking", "-o", "noop")
        self.assertEqual((op["iallocator"], op["group_name"], op["opportunistic_locking"]), ("hail", "default", True))
        self.assertEqual((op["pnode"], op["snode"]), (None, None))

    def test_the_opcode_with_defaults(self) -> None:
        op = self.add("-t", "diskless", "-n", "n1", "-o", "noop")
        del op["reason"]
        self.assertEqual(
            op,
            {
                "OP_ID": "OP_INSTANCE_CREATE",
                "mode": "create",
                "instance_name": "web1",
                "disks": [],
                "disk_template": "diskless",
                "nics": [{}],
                "conflicts_check": True,
                "pnode": "n1",
                "snode": None,
                "iallocator": None,
                "group_name": None,
                "opportunistic_locking": False,
                "ip_check": True,
                "name_check": True,
                "wait_for_sync": True,
                "file_storage_dir": None,
                "file_driver": None,
                "hypervisor": None,
                "hvparams": {},
                "beparams": {},
                "osparams": {},
                "osparams_private": {},
                "osparams_secret": {},
                "os_type": "noop",
                "force_variant": False,
                "no_install": False,
                "start": True,
                "ignore_ipolicy": False,
                "tags": [],
                "debug_level": 0,
                "dry_run": False,
            },
        )

    def test_everything_at_once(self) -> None:
        op = self.add(
            *("-t", "file", "--disk", "0:size=1g,name=d0", "--disk", "1:size=5,mode=ro", "-n", "n1:n2", "-o", "noop+x"),
            *("--net", "0:ip=pool,network=net1,name=n0", "-B", "memory=1.5g,vcpus=2,auto_balance=no"),
            *("-H", "kvm:acpi=false,vnc_bind_address=0.0.0.0,no_serial_console,migration_downtime=40"),
            *("-O", "foo=1,bar=a\\,b", "--os-parameters-private", "pw=x", "--os-parameters-secret", "key=y"),
            *("--tags", "a,b", "--no-start", "--no-ip-check", "--no-name-check", "--no-conflicts-check"),
            *("--no-wait-for-sync", "--file-driver", "loop", "--file-storage-dir", "sub", "--force-variant"),
            *("--no-install", "--ignore-ipolicy", "--priority", "low"),
        )
        wanted = {
            "disks": [{"size": 1024, "name": "d0"}, {"size": 8, "mode": "ro"}],
            "pnode": "n1",
            "snode": "n2",
            "os_type": "noop+x",
            "nics": [{"ip": "pool", "network": "net1", "name": "n0"}],
            "beparams": {"memory": 1536, "vcpus": 2, "auto_balance": False},
            "hypervisor": "kvm",
            "hvparams": {
                "acpi": False,
                "vnc_bind_address": "0.0.0.0",
                "serial_console": False,
                "migration_downtime": 40,
            },
            "osparams": {"foo": "1", "bar": "a,b"},
            "osparams_private": {"pw": "x"},
            "osparams_secret": {"key": "y"},
            "tags": ["a", "b"],
            "file_driver": "loop",
            "file_storage_dir": "sub",
            "priority": 10,
        }
        self.assertEqual({key: op[key] for key in wanted}, wanted)
        for name in ("start", "ip_check", "name_check", "conflicts_check", "wait_for_sync"):
            self.assertIs(op[name], False, name)
        for name in ("force_variant", "no_install", "ignore_ipolicy"):
            self.assertIs(op[name], True, name)

    def test_the_only_disk(self) -> None:
        self.assertEqual(self.add("-t", "file", "-s", "1.5g")["disks"], [{"size": 1536}])

    def test_disks_in_any_order_with_gaps(self) -> None:
        op = self.add("--disk", "2:size=8", "--disk", "0:adopt=lv1,vg=xenvg")
        self.assertEqual(op["disks"], [{"adopt": "lv1", "vg": "xenvg", "size": 0}, {}, {"size": 8}])

    def test_spindles(self) -> None:
        self.assertEqual(self.add("--disk", "0:size=8,spindles=2")["disks"], [{"size": 8, "spindles": 2}])

    def test_disks_that_cannot_be(self) -> None:
        cases = {
            (): "No disk information specified",
            ("-t", "diskless", "-s", "4"): "diskless",
            ("-t", "diskless", "--disk", "0:size=4"): "diskless",
            ("-s", "4", "--disk", "0:size=4"): "not both",
            ("--disk", "0:size=4,adopt=x"): "one of size and adopt",
            ("--disk", "0:mode=ro"): "one of size and adopt",
            ("--disk", "0"): "one of size and adopt",
            ("--disk", "0:adopt=x,spindles=1"): "spindles",
            ("--disk", "0:size=big"): "'big' is not a size",
            ("--disk", "0:size"): "a value is missing",
            ("--disk", "0:size=4,spindles=x"): "spindles",
            ("--disk", "a:size=4"): "'a' is not the index of a disk",
            ("--disk", "-1:size=4"): "'-1' is not the index of a disk",
            ("--disk", "0:size=4", "--disk", "0:size=8"): "given twice",
            ("--disk", "999999999:size=4"): "too high",
            ("--disk", "no_0"): "cannot be taken away",
        }
        for argv, text in cases.items():
            self.assertIn(text, self.refused(*argv), argv)

    def test_nics(self) -> None:
        self.assertEqual(self.add("-s", "4", "--no-nics")["nics"], [])
        self.assertEqual(
            self.add("-s", "4", "--net", "1:mac=generate,ip=none")["nics"], [{}, {"mac": "generate", "ip": "none"}]
        )
        self.assertEqual(self.add("-s", "4", "--net", "0")["nics"], [{}])

    def test_nics_that_cannot_be(self) -> None:
        self.assertIn("there is no parameter of nic 0 called colour", self.refused("-s", "4", "--net", "0:colour=red"))
        self.assertIn("'x' is not the index of a nic", self.refused("-s", "4", "--net", "x:ip=pool"))
        self.assertIn("cannot be taken away", self.refused("-s", "4", "--net", "no_0"))
        self.assertIn("ip: a value is missing", self.refused("-s", "4", "--net", "0:ip"))

    def test_parameters_that_cannot_be(self) -> None:
        cases = {
            ("-B", "ram=4"): "no backend parameter called ram",
            ("-B", "vcpus=two"): "backend parameter vcpus: 'two' is not a whole number",
            ("-B", "vcpus"): "backend parameter vcpus: a value is missing",
            ("-B", "no_maxmem"): "backend parameter maxmem: it needs a size",
            ("-B", "maxmem=1x"): "backend parameter maxmem: '1x' is not a size",
            ("-B", "auto_balance=perhaps"): "backend parameter auto_balance: 'perhaps' is neither yes nor no",
            ("-H", "kvm:acpi=2"): "hypervisor parameter acpi: '2' is neither yes nor no",
            ("-H", "kvm:frob=2"): "no hypervisor parameter called frob",
            ("-H", "no_kvm"): "cannot take kvm away",
        }
        for argv, text in cases.items():
            self.assertIn(text, self.refused("-s", "4", *argv), argv)

    def test_values_that_reset_pass_through(self) -> None:
        op = self.add("-s", "4", "-B", "-vcpus,maxmem=DEFAULT", "-H", "kvm:-acpi,usb_devices=a b,no_boot_order")
        self.assertEqual(op["beparams"], {"vcpus": None, "maxmem": "default"})
        self.assertEqual(op["hvparams"], {"acpi": None, "usb_devices": "a,b", "boot_order": ""})

    def test_nodes(self) -> None:
        cases = {
            None: (None, None),
            "a": ("a", None),
            "a:b": ("a", "b"),
            "a:": ("a", None),
            ":b": (None, "b"),
            "": (None, None),
        }
        self.assertEqual({text: split_nodes(text) for text in cases}, cases)


class ConsoleTests(SynchronousTestCase):
    SSH = {
        "instance": "web1.example.com",
        "kind": "ssh",
        "host": "n1.example.com",
        "user": "root",
        "command": ["ganeti-console", "/run/web 1.serial"],
    }

    def setUp(self) -> None:
        self.world = World()

    def console(self, cell: Any, *argv: str) -> int:
        self.world.answer_query([{"name": "web1.example.com", "console": cell}])
        return self.world.run("gnt-instance", "console", *argv, "web1")

    def test_on_another_node_ssh_runs_the_command(self) -> None:
        self.assertEqual(self.console(self.SSH), 0)
        self.assertEqual(
            self.world.machine.commands,
            [
                [
                    "ssh",
                    "-t",
                    "-oEscapeChar=none",
                    "-oHashKnownHosts=no",
                    "root@n1.example.com",
                    "ganeti-console '/run/web 1.serial'",
                ]
            ],
        )

    def test_on_this_computer_it_runs_directly(self) -> None:
        self.world.machine.here = {"n1.example.com"}
        self.assertEqual(self.console(self.SSH), 0)
        self.assertEqual(self.world.machine.commands, [self.SSH["command"]])

    def test_show_cmd(self) -> None:
        self.world.machine.here = {"n1.example.com"}
        self.assertEqual(self.console(self.SSH, "--show-cmd"), 0)
        self.assertEqual(self.world.out, "ganeti-console '/run/web 1.serial'\n")
        self.assertEqual(self.world.machine.commands, [])

    def test_a_port_of_ssh(self) -> None:
        self.console({**self.SSH, "port": 2222}, "--show-cmd")
        self.assertIn(" -p2222 root@n1.example.com ", self.world.out)

    def test_a_failed_command(self) -> None:
        self.world.machine.status = 255
        self.assertEqual(self.console(self.SSH), 1)
        self.assertIn("ended with status 255", self.world.err)

    def test_other_kinds_are_told(self) -> None:
        place = {"instance": "web1", "host": "n1", "port": 5901, "display": 1}
        self.assertEqual(self.console({"instance": "web1", "kind": "msg", "message": "none here"}), 0)
        self.assertEqual(self.world.out, "none here\n")
        self.assertEqual(self.console({**place, "kind": "vnc"}), 0)
        self.assertIn("n1:5901 (display 1): vnc://n1:5901/", self.world.out)
        self.assertEqual(self.console({**place, "kind": "spice"}), 0)
        self.assertIn("n1:5901", self.world.out)
        self.assertEqual(self.console({**place, "kind": "telepathy"}), 1)

    def test_no_console(self) -> None:
        for cell in ((3, None), (4, None), None):
            self.assertEqual(self.console(cell), 1)
            self.assertIn("error type: wrong_state", self.world.err)

    def test_an_unknown_instance(self) -> None:
        self.world.answer_query([], {"name": "text"})
        self.assertEqual(self.world.run("gnt-instance", "console", "web9"), 1)
        self.assertIn("error type: unknown_entity", self.world.err)
