"""A config.data of Ganeti's as the beginning of a ledger."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.importing import Imported, imported
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config_data import config_data

SAMPLE = json.loads((Path(__file__).parents[2] / "data" / "config.data.json").read_text())
NOW = 2_000_000_000.0
(OWN,) = (node["name"] for node in SAMPLE["nodes"].values())


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def large(nodes: int = 6, instances: int = 60) -> dict[str, Any]:
    """The sample with more of everything, and keys that only its owner knows."""
    data = copy.deepcopy(SAMPLE)
    own = next(iter(data["nodes"].values()))
    group = own["group"]
    for n in range(1, nodes):
        address = f"10.88.2.{n}"
        data["nodes"][uuid(n)] = {
            **own,
            "uuid": uuid(n),
            "name": f"node{n}.example",
            "primary_ip": address,
            "secondary_ip": address,
            "master_candidate": n < 4,
            "tags": [f"rack:{n}"],
            "serial_no": n,
            "x-asset": f"A{n}",
            "group": group,
        }
    disk = next(d for d in data["disks"].values() if d["dev_type"] == "file")
    instance = next(iter(data["instances"].values()))
    for n in range(1000, 1000 + instances):
        data["disks"][uuid(n + 5000)] = {
            **disk,
            "uuid": uuid(n + 5000),
            "logical_id": ["loop", f"/srv/ganeti/{n}"],
            "nodes": [own["uuid"]],
        }
        data["instances"][uuid(n)] = {
            **instance,
            "uuid": uuid(n),
            "name": f"web{n}.example",
            "disks": [uuid(n + 5000)],
            "primary_node": own["uuid"],
            "nics": [],
            "serial_no": n,
            "tags": ["web", "ä"],
            "notes": {"by": ["hand", None, 1.5]},
        }
        data["instances"][uuid(n)].pop("network_port", None)
    data["cluster"]["candidate_pool_size"] = 4
    data["x-local"] = {"kept": [1, 2, {"deep": True}]}
    return data


def back(found: Imported) -> Any:
    return json.loads(config_data({(p.kind, p.key): p.value for p in found.rows}))


def take(data: Any, name: str = OWN, force: bool = False) -> Imported:
    return imported(json.dumps(data), name, NOW, force)


class ImportTests(SynchronousTestCase):
    maxDiff = 2000

    def refused(self, data: Any, *needles: str, name: str = OWN) -> None:
        text = self.assertRaises(BadRequest, take, data, name).text
        for needle in needles:
            self.assertIn(needle, text)

    def test_everything_is_kept(self) -> None:
        self.assertEqual(back(take(SAMPLE)), SAMPLE)
        data = large()
        found = take(data)
        self.assertEqual(back(found), data)
        self.assertEqual((found.node.name, found.cluster.cluster_name), (OWN, data["cluster"]["cluster_name"]))

    def test_other_nodes_must_be_added_again(self) -> None:
        self.assertEqual(take(SAMPLE).notes, ())
        (note,) = take(large()).notes
        self.assertIn("node1.example, node2.example", note)
        self.assertIn("gnt-node add --readd", note)

    def test_another_node_becomes_the_master(self) -> None:
        data = large()
        for number, was_candidate in ((2, True), (5, False)):
            found = take(data, f"node{number}.example")
            expected = copy.deepcopy(data)
            expected["cluster"] |= {"master_node": uuid(number), "mtime": NOW}
            expected["cluster"]["serial_no"] += 1
            if not was_candidate:
                expected["nodes"][uuid(number)] |= {"master_candidate": True, "mtime": NOW, "serial_no": number + 1}
            expected |= {"mtime": NOW, "serial_no": data["serial_no"] + 1}
            self.assertEqual(back(found), expected)
            self.assertEqual(found.cluster.master_node, uuid(number))
            self.assertIn("is the master now", found.notes[0])

    def test_a_node_that_may_not_be_master(self) -> None:
        for key, value, word in (
            ("offline", True, "offline"),
            ("drained", True, "drained"),
            ("master_capable", False, "master_capable"),
        ):
            data = large()
            data["nodes"][uuid(5)][key] = value
            self.refused(data, "node5.example", word, name="node5.example")

    def test_a_host_that_is_no_node(self) -> None:
        self.refused(SAMPLE, "no node web.example", f"its nodes are {OWN}", name="web.example")
        self.refused(SAMPLE, "no node", name=OWN.partition(".")[0])  # the whole name is wanted

    def test_versions(self) -> None:
        for version, release in ((2160000, "2.16"), (3020000, "3.2"), (4000000, "4.0"), (-1, "-1")):
            self.refused({**SAMPLE, "version": version}, f"version {version} is of Ganeti {release}", "3.0 and 3.1")
        self.refused({**SAMPLE, "version": "3"}, "version")
        for version in (3000000, 3010000):
            self.assertEqual(back(take({**SAMPLE, "version": version})), {**SAMPLE, "version": version})

    def test_what_is_no_configuration(self) -> None:
        for text in ("", "{", "[]", "null", '"x"', '{"version": 3000000}', "[" * 5000):
            self.assertRaises(BadRequest, imported, text, OWN, NOW)

    def test_objects_that_are_wrong_are_named(self) -> None:
        key = next(iter(SAMPLE["instances"]))
        for section, change, needles in (
            ("instances", {key: {"uuid": key}}, (key, "serial_no is missing")),
            ("instances", {key: {**SAMPLE["instances"][key], "disks": 5}}, (key, "disks must be a list")),
            ("instances", {uuid(1): SAMPLE["instances"][key]}, (uuid(1), "uuid is")),
            ("instances", {'a"b': {**SAMPLE["instances"][key], "uuid": 'a"b'}}, ("instance 'a", "is no UUID")),
            ("networks", [], ("networks must be an object",)),
        ):
            self.refused({**SAMPLE, section: change}, *needles)
        self.refused({k: v for k, v in SAMPLE.items() if k != "filters"}, "filters missing")

    def test_what_contradicts_itself_is_refused_unless_forced(self) -> None:
        data = large()
        del data["disks"][uuid(6000)]
        data["instances"][uuid(1001)]["name"] = "web1000.example"
        self.refused(data, f"unknown disk {uuid(6000)}", "2 instances are called web1000.example", "--force")
        found = take(data, force=True)
        self.assertEqual(back(found), data)
        self.assertIn(f"unknown disk {uuid(6000)}", " ".join(found.notes))

    def test_a_master_that_is_not_there_does_not_matter(self) -> None:
        data = copy.deepcopy(SAMPLE)
        data["cluster"]["master_node"] = uuid(77)
        self.assertEqual(take(data, force=True).cluster.master_node, next(iter(SAMPLE["nodes"])))
