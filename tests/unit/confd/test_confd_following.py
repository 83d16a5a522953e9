"""Answers that follow the configuration change by change."""

from __future__ import annotations

import json
from typing import Any
from unittest import TestCase

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from confd_samples import put, recorded_config
from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.desk import REMEMBERED, Answers
from ganeti_tw.model.codec import key_of
from ganeti_tw.model.new import new_nic
from ganeti_tw.model.rows import Delete

IPS = ("10.0.0.1", "10.0.0.2", "10.0.0.3", None)
LINKS = ("main", "br1")
NETWORK = "fcaff84f-ea03-465f-af55-114841192e56"

changes = st.lists(
    st.one_of(
        st.tuples(
            st.just("instance"),
            st.integers(0, 3),
            st.lists(st.tuples(st.sampled_from(IPS), st.sampled_from((None, *LINKS)), st.booleans()), max_size=3),
            st.integers(0, 2),
        ),
        st.tuples(st.just("gone"), st.integers(0, 3)),
        st.tuples(st.just("group"), st.sampled_from(LINKS)),
        st.tuples(st.just("node"), st.integers(0, 2), st.booleans()),
    ),
    max_size=12,
)


class World:
    """A configuration of three nodes in two groups, and up to four instances."""

    def __init__(self) -> None:
        config = recorded_config()
        (node,) = config.nodes.values()
        group = config.groups[node.group]
        self.template = config.instance("inst2")
        other = evolve(group, uuid="g1", name="other", networks={})
        nodes = [evolve(node, uuid=f"n{i}", name=f"n{i}.ref.example", primary_ip=f"10.9.9.{i}") for i in range(3)]
        self.groups = (group.uuid, "g1")
        self.config = put(config, other, *nodes)

    def step(self, change: Any) -> set[tuple[str, str]]:
        kind, *details = change
        if kind == "gone":
            (number,) = details
            self.config = self.config.apply(deletes=[Delete("instance", f"i{number}")])
            return {("instance", f"i{number}")}
        thing = getattr(self, f"_{kind}")(*details)
        self.config = put(self.config, thing)
        return {key_of(thing)}

    def _instance(self, number: int, nics: list[tuple[str | None, str | None, bool]], node: int) -> Any:
        made = [
            new_nic("aa", uuid=f"nic{i}", ip=ip, network=NETWORK if net else None, nicparams={"link": to} if to else {})
            for i, (ip, to, net) in enumerate(nics)
        ]
        name = f"i{number}.ref.example"
        return evolve(self.template, uuid=f"i{number}", name=name, nics=tuple(made), primary_node=f"n{node}")

    def _group(self, link: str) -> Any:
        return evolve(self.config.groups["g1"], networks={NETWORK: {"mode": "bridged", "link": link}})

    def _node(self, number: int, other: bool) -> Any:
        return evolve(self.config.nodes[f"n{number}"], group=self.groups[other])


class AddressTests(TestCase):
    @settings(deadline=None)
    @given(changes)
    def test_following_comes_to_the_same_as_beginning_anew(self, steps: list[Any]) -> None:
        world = World()
        followed = Addresses(world.config)
        for step in steps:
            changed = world.step(step)
            self.assertTrue(followed.follows(world.config))
            followed.change(world.config, changed)
        anew = Addresses(world.config)
        for link in (*LINKS, "br0", "xen-br0"):
            self.assertEqual(followed.on(link), anew.on(link))
            for ip in filter(None, IPS):
                self.assertEqual(followed.owner(link, ip), anew.owner(link, ip))

    def test_only_what_changed_is_looked_at(self) -> None:
        world = World()
        for number in range(4):
            world.step(("instance", number, [(f"10.0.1.{number}", "main", False)], 0))
        addresses = Addresses(world.config)
        looked: list[str] = []

        class Watched(dict[str, Any]):
            def get(self, key: str, default: Any = None) -> Any:
                looked.append(key)
                return super().get(key, default)

        changed = world.step(("instance", 2, [("10.0.1.9", "main", False)], 1))
        addresses.change(evolve(world.config, instances=Watched(world.config.instances)), changed)
        self.assertEqual(looked, ["i2"])

    def test_other_nic_parameters_of_the_cluster_mean_beginning_anew(self) -> None:
        world = World()
        cluster = evolve(world.config.cluster, nicparams={"default": {"mode": "bridged", "link": "br9", "vlan": ""}})
        self.assertFalse(Addresses(world.config).follows(put(world.config, cluster)))


class AnswersTests(TestCase):
    def setUp(self) -> None:
        self.world = World()
        self.answers = Answers()
        self.answers.begin(Addresses(self.world.config))

    def ask(self, type: int, query: Any = None) -> Any:
        return json.loads(self.answers.answer(type, json.dumps(query).encode()).text)["answer"]

    def change(self, *things: Any) -> None:
        config = put(self.world.config, *things)
        self.assertTrue(self.answers.change(config, {key_of(thing) for thing in things}))
        self.world.config = config

    def test_the_same_question_is_worked_out_once(self) -> None:
        first = self.answers.answer(1, b'"n1"')
        self.assertIs(self.answers.answer(1, b'"n1"'), first)

    def test_an_answer_is_forgotten_with_what_it_depends_on_and_no_sooner(self) -> None:
        role, disks = self.answers.answer(1, b'"n1"'), self.answers.answer(9, b'"inst1"')
        self.change(evolve(self.world.config.nodes["n1"], offline=True))
        self.assertIs(self.answers.answer(9, b'"inst1"'), disks)
        self.assertIsNot(self.answers.answer(1, b'"n1"'), role)
        self.assertEqual(self.ask(1, "n1"), 2)

    def test_every_kind_of_answer_follows(self) -> None:
        """Each question before and after each change, against one who begins anew."""
        questions = [(type, query) for type in range(12) for query in (None, "n1", "inst1", "main", "/nodes/n1/name")]
        questions += [(2, {"1": ip}) for ip in IPS if ip] + [(3, {"3": [0, 1, 2]}), (10, "/cluster/tags")]
        world = self.world
        instance, node, cluster = world.config.instance("inst1"), world.config.nodes["n1"], world.config.cluster
        (disk,) = world.config.disks_of(instance)
        top = evolve(world.config.top, serial_no=99)
        for things in (
            (evolve(node, drained=True, primary_ip="10.1.2.3", serial_no=9), top),
            (evolve(node, name="renamed.ref.example"),),
            (evolve(cluster, tags=("t",), serial_no=77, master_node="n1"),),
            (evolve(disk, size=9999),),
            (evolve(instance, primary_node="n2"),),
            (world._instance(1, [("10.0.0.1", "main", False)], 1),),
            (world._group("br1"),),
        ):
            for question in questions:
                self.ask(*question)
            self.change(*things)
            anew = Answers()
            anew.begin(Addresses(self.world.config))
            for type, query in questions:
                text = json.dumps(query).encode()
                self.assertEqual(self.answers.answer(type, text).text, anew.answer(type, text).text, (type, query))

    def test_memory_stays_within_its_bounds(self) -> None:
        for number in range(40_000):
            self.answers.answer(4, b'"%d"' % number)
        self.assertLess(self.answers.remembered(4), REMEMBERED + 1000)
        self.assertEqual(self.ask(4), self.ask(4, "x"))

    def test_without_a_beginning_there_is_nothing_to_follow(self) -> None:
        self.assertFalse(Answers().change(self.world.config, ()))
