"""NICs of new instances in networks: addresses taken, refused and given back."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NoRoom, NotFound, NotUnique, WrongState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Nic
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.network import Network
from ganeti_tw.operations.steps.addresses import addresses_given_back
from ganeti_tw.protocol.instance import CreateDisk, StartInstance
from operation_samples import FakeHands, changed, cluster, operation, ran, uuid

DEFAULT = uuid(1)
NET, FAR = uuid(500), uuid(501)
LINK = {"mode": "routed", "link": "main", "vlan": ""}


def networks(cidr: str = "198.51.100.0/29") -> Config:
    """net1 with MAC prefix, connected to the default group; far, connected to none."""
    config = cluster()
    config = changed(config, config.groups[DEFAULT], networks={NET: LINK})
    made = []
    for uid, name, subnet, prefix in ((NET, "net1", cidr, "aa:00:55"), (FAR, "far", "203.0.113.0/24", None)):
        network = Network(uuid=uid, name=name, network=subnet, serial_no=1, mac_prefix=prefix)
        made.append(row(IpPool.new(subnet).stored_in(network)))
    return config.apply(made)


def create(*nics: dict[str, Any], name: str = "web2.example", **parameters: Any) -> Any:
    return operation(
        "OP_INSTANCE_CREATE",
        **{
            "instance_name": name,
            "disks": [{"size": 1024}],
            "disk_template": "file",
            "nics": list(nics),
            "mode": "create",
            "pnode": "n2",
            "os_type": "noop",
            "name_check": False,
            "ip_check": False,
            **parameters,
        },
    )


class CreationTests(SynchronousTestCase):
    def after(self, config: Config, *nics: dict[str, Any], **parameters: Any) -> tuple[Nic, ...]:
        """The NICs of the instance that was made."""
        self.hands = FakeHands(config)
        op = create(*nics, **parameters)
        self.successResultOf(ran(op, self.hands))
        self.config = self.hands.config()
        return self.config.instance(op.instance_name).nics

    def refused(self, kind: type[GanetiError], config: Config, *words: str, **nic: Any) -> None:
        conflicts_check = nic.pop("conflicts_check", True)
        error = self.assertRaises(kind, create(nic, name="web9.example", conflicts_check=conflicts_check).check, config)
        for word in ("nic/0", *words):
            self.assertIn(word, error.text)

    def map(self) -> str:
        return IpPool.of(self.config.network("net1")).map

    def test_an_address_of_the_pool(self) -> None:
        (nic,) = self.after(networks(), {"network": "net1", "ip": "pool"})
        self.assertEqual((nic.ip, nic.network, nic.nicparams), ("198.51.100.1", NET, LINK))
        self.assertEqual(nic.mac[:8], "aa:00:55")
        self.assertEqual(self.config.network("net1").reservations, "01000000")
        self.assertEqual(self.config.network("net1").serial_no, 2)
        (spec,) = self.hands.messages(StartInstance)[0].spec.nics
        self.assertEqual((spec.ip, spec.mode, spec.link, spec.network.name), ("198.51.100.1", "routed", "main", "net1"))

    def test_a_fixed_address_and_a_network_by_uuid(self) -> None:
        (nic,) = self.after(networks(), {"network": NET, "ip": "198.51.100.4"})
        self.assertEqual((nic.ip, self.map()), ("198.51.100.4", "X...X..X"))

    def test_no_address(self) -> None:
        for ip in ({}, {"ip": "none"}):
            (nic,) = self.after(networks(), {"network": "net1", **ip})
            self.assertEqual((nic.ip, nic.network, self.map()), (None, NET, "X......X"))

    def test_fixed_addresses_are_taken_before_those_of_the_pool(self) -> None:
        pool, fixed = {"network": "net1", "ip": "POOL"}, {"network": "net1", "ip": "198.51.100.1"}
        nics = self.after(networks(), pool, fixed, pool)
        self.assertEqual([n.ip for n in nics], ["198.51.100.2", "198.51.100.1", "198.51.100.3"])
        self.assertEqual(self.map(), "XXXX...X")

    def test_the_word_none_is_no_network(self) -> None:
        (nic,) = self.after(networks(), {"network": "none", "link": "br7"})
        self.assertEqual((nic.network, nic.nicparams), (None, {"link": "br7"}))

    def test_two_instances_get_two_addresses(self) -> None:
        pool = {"network": "net1", "ip": "pool"}
        self.after(networks(), pool)
        (nic,) = self.after(self.config, pool, instance_name="web3.example")
        self.assertEqual((nic.ip, self.map()), ("198.51.100.2", "XXX....X"))

    def test_the_last_address_goes_to_one_of_two(self) -> None:
        pool = {"network": "net1", "ip": "pool"}
        self.after(networks("198.51.100.0/30"), pool)
        late = create(pool, name="web3.example")
        late.check(self.config)  # there was one left then
        self.after(self.config, pool, instance_name="web4.example")
        error = self.failureResultOf(ran(late, FakeHands(self.config)), NoRoom).value
        self.assertIn("nic/0: all addresses of 198.51.100.0/30 are taken (network net1)", error.text)

    def test_own_link_parameters_are_refused(self) -> None:
        for key, value in (("mode", "bridged"), ("link", "br0"), ("vlan", ".1"), ("bridge", "br0")):
            self.refused(BadRequest, networks(), "net1", network="net1", **{key: value})

    def test_unknown_and_unconnected_networks(self) -> None:
        self.refused(NotFound, networks(), "'net9'", network="net9")
        self.refused(BadRequest, networks(), "far", "default", "connect", network="far")

    def test_a_pool_needs_a_network(self) -> None:
        self.refused(BadRequest, networks(), "network", ip="pool")

    def test_addresses_that_cannot_be(self) -> None:
        self.refused(BadRequest, networks(), "203.0.113.1", "net1", network="net1", ip="203.0.113.1")
        self.refused(BadRequest, networks(), "2001:db8::1", network="net1", ip="2001:db8::1")
        self.refused(NotUnique, networks(), "198.51.100.7", network="net1", ip="198.51.100.7")
        self.after(networks(), {"network": "net1", "ip": "198.51.100.4"})
        for check in (True, False):
            self.refused(
                NotUnique, self.config, "198.51.100.4", network="net1", ip="198.51.100.4", conflicts_check=check
            )

    def test_without_the_check_an_external_address_may_be_used(self) -> None:
        (nic,) = self.after(networks(), {"network": "net1", "ip": "198.51.100.7"}, conflicts_check=False)
        self.assertEqual((nic.ip, self.config.network("net1").reservations), ("198.51.100.7", "00000001"))

    def test_outside_of_networks_their_addresses_are_refused(self) -> None:
        self.refused(WrongState, networks(), "net1", "--no-conflicts-check", ip="198.51.100.3")
        (nic,) = self.after(networks(), {"ip": "198.51.100.3"}, conflicts_check=False)
        self.assertEqual((nic.ip, self.map()), ("198.51.100.3", "X......X"))

    def test_networks_of_other_groups_do_not_matter(self) -> None:
        (nic,) = self.after(networks(), {"ip": "203.0.113.9"})
        self.assertIsNone(nic.network)

    def test_a_routed_nic_in_a_network_needs_no_address_of_its_own(self) -> None:
        config = networks()
        config = changed(config, config.cluster, nicparams={"default": LINK})
        (nic,) = self.after(config, {"network": "net1"})
        self.assertIsNone(nic.ip)


class GivingBackTests(SynchronousTestCase):
    def test_a_failed_creation_gives_back(self) -> None:
        hands = FakeHands(networks(), {CreateDisk: DriverError("no space")})
        op = create({"network": "net1", "ip": "pool"}, {"network": "net1", "ip": "198.51.100.5"})
        self.failureResultOf(ran(op, hands), DriverError)
        self.assertEqual(hands.config().network("net1").reservations, "0" * 8)
        self.assertIsNone(hands.config().find_instance("web2.example"))

    def test_removal_gives_back(self) -> None:
        hands = FakeHands(networks())
        for name in ("web2.example", "web3.example"):
            self.successResultOf(ran(create({"network": "net1", "ip": "pool"}, name=name), hands))
        self.assertEqual(hands.config().network("net1").reservations, "01100000")
        self.successResultOf(ran(operation("OP_INSTANCE_REMOVE", instance_name="web2.example"), hands))
        self.assertEqual(hands.config().network("net1").reservations, "00100000")

    def test_what_was_not_taken_is_left_alone(self) -> None:
        nics = [
            Nic(network=NET, ip="198.51.100.3"),
            Nic(network=NET, ip="203.0.113.1"),
            Nic(network=uuid(999), ip="198.51.100.3"),
            Nic(network=NET),
            Nic(ip="198.51.100.3"),
        ]
        self.assertEqual(addresses_given_back(networks(), nics), ())
