"""Whoever dies at whatever moment of a move: no guest on two nodes, and it is found again."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.protocol.instance import InstanceSpec, RunningInstance
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.host import SimulatedHost
from ganeti_tw.testing.hypervisor import SimulatedHypervisor

WEB = "web1.example"
CREATE = {
    "OP_ID": "OP_INSTANCE_CREATE", "instance_name": WEB, "mode": "create", "disks": [{"size": 1024}], "nics": [{}],
    "pnode": "node2", "disk_template": "sharedfile", "os_type": "noop", "name_check": False, "ip_check": False,
}  # fmt: skip
MOVE = {"instance_name": WEB, "target_node": "node3"}
TRAVEL = 0.02
LENGTH = {"OP_INSTANCE_MIGRATE": 0.05, "OP_INSTANCE_FAILOVER": 0.02}  # seconds a move takes
MOMENTS = 8


class Jealous(SimulatedHypervisor):
    """Wants its guests for itself."""

    def alone(self, name: str) -> None:
        both = [host for host, peer in self._peers.items() if name in peer.guests]
        assert len(both) == 1, f"{name} runs on {both}"

    def receive(self, guest: RunningInstance) -> None:
        super().receive(guest)
        self.alone(guest.name)

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        await super().start(spec, disks, paused)
        self.alone(spec.name)


class JealousHost(SimulatedHost):
    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster, name)
        self.hypervisor = Jealous(cluster.clock, name, cluster.hypervisors)
        self.hypervisor.travel = TRAVEL


class CrashTests(SynchronousTestCase):
    def play(self, op_id: str, victim: str, power: bool, moment: float) -> None:
        cluster = Cluster(make_host=JealousHost)
        self.addCleanup(cluster.close)
        self.assertEqual(self.ended(cluster, cluster.call("submit", {"ops": [CREATE]})), "success")
        number = cluster.call("submit", {"ops": [{"OP_ID": op_id, **MOVE}]})
        cluster.settle(moment)
        host = cluster.hosts[victim]
        lost = power and WEB in host.hypervisor.guests
        if power:
            host.hypervisor.lose_power()
        host.kill(notice=5.0 if power else 0.0)
        cluster.settle(20)
        host.boot()
        cluster.settle(400)
        self.assertIn(self.ended(cluster, number), ("success", "error", "canceled"))
        running = [name for name, peer in cluster.hypervisors.items() if WEB in peer.guests]
        if lost:
            self.assertLessEqual(len(running), 1)
        elif op_id == "OP_INSTANCE_MIGRATE":
            self.assertEqual(len(running), 1)
        instance = cluster.config.instance(WEB)
        if instance.migrating_to is not None:
            looking = cluster.call("submit", {"ops": [{"OP_ID": "OP_INSTANCE_MIGRATE", **MOVE, "cleanup": True}]})
            self.ended(cluster, looking)
            instance = cluster.config.instance(WEB)
        self.assertEqual((instance.migrating_to, instance.admin_state), (None, "up"))
        starting = cluster.call("submit", {"ops": [{"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": WEB}]})
        self.assertEqual(self.ended(cluster, starting), "success")
        running = [name for name, peer in cluster.hypervisors.items() if WEB in peer.guests]
        self.assertEqual(running, [cluster.config.node(instance.primary_node).name])
        self.assertEqual(cluster.fatal, [])

    def ended(self, cluster: Cluster, number: int) -> str:
        wait = {"id": number, "fields": ["status"], "previous": ["-"], "timeout": 300}
        for _ in range(50):
            status: str = cluster.call("wait", wait)[0][0]
            if status in ("success", "error", "canceled"):
                return status
            wait["previous"] = [status]
        raise AssertionError(f"job {number} is {status}")


def _add(op_id: str, victim: str, power: bool) -> None:
    def test(self: CrashTests) -> None:
        for step in range(MOMENTS):
            moment = LENGTH[op_id] * (step + 0.5) / MOMENTS
            with self.subTest(moment=moment):
                self.play(op_id, victim, power, moment)

    kind = "power" if power else "process"
    setattr(CrashTests, f"test_{op_id.rpartition('_')[2].lower()}_and_the_{kind}_of_{victim}", test)


for _op_id in LENGTH:
    for _victim in ("node1", "node2", "node3"):
        for _power in (False, True):
            _add(_op_id, _victim, _power)
