"""Lives of instances, from the command to the guest, with all that can go wrong on the way."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command
from ganeti_tw.testing.hypervisor import FORCED, POLITE

ADD = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")


class LifeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.node = self.cluster.hosts["node2"]
        self.guests = self.node.hypervisor.guests
        self.calls = self.node.hypervisor.calls

    def run_ok(self, *argv: str) -> Command:
        done = self.cluster.run("gnt-instance", *argv)
        self.assertEqual(done.code, 0, done)
        return done

    def run_failing(self, *argv: str) -> str:
        done = self.cluster.run("gnt-instance", *argv)
        self.assertEqual(done.code, 1, done)
        return done.err

    def add(self, name: str = "web1.example", *more: str) -> None:
        self.run_ok("add", *ADD, *more, name)

    def status(self, name: str = "web1") -> str:
        return self.run_ok("list", "--no-headers", "-o", "status", name).out.strip()

    def untouched(self) -> None:
        """Nothing is left of an instance, no lock is held, the next one can be made."""
        config = self.cluster.config
        self.assertEqual((dict(config.instances), dict(config.disks)), ({}, {}))
        for host in self.cluster.hosts.values():
            self.assertEqual((host.storages["file"].disks, host.hypervisor.guests), ({}, {}))
        self.assertEqual(self.locks(), [])

    def locks(self) -> list[Any]:
        rows = self.cluster.call("query", {"what": "lock", "fields": ["name", "owner"]})["data"]
        return [row for row in rows if row[1][1]]


class LifeTests(LifeCase):
    def test_from_birth_to_death(self) -> None:
        self.add()
        self.assertEqual((list(self.guests), self.status()), (["web1.example"], "running"))
        self.run_ok("shutdown", "web1")
        self.assertEqual((list(self.guests), self.status()), ([], "ADMIN_down"))
        self.run_ok("startup", "web1")
        self.assertEqual(self.status(), "running")
        self.run_ok("remove", "-f", "web1")
        self.untouched()

    def test_a_guest_that_died_is_seen(self) -> None:
        self.add()
        self.guests.clear()
        self.assertEqual(self.status(), "ERROR_down")
        self.run_ok("startup", "web1")
        self.assertEqual(self.status(), "running")

    def test_a_deaf_guest_is_forced_after_its_time(self) -> None:
        self.add()
        self.node.hypervisor.deaf.add("web1.example")
        del self.calls[:]
        begin = self.cluster.clock.seconds()
        self.run_ok("shutdown", "--timeout", "12", "web1")
        took = self.cluster.clock.seconds() - begin
        self.assertEqual([how for _, how in self.calls], [POLITE, POLITE, POLITE, FORCED])
        self.assertTrue(12 <= took < 14, took)
        self.assertEqual(self.status(), "ADMIN_down")

    def test_reboots(self) -> None:
        self.add()
        for kind, calls in (("soft", ["reboot"]), ("hard", [FORCED, "start"]), ("full", [POLITE, "start"])):
            del self.calls[:]
            self.run_ok("reboot", "-t", kind, "web1")
            self.assertEqual([how for _, how in self.calls], calls, kind)
        self.run_ok("shutdown", "web1")
        self.run_ok("reboot", "web1")
        self.assertEqual(self.status(), "running")

    def test_the_same_name_twice(self) -> None:
        self.add()
        self.assertIn("already", self.run_failing("add", *ADD, "web1.example"))
        self.add("web1")
        self.assertEqual(sorted(self.guests), ["web1", "web1.example"])

    def test_the_guests_of_a_node_outlive_its_process(self) -> None:
        self.add()
        self.cluster.restart("node2")
        self.cluster.settle(2)
        self.assertEqual(self.status(), "running")
        self.run_ok("shutdown", "web1")
        self.assertEqual(self.guests, {})

    def test_dry_run(self) -> None:
        self.run_ok("add", "--dry-run", *ADD, "web1.example")
        self.untouched()
        self.add()
        for verb in (("shutdown",), ("reboot",), ("remove", "-f")):
            self.run_ok(*verb, "--dry-run", "web1")
        self.assertEqual(self.status(), "running")


class FailureTests(LifeCase):
    def test_a_disk_that_cannot_be_made(self) -> None:
        self.node.storages["file"].broken.add("web1.example")
        self.assertIn("simulated failure", self.run_failing("add", *ADD, "--disk", "1:size=1g", "web1.example"))
        self.untouched()
        self.node.storages["file"].broken.clear()
        self.add()

    def test_an_os_that_cannot_be_installed(self) -> None:
        self.node.oses.broken.add("web1.example")
        self.assertIn("create script", self.run_failing("add", *ADD, "web1.example"))
        self.untouched()
        self.node.oses.broken.clear()
        self.add()

    def test_one_that_does_not_start_is_there_and_wanted_up(self) -> None:
        self.node.hypervisor.broken.add("web1.example")
        self.assertIn("does not start", self.run_failing("add", *ADD, "web1.example"))
        self.assertEqual((self.status(), len(self.node.storages["file"].disks)), ("ERROR_down", 1))
        self.node.hypervisor.broken.clear()
        self.run_ok("startup", "web1")
        self.assertEqual(self.status(), "running")

    def test_an_unknown_os_and_bad_parameters(self) -> None:
        for more in (("-o", "nonsense"), ("-B", "vcpus=many"), ("-n", "node9"), ("--disk", "0:size=0")):
            self.run_failing("add", *ADD, *more, "web1.example")
            self.untouched()

    def test_a_node_that_dies_while_disks_are_made(self) -> None:
        self.node.hypervisor.delay = 5
        job = self.cluster.call("submit", {"ops": [self.opcode(disks=[{"size": 1024}] * 3)]})
        self.cluster.settle(0.5)
        self.node.kill()
        status, _ = self.ended(job)
        self.assertEqual((status, self.locks()), ("error", []))

    def test_a_node_cut_off_before_it_is_asked(self) -> None:
        self.cluster.network.cut("node1", "node2")
        job = self.cluster.call("submit", {"ops": [self.opcode()]})
        status, result = self.ended(job)
        self.assertEqual(status, "error", result)
        self.untouched()
        self.cluster.network.mend("node1", "node2")
        self.cluster.settle(30)
        self.add()

    def opcode(self, **parameters: Any) -> dict[str, Any]:
        return {
            "OP_ID": "OP_INSTANCE_CREATE",
            "instance_name": "web1.example",
            "mode": "create",
            "disks": [{"size": 1024}],
            "nics": [{}],
            "pnode": "node2",
            "disk_template": "file",
            "os_type": "noop",
            "name_check": False,
            "ip_check": False,
            **parameters,
        }

    def ended(self, job: int) -> tuple[str, Any]:
        previous = None
        while True:
            answer = self.cluster.call(
                "wait", {"id": job, "fields": ["status", "opresult"], "previous": previous, "timeout": 80.0}
            )
            if answer != "nochange":
                previous = answer[0]
                if previous[0] in ("success", "error", "canceled"):
                    return previous[0], previous[1]
