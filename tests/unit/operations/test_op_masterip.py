"""What scripts around the address of the cluster see; what becomes of it when a change fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.operations.steps.masterip import set_master_ip
from ganeti_tw.protocol.masterip import SetMasterIp
from operation_samples import FakeHands, cluster, operation, ran

DATA = Path(__file__).resolve().parents[2] / "data"
SEEN: dict[str, dict[str, str]] = json.loads((DATA / "hooks_env.json").read_text())
# There Ganeti 3.0.2 mixes up its arguments: names of the master and of the cluster stand one place too far on.
MIXED_UP = {"GANETI_CLUSTER", "GANETI_OBJECT_TYPE"}


class HookEnvironmentTests(SynchronousTestCase):
    def test_as_scripts_of_a_real_cluster_saw_it(self) -> None:
        data = (DATA / "config.data.json").read_text()
        config = Config.from_rows({(p.kind, p.key): p.value for p in rows_from_config_data(data)})
        message = set_master_ip(config, True)
        for phase, sent in (("pre", message.before), ("post", message.after)):
            seen = {k: v for k, v in SEEN[f"master-ip-turnup-{phase}"].items() if k != "PWD"}
            self.assertEqual({k: sent.get(k) for k in seen if k not in MIXED_UP}, _without(seen, MIXED_UP))
            self.assertEqual(set(sent) - set(seen), {"GANETI_MASTER"})
            self.assertEqual(sent["GANETI_CLUSTER"], config.cluster.cluster_name)

    def test_taking_it_down(self) -> None:
        message = set_master_ip(cluster(), False)
        self.assertEqual(message.after["GANETI_OP_CODE"], "OP_CLUSTER_IP_TURNDOWN")
        self.assertEqual(message.before["GANETI_HOOKS_PATH"], "master-ip-turndown")

    def test_ipv6(self) -> None:
        config = cluster()
        changed = evolve(config.cluster, primary_ip_family=10, master_ip="2001:db8::9", master_netmask=64)
        message = set_master_ip(config.apply([row(changed)]), True)
        self.assertEqual((message.address.ip_version, message.before["GANETI_CLUSTER_IP_VERSION"]), (6, "6"))


class MovedTests(SynchronousTestCase):
    def asked(self, hands: FakeHands) -> list[tuple[bool, str]]:
        return [(m.up, m.address.netdev) for _, m in hands.asked if isinstance(m, SetMasterIp)]

    def test_after_a_change_that_was_not_stored_it_comes_up_as_before(self) -> None:
        hands = FakeHands(cluster())
        hands.editing = DriverError("the disk is full")
        before = hands.config().cluster.master_netdev
        work = ran(operation("OP_CLUSTER_SET_PARAMS", master_netdev="br9"), hands)
        self.failureResultOf(work, DriverError)
        self.assertEqual(self.asked(hands), [(False, before), (True, before)])


def _without(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}
