from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.defaults import IPOLICY
from ganeti_tw.model.policy import Size, check, instance_violations, only_enabled, size_of, updated, violations
from model_samples import sample_config

FITS = Size(memory=(1024,), vcpus=2, disks=(2048,), nics=1, spindle_use=1, template="plain")


def pair(low: int, high: int) -> dict[str, dict[str, int]]:
    keys = IPOLICY["std"]
    return {"min": dict.fromkeys(keys, low), "max": dict.fromkeys(keys, high)}


class ViolationTests(SynchronousTestCase):
    def says(self, *texts: str, **changes: Any) -> None:
        self.assertEqual(violations(IPOLICY, attrs.evolve(FITS, **changes)), list(texts))

    def test_what_fits_violates_nothing(self) -> None:
        self.says()

    def test_too_much_memory_is_told(self) -> None:
        self.says("memory-size 65536 is not in the range 128 to 32768", memory=(65536,))

    def test_too_little_memory_on_a_change_is_told(self) -> None:
        self.says("memory-size 64 is not in the range 128 to 32768", memory=(1024, 64))

    def test_each_disk_counts(self) -> None:
        self.says("disk-size 8 is not in the range 1024 to 1048576", disks=(2048, 8))

    def test_the_number_of_disks_counts(self) -> None:
        self.says("disk-count 0 is not in the range 1 to 16", disks=())

    def test_the_number_of_disks_of_the_diskless_does_not_count(self) -> None:
        self.says(disks=(), template="diskless")

    def test_a_template_must_be_allowed(self) -> None:
        found = violations({**IPOLICY, "disk-templates": ["file"]}, FITS)
        self.assertEqual(found, ["disk template plain is not allowed"])

    def test_one_pair_that_fits_is_enough(self) -> None:
        self.assertEqual(violations({**IPOLICY, "minmax": [pair(0, 0), *IPOLICY["minmax"]]}, FITS), [])

    def test_half_of_one_pair_and_half_of_another_is_not(self) -> None:
        small, large = pair(0, 4), pair(1000, 5000)
        self.assertNotEqual(violations({**IPOLICY, "minmax": [small, large]}, FITS), [])

    def test_an_instance_of_the_sample_fits(self) -> None:
        config = sample_config()
        self.assertEqual(instance_violations(config, config.instance("inst1")), [])

    def test_the_size_of_a_change_has_minmem(self) -> None:
        config = sample_config()
        self.assertEqual(size_of(config, config.instance("inst1"), with_minmem=True).memory, (16, 8))


class CheckTests(SynchronousTestCase):
    def says(self, needle: str, group: bool = False, **changes: Any) -> None:
        ipolicy = {} if group else dict(IPOLICY)
        ipolicy.update({k.replace("_", "-"): v for k, v in changes.items()})
        self.assertIn(needle, str(self.assertRaises(BadRequest, check, ipolicy, group)))

    def test_the_default_is_sound(self) -> None:
        check(IPOLICY)

    def test_unknown_keys_are_named(self) -> None:
        self.says("'x'", x=1)

    def test_groups_have_no_std(self) -> None:
        self.says("std", group=True, std=IPOLICY["std"])

    def test_ratios_are_at_least_1(self) -> None:
        self.says("vcpu-ratio", vcpu_ratio=0.5)

    def test_minima_do_not_exceed_maxima(self) -> None:
        self.says("above the maximum", minmax=[pair(2, 1)])

    def test_pairs_have_all_keys(self) -> None:
        self.says("cpu-count", minmax=[{"min": {}, "max": {}}])

    def test_there_is_a_pair(self) -> None:
        self.says("at least one pair", minmax=[])

    def test_std_lies_in_a_pair(self) -> None:
        self.says("std must lie", minmax=[pair(2, 9)])

    def test_templates_are_known(self) -> None:
        self.says("'floppy'", disk_templates=["floppy"])


class UpdateTests(SynchronousTestCase):
    def says(self, needle: str, given: Any, group: bool = True) -> None:
        own = {} if group else IPOLICY
        self.assertIn(needle, str(self.assertRaises(BadRequest, updated, own, given, group=group)))

    def test_keys_are_replaced_as_a_whole(self) -> None:
        own = {"minmax": [pair(1, 2), pair(3, 4)], "vcpu-ratio": 2.0}
        self.assertEqual(
            updated(own, {"minmax": [pair(0, 9)]}, group=True), {"minmax": [pair(0, 9)], "vcpu-ratio": 2.0}
        )
        self.assertEqual(own["minmax"], [pair(1, 2), pair(3, 4)])

    def test_a_group_gives_keys_back_to_the_cluster(self) -> None:
        for nothing in (None, "default", ["default"], [], {}):
            self.assertEqual(updated({"vcpu-ratio": 2.0}, {"vcpu-ratio": nothing}, group=True), {})

    def test_a_cluster_inherits_nothing(self) -> None:
        self.says("disk-templates", {"disk-templates": "default"}, group=False)

    def test_texts_become_numbers(self) -> None:
        texts = {"min": dict.fromkeys(IPOLICY["std"], "1"), "max": dict.fromkeys(IPOLICY["std"], "2")}
        given = {"minmax": [texts], "spindle-ratio": "8", "std": texts["min"]}
        new = updated(IPOLICY, given, group=False)
        self.assertEqual((new["minmax"], new["spindle-ratio"], new["std"]), ([pair(1, 2)], 8.0, pair(1, 2)["min"]))

    def test_what_is_wrong_is_named(self) -> None:
        for needle, given in (
            ("object", 3),
            ("'x'", {"x": 1}),
            ("'x'", {"x": None}),
            ("vcpu-ratio", {"vcpu-ratio": "x"}),
            ("vcpu-ratio", {"vcpu-ratio": True}),
            ("minmax", {"minmax": "x"}),
            ("minmax", {"minmax": [3]}),
            ("min must be an object", {"minmax": [{"min": 1, "max": {}}]}),
            ("cpu-count", {"minmax": [{"min": {**pair(1, 1)["min"], "cpu-count": "x"}, "max": {}}]}),
            ("disk-templates", {"disk-templates": "file"}),
        ):
            self.says(needle, given)

    def test_only_enabled_templates_may_be_allowed(self) -> None:
        only_enabled({"disk-templates": ["file"]}, ("file", "plain"))
        only_enabled({}, ())
        error = self.assertRaises(BadRequest, only_enabled, {"disk-templates": ["file", "drbd"]}, ("file",))
        self.assertIn("enabled in the cluster: drbd", str(error))
