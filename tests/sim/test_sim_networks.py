"""Networks on a simulated cluster, from the command to the address a guest gets."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.verify import verify_config
from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-t", "diskless", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2", "--no-start")
POOL = ("--net", "0:network=net1,ip=pool")


class NetworkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def done(self, *argv: str) -> Command:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, 0, done)
        return done

    def refused(self, *argv: str, word: str) -> None:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, 1, done)
        self.assertIn(word, done.err)

    def network(self, subnet: str = "198.51.100.0/28", *more: str, connect: bool = True) -> None:
        self.done("gnt-network", "add", "--network", subnet, "--gateway", "198.51.100.1", *more, "net1")
        if connect:
            self.done("gnt-network", "connect", "-N", "mode=bridged,link=br9", "net1")

    def ips(self) -> dict[str, str | None]:
        return {i.name: i.nics[0].ip for i in self.cluster.config.instances_by_name()}

    def map(self) -> str:
        return IpPool.of(self.cluster.config.network("net1")).map

    def create(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "OP_ID": "OP_INSTANCE_CREATE",
            "instance_name": name,
            "mode": "create",
            "disks": [],
            "disk_template": "diskless",
            "nics": [{"network": "net1", "ip": "pool"}],
            "pnode": "node2",
            "os_type": "noop",
            "name_check": False,
            "ip_check": False,
            "start": False,
            **more,
        }

    def test_the_life_of_a_network(self) -> None:
        self.network()
        self.done("gnt-instance", "add", *ADD, *POOL, "web1")
        (nic,) = self.cluster.config.instance("web1").nics
        self.assertEqual((nic.ip, nic.nicparams), ("198.51.100.2", {"mode": "bridged", "link": "br9", "vlan": ""}))
        self.refused("gnt-network", "disconnect", "net1", word="web1 nic/0 (198.51.100.2)")
        self.refused("gnt-network", "remove", "net1", word="connected to default")
        self.done("gnt-instance", "remove", "-f", "web1")
        self.assertEqual(self.map(), "XX.............X")
        self.done("gnt-network", "disconnect", "net1")
        self.done("gnt-network", "remove", "net1")
        self.assertEqual(dict(self.cluster.config.networks), {})

    def test_what_is_shown(self) -> None:
        self.network("198.51.100.0/29", "--mac-prefix", "aa:00:55", "--tags", "t")
        self.done("gnt-network", "modify", "--add-reserved-ips", "198.51.100.5", "net1")
        self.done("gnt-instance", "add", *ADD, *POOL, "web1")
        shown = self.done("gnt-network", "list", "--no-headers").out
        self.assertEqual(shown, "net1 198.51.100.0/29 198.51.100.1 aa:00:55 default (bridged, br9, ) t\n")
        shown = self.done("gnt-network", "info", "net1").out
        for line in (
            "Free: 3 (37.50%)",
            "XXX..X.X",
            "    198.51.100.0, 198.51.100.1, 198.51.100.5, 198.51.100.7",
            "    default (mode:bridged link:br9 vlan:)",
            "    web1: 0:198.51.100.2",
        ):
            self.assertIn(line, shown)
        (found,) = json.loads(self.done("gnt-network", "info", "--json").out)
        self.assertEqual(found["addresses"], {"web1": ["0:198.51.100.2"]})
        self.assertEqual(self.done("gnt-network", "list-tags", "net1").out, "t\n")
        self.assertTrue(self.cluster.config.instance("web1").nics[0].mac.startswith("aa:00:55:"))

    def test_node_addresses_are_kept_from_instances(self) -> None:
        self.done("gnt-network", "add", "--network", "192.0.2.0/29", "net1")
        self.assertEqual(self.map(), "XXXX...X")

    def test_many_at_once_get_different_addresses(self) -> None:
        self.network()
        jobs = self.cluster.call("submit_many", {"jobs": [[self.create(f"web{n}")] for n in range(16)]})
        self.cluster.settle(60)
        # Thirteen are free; the other three are told so, and leave nothing behind.
        self.assertEqual(self.map(), "X" * 16)
        taken = [ip for ip in self.ips().values() if ip]
        self.assertEqual((len(jobs), len(taken), len(set(taken))), (16, 13, 13))
        self.assertEqual([f for f in verify_config(self.cluster.config) if "address" in f.text], [])

    def test_a_creation_that_fails_gives_its_address_back(self) -> None:
        self.network()
        node = self.cluster.hosts["node2"]
        node.oses.broken.add("web1")
        disk = ("-t", "file", "--disk", "0:size=1g", *ADD[2:-1], *POOL)
        self.refused("gnt-instance", "add", *disk, "web1", word="create script")
        self.assertEqual((self.map(), self.ips()), ("XX.............X", {}))
        self.done("gnt-instance", "add", *disk, "web2")
        self.assertEqual(self.ips(), {"web2": "198.51.100.2"})

    def test_an_address_used_outside_of_the_network(self) -> None:
        self.done("gnt-instance", "add", *ADD, "--net", "0:ip=198.51.100.7", "web1")
        self.network(connect=False)
        self.refused("gnt-network", "connect", "net1", "default", word="web1 nic/0 (198.51.100.7)")
        self.done("gnt-network", "connect", "--no-conflicts-check", "net1", "default")
        self.refused("gnt-instance", "add", *ADD, "--net", "0:ip=198.51.100.8", "web2", word="belongs to network net1")

    def test_renamed(self) -> None:
        self.network()
        op = {"OP_ID": "OP_NETWORK_RENAME", "network_name": "net1", "new_name": "net2"}
        self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(5)
        self.assertEqual(self.done("gnt-network", "list", "--no-headers", "-o", "name").out, "net2\n")

    def test_reservations_survive_a_restart(self) -> None:
        self.network()
        self.done("gnt-instance", "add", *ADD, *POOL, "web1")
        self.cluster.restart("node1")
        self.done("gnt-instance", "add", *ADD, *POOL, "web2")
        self.assertEqual(self.ips(), {"web1": "198.51.100.2", "web2": "198.51.100.3"})
