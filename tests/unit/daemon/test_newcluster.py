"""The instance policy that a new cluster begins with."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.newcluster import beginning, parse
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.defaults import IPOLICY

PAIR = IPOLICY["minmax"][0]


def policy(**options: Any) -> Any:
    begin = beginning(
        parse({"cluster_name": "c.example", "enabled_disk_templates": ["diskless", "file"], **options}),
        node_name="n1.example",
        node_ip="192.0.2.1",
        master_ip="192.0.2.10",
        now=1000.0,
        new_uuid=lambda: "00000000-0000-4000-8000-000000000001",
    )
    return begin.cluster.ipolicy


class PolicyTests(SynchronousTestCase):
    def says(self, needle: str, **options: Any) -> None:
        self.assertIn(needle, str(self.assertRaises(BadRequest, policy, **options)))

    def test_without_a_word(self) -> None:
        self.assertEqual(policy(), {**IPOLICY, "disk-templates": ["diskless", "file"]})

    def test_given_keys_replace_the_built_in_ones(self) -> None:
        low = {**PAIR["min"], "memory-size": 4}
        given = {"minmax": [{"min": low, "max": PAIR["max"]}], "vcpu-ratio": 2, "disk-templates": ["file"]}
        self.assertEqual(policy(ipolicy=given), {**IPOLICY, **given})

    def test_bounds_by_key(self) -> None:
        found = policy(ispecs={"cpu-count": {"min": 2, "std": 3, "max": 4}, "memory-size": {"min": 4}})
        self.assertEqual(found["std"], {**IPOLICY["std"], "cpu-count": 3})
        self.assertEqual(
            found["minmax"],
            [{"min": {**PAIR["min"], "cpu-count": 2, "memory-size": 4}, "max": {**PAIR["max"], "cpu-count": 4}}],
        )

    def test_what_is_wrong_is_named(self) -> None:
        self.says("std must lie", ispecs={"cpu-count": {"min": 2}})
        self.says("'colour'", ispecs={"colour": {"min": 2}})
        self.says("not both", ispecs={"cpu-count": {"min": 1}}, ipolicy={"std": PAIR["min"]})
        self.says("not enabled", ipolicy={"disk-templates": ["plain"]})
        self.says("vcpu-ratio", ipolicy={"vcpu-ratio": 0})
