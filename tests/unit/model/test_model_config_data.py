from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Corrupt, NoCluster
from ganeti_tw.model.config_data import config_data, rows_from_config_data
from ganeti_tw.model.rows import TOP
from model_samples import new_config, sample_data, sample_rows, sample_text


class WriteTests(SynchronousTestCase):
    def test_the_sample_comes_back_as_it_was(self) -> None:
        self.assertEqual(json.loads(config_data(sample_rows())), sample_data())

    def test_rows_of_other_kinds_are_left_out(self) -> None:
        rows = {**sample_rows(), ("job", "1"): b"{}", ("secret", "hmac"): b'"x"'}
        self.assertEqual(json.loads(config_data(rows)), sample_data())

    def test_unknown_keys_at_the_top_are_kept(self) -> None:
        data = {**sample_data(), "maintenance": {"x": 1}}
        rows = {(p.kind, p.key): p.value for p in rows_from_config_data(json.dumps(data))}
        self.assertEqual(json.loads(config_data(rows)), data)

    def test_nothing_is_written_without_a_cluster(self) -> None:
        self.assertRaises(NoCluster, config_data, {})

    def test_kinds_without_objects_are_empty_objects(self) -> None:
        rows = {k: v for k, v in sample_rows().items() if k[0] in ("config", "cluster")}
        self.assertEqual(json.loads(config_data(rows))["instances"], {})


class ReadTests(SynchronousTestCase):
    def says(self, text: str, *needles: str) -> None:
        error = str(self.assertRaises(Corrupt, rows_from_config_data, text))
        for needle in needles:
            self.assertIn(needle, error)

    def changed(self, **changes: Any) -> str:
        return json.dumps({**sample_data(), **changes})

    def test_text_that_is_no_json_is_refused(self) -> None:
        self.says(sample_text()[:-20], "no JSON")

    def test_a_list_is_refused(self) -> None:
        self.says("[]", "must be an object")

    def test_another_major_version_is_refused_by_number(self) -> None:
        self.says(self.changed(version=2160000), "2160000")

    def test_a_later_minor_version_is_read(self) -> None:
        puts = rows_from_config_data(self.changed(version=3010000))
        self.assertEqual((puts[0].kind, puts[0].key), TOP)

    def test_a_missing_version_is_named(self) -> None:
        self.says(self.changed(version=None), "version")

    def test_missing_sections_are_named(self) -> None:
        data = sample_data()
        del data["disks"], data["networks"]
        self.says(json.dumps(data), "disks, networks missing")

    def test_a_missing_serial_number_is_named(self) -> None:
        data = sample_data()
        del data["serial_no"]
        self.says(json.dumps(data), "serial_no is missing")

    def test_a_section_of_the_wrong_type_is_named(self) -> None:
        self.says(self.changed(nodes=[]), "nodes must be an object")

    def test_an_object_that_does_not_fit_is_named(self) -> None:
        self.says(self.changed(nodes={"x": {"name": 3}}), "node x", "uuid is missing")

    def test_a_new_cluster_can_be_written(self) -> None:
        self.assertEqual(new_config().cluster.cluster_name, "cluster.example")
