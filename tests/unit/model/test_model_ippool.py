from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Corrupt, NoRoom, NotUnique, WrongState
from ganeti_tw.model.ippool import IpPool, gateway6, ipv6_network
from ganeti_tw.model.network import Network
from model_samples import NET1, sample_config


def network(cidr: str = "192.0.2.0/29", instances: str = "", external: str = "") -> Network:
    return Network(uuid="n", name="net", network=cidr, serial_no=1, reservations=instances, ext_reservations=external)


class NewPoolTests(SynchronousTestCase):
    def test_first_and_last_address_are_kept_from_instances(self) -> None:
        pool = IpPool.new("192.0.2.0/29")
        self.assertEqual(pool.external_addresses, ["192.0.2.0", "192.0.2.7"])
        self.assertEqual((pool.size, pool.free_count, pool.reserved_count), (8, 6, 2))
        self.assertEqual(pool.map, "X......X")

    def test_bits_of_a_host_are_left_out(self) -> None:
        self.assertEqual(str(IpPool.new("192.0.2.5/29").subnet), "192.0.2.0/29")

    def test_sizes(self) -> None:
        self.assertEqual(IpPool.new("192.0.2.0/30").free_count, 2)
        self.assertEqual(IpPool.new("10.0.0.0/12").size, 2**20)
        for text in ("192.0.2.0/31", "192.0.2.1", "10.0.0.0/11", "10.0.0.0/8"):
            self.assertRaises(BadRequest, IpPool.new, text)

    def test_what_is_no_ipv4_network_is_refused(self) -> None:
        for text in ("", "net", "2001:db8::/64", "192.0.2.0/33", "192.0.2/24", "1.2.3.4.5/24"):
            error = self.assertRaises(BadRequest, IpPool.new, text)
            self.assertIn(repr(text), error.text)


class StoredPoolTests(SynchronousTestCase):
    def test_a_recorded_network(self) -> None:
        recorded = sample_config().networks[NET1]
        pool = IpPool.of(recorded)
        self.assertEqual(pool.map, "XXX..XX........X")
        self.assertEqual((pool.free_count, pool.reserved_count), (10, 6))
        self.assertEqual(pool.stored_in(recorded), recorded)
        self.assertTrue(pool.has_instance("192.0.2.2"))
        self.assertFalse(pool.has_external("192.0.2.2"))

    def test_reservations_left_out_are_none(self) -> None:
        pool = IpPool.of(network())
        self.assertEqual((pool.map, pool.stored_in(network()).reservations), ("........", "00000000"))

    def test_what_cannot_be_is_corrupt(self) -> None:
        for broken in (
            network("nonsense"),
            network(instances="0000000x"),
            network(external="0_0"),
            network(instances="000000001"),
        ):
            self.assertIn("net", self.assertRaises(Corrupt, IpPool.of, broken).text)


class TakingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = IpPool.new("192.0.2.0/29")

    def test_the_first_free_address_comes_first(self) -> None:
        pool = self.pool.reserve_external("192.0.2.1").reserve("192.0.2.2")
        ip, pool = pool.take_next()
        self.assertEqual((ip, pool.map), ("192.0.2.3", "XXXX...X"))

    def test_an_address_given_back_is_the_next(self) -> None:
        pool = self.pool
        for _ in range(4):
            _, pool = pool.take_next()
        self.assertEqual(pool.release("192.0.2.2").take_next()[0], "192.0.2.2")

    def test_all_taken(self) -> None:
        pool = self.pool
        for _ in range(6):
            _, pool = pool.take_next()
        self.assertIn("192.0.2.0/29", self.assertRaises(NoRoom, pool.take_next).text)
        everything = IpPool.of(network(instances="1" * 8))
        self.assertRaises(NoRoom, everything.take_next)

    def test_taken_addresses_are_refused(self) -> None:
        pool = self.pool.reserve("192.0.2.3")
        self.assertIn("used by an instance", self.assertRaises(NotUnique, pool.reserve, "192.0.2.3").text)
        self.assertIn("outside of instances", self.assertRaises(NotUnique, pool.reserve, "192.0.2.7").text)
        self.assertRaises(NotUnique, pool.reserve_external, "192.0.2.7")

    def test_an_instance_may_be_given_an_external_address(self) -> None:
        pool = self.pool.reserve_external("192.0.2.3").reserve("192.0.2.3", even_external=True)
        self.assertTrue(pool.has_instance("192.0.2.3") and pool.has_external("192.0.2.3"))
        self.assertRaises(NotUnique, pool.reserve, "192.0.2.3", even_external=True)
        self.assertEqual(pool.reserved_count, 3)

    def test_an_address_in_use_may_be_kept_from_other_instances(self) -> None:
        pool = self.pool.reserve("192.0.2.3").reserve_external("192.0.2.3").release("192.0.2.3")
        self.assertEqual(pool.take_next()[0], "192.0.2.1")
        self.assertTrue(pool.has_external("192.0.2.3"))

    def test_free_addresses_cannot_be_given_back(self) -> None:
        self.assertRaises(WrongState, self.pool.release, "192.0.2.3")
        self.assertRaises(WrongState, self.pool.release_external, "192.0.2.3")

    def test_network_and_broadcast_stay_external(self) -> None:
        for ip in ("192.0.2.0", "192.0.2.7"):
            self.assertIn(ip, self.assertRaises(WrongState, self.pool.release_external, ip).text)

    def test_addresses_elsewhere(self) -> None:
        for ip in ("192.0.2.8", "192.0.1.255", "2001:db8::1", "", "x", "192.0.2.01"):
            for method in (
                self.pool.reserve,
                self.pool.release,
                self.pool.reserve_external,
                self.pool.release_external,
            ):
                self.assertRaises(BadRequest, method, ip)
            self.assertNotIn(ip, self.pool)
        self.assertNotIn(None, self.pool)
        self.assertIn("192.0.2.0", self.pool)


class Ipv6Tests(SynchronousTestCase):
    def test_networks(self) -> None:
        self.assertEqual(ipv6_network("2001:DB8:0::/64"), "2001:db8::/64")
        for text in ("192.0.2.0/24", "2001:db8::/129", "x"):
            self.assertRaises(BadRequest, ipv6_network, text)

    def test_gateways(self) -> None:
        self.assertEqual(gateway6("2001:DB8::1", "2001:db8::/64"), "2001:db8::1")
        self.assertEqual(gateway6("fe80::1", None), "fe80::1")
        for text, inside in (("2001:db9::1", "2001:db8::/64"), ("2001:db8::1", None), ("192.0.2.1", None), ("x", None)):
            self.assertRaises(BadRequest, gateway6, text, inside)


class PoolMachine(RuleBasedStateMachine):
    """The pool against two sets of addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = IpPool.new("198.51.100.0/28")
        self.all = [str(ip) for ip in self.pool.subnet]
        self.instances: set[str] = set()
        self.external = {self.all[0], self.all[-1]}

    addresses = st.integers(0, 15).map("198.51.100.{}".format)

    @rule(ip=addresses, even_external=st.booleans())
    def reserve(self, ip: str, even_external: bool) -> None:
        if ip in self.instances or (ip in self.external and not even_external):
            self.refused(NotUnique, lambda: self.pool.reserve(ip, even_external=even_external))
        else:
            self.pool = self.pool.reserve(ip, even_external=even_external)
            self.instances.add(ip)

    @rule(ip=addresses)
    def release(self, ip: str) -> None:
        if ip in self.instances:
            self.pool = self.pool.release(ip)
            self.instances.remove(ip)
        else:
            self.refused(WrongState, lambda: self.pool.release(ip))

    @rule(ip=addresses)
    def reserve_external(self, ip: str) -> None:
        if ip in self.external:
            self.refused(NotUnique, lambda: self.pool.reserve_external(ip))
        else:
            self.pool = self.pool.reserve_external(ip)
            self.external.add(ip)

    @rule(ip=addresses)
    def release_external(self, ip: str) -> None:
        if ip in self.external and ip not in (self.all[0], self.all[-1]):
            self.pool = self.pool.release_external(ip)
            self.external.remove(ip)
        else:
            self.refused(WrongState, lambda: self.pool.release_external(ip))

    @rule()
    @precondition(lambda self: self.free())
    def take_next(self) -> None:
        ip, self.pool = self.pool.take_next()
        assert ip == self.free()[0]
        self.instances.add(ip)

    @rule()
    @precondition(lambda self: not self.free())
    def nothing_left(self) -> None:
        self.refused(NoRoom, self.pool.take_next)

    def free(self) -> list[str]:
        return [ip for ip in self.all if ip not in self.instances | self.external]

    def refused(self, kind: type[Exception], step: object) -> None:
        try:
            step()  # type: ignore[operator]
        except kind:
            return
        raise AssertionError(f"no {kind.__name__}")

    @invariant()
    def agrees(self) -> None:
        assert self.pool.map == "".join("." if ip in self.free() else "X" for ip in self.all)
        assert self.pool.free_count == len(self.free())
        assert self.pool.free_count + self.pool.reserved_count == self.pool.size
        assert self.pool.external_addresses == [ip for ip in self.all if ip in self.external]
        stored = self.pool.stored_in(network("198.51.100.0/28"))
        assert stored.reservations == "".join(str(int(ip in self.instances)) for ip in self.all)
        assert IpPool.of(stored) == self.pool


class PoolMachineTests(SynchronousTestCase):
    def test_any_sequence_of_steps(self) -> None:
        case = PoolMachine.TestCase
        case.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
        case("runTest").runTest()

    @settings(max_examples=50, deadline=None)
    @given(st.integers(0, 2**32 - 1), st.integers(12, 30))
    def test_any_subnet_is_stored_and_read_alike(self, start: int, prefix: int) -> None:
        pool = IpPool.new(f"{'.'.join(str(b) for b in start.to_bytes(4, 'big'))}/{prefix}")
        ip, taken = pool.take_next()
        stored = taken.stored_in(network(str(pool.subnet)))
        self.assertEqual(IpPool.of(stored), taken)
        self.assertEqual(len(stored.reservations), 2 ** (32 - prefix))
        self.assertEqual(taken.release(ip), pool)
