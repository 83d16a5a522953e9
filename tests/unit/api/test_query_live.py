"""What queries show of the world, and of nodes that do not answer."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.api.query.engine import query
from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from query_samples import (
    FIGURES,
    INST1,
    NODE,
    FakeSources,
    changed,
    guest,
    late,
    no_pause,
    recorded,
    second_node,
    started,
)

LIVE = ["status", "oper_state", "oper_ram", "oper_vcpus", "console"]
NO_DATA, UNAVAILABLE, OFFLINE = [2, None], [3, None], [4, None]
CONSOLE = {"instance": "inst1.ref.example", "kind": "msg", "message": "none"}


class LiveCase(SynchronousTestCase):
    def show(self, sources: FakeSources, *fields: str, name: str = "inst1", what: str = "instance") -> list[Any]:
        work = query(what, list(fields or LIVE), ["|", ["=", "name", name]], sources, no_pause)
        (row,) = self.successResultOf(started(work))["data"]
        found: list[Any] = row
        return found

    def status(self, config: Config, *guests: Any, name: str = "inst1") -> str:
        cell = self.show(FakeSources(config, {"ref1.ref.example": list(guests)}), "status", name=name)[0]
        self.assertEqual(cell[0], 0)
        return str(cell[1])


class InstanceTests(LiveCase):
    def test_running(self) -> None:
        cells = self.show(FakeSources(guests={"ref1.ref.example": [guest(memory=12)]}))
        self.assertEqual(cells, [[0, "running"], [0, True], [0, 12], [0, 1], [0, CONSOLE]])

    def test_down_though_it_should_run(self) -> None:
        cells = self.show(FakeSources())
        self.assertEqual(cells, [[0, "ERROR_down"], [0, False], UNAVAILABLE, UNAVAILABLE, UNAVAILABLE])

    def test_known_but_shut_down(self) -> None:
        cells = self.show(FakeSources(guests={"ref1.ref.example": [guest(state="shutdown")]}))
        self.assertEqual(cells, [[0, "ERROR_down"], [0, False], UNAVAILABLE, UNAVAILABLE, UNAVAILABLE])

    def test_other_states(self) -> None:
        config = recorded()
        self.assertEqual(self.status(config, name="inst2"), "ADMIN_down")
        self.assertEqual(self.status(config, guest("inst2.ref.example"), name="inst2"), "ERROR_up")
        self.assertEqual(self.status(config, guest(state="paused")), "running")
        offline = changed(config, attrs.evolve(config.instances[INST1], admin_state="offline"))
        self.assertEqual(self.status(offline), "ADMIN_offline")

    def test_a_node_that_does_not_answer_gives_no_data(self) -> None:
        cells = self.show(FakeSources(guests={"ref1.ref.example": late()}))
        self.assertEqual(cells, [[0, "ERROR_nodedown"], NO_DATA, NO_DATA, NO_DATA, NO_DATA])

    def test_an_offline_node_is_not_asked(self) -> None:
        config = recorded()
        sources = FakeSources(changed(config, attrs.evolve(config.nodes[NODE], offline=True)))
        self.assertEqual(self.show(sources), [[0, "ERROR_nodeoffline"], OFFLINE, OFFLINE, OFFLINE, OFFLINE])
        self.assertEqual(sources.asked, [])

    def test_on_a_node_where_it_should_not_be(self) -> None:
        config = recorded()
        config = changed(config, second_node(config))
        elsewhere = FakeSources(config, {"ref2.ref.example": [guest()]})
        self.assertEqual(self.show(elsewhere, "status", "oper_state"), [[0, "ERROR_wrongnode"], [0, True]])
        twice = FakeSources(config, {"ref1.ref.example": [guest(memory=7)], "ref2.ref.example": [guest(memory=9)]})
        self.assertEqual(self.show(twice, "status", "oper_ram"), [[0, "ERROR_wrongnode"], [0, 7]])

    def test_a_dead_node_elsewhere_hides_nothing(self) -> None:
        config = recorded()
        guests = {"ref1.ref.example": [guest()], "ref2.ref.example": late()}
        sources = FakeSources(changed(config, second_node(config)), guests)
        self.assertEqual(self.show(sources, "status"), [[0, "running"]])

    def test_a_forthcoming_instance_answers_every_question(self) -> None:
        config = recorded()
        absent = frozenset({"name", "primary_node", "os", "hypervisor", "admin_state", "admin_state_source"})
        bare = Instance(uuid=INST1, serial_no=1, forthcoming=True, absent=absent)
        config = changed(config, attrs.evolve(bare, name="soon.ref.example", absent=absent - {"name"}))
        cells = self.show(FakeSources(config), *LIVE, "os", "pnode", "hvparams", "disk_template", name="soon")
        self.assertEqual(cells[:5], [[0, "ADMIN_down"], *[UNAVAILABLE] * 4])
        self.assertEqual(cells[5:], [UNAVAILABLE, UNAVAILABLE, [0, {}], [0, "diskless"]])

    def test_a_disk_that_is_not_there_has_no_size(self) -> None:
        config = recorded()
        config = changed(config, attrs.evolve(config.instances[INST1], disks=("gone",)))
        cells = self.show(FakeSources(config), "disk.count", "disk.size/0", "disk.sizes", "disk_usage")
        self.assertEqual(cells, [[0, 1], UNAVAILABLE, [0, [None]], [0, 0]])


class ConsoleTests(LiveCase):
    def test_only_consoles_of_running_instances_are_asked_for(self) -> None:
        sources = FakeSources(guests={"ref1.ref.example": [guest()]})
        answer = self.successResultOf(started(query("instance", ["console"], None, sources, no_pause)))
        self.assertEqual(answer["data"], [[[0, CONSOLE]], [UNAVAILABLE], [UNAVAILABLE]])
        self.assertEqual([a for a in sources.asked if a[0] == "console"], [("console", "inst1.ref.example")])

    def test_an_instance_that_ended_meanwhile_has_none(self) -> None:
        def ended(name: str) -> Any:
            raise WrongState(f"{name} does not run")

        sources = FakeSources(guests={"ref1.ref.example": [guest()]}, console=ended)
        self.assertEqual(self.show(sources, "console"), [UNAVAILABLE])

    def test_a_node_that_falls_silent_gives_no_data(self) -> None:
        def silent(name: str) -> Any:
            raise late()

        sources = FakeSources(guests={"ref1.ref.example": [guest()]}, console=silent)
        self.assertEqual(self.show(sources, "console", "status"), [NO_DATA, [0, "running"]])


class NodeTests(LiveCase):
    FIELDS = ("mtotal", "dfree", "bootid", "spfree", "mfree")

    def node(self, figures: Any = lambda: FIGURES, **changes: Any) -> list[Any]:
        config = recorded()
        sources = FakeSources(changed(config, attrs.evolve(config.nodes[NODE], **changes)), figures=figures)
        return self.show(sources, *self.FIELDS, name="ref1", what="node")

    def test_figures(self) -> None:
        self.assertEqual(self.node(), [[0, 24105], [0, 78568], [0, FIGURES.boot_id], NO_DATA, [0, 23070]])

    def test_a_figure_the_node_cannot_tell_is_no_data(self) -> None:
        unsure = attrs.evolve(FIGURES, disk_free=None)
        self.assertEqual(self.node(lambda: unsure)[1], NO_DATA)

    def test_a_node_that_does_not_answer_gives_no_data(self) -> None:
        def silent() -> Any:
            raise late()

        self.assertEqual(self.node(silent), [NO_DATA] * 5)

    def test_offline_and_not_for_instances(self) -> None:
        self.assertEqual(self.node(offline=True), [OFFLINE] * 5)
        self.assertEqual(self.node(vm_capable=False), [UNAVAILABLE] * 5)

    def test_power_is_known_where_a_program_manages_it(self) -> None:
        config = recorded()
        config = changed(config, attrs.evolve(config.nodes[NODE], ndparams={"oob_program": "/bin/oob"}, powered=False))
        self.assertEqual(self.show(FakeSources(config), "powered", name="ref1", what="node"), [[0, False]])
