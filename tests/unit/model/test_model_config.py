from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Corrupt, NoCluster, NotFound, NotUnique
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.new import new_disk, new_instance, new_nic, new_node
from ganeti_tw.model.rows import CLUSTER, TOP, Delete, Put
from model_samples import DEFAULT_GROUP, INST1, NET1, NODE, new_config, sample_config, sample_rows, uuid

N1, N2, N3 = uuid(901), uuid(902), uuid(903)


def instance(number: int, name: str, primary: str = N1, disks: tuple[str, ...] = ()) -> Instance:
    return new_instance(
        name, uuid=uuid(number), now=1.0, primary_node=primary, hypervisor="fake", os="deb+x", disks=disks
    )


def drbd(number: int, a: str = N1, b: str = N2) -> Disk:
    return new_disk(
        "drbd", uuid=uuid(number), now=1.0, index=0, size=8, logical_id=(a, b, 11000, 0, 0, "s"), nodes=(a, b)
    )


def with_things(*things: Any) -> Config:
    nodes = [
        new_node(f"{name}.example", uuid=u, now=1.0, primary_ip=f"192.0.2.{n}", group=uuid(1))
        for n, (name, u) in enumerate([("a1", N1), ("a2", N2), ("a10", N3)], 2)
    ]
    return new_config().apply([row(t) for t in (*nodes, *things)])


class LookupTests(SynchronousTestCase):
    def config(self) -> Config:
        return with_things(instance(1, "web.a.example"), instance(2, "web.b.example"), instance(3, "db.example"))

    def test_a_full_name_is_found(self) -> None:
        self.assertEqual(self.config().instance("web.a.example").uuid, uuid(1))

    def test_a_uuid_is_found(self) -> None:
        self.assertEqual(self.config().instance(uuid(3)).name, "db.example")

    def test_a_uuid_beside_the_name_must_fit(self) -> None:
        config = self.config()
        self.assertEqual(config.instance("db", uuid(3)).name, "db.example")
        self.assertEqual(config.instance("", uuid(3)).name, "db.example")
        self.assertIn(uuid(3), self.assertRaises(NotUnique, config.instance, "db", uuid(2)).text)
        self.assertIn(uuid(9), self.assertRaises(NotFound, config.instance, "", uuid(9)).text)
        self.assertRaises(NotFound, config.instance, "", "db")
        self.assertRaises(NotUnique, config.node, "a1", N2)

    def test_several_nodes_by_name_uuid_or_both(self) -> None:
        config = self.config()
        for names, uuids in ((["a1", "a2"], None), ([], [N1, N2]), (["a1", "a2"], [N1, N2]), ([N1, N2], None)):
            self.assertEqual([n.uuid for n in config.nodes_named(names, uuids)], [N1, N2])
        self.assertEqual(config.nodes_named([]), [])
        self.assertRaises(NotUnique, config.nodes_named, ["a1", "a2"], [N2, N1])
        self.assertRaises(BadRequest, config.nodes_named, ["a1", "a2"], [N1])

    def test_a_short_name_is_found_ignoring_case(self) -> None:
        self.assertEqual(self.config().instance("DB").name, "db.example")

    def test_a_short_name_may_have_several_labels(self) -> None:
        self.assertEqual(self.config().instance("web.b").uuid, uuid(2))

    def test_a_short_name_ends_before_a_dot(self) -> None:
        self.assertRaises(NotFound, self.config().instance, "d")

    def test_an_ambiguous_name_is_refused_with_what_it_could_mean(self) -> None:
        error = self.assertRaises(NotFound, self.config().instance, "web")
        self.assertIn("web.a.example, web.b.example", str(error))

    def test_an_exact_match_wins_over_longer_names(self) -> None:
        config = self.config().apply([row(instance(4, "web"))])
        self.assertEqual(config.instance("web").uuid, uuid(4))

    def test_an_unknown_name_is_named(self) -> None:
        self.assertIn("'nosuch'", str(self.assertRaises(NotFound, self.config().node, "nosuch")))

    def test_finding_gives_none_for_the_unknown(self) -> None:
        self.assertIs(self.config().find_instance("nosuch"), None)

    def test_groups_have_no_short_names(self) -> None:
        config = sample_config()
        group = attrs.evolve(config.group("default"), name="rack.one")
        config = config.apply([row(group)])
        self.assertIs(config.find_group("rack"), None)
        self.assertEqual(config.group("rack.one").uuid, DEFAULT_GROUP)

    def test_networks_are_found_by_name(self) -> None:
        self.assertEqual(sample_config().network("net1").uuid, NET1)

    def test_an_unknown_disk_is_named(self) -> None:
        self.assertIn("nosuch", str(self.assertRaises(NotFound, sample_config().disk, "nosuch")))


class RelationTests(SynchronousTestCase):
    def test_the_master_is_a_node(self) -> None:
        self.assertEqual(sample_config().master.name, "ref1.ref.example")

    def test_the_serial_is_that_of_the_top(self) -> None:
        self.assertEqual(sample_config().serial, 65)

    def test_candidates_are_in_order_of_names(self) -> None:
        config = with_things()
        config = config.apply([row(attrs.evolve(config.node("a2"), master_candidate=True))])
        self.assertEqual([n.name for n in config.candidates], ["a2.example", "n1.example"])

    def test_secondary_nodes_follow_from_the_disks(self) -> None:
        config = with_things(instance(1, "web", N2, (uuid(11),)), drbd(11))
        self.assertEqual(config.secondary_nodes(config.instance("web")), (N1,))

    def test_instances_are_found_by_their_nodes(self) -> None:
        config = with_things(instance(1, "web", N2, (uuid(11),)), drbd(11))
        found = [config.primaries(N2), config.secondaries_on(N1), config.primaries(N1), config.secondaries_on(N2)]
        self.assertEqual([[i.name for i in each] for each in found], [["web"], ["web"], [], []])

    def test_those_of_a_node_begin_with_those_it_is_primary_of(self) -> None:
        config = with_things(
            instance(1, "a", N2, (uuid(11),)),
            drbd(11),
            instance(2, "b", N1, (uuid(12),)),
            drbd(12),
            instance(3, "c", N3),
        )
        self.assertEqual([i.name for i in config.instances_on(N1)], ["b", "a"])
        self.assertEqual([i.name for i in config.instances_on(N2)], ["a", "b"])

    def test_a_failover_swaps_primary_and_secondary(self) -> None:
        config = with_things(instance(1, "web", N1, (uuid(11),)), drbd(11))
        config = config.apply([row(attrs.evolve(config.instance("web"), primary_node=N2))])
        self.assertEqual((config.primary_count(N1), config.secondary_count(N1)), (0, 1))

    def test_a_changed_disk_moves_its_owner_to_another_secondary(self) -> None:
        config = with_things(instance(1, "web", N1, (uuid(11),)), drbd(11))
        config = config.apply([row(drbd(11, N1, N3))])
        self.assertEqual((config.secondary_count(N2), config.secondary_count(N3)), (0, 1))

    def test_the_users_of_a_mac_follow_its_nics(self) -> None:
        mac, other = "aa:00:00:00:00:01", "aa:00:00:00:00:02"
        config = with_things(attrs.evolve(instance(1, "web"), nics=(new_nic(mac, uuid=uuid(90)),)))
        self.assertEqual((config.mac_users(mac), config.mac_users(other)), ((config.instance("web").uuid,), ()))
        config = config.apply([row(attrs.evolve(config.instance("web"), nics=(new_nic(other, uuid=uuid(90)),)))])
        self.assertEqual((config.mac_users(mac), config.mac_users(other)), ((), (config.instance("web").uuid,)))

    def test_instances_are_listed_with_digits_as_numbers(self) -> None:
        config = with_things(instance(1, "web10"), instance(2, "web9"))
        config = config.apply([row(instance(3, "web9b")), row(instance(1, "web8"))])
        self.assertEqual([i.name for i in config.instances_by_name()], ["web8", "web9", "web9b"])

    def test_many_new_instances_are_listed_in_order(self) -> None:
        config = with_things(*(instance(n, f"web{n}") for n in range(200, 100, -1)))
        self.assertEqual([i.name for i in config.instances_by_name()], [f"web{n}" for n in range(101, 201)])

    def test_a_disk_knows_its_owner(self) -> None:
        config = with_things(instance(1, "web", N1, (uuid(11),)), drbd(11), drbd(12))
        owner = config.owner_of(uuid(11))
        self.assertEqual((owner.name if owner else None, config.owner_of(uuid(12))), ("web", None))

    def test_a_missing_disk_is_not_passed_over(self) -> None:
        config = with_things(instance(1, "web", N1, (uuid(11),)))
        self.assertRaises(NotFound, config.disks_of, config.instance("web"))

    def test_the_template_is_that_of_the_disks(self) -> None:
        config = sample_config()
        templates = [config.disk_template(config.instance(f"inst{n}")) for n in (1, 2, 3)]
        self.assertEqual(templates, ["file", "diskless", "sharedfile"])

    def test_different_disks_are_mixed(self) -> None:
        plain = new_disk("plain", uuid=uuid(12), now=1.0, index=1, size=8, logical_id=("vg", "lv"), nodes=(N1,))
        config = with_things(instance(1, "web", N1, (uuid(11), uuid(12))), drbd(11), plain)
        self.assertEqual(config.disk_template(config.instance("web")), "mixed")


class FilledTests(SynchronousTestCase):
    def test_hypervisor_parameters_come_from_cluster_then_os_then_instance(self) -> None:
        config = with_things(attrs.evolve(instance(1, "web"), hypervisor="kvm", hvparams={"acpi": False}))
        os_hvp = {"deb+x": {"kvm": {"acpi": True, "vga": "std"}}, "deb": {"kvm": {"keymap": "de"}}}
        config = config.apply([row(attrs.evolve(config.cluster, os_hvp=os_hvp))])
        filled = config.filled_hvparams(config.instance("web"))
        self.assertEqual([filled[k] for k in ("acpi", "vga", "keymap", "kernel_args")], [False, "std", "", "ro"])

    def test_backend_parameters_come_from_cluster_then_instance(self) -> None:
        config = sample_config()
        filled = config.filled_beparams(config.instance("inst1"))
        self.assertEqual((filled["minmem"], filled["maxmem"], filled["vcpus"]), (8, 16, 1))

    def test_a_nic_in_a_network_has_the_parameters_of_the_groups_connection(self) -> None:
        config = sample_config()
        config = config.apply(
            [
                row(
                    attrs.evolve(
                        config.group("default"), networks={NET1: {"mode": "bridged", "link": "br7", "vlan": ""}}
                    )
                )
            ]
        )
        inst = config.instance(INST1)
        nic = attrs.evolve(inst.nics[0], nicparams={})
        self.assertEqual(config.filled_nicparams(inst, nic), {"mode": "bridged", "link": "br7", "vlan": ""})

    def test_node_parameters_come_from_cluster_group_node(self) -> None:
        config = sample_config()
        group = attrs.evolve(config.group("default"), ndparams={"ssh_port": 2222, "ovs": True})
        node = attrs.evolve(config.node(NODE), ndparams={"ovs": False})
        filled = config.apply([row(group), row(node)]).filled_ndparams(node)
        self.assertEqual((filled["ssh_port"], filled["ovs"], filled["spindle_count"]), (2222, False, 1))

    def test_os_parameters_come_from_os_variant_instance(self) -> None:
        config = with_things(attrs.evolve(instance(1, "web"), osparams={"c": "i"}))
        osparams = {"deb": {"a": "os", "b": "os", "c": "os"}, "deb+x": {"b": "variant"}}
        config = config.apply([row(attrs.evolve(config.cluster, osparams=osparams))])
        self.assertEqual(config.filled_osparams(config.instance("web")), {"a": "os", "b": "variant", "c": "i"})

    def test_disk_parameters_come_from_cluster_then_group(self) -> None:
        config = sample_config()
        group = attrs.evolve(config.group("default"), diskparams={"drbd": {"protocol": "A"}})
        filled = config.filled_diskparams(group)["drbd"]
        self.assertEqual((filled["protocol"], filled["metavg"]), ("A", "xenvg"))

    def test_a_policy_comes_from_cluster_then_group_key_by_key(self) -> None:
        config = sample_config()
        group = attrs.evolve(config.group("default"), ipolicy={"vcpu-ratio": 2.0})
        filled = config.filled_ipolicy(group)
        self.assertEqual((filled["vcpu-ratio"], filled["spindle-ratio"]), (2.0, 32))


class ApplyTests(SynchronousTestCase):
    def test_the_old_configuration_stays_as_it_was(self) -> None:
        old = with_things(instance(1, "web"))
        old.apply([row(instance(1, "new"))], [Delete("node", N2)])
        self.assertEqual((old.instance("web").uuid, old.node("a2").uuid), (uuid(1), N2))

    def test_what_does_not_change_is_shared(self) -> None:
        old = with_things(instance(1, "web"))
        new = old.apply([row(attrs.evolve(old.instance("web"), admin_state="up"))])
        self.assertIs(new.nodes, old.nodes)
        self.assertIs(new._primaries, old._primaries)

    def test_a_deleted_instance_is_not_found(self) -> None:
        config = with_things(instance(1, "web")).apply((), [Delete("instance", uuid(1))])
        self.assertIs(config.find_instance("web"), None)

    def test_names_may_be_swapped_in_one_change(self) -> None:
        config = with_things(instance(1, "web"), instance(2, "db"))
        config = config.apply([row(instance(1, "db")), row(instance(2, "web"))])
        self.assertEqual((config.instance("web").uuid, config.instance("db").uuid), (uuid(2), uuid(1)))

    def test_other_kinds_change_nothing(self) -> None:
        config = with_things()
        self.assertIs(config.apply([Put("job", "7", b"{}")], [Delete("job", "6")]), config)

    def test_deleting_what_is_not_there_changes_nothing(self) -> None:
        config = with_things().apply((), [Delete("instance", uuid(1)), Delete("disk", uuid(2))])
        self.assertEqual(config.instances, {})

    def test_a_corrupt_row_is_named(self) -> None:
        error = self.assertRaises(Corrupt, with_things().apply, [Put("node", N1, b"{}")])
        self.assertIn(N1, str(error))

    def test_the_cluster_cannot_be_deleted(self) -> None:
        self.assertRaises(NoCluster, with_things().apply, (), [Delete(*CLUSTER)])

    def test_an_empty_ledger_has_no_configuration(self) -> None:
        self.assertRaises(NoCluster, Config.from_rows, {})

    def test_rows_of_other_kinds_are_ignored_at_the_start(self) -> None:
        rows = sample_rows()
        rows["job", "1"] = b"no JSON at all"
        self.assertEqual(Config.from_rows(rows).serial, 65)

    def test_the_top_can_be_changed(self) -> None:
        config = sample_config()
        top = attrs.evolve(config.top, serial_no=66)
        self.assertEqual(config.apply([row(top)]).serial, 66)
        self.assertEqual((row(top).kind, row(top).key), TOP)


NAMES = [f"{label}{domain}" for label in ("web", "db") for domain in ("", ".a", ".b.c")]
STEP = st.one_of(
    st.tuples(
        st.just("instance"),
        st.integers(1, 4),
        st.sampled_from(NAMES),
        st.sampled_from([N1, N2, ""]),
        st.lists(st.sampled_from([11, 12, 13]), max_size=3),
    ),
    st.tuples(st.just("disk"), st.integers(11, 13), st.sampled_from([N1, N2, N3]), st.sampled_from([N1, N2, N3])),
    st.tuples(st.just("delete instance"), st.integers(1, 4)),
    st.tuples(st.just("delete disk"), st.integers(11, 13)),
)


def rows_of(config: Config) -> dict[tuple[str, str], bytes]:
    things = [config.top, config.cluster]
    for mapping in (config.nodes, config.groups, config.instances, config.disks, config.networks, config.filters):
        things.extend(mapping.values())  # type: ignore[attr-defined]
    return {(p.kind, p.key): p.value for p in map(row, things)}


class EquivalenceTests(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.lists(STEP, min_size=1, max_size=3), max_size=6))
    def test_changes_one_by_one_give_what_all_rows_give(self, changes: list[list[tuple[Any, ...]]]) -> None:
        config = START
        for change in changes:
            puts: list[Put] = []
            deletes: list[Delete] = []
            for step in change:
                if step[0] == "instance":
                    puts.append(row(instance(step[1], step[2], step[3], tuple(map(uuid, step[4])))))
                elif step[0] == "disk":
                    puts.append(row(drbd(step[1], step[2], step[3])))
                else:
                    deletes.append(Delete(step[0].split()[1], uuid(step[1])))
            config = config.apply(puts, deletes)
        self.assertEqual(
            attrs.asdict(config, recurse=False), attrs.asdict(Config.from_rows(rows_of(config)), recurse=False)
        )


START = with_things()
