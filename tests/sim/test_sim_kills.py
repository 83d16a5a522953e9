"""Processes killed at any moment: what was acknowledged is never lost, what is said to be done is done."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster

FINAL = {"success", "error", "canceled"}
FIELDS = ["id", "status", "opstatus", "opresult", "summary"]


def tag(number: int) -> dict[str, Any]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [f"t{number}"]}


def create(number: int) -> dict[str, Any]:
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": f"web{number}.example",
        "mode": "create",
        "disks": [{"size": 1024}],
        "nics": [{}],
        "pnode": f"node{2 + number % 2}",
        "disk_template": "file",
        "os_type": "noop",
        "name_check": False,
        "ip_check": False,
    }


def delay(number: int) -> dict[str, Any]:
    return {"OP_ID": "OP_TEST_DELAY", "duration": 0.02, "on_nodes": [f"node{1 + number % 3}"], "no_locks": False}


class World:
    """Twenty jobs of several kinds on a cluster, and what a client knows of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cluster = Cluster(seed=seed)
        for host in self.cluster.hosts.values():
            host.disk.delay = self.random.choice((0.0, 0.001, 0.005))
            host.hypervisor.delay = 0.01
        self.acknowledged: dict[int, list[dict[str, Any]]] = {}
        self.told: dict[int, str] = {}  # job -> the final status a client was told

    def submit_all(self) -> None:
        kinds = (tag, create, delay)
        for number in range(20):
            ops = [kinds[number % 3](number)]
            if number % 5 == 0:
                ops.append(tag(100 + number))
            self.cluster.begin("submit", {"ops": ops}).addCallbacks(self._accepted, _ignored, callbackArgs=(ops,))
            self.cluster.settle(self.random.choice((0.0, 0.0, 0.01)))

    def _accepted(self, job: int, ops: list[dict[str, Any]]) -> None:
        self.acknowledged[job] = ops
        self._watch(job, None, 0)

    def _watch(self, job: int, previous: Any, serial: int) -> None:
        asked = {"id": job, "fields": ["status"], "previous": previous, "log_serial": serial, "timeout": 80.0}

        def answered(answer: Any) -> None:
            if answer == "nochange":
                self._watch(job, previous, serial)
            elif answer[0][0] in FINAL:
                self.told[job] = answer[0][0]
            else:
                self._watch(job, answer[0], max([serial, *(entry[0] for entry in answer[1])]))

        self.cluster.begin("wait", asked).addCallbacks(answered, _ignored)

    def jobs(self) -> dict[int, dict[str, Any]]:
        rows = self.cluster.call("query", {"what": "job", "fields": FIELDS})["data"]
        jobs = [dict(zip(FIELDS, (cell[1] for cell in row), strict=True)) for row in rows]
        return {job["id"]: job for job in jobs}

    def locks(self) -> list[Any]:
        rows = self.cluster.call("query", {"what": "lock", "fields": ["name", "owner", "pending"]})["data"]
        return [row for row in rows if row[1][1] or row[2][1]]

    def done(self, op: dict[str, Any]) -> bool:
        """Whether the effect of an operation is there."""
        config = self.cluster.config
        if op["OP_ID"] == "OP_TAGS_SET":
            return set(op["tags"]) <= set(config.cluster.tags)
        if op["OP_ID"] == "OP_INSTANCE_CREATE":
            instance = config.find_instance(op["instance_name"])
            if instance is None:
                return False
            host = self.cluster.hosts[op["pnode"]]
            disks = {name for name, _ in host.storages["file"].disks.values()}
            return instance.name in host.hypervisor.guests and instance.name in disks
        return True


def _ignored(failure: Failure) -> None:
    """The master was killed, or will be."""


class MasterKillTests(SynchronousTestCase):
    def check(self, world: World) -> dict[int, dict[str, Any]]:
        world.cluster.settle(120)
        jobs = world.jobs()
        self.assertEqual(sorted(set(world.acknowledged) - set(jobs)), [], "acknowledged and lost")
        for job in jobs.values():
            self.assertIn(job["status"], FINAL, job)
            self.assertTrue(set(job["opstatus"]) <= FINAL, job)
        self.assertEqual({i: jobs[i]["status"] for i in world.told}, world.told, "another end than was told")
        self.assertEqual(world.locks(), [])
        for number, ops in world.acknowledged.items():
            for op, status in zip(ops, jobs[number]["opstatus"], strict=True):
                if status == "success":
                    self.assertTrue(world.done(op), (number, op))
        return jobs

    def test_killed_at_any_moment(self) -> None:
        interrupted = unharmed = 0
        for seed in range(60):
            world = World(seed)
            world.submit_all()
            world.cluster.settle(world.random.uniform(0, 0.4))
            world.cluster.restart("node1")
            jobs = self.check(world)
            failed = [job for job in jobs.values() if job["status"] == "error"]
            self.assertTrue(all("master process ended" in str(job["opresult"]) for job in failed), failed)
            interrupted += len(failed)
            unharmed += len(jobs) - len(failed)
        # The kills hit jobs in all states, or the test shows nothing.
        self.assertGreater(interrupted, 20)
        self.assertGreater(unharmed, 200)

    def test_killed_again_and_again(self) -> None:
        for seed in range(8):
            world = World(1000 + seed)
            world.submit_all()
            for _ in range(4):
                world.cluster.settle(world.random.uniform(0, 0.1))
                world.cluster.restart("node1")
            self.check(world)

    def test_ids_are_never_given_twice(self) -> None:
        for seed in range(10):
            world = World(2000 + seed)
            world.submit_all()
            world.cluster.restart("node1")
            before = set(world.jobs())
            job = world.cluster.call("submit", {"ops": [tag(500)]})
            self.assertNotIn(job, before)
            self.assertNotIn(job, world.acknowledged)

    def test_the_new_process_holds_what_the_candidates_hold(self) -> None:
        world = World(1)
        world.submit_all()
        world.cluster.restart("node1")
        world.cluster.settle(60)
        self.assert_level(world.cluster)

    def assert_level(self, cluster: Cluster) -> None:
        stores = [cluster.result(host.store.load()) for host in cluster.hosts.values()]
        self.assertEqual([s.serial for s in stores], [stores[0].serial] * len(stores))
        self.assertTrue(all(s.rows == stores[0].rows for s in stores))

    def test_a_candidate_killed_and_restarted_catches_up(self) -> None:
        for seed in range(10):
            world = World(3000 + seed)
            world.cluster.begin("submit", {"ops": [tag(900)]})
            world.cluster.hosts["node3"].kill()
            world.submit_all()
            self.check(world)
            host = world.cluster.hosts["node3"]
            host.boot()

            world.cluster.settle(90)
            self.assert_level(world.cluster)

    def test_a_candidate_cut_off_does_not_hold_up_the_others_for_long(self) -> None:
        cluster = Cluster()
        cluster.call("submit", {"ops": [tag(0)]})
        cluster.settle(1)
        cluster.network.cut("node1", "node3", notice=60.0)
        begin = cluster.clock.seconds()
        job = cluster.call("submit", {"ops": [tag(1)]})
        self.assertLess(cluster.clock.seconds() - begin, 10)
        begin = cluster.clock.seconds()
        cluster.call("submit", {"ops": [tag(2)]})
        self.assertLess(cluster.clock.seconds() - begin, 0.2)
        cluster.settle(1)
        self.assertTrue({"t1", "t2"} <= set(cluster.config.cluster.tags), job)
        cluster.network.mend("node1", "node3")
        cluster.settle(90)
        self.assert_level(cluster)

    def test_the_last_candidate_may_die_and_come_back(self) -> None:
        cluster = Cluster(nodes=2)
        cluster.hosts["node2"].kill()
        waiting: list[Deferred[Any]] = [cluster.begin("submit", {"ops": [tag(n)]}) for n in range(5)]
        self.assertEqual([cluster.result(w) for w in waiting], [1, 2, 3, 4, 5])
        host = cluster.hosts["node2"]
        host.boot()
        cluster.settle(90)
        self.assert_level(cluster)
        cluster.restart("node1")
        cluster.settle(5)
        self.assertEqual(set(cluster.config.cluster.tags), {f"t{n}" for n in range(5)})


class GracefulEndTests(SynchronousTestCase):
    def test_a_stopped_master_undoes_nothing_half(self) -> None:
        """What was running is examined by the next process, not taken back by one that is going."""
        cluster = Cluster()
        cluster.hosts["node2"].hypervisor.delay = 10
        cluster.hosts["node3"].hypervisor.delay = 10
        job = cluster.call("submit", {"ops": [create(1)]})
        waiting = cluster.call("submit", {"ops": [{**create(1), "instance_name": "web9.example"}]})
        cluster.settle(2)
        stopped = cluster.hosts["node1"].system.stop()
        cluster.result(stopped)
        cluster.restart("node1")
        cluster.settle(60)
        rows = cluster.call("query", {"what": "job", "fields": ["id", "status"]})["data"]
        self.assertEqual([[c[1] for c in row] for row in rows], [[job, "error"], [waiting, "success"]])
        config = cluster.config
        self.assertEqual(sorted(i.name for i in config.instances.values()), ["web1.example", "web9.example"])
        disks = cluster.hosts["node3"].storages["file"].disks
        self.assertEqual({name for name, _ in disks.values()}, {"web1.example", "web9.example"})
