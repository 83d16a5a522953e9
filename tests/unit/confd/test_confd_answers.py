from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import TestCase

from attrs import evolve

from ganeti_tw.confd.answers import answer
from ganeti_tw.confd.packet import BadPacket, Request, read_reply, read_request, write_reply, write_request
from ganeti_tw.model.codec import SECTIONS, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.rows import CLUSTER, TOP

DATA = Path(__file__).resolve().parents[2] / "data"
KEY = b"0123456789012345678901234567890123456789\n"


def recorded_config() -> Config:
    data = json.loads((DATA / "config.data.json").read_text())
    rows: dict[tuple[str, str], Any] = {
        TOP: {key: data[key] for key in ("version", "serial_no", "ctime", "mtime")},
        CLUSTER: data["cluster"],
    }
    for kind, section in SECTIONS.items():
        rows.update({(kind, uuid): thing for uuid, thing in data[section].items()})
    return Config.from_rows({key: json.dumps(value).encode() for key, value in rows.items()})


def put(config: Config, *things: Any) -> Config:
    return config.apply([row(thing) for thing in things])


class RecordedCasesTests(TestCase):
    """Each question that was put to Ganeti's confd, through both codecs."""

    def exchange(self, config: Config, type: Any, query: Any) -> Any:
        datagram = write_request(type, query, "r1", KEY, 1000.0)
        try:
            request = read_request(datagram, KEY, 1001.0)
            reply = answer(config, request)
        except BadPacket:
            return "no reply"
        back = read_reply(write_reply(reply, request.rsalt, KEY), KEY, "r1")
        return {"protocol": back.protocol, "status": back.status, "answer": back.answer, "serial": back.serial}

    def test_answers_are_those_that_were_recorded(self) -> None:
        config = recorded_config()
        for case in json.loads((DATA / "confd.json").read_text())["cases"]:
            with self.subTest(type=case["type"], query=case["query"]):
                found, wanted = self.exchange(config, case["type"], case["query"]), case["reply"]
                if isinstance(wanted, dict) and wanted["answer"] == "(error text)":
                    self.assertIsInstance(found["answer"], str)
                    found["answer"] = wanted["answer"]
                self.assertEqual(found, wanted)


class AnswerTests(TestCase):
    def setUp(self) -> None:
        self.config = recorded_config()
        (self.first,) = self.config.nodes.values()
        self.second = evolve(
            self.first, name="ref2.ref.example", uuid="22222222-0000", primary_ip="10.88.1.12", master_candidate=False
        )
        self.config = put(self.config, self.second)

    def ask(self, type: int, query: Any = None) -> Any:
        reply = answer(self.config, Request(type, query, "r"))
        return reply.answer if reply.status == 0 else (reply.status, reply.answer)

    def role(self, **flags: bool) -> Any:
        self.config = put(self.config, evolve(self.second, **flags))
        return self.ask(1, "ref2.ref.example")

    def test_roles_in_order_of_precedence(self) -> None:
        self.assertEqual(self.role(), 4)
        self.assertEqual(self.role(master_candidate=True), 1)
        self.assertEqual(self.role(master_candidate=True, offline=True), 2)
        self.assertEqual(self.role(offline=True, drained=True), 3)

    def test_the_master_by_short_name_is_only_a_candidate(self) -> None:
        self.assertEqual((self.ask(1, "ref1.ref.example"), self.ask(1, "ref1")), (0, 1))

    def test_drbd_devices_of_both_ends(self) -> None:
        instance = self.config.instance("inst1")
        (disk,) = self.config.disks_of(instance)
        drbd = Disk(
            uuid=disk.uuid,
            dev_type="drbd",
            size=10,
            logical_id=(self.first.uuid, self.second.uuid, 11000, 3, 7, "secret"),
            nodes=(self.first.uuid, self.second.uuid),
        )
        self.config = put(self.config, drbd)
        self.assertEqual(
            (self.ask(7, "ref1"), self.ask(7, "ref2")),
            (
                [["ref1.ref.example", 3, "inst1.ref.example", "disk/0", "primary", "ref2.ref.example"]],
                [["ref2.ref.example", 7, "inst1.ref.example", "disk/0", "secondary", "ref1.ref.example"]],
            ),
        )
        primaries, secondaries = self.ask(8, "ref2")
        self.assertEqual((primaries, [i["name"] for i in secondaries]), ([], ["inst1.ref.example"]))

    def test_a_path_finds_what_config_data_holds_there(self) -> None:
        whole = json.loads((DATA / "config.data.json").read_text())
        uuid = self.first.uuid
        for path in ("/version", "/cluster/hvparams/kvm/acpi", "/instances", f"/nodes/{uuid}/name", "/nodegroups"):
            wanted: Any = whole
            for key in path[1:].split("/"):
                wanted = wanted[key]
            self.assertEqual(json.loads(json.dumps(self.ask(10, path))), wanted, path)

    def test_a_path_to_nowhere_is_a_bad_argument(self) -> None:
        for path in ("", "x", "/", "/x", "/nodes/x", "/cluster/cluster_name/x", "/cluster/tags/0"):
            self.assertEqual(self.ask(10, path), (1, 2), path)

    def test_without_a_configuration_every_answer_is_an_error(self) -> None:
        for type in range(12):
            reply = answer(None, Request(type, None, "r"))
            self.assertEqual((reply.status, reply.serial), (1, 0))
