"""Operations on networks: what they lock, what they change, what they refuse."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Exists, GanetiError, NotFound, NotUnique, WrongState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.network import Network
from operation_samples import GROUP2, N1, N2, N3, WEB1, FakeHands, changed, cluster, operation, ran, uuid

S, X = 0, 1
DEFAULT = uuid(1)
NET = uuid(500)
WEB = "instance/web1.example"
LINK = {"mode": "bridged", "link": "br0", "vlan": ""}


def with_network(*, connected: tuple[str, ...] = (), inside: bool = False, **fields: Any) -> Config:
    """The cluster and net1, 198.51.100.0/28, with gateway; ``inside``: the NIC of web1 is in it."""
    config = cluster()
    values = {"network": "198.51.100.0/28", "gateway": "198.51.100.1", **fields}
    net = Network(uuid=NET, name="net1", serial_no=1, ctime=1.0, **values)
    pool = IpPool.new(net.network)
    if net.gateway:
        pool = pool.reserve_external(net.gateway)
    if inside:
        pool = pool.reserve("198.51.100.2")
        web1 = config.instances[WEB1]
        nic = evolve(web1.nics[0], network=NET, ip="198.51.100.2")
        config = changed(config, web1, nics=(nic,))
    for group in connected:
        config = changed(config, config.groups[group], networks={NET: LINK})
    return config.apply([row(pool.stored_in(net))])


class NetworkCase(SynchronousTestCase):
    op_id = ""
    named: dict[str, Any] = {"network_name": "net1"}

    def op(self, **parameters: Any) -> Any:
        return operation(self.op_id, **{**self.named, **parameters})

    def after(self, config: Config, **parameters: Any) -> Config:
        """The configuration after it ran."""
        self.hands = FakeHands(config)
        self.result = self.successResultOf(ran(self.op(**parameters), self.hands))
        return self.hands.config()

    def refused(self, kind: type[GanetiError], config: Config, *words: str, **parameters: Any) -> None:
        error = self.assertRaises(kind, lambda: self.op(**parameters).check(config))
        for word in words:
            self.assertIn(word, error.text)

    def pool(self, config: Config, name: str = "net1") -> IpPool:
        return IpPool.of(config.network(name))


class AddTests(NetworkCase):
    op_id = "OP_NETWORK_ADD"
    named = {"network_name": "net1", "network": "198.51.100.0/28"}

    def test_locks(self) -> None:
        self.assertEqual(self.op().locks(cluster()), {f"node/{n}": S for n in (N1, N2, N3)})
        self.assertEqual(self.op(conflicts_check=False).locks(cluster()), {})

    def test_everything_is_stored(self) -> None:
        found = self.after(
            cluster(),
            gateway="198.51.100.1",
            network6="2001:DB8::/64",
            gateway6="2001:db8::1",
            mac_prefix="AA:00:55",
            add_reserved_ips=["198.51.100.5"],
            tags=["t"],
        ).network("net1")
        self.assertEqual(
            (found.network, found.gateway, found.network6, found.gateway6, found.mac_prefix, found.tags),
            ("198.51.100.0/28", "198.51.100.1", "2001:db8::/64", "2001:db8::1", "aa:00:55", ("t",)),
        )
        self.assertEqual((found.reservations, found.ext_reservations), ("0" * 16, "1100010000000001"))
        self.assertEqual((found.serial_no, self.result), (1, None))

    def test_addresses_of_hosts_are_kept_from_instances(self) -> None:
        config = changed(cluster(), cluster().nodes[N2], secondary_ip="192.0.2.5")
        found = self.pool(self.after(config, network="192.0.2.0/28", gateway="192.0.2.1"))
        last = [0, 1, 2, 3, 5, 10, 15]
        self.assertEqual(found.external_addresses, [f"192.0.2.{n}" for n in last])
        said = "\n".join(self.hands.said)
        self.assertIn("192.0.2.10, an address of the cluster", said)
        self.assertIn("192.0.2.5, an address of node n2.example (secondary)", said)

    def test_without_the_check_they_are_not(self) -> None:
        found = self.pool(self.after(cluster(), network="192.0.2.0/28", conflicts_check=False))
        self.assertEqual(found.external_addresses, ["192.0.2.0", "192.0.2.15"])

    def test_a_node_address_may_be_reserved_too(self) -> None:
        self.assertTrue(
            self.pool(self.after(cluster(), network="192.0.2.0/28", add_reserved_ips=["192.0.2.2"])).has_external(
                "192.0.2.2"
            )
        )

    def test_names(self) -> None:
        self.refused(Exists, with_network(), "net1")
        self.refused(BadRequest, cluster(), "name", network_name="a b")
        self.refused(BadRequest, cluster(), "UUID", network_name=NET)

    def test_what_does_not_fit(self) -> None:
        for words, parameters in (
            (("/31", "small"), {"network": "198.51.100.0/31"}),
            (("large",), {"network": "10.0.0.0/8"}),
            (("2001:db8::/64", "IPv4"), {"network": "2001:db8::/64"}),
            (("198.51.101.1", "198.51.100.0/28"), {"gateway": "198.51.101.1"}),
            (("'gw'",), {"gateway": "gw"}),
            (("198.51.100.99",), {"add_reserved_ips": ["198.51.100.99"]}),
            (("IPv6",), {"network6": "198.51.100.0/24"}),
            (("2001:db9::1",), {"network6": "2001:db8::/64", "gateway6": "2001:db9::1"}),
            (("2001:db8::1",), {"gateway6": "2001:db8::1"}),
            (("MAC",), {"mac_prefix": "aa:00"}),
            (("tag",), {"tags": ["a b"]}),
        ):
            self.refused(BadRequest, cluster(), *words, **parameters)

    def test_no_address_is_reserved_twice(self) -> None:
        for parameters in (
            {"gateway": "198.51.100.0"},
            {"gateway": "198.51.100.1", "add_reserved_ips": ["198.51.100.1"]},
            {"add_reserved_ips": ["198.51.100.2", "198.51.100.2"]},
            {"add_reserved_ips": ["198.51.100.15"]},
        ):
            self.refused(NotUnique, cluster(), "198.51.100.", **parameters)

    def test_of_two_with_one_name_the_second_fails(self) -> None:
        hands = FakeHands(cluster())
        op = self.op()
        op.check(hands.config())
        self.successResultOf(ran(self.op(), hands))
        self.failureResultOf(ran(op, hands), Exists)
        self.assertEqual(len(hands.config().networks), 1)


class RemoveTests(NetworkCase):
    op_id = "OP_NETWORK_REMOVE"

    def test_locks(self) -> None:
        wanted = {f"network/{NET}": X, f"nodegroup/{DEFAULT}": S, f"nodegroup/{GROUP2}": S}
        self.assertEqual(self.op().locks(with_network()), wanted)

    def test_is_gone(self) -> None:
        self.assertEqual(dict(self.after(with_network()).networks), {})
        self.assertIsNone(self.result)

    def test_by_uuid(self) -> None:
        self.assertEqual(dict(self.after(with_network(), network_name=NET).networks), {})

    def test_not_while_connected(self) -> None:
        for force in (False, True):
            self.refused(WrongState, with_network(connected=(DEFAULT, GROUP2)), "default, other", force=force)

    def test_not_while_used(self) -> None:
        self.refused(WrongState, with_network(inside=True), "web1.example nic/0 (198.51.100.2)")

    def test_unknown(self) -> None:
        self.refused(NotFound, cluster(), "'net1'")


class RenameTests(NetworkCase):
    op_id = "OP_NETWORK_RENAME"
    named = {"network_name": "net1", "new_name": "net2"}

    def test_locks(self) -> None:
        self.assertEqual(self.op().locks(with_network()), {f"network/{NET}": X})

    def test_has_another_name(self) -> None:
        config = self.after(with_network(inside=True, connected=(DEFAULT,)))
        self.assertEqual((config.network("net2").uuid, self.result), (NET, "net2"))
        self.assertIsNone(config.find_network("net1"))

    def test_names(self) -> None:
        self.refused(Exists, with_network(), "net1", new_name="net1")
        self.refused(BadRequest, with_network(), "name", new_name="a b")
        self.refused(NotFound, cluster(), "'net1'")


class ModifyTests(NetworkCase):
    op_id = "OP_NETWORK_SET_PARAMS"

    def test_locks(self) -> None:
        self.assertEqual(self.op().locks(with_network()), {f"network/{NET}": X})

    def test_what_is_not_given_stays(self) -> None:
        before = with_network(mac_prefix="aa:00:55", network6="2001:db8::/64", gateway6="2001:db8::1")
        after = self.after(before).network("net1")
        self.assertEqual(evolve(after, serial_no=1), before.network("net1"))

    def test_another_gateway(self) -> None:
        found = self.after(with_network(), gateway="198.51.100.3")
        self.assertEqual(found.network("net1").gateway, "198.51.100.3")
        self.assertEqual(self.pool(found).map, "X..X...........X")

    def test_no_gateway(self) -> None:
        found = self.after(with_network(), gateway="none")
        self.assertEqual((found.network("net1").gateway, self.pool(found).map), (None, "X..............X"))

    def test_a_first_gateway(self) -> None:
        found = self.after(with_network(gateway=None), gateway="198.51.100.2")
        self.assertEqual(self.pool(found).map, "X.X............X")

    def test_the_same_gateway_is_a_warning(self) -> None:
        found = self.after(with_network(), gateway="198.51.100.1")
        self.assertEqual(self.pool(found).map, "XX.............X")
        self.assertIn("198.51.100.1 already", self.hands.said[0])

    def test_gateways_that_cannot_be(self) -> None:
        used = with_network(inside=True)
        self.refused(WrongState, used, "198.51.100.2", "instance", gateway="198.51.100.2")
        self.refused(NotUnique, used, "198.51.100.15", gateway="198.51.100.15")
        self.refused(BadRequest, used, "203.0.113.1", gateway="203.0.113.1")
        self.refused(BadRequest, used, "'x'", gateway="x")

    def test_gateway_and_reserved_addresses_exclude_each_other(self) -> None:
        for name in ("add_reserved_ips", "remove_reserved_ips"):
            self.refused(BadRequest, with_network(), "gateway", gateway="198.51.100.3", **{name: ["198.51.100.4"]})

    def test_reserved_addresses(self) -> None:
        found = self.after(with_network(), add_reserved_ips=["198.51.100.4", "198.51.100.5"])
        self.assertEqual(self.pool(found).map, "XX..XX.........X")
        found = self.after(found, add_reserved_ips=["198.51.100.6"], remove_reserved_ips=["198.51.100.4"])
        self.assertEqual(self.pool(found).map, "XX...XX........X")

    def test_reservations_that_cannot_be(self) -> None:
        config = with_network(inside=True)
        self.refused(NotUnique, config, "198.51.100.1", add_reserved_ips=["198.51.100.1"])
        self.refused(NotUnique, config, "198.51.100.4", add_reserved_ips=["198.51.100.4", "198.51.100.4"])
        self.refused(BadRequest, config, "203.0.113.4", add_reserved_ips=["203.0.113.4"])
        self.refused(WrongState, config, "198.51.100.4", remove_reserved_ips=["198.51.100.4"])
        self.refused(WrongState, config, "gateway", remove_reserved_ips=["198.51.100.1"])
        self.refused(WrongState, config, "broadcast", remove_reserved_ips=["198.51.100.15"])
        self.refused(WrongState, config, "198.51.100.2", remove_reserved_ips=["198.51.100.2"])
        self.refused(BadRequest, config, "'x'", remove_reserved_ips=["x"])

    def test_ipv6(self) -> None:
        found = self.after(with_network(), network6="2001:db8::/64", gateway6="2001:db8::1")
        self.assertEqual(
            (found.network("net1").network6, found.network("net1").gateway6), ("2001:db8::/64", "2001:db8::1")
        )
        self.refused(BadRequest, found, "2001:db8::1", network6="none")
        self.refused(BadRequest, found, "2001:db8::1", network6="2001:db9::/64")
        self.refused(BadRequest, found, "2001:db9::1", gateway6="2001:db9::1")
        self.refused(BadRequest, found, "'x'", network6="x")
        found = self.after(found, network6="None", gateway6="none")
        self.assertEqual((found.network("net1").network6, found.network("net1").gateway6), (None, None))

    def test_mac_prefix(self) -> None:
        found = self.after(with_network(), mac_prefix="AA:00:55")
        self.assertEqual(found.network("net1").mac_prefix, "aa:00:55")
        self.assertIsNone(self.after(found, mac_prefix="none").network("net1").mac_prefix)
        self.refused(BadRequest, found, "aa:00", mac_prefix="aa:00")

    def test_unknown(self) -> None:
        self.refused(NotFound, cluster(), "'net1'")


class ConnectTests(NetworkCase):
    op_id = "OP_NETWORK_CONNECT"
    named = {"network_name": "net1", "group_name": "default", "network_mode": "bridged", "network_link": "br0"}

    def test_locks(self) -> None:
        config = with_network()
        self.assertEqual(self.op().locks(config), {f"nodegroup/{DEFAULT}": X, WEB: S, f"network/{NET}": S})
        self.assertEqual(self.op(conflicts_check=False).locks(config), {f"nodegroup/{DEFAULT}": X})
        other = self.op(group_name="other")
        self.assertEqual(other.locks(config), {f"nodegroup/{GROUP2}": X, f"network/{NET}": S})

    def test_is_connected(self) -> None:
        config = self.after(with_network(), network_vlan=".7")
        self.assertEqual(config.groups[DEFAULT].networks, {NET: {**LINK, "vlan": ".7"}})
        self.assertEqual(config.groups[GROUP2].networks, {})
        self.assertIsNone(self.result)

    def test_other_connections_stay(self) -> None:
        config = with_network()
        config = changed(config, config.groups[DEFAULT], networks={uuid(501): LINK})
        self.assertEqual(set(self.after(config).groups[DEFAULT].networks), {NET, uuid(501)})

    def test_twice_is_a_warning(self) -> None:
        config = self.after(with_network(connected=(DEFAULT,)), network_link="br1")
        self.assertEqual(config.groups[DEFAULT].networks, {NET: LINK})
        self.assertIn("connected to group default already", self.hands.said[0])

    def test_addresses_used_outside_of_it(self) -> None:
        config = with_network(network="192.0.2.0/24", gateway=None)
        self.refused(WrongState, config, "web1.example nic/0 (192.0.2.101)", "--no-conflicts-check")
        self.op(group_name="other").check(config)
        found = self.after(config, conflicts_check=False)
        self.assertIn(NET, found.groups[DEFAULT].networks)

    def test_nics_in_networks_are_no_conflict(self) -> None:
        self.op().check(with_network(inside=True))

    def test_links_that_cannot_be(self) -> None:
        for parameters in ({"network_mode": "pool"}, {"network_mode": "x"}, {"network_link": ""}):
            self.refused(BadRequest, with_network(), **parameters)
            self.refused(BadRequest, with_network(connected=(DEFAULT,)), **parameters)

    def test_unknown(self) -> None:
        self.refused(NotFound, cluster(), "'net1'")
        self.refused(NotFound, with_network(), "'g9'", group_name="g9")


class DisconnectTests(NetworkCase):
    op_id = "OP_NETWORK_DISCONNECT"
    named = {"network_name": "net1", "group_name": "default"}

    def test_locks(self) -> None:
        self.assertEqual(self.op().locks(with_network()), {f"nodegroup/{DEFAULT}": X, WEB: S})

    def test_is_disconnected(self) -> None:
        config = self.after(with_network(connected=(DEFAULT, GROUP2)))
        self.assertEqual((config.groups[DEFAULT].networks, set(config.groups[GROUP2].networks)), ({}, {NET}))

    def test_not_connected_is_a_warning(self) -> None:
        self.after(with_network())
        self.assertIn("not connected to group default", self.hands.said[0])

    def test_not_while_used_in_the_group(self) -> None:
        config = with_network(connected=(DEFAULT, GROUP2), inside=True)
        self.refused(WrongState, config, "web1.example nic/0 (198.51.100.2)")
        self.op(group_name="other").check(config)

    def test_unknown(self) -> None:
        self.refused(NotFound, with_network(), "'g9'", group_name="g9")
        self.refused(NotFound, cluster(), "'net1'")
