"""The instance policy on the command line of new clusters."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.cli import ipolicy
from ganeti_tw.model.defaults import IPOLICY

MIN = "cpu-count=1,disk-count=0,disk-size=0,memory-size=1g,nic-count=0,spindle-use=0"
MAX = "cpu-count=8,disk-count=16,disk-size=1t,memory-size=32g,nic-count=8,spindle-use=12"
LOW = {"cpu-count": 1, "disk-count": 0, "disk-size": 0, "memory-size": 1024, "nic-count": 0, "spindle-use": 0}
HIGH = {
    "cpu-count": 8,
    "disk-count": 16,
    "disk-size": 1048576,
    "memory-size": 32768,
    "nic-count": 8,
    "spindle-use": 12,
}


class InitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.client.answers["init_cluster"] = {"job": 1}

    def init(self, *argv: str) -> dict[str, Any]:
        self.assertEqual(self.world.run("gnt-cluster", "init", *argv, "c"), 0, self.world.err)
        return self.world.client.asked("init_cluster")[-1]

    def test_bounds_and_the_rest(self) -> None:
        given = self.init(
            *("--ipolicy-bounds-specs", f"min:{MIN}/max:{MAX}//max:{MAX}/min:{MIN}", "--ipolicy-std-specs", MIN),
            *("--ipolicy-disk-templates", "file", "--ipolicy-vcpu-ratio", "3", "--ipolicy-spindle-ratio", "1.5"),
        )
        self.assertEqual(
            given["ipolicy"],
            {
                "minmax": [{"min": LOW, "max": HIGH}] * 2,
                "std": LOW,
                "disk-templates": ["file"],
                "vcpu-ratio": 3.0,
                "spindle-ratio": 1.5,
            },
        )
        self.assertNotIn("ispecs", given)

    def test_by_key(self) -> None:
        given = self.init("--specs-cpu-count", "min=2,std=3,max=4", "--specs-mem-size", "max=1g", "--specs-nic-count=")
        self.assertEqual(given["ispecs"], {"cpu-count": {"min": 2, "std": 3, "max": 4}, "memory-size": {"max": 1024}})
        self.assertNotIn("ipolicy", given)

    def test_what_is_wrong_is_named(self) -> None:
        for argv, word in (
            (("--ipolicy-bounds-specs", "default"), "minmax"),
            (("--ipolicy-vcpu-ratio", "default"), "vcpu-ratio"),
            (("--ipolicy-std-specs", "cpu-count=1"), "disk-count"),
            (("--specs-cpu-count", "mean=1"), "mean"),
            (("--specs-cpu-count", "min=x"), "cpu-count"),
            (("--specs-cpu-count", "min=1", "--ipolicy-std-specs", MIN), "--specs-"),
        ):
            self.assertEqual(self.world.run("gnt-cluster", "init", *argv, "c"), 1, argv)
            self.assertIn(word, self.world.err)
        self.assertEqual(self.world.client.calls, [])


class WordTests(SynchronousTestCase):
    def test_the_keys_are_those_of_the_policy(self) -> None:
        self.assertEqual(sorted(ipolicy.SPEC_KEYS), sorted(IPOLICY["std"]))

    def test_what_is_not_there_is_left_out(self) -> None:
        self.assertEqual(ipolicy.words({"vcpu-ratio": 4}), [])

    def test_a_whole_policy(self) -> None:
        std = "cpu-count=1,disk-count=0,disk-size=0,memory-size=1024,nic-count=0,spindle-use=0"
        top = "cpu-count=8,disk-count=16,disk-size=1048576,memory-size=32768,nic-count=8,spindle-use=12"
        self.assertEqual(
            ipolicy.words({"std": LOW, "minmax": [{"max": HIGH, "min": LOW}] * 2}),
            [
                "--ipolicy-std-specs",
                std,
                "--ipolicy-bounds-specs",
                f"min:{std}/max:{top}//min:{std}/max:{top}",
            ],
        )
