from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.network import Network
from ganeti_tw.model.new import new_disk, new_group, new_instance, new_node
from ganeti_tw.model.rows import Delete
from ganeti_tw.model.verify import Finding, verify_config
from ganeti_tw.model.verify_group import verify_group
from model_samples import NODE, new_config, reference, sample_config, uuid

MASTER = uuid(2)
GROUP = uuid(1)
N2 = uuid(902)


def instance(number: int, name: str, **fields: Any) -> Instance:
    defaults = {"primary_node": MASTER, "hypervisor": "fake", **fields}
    return new_instance(name, uuid=uuid(number), now=1.0, **defaults)


def drbd(number: int, minor: int, port: int = 11000, **fields: Any) -> Disk:
    logical_id = (MASTER, N2, port, minor, minor, "s")
    nodes = (MASTER, N2)
    return new_disk(
        "drbd", uuid=uuid(number), now=1.0, index=0, size=1024, logical_id=logical_id, nodes=nodes, **fields
    )


def cluster(*things: Any) -> Config:
    second = new_node("n2.example", uuid=N2, now=1.0, primary_ip="192.0.2.2", group=GROUP, master_candidate=True)
    return new_config().apply([row(second), *(row(t) for t in things)])


class ConfigTests(SynchronousTestCase):
    def says(self, config: Config, *needles: str) -> None:
        texts = [f.text for f in verify_config(config) if f.code == "ECLUSTERCFG"]
        for needle in needles:
            self.assertTrue(any(needle in text for text in texts), f"{needle!r} not in {texts}")

    def test_the_sample_is_sound(self) -> None:
        self.assertEqual(verify_config(sample_config()), [])

    def test_a_small_cluster_is_sound(self) -> None:
        self.assertEqual(verify_config(cluster(instance(11, "web", disks=(uuid(21),)), drbd(21, 0))), [])

    def test_double_instance_names_are_told(self) -> None:
        self.says(cluster(instance(11, "web"), instance(12, "web")), "2 instances are called web")

    def test_double_macs_are_told(self) -> None:
        nics = (Nic(uuid="a", mac="aa:00:00:00:00:01"), Nic(uuid="b", mac="aa:00:00:00:00:01"))
        self.says(cluster(instance(11, "web", nics=nics)), "2 NICs have the MAC address aa:00:00:00:00:01")

    def test_double_ips_on_one_link_are_told(self) -> None:
        nics = (Nic(uuid="a", mac="1", ip="10.0.0.1"), Nic(uuid="b", mac="2", ip="10.0.0.1"))
        self.says(cluster(instance(11, "web", nics=nics)), "2 NICs have the address 10.0.0.1 on xen-br0")

    def test_the_same_ip_on_two_links_is_fine(self) -> None:
        nics = (Nic(uuid="a", mac="1", ip="10.0.0.1"), Nic(uuid="b", mac="2", ip="10.0.0.1", nicparams={"link": "x"}))
        self.assertEqual(verify_config(cluster(instance(11, "web", nics=nics))), [])

    def test_nodes_with_one_address_are_told(self) -> None:
        twin = new_node(
            "n3.example", uuid=uuid(903), now=1.0, primary_ip="192.0.2.2", group=GROUP, master_candidate=True
        )
        self.says(cluster(twin), "address 192.0.2.2")

    def test_unknown_disks_are_told(self) -> None:
        self.says(cluster(instance(11, "web", disks=(uuid(99),))), f"unknown disk {uuid(99)}")

    def test_networks_that_are_none_are_told(self) -> None:
        net = Network(uuid=uuid(40), name="net1", network="nonsense", serial_no=1, reservations="0")
        self.says(cluster(net), "net1: the two maps", "net1: its subnet 'nonsense' is no IPv4 network")

    def test_unknown_networks_are_told(self) -> None:
        nics = (Nic(uuid="a", mac="1", network=uuid(99)),)
        self.says(cluster(instance(11, "web", nics=nics)), f"unknown network {uuid(99)}")

    def test_disks_on_unknown_nodes_are_told(self) -> None:
        self.says(cluster(drbd(21, 0)).apply((), [Delete("node", N2)]), f"unknown node {N2}")

    def test_an_unknown_master_is_told(self) -> None:
        config = cluster()
        self.says(config.apply([row(attrs.evolve(config.cluster, master_node=uuid(99)))]), "master is the unknown node")

    def test_too_few_candidates_are_told(self) -> None:
        config = cluster()
        self.says(config.apply([row(attrs.evolve(config.node("n2"), master_candidate=False))]), "2 are wanted")

    def test_a_node_with_two_roles_is_told(self) -> None:
        config = cluster()
        self.says(config.apply([row(attrs.evolve(config.node("n2"), offline=True))]), "more than one of the roles")

    def test_a_minor_used_twice_is_told(self) -> None:
        self.says(cluster(drbd(21, 0), drbd(22, 0, 11001)), "DRBD minor 0 of node n2.example is used by 2 disks")

    def test_a_port_used_twice_is_told(self) -> None:
        self.says(cluster(drbd(21, 0), drbd(22, 1)), "port 11000")

    def test_a_disk_of_two_instances_is_told(self) -> None:
        disks = (uuid(21),)
        self.says(cluster(instance(11, "a", disks=disks), instance(12, "b", disks=disks), drbd(21, 0)), "belongs to 2")

    def test_a_bad_policy_is_told(self) -> None:
        group = new_group("g2", uuid=uuid(50), now=1.0, ipolicy={"vcpu-ratio": 0})
        self.says(cluster(group), "instance policy of group g2")

    def test_a_hypervisor_that_is_not_enabled_is_told(self) -> None:
        self.says(cluster(instance(11, "web", hypervisor="kvm")), "needs hypervisor kvm")

    def test_too_much_minmem_is_told(self) -> None:
        self.says(cluster(instance(11, "web", beparams={"minmem": 512})), "minmem above its maxmem")

    def test_a_node_of_an_unknown_group_has_its_own_code(self) -> None:
        config = cluster()
        findings = verify_config(config.apply([row(attrs.evolve(config.node("n2"), group=uuid(99)))]))
        self.assertEqual([f[:3] for f in findings], [("ECLUSTERDANGLINGNODES", "node", "n2.example")])

    def test_an_instance_of_an_unknown_node_has_its_own_code(self) -> None:
        findings = verify_config(cluster(instance(11, "web", primary_node=uuid(99))))
        self.assertEqual([f[:3] for f in findings], [("ECLUSTERDANGLINGINST", "node", uuid(99))])


class GroupTests(SynchronousTestCase):
    def findings(self, *things: Any) -> list[Finding]:
        config = cluster(*things)
        return verify_group(config, config.groups[GROUP])

    def codes(self, *things: Any) -> list[str]:
        return [f.code for f in self.findings(*things)]

    def web(self, **fields: Any) -> Instance:
        nics = (Nic(uuid="a", mac="1"),)
        return instance(11, "web", **{"disks": (uuid(21),), "nics": nics, **fields})

    def test_a_sound_instance_is_not_mentioned(self) -> None:
        self.assertEqual(self.findings(self.web(), drbd(21, 0)), [])

    def test_codes_and_kinds_are_the_known_ones(self) -> None:
        known = {e["code"]: e["object_type"] for e in reference("constants")["derived"]["verify_error_codes"]}
        for f in self.findings(self.web(beparams={"maxmem": 10**6}), drbd(21, 0)):
            self.assertEqual(known[f.code], f.kind)

    def test_policy_violations_are_told(self) -> None:
        self.assertEqual(self.codes(self.web(beparams={"maxmem": 10**6}), drbd(21, 0)), ["EINSTANCEPOLICY"])

    def test_split_groups_are_told(self) -> None:
        other = new_group("g2", uuid=uuid(50), now=1.0)
        second = attrs.evolve(cluster().node("n2"), group=uuid(50))
        self.assertEqual(self.codes(other, second, self.web(), drbd(21, 0)), ["EINSTANCESPLITGROUPS"])

    def test_several_secondaries_are_told(self) -> None:
        third = new_node("n3.example", uuid=uuid(903), now=1.0, primary_ip="192.0.2.3", group=GROUP)
        disk = drbd(21, 0)
        odd = attrs.evolve(disk, uuid=uuid(22), logical_id=(MASTER, uuid(903), 11001, 1, 0, "s"), nodes=())
        self.assertEqual(self.codes(third, self.web(disks=(uuid(21), uuid(22))), disk, odd), ["EINSTANCELAYOUT"])

    def test_one_that_should_run_on_an_offline_node_is_told(self) -> None:
        offline = attrs.evolve(cluster().node("n1"), offline=True)
        self.assertEqual(self.codes(offline, self.web(admin_state="up"), drbd(21, 0)), ["EINSTANCEBADNODE"])

    def test_drbd_does_not_fit_exclusive_storage(self) -> None:
        group = attrs.evolve(cluster().groups[GROUP], ndparams={"exclusive_storage": True})
        self.assertIn("EINSTANCEUNSUITABLENODE", self.codes(group, self.web(), drbd(21, 0)))

    def test_exclusive_storage_needs_spindles(self) -> None:
        group = attrs.evolve(cluster().groups[GROUP], ndparams={"exclusive_storage": True})
        self.assertIn("EINSTANCEMISSINGCFGPARAMETER", self.codes(group, self.web(), drbd(21, 0)))

    def test_shared_exclusion_tags_are_told(self) -> None:
        settings = attrs.evolve(cluster().cluster, tags=("htools:iextags:svc",))
        twins = [self.web(tags=("svc:dns",)), attrs.evolve(self.web(tags=("svc:dns",)), uuid=uuid(12), name="db")]
        self.assertEqual(self.codes(settings, *twins, drbd(21, 0)), ["EEXTAGS"])

    def test_the_node_of_the_sample_has_no_findings(self) -> None:
        config = sample_config()
        self.assertEqual(verify_group(config, config.groups[config.node(NODE).group]), [])
