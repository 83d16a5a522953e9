"""The tables of fields, beside those of the original."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.api.query.engine import RESOURCES, query_fields
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.names import natural_key
from query_samples import data

NAMES = ("filter", "group", "instance", "job", "lock", "network", "node")


def original(resource: str) -> dict[str, tuple[str, str]]:
    """Name -> title and kind, with a name for each index of a family."""
    found = {}
    for f in data("reference/query_fields.json")["resources"][resource]["fields"]:
        low, high = f.get("index_range", (0, 0))
        for index in range(low, high + 1):
            name, title = (
                f[key].replace("/N", f"/{index}") if "index_range" in f else f[key] for key in ("name", "title")
            )
            found[name] = (title, f["kind"])
    return found


class FieldTableTests(SynchronousTestCase):
    def test_names_titles_and_kinds_are_those_of_the_original(self) -> None:
        for resource in NAMES:
            ours = {f.name: (f.title, f.kind) for f in RESOURCES[resource].fields.values()}
            self.assertEqual(ours, original(resource), resource)

    def test_there_are_as_many_as_the_original_counts(self) -> None:
        resources = data("reference/query_fields.json")["resources"]
        for resource in NAMES:
            self.assertEqual(len(RESOURCES[resource].fields), resources[resource]["total_field_names"], resource)

    def test_live_fields_ask_the_nodes_and_others_do_not(self) -> None:
        for resource in ("instance", "node"):
            live = {
                f["name"] for f in data("reference/query_fields.json")["resources"][resource]["fields"] if f["live"]
            }
            self.assertEqual({f.name for f in RESOURCES[resource].fields.values() if f.live}, live)

    def test_names_are_the_keys_and_titles_hold_no_blanks(self) -> None:
        for resource in RESOURCES.values():
            for name, field in resource.fields.items():
                self.assertEqual(name, field.name)
                self.assertNotIn(" ", field.title)
                self.assertTrue(field.doc)


class QueryFieldsTests(SynchronousTestCase):
    def test_all_come_in_natural_order(self) -> None:
        names = [f["name"] for f in query_fields("instance")["fields"]]
        self.assertEqual(names, sorted(names, key=natural_key))
        self.assertEqual(len(names), 292)

    def test_those_named_come_as_asked_for(self) -> None:
        found = query_fields("node", ["sip", "name"])["fields"]
        self.assertEqual([f["name"] for f in found], ["sip", "name"])
        self.assertEqual(set(found[0]), {"name", "title", "kind", "doc"})

    def test_an_unknown_name_has_the_kind_unknown(self) -> None:
        (found,) = query_fields("node", ["colour"])["fields"]
        self.assertEqual((found["name"], found["title"], found["kind"]), ("colour", "colour", "unknown"))

    def test_index_after_the_last_is_unknown(self) -> None:
        found: list[Any] = query_fields("instance", ["disk.size/15", "disk.size/16", "nic.ip/8"])["fields"]
        self.assertEqual([f["kind"] for f in found], ["unit", "unknown", "unknown"])

    def test_unknown_resource_and_wrong_types_are_refused(self) -> None:
        self.assertRaises(BadRequest, query_fields, "planet")
        self.assertRaises(BadRequest, query_fields, ["node"])
        self.assertRaises(BadRequest, query_fields, "node", [7])
