"""Where the master asks, and for what."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.api.query.seam import Sources
from ganeti_tw.api.query.sources import ClusterSources
from ganeti_tw.config.keeper import Published
from ganeti_tw.kernel import Ref
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.nodes.patience import Patience
from ganeti_tw.operations.steps.storages import storage_shown
from ganeti_tw.protocol.instance import Console, GetConsole, ListInstances
from ganeti_tw.protocol.jobs import ListJobs
from ganeti_tw.protocol.locks import ListLocks
from ganeti_tw.protocol.node import GetFigures
from query_samples import FIGURES, INST1, NODE, changed, guest, recorded, started


class FakeRef(Ref):
    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []
        self.path, self.rank = "fake", 0

    def tell(self, message: Any) -> None:
        raise NotImplementedError

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        self.asked.append((message, timeout))
        return succeed(self.answer)

    def watch(self, watcher: Ref) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


class FakeLinks:
    def __init__(self, ref: FakeRef) -> None:
        self.found, self.to = ref, []

    def ref(self, node_name: str, actor_path: str, rank: int = 0) -> Ref:
        self.to.append((node_name, actor_path))
        return self.found


class ClusterSourcesTests(SynchronousTestCase):
    def make(self, answer: Any) -> ClusterSources:
        self.ref = FakeRef(answer)
        self.links = FakeLinks(self.ref)
        directory = Directory("master.ref.example", None, self.links)  # type: ignore[arg-type]
        self.config = recorded()
        return ClusterSources(Published(self.config), Patience(directory, Clock()), self.ref, self.ref, timeout=4)

    def result(self, work: Any) -> Any:
        return self.successResultOf(started(work))

    def test_fits_the_seam(self) -> None:
        sources: Sources = self.make(None)
        self.assertIs(sources.config, self.config)

    def test_instances_are_listed_for_the_enabled_hypervisors(self) -> None:
        sources = self.make((guest(),))
        self.assertEqual(self.result(sources.instances_on(self.config.nodes[NODE])), (guest(),))
        self.assertEqual(self.ref.asked, [(ListInstances(("fake",)), 4)])
        self.assertEqual(self.links.to, [("ref1.ref.example", "node")])

    def test_figures_are_those_of_the_first_storage(self) -> None:
        sources = self.make(FIGURES)
        self.assertEqual(self.result(sources.figures(self.config.nodes[NODE])), FIGURES)
        self.assertEqual(self.ref.asked, [(GetFigures("fake", "file", "/srv/ganeti/file-storage"), 4)])

    def test_consoles_leave_out_what_they_do_not_have(self) -> None:
        sources = self.make(Console("inst1.ref.example", "msg", message="none"))
        found = self.result(sources.console(self.config.instances[INST1]))
        self.assertEqual(found, {"instance": "inst1.ref.example", "kind": "msg", "message": "none"})
        ((message, timeout),) = self.ref.asked
        self.assertIsInstance(message, GetConsole)
        self.assertEqual((message.spec.name, timeout), ("inst1.ref.example", 4))

    def test_jobs_and_locks(self) -> None:
        sources = self.make([])
        self.assertEqual(self.result(sources.jobs((3,))), [])
        self.assertEqual(self.result(sources.locks()), [])
        self.assertEqual([m for m, _ in self.ref.asked], [ListJobs((3,)), ListLocks()])


class StorageTests(SynchronousTestCase):
    def of(self, *templates: str, **changes: Any) -> tuple[str, str]:
        config: Config = recorded()
        return storage_shown(changed(config, attrs.evolve(config.cluster, enabled_disk_templates=templates, **changes)))

    def test_the_first_template_with_storage_counts(self) -> None:
        self.assertEqual(self.of("diskless", "drbd", "file", volume_group_name="xenvg"), ("lvm-vg", "xenvg"))
        self.assertEqual(self.of("ext", "sharedfile"), ("sharedfile", "/srv/ganeti/shared-file-storage"))

    def test_none(self) -> None:
        self.assertEqual(self.of("diskless"), ("file", ""))
        self.assertEqual(self.of("plain"), ("file", ""))
