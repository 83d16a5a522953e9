from __future__ import annotations

import json
import tracemalloc
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Corrupt
from ganeti_tw.model import codec
from ganeti_tw.model.base import touched
from ganeti_tw.model.instance import Instance, Nic
from model_samples import INST1, sample_data, uuid


def through(kind: str, key: str, plain: Any) -> Any:
    return json.loads(codec.row(codec.from_json(kind, key, plain)).value)


def disk(**changes: Any) -> dict[str, Any]:
    return {"uuid": uuid(1), "dev_type": "plain", "size": 8, "logical_id": ["vg", "lv"], **changes}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = {
    "name": st.text(),
    "primary_node": st.text(),
    "os": st.text(),
    "hypervisor": st.text(),
    "tags": st.lists(st.text()),
    "hvparams": st.dictionaries(st.text(), JSON, max_size=3),
    "admin_state": st.sampled_from(["up", "down", "offline"]),
    "nics": st.lists(
        st.fixed_dictionaries(
            {"mac": st.text()},
            optional={"ip": st.none() | st.text(), "network": st.text(), "nicparams": st.just({}), "new": JSON},
        ),
        max_size=2,
    ),
    "disks": st.lists(st.text()),
    "disks_active": st.booleans(),
    "network_port": st.none() | st.integers(0, 65535),
    "forthcoming": st.booleans(),
    "ctime": st.integers(0, 2**40) | st.floats(0, 1e12),
}
INSTANCES = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries({"uuid": st.just(uuid(1)), "serial_no": st.integers(1, 10**9)}, optional=FIELDS),
    st.dictionaries(st.text(), JSON, max_size=3).filter(
        lambda d: not set(d) & (set(attrs.fields_dict(Instance)) - {"extra", "absent"})
    ),
)


class RoundTripTests(SynchronousTestCase):
    def test_the_sample_loses_nothing(self) -> None:
        data = sample_data()
        for kind, section in codec.SECTIONS.items():
            for key, plain in data[section].items():
                self.assertEqual(through(kind, key, plain), plain)

    def test_the_cluster_of_the_sample_loses_nothing(self) -> None:
        plain = sample_data()["cluster"]
        self.assertEqual(through("cluster", "cluster", plain), plain)

    def test_the_sample_has_no_key_the_classes_lack(self) -> None:
        data = sample_data()
        things = [codec.from_json("cluster", "cluster", data["cluster"])]
        for kind, section in codec.SECTIONS.items():
            things += [codec.from_json(kind, key, plain) for key, plain in data[section].items()]
        self.assertEqual([dict(t.extra) for t in things if t.extra], [])

    @given(INSTANCES)
    def test_any_instance_loses_nothing(self, plain: dict[str, Any]) -> None:
        self.assertEqual(through("instance", uuid(1), plain), plain)

    def test_an_integer_time_stays_an_integer(self) -> None:
        self.assertIn(b'"ctime":0,', codec.row(codec.from_json("disk", uuid(1), disk(ctime=0, mtime=1.5))).value)

    def test_unknown_keys_of_children_are_kept(self) -> None:
        plain = disk(dev_type="drbd", children=[{"dev_type": "plain", "size": 1, "new": [1]}])
        self.assertEqual(through("disk", uuid(1), plain), plain)

    def test_an_explicit_null_is_kept(self) -> None:
        plain = disk(name=None, forthcoming=False)
        self.assertEqual(through("disk", uuid(1), plain), plain)


class EditTests(SynchronousTestCase):
    def test_a_field_that_was_missing_is_written_once_it_has_a_value(self) -> None:
        thing = codec.from_json("disk", uuid(1), disk())
        self.assertEqual(
            codec.to_json(attrs.evolve(thing, mode="ro")), {**disk(), "logical_id": ("vg", "lv"), "mode": "ro"}
        )

    def test_an_optional_field_set_to_none_is_left_out(self) -> None:
        thing = codec.from_json("disk", uuid(1), disk(name="root"))
        self.assertNotIn("name", codec.to_json(attrs.evolve(thing, name=None)))

    def test_a_field_that_was_null_takes_a_value(self) -> None:
        thing = codec.from_json("disk", uuid(1), disk(name=None))
        self.assertEqual(codec.to_json(attrs.evolve(thing, name="root"))["name"], "root")

    def test_a_new_nic_is_written_without_what_it_has_not(self) -> None:
        self.assertEqual(codec.to_json(Nic(uuid="u", mac="m")), {"uuid": "u", "mac": "m", "nicparams": {}})

    def test_touching_raises_the_serial_number_and_sets_the_time(self) -> None:
        thing = touched(codec.from_json("disk", uuid(1), disk(serial_no=4)), 99.5)
        self.assertEqual((thing.serial_no, thing.mtime), (5, 99.5))

    def test_a_row_is_keyed_by_kind_and_uuid(self) -> None:
        put = codec.row(codec.from_json("disk", uuid(1), disk()))
        self.assertEqual((put.kind, put.key), ("disk", uuid(1)))


class CorruptTests(SynchronousTestCase):
    def says(self, plain: Any, text: str, kind: str = "disk") -> None:
        error = self.assertRaises(Corrupt, codec.from_json, kind, uuid(1), plain)
        self.assertIn(text, str(error))

    def test_a_missing_key_is_named(self) -> None:
        self.says({"uuid": uuid(1), "size": 1}, f"disk {uuid(1)}: dev_type is missing")

    def test_a_wrong_type_is_named(self) -> None:
        self.says(disk(size="8"), "size must be an integer")

    def test_true_is_no_number(self) -> None:
        self.says(disk(size=True), "size must be an integer")

    def test_a_wrong_type_in_a_list_is_named(self) -> None:
        self.says(disk(nodes=[1]), "nodes has an item that must be text")

    def test_a_fault_of_a_child_is_named(self) -> None:
        self.says(disk(children=[{"size": 1}]), "children has an item that dev_type is missing")

    def test_a_key_that_is_not_the_uuid_is_refused(self) -> None:
        self.says(disk(uuid=uuid(2)), f"uuid is '{uuid(2)}'")

    def test_what_is_no_object_is_refused(self) -> None:
        self.says([], "must be an object")

    def test_bytes_that_are_no_json_are_refused(self) -> None:
        for value in (b"{", b"\xff", b'"\xff"', b"[" * 100000, b""):
            self.assertRaises(Corrupt, codec.decode, "disk", uuid(1), value)


class MemoryTests(SynchronousTestCase):
    def test_an_instance_with_disk_and_nic_takes_less_than_3_kib(self) -> None:
        data = sample_data()
        text = json.dumps(data["instances"][INST1])
        disk_text = json.dumps(next(iter(data["disks"].values())))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        kept = [
            (codec.from_json("instance", INST1, json.loads(text)), codec.from_json("disk", d["uuid"], d))
            for _ in range(100)
            for d in [json.loads(disk_text)]
        ]
        self.assertLess(tracemalloc.get_traced_memory()[0] / len(kept), 3072)

    def test_repeated_text_is_kept_once(self) -> None:
        a, b = (codec.decode("disk", uuid(1), json.dumps(disk(nodes=[uuid(9)])).encode()) for _ in range(2))
        self.assertIs(a.nodes[0], b.nodes[0])
