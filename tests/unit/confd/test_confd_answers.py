from __future__ import annotations

import json
from typing import Any
from unittest import TestCase

from attrs import evolve

from confd_samples import DATA, KEY, put, recorded_config
from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.desk import Answers
from ganeti_tw.confd.packet import BadPacket, read_reply, read_request, write_message, write_request
from ganeti_tw.model.disk import Disk


class RecordedCasesTests(TestCase):
    """Each question that was put to Ganeti's confd, through both codecs."""

    def setUp(self) -> None:
        self.answers = Answers()

    def exchange(self, type: Any, query: Any) -> Any:
        datagram = write_request(type, query, "r1", KEY, 1000.0)
        try:
            request = read_request(datagram, KEY, 1001.0)
            message = self.answers.answer(request.type, request.query)
        except BadPacket:
            return "no reply"
        back = read_reply(write_message(message, request.rsalt, KEY), KEY, "r1")
        return {"protocol": back.protocol, "status": back.status, "answer": back.answer, "serial": back.serial}

    def test_answers_are_those_that_were_recorded(self) -> None:
        self.answers.begin(Addresses(recorded_config()))
        for case in 2 * json.loads((DATA / "confd.json").read_text())["cases"]:
            with self.subTest(type=case["type"], query=case["query"]):
                found, wanted = self.exchange(case["type"], case["query"]), case["reply"]
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
        answers = Answers()
        answers.begin(Addresses(self.config))
        reply = json.loads(answers.answer(type, json.dumps(query).encode()).text)
        return reply["answer"] if reply["status"] == 0 else (reply["status"], reply["answer"])

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
            self.assertEqual(self.ask(10, path), wanted, path)

    def test_a_path_to_nowhere_is_a_bad_argument(self) -> None:
        for path in ("", "x", "/", "/x", "/nodes/x", "/cluster/cluster_name/x", "/cluster/tags/0"):
            self.assertEqual(self.ask(10, path), (1, 2), path)

    def test_without_a_configuration_every_answer_is_an_error(self) -> None:
        for type in range(12):
            reply = json.loads(Answers().answer(type, b"null").text)
            self.assertEqual((reply["status"], reply["serial"]), (1, 0))

    def test_what_is_too_long_is_an_error_and_found_out_soon(self) -> None:
        instance = self.config.instance("inst1")
        many = [evolve(instance, uuid=f"u{i}", name=f"i{i}.ref.example", nics=()) for i in range(500)]
        nics = [
            evolve(instance.nics[0], uuid=f"n{i}", network=None, ip=f"10.{i // 250}.{i % 250}.1") for i in range(6000)
        ]
        self.config = put(self.config, *many, evolve(many[0], nics=tuple(nics)))
        for type, query in ((6, None), (8, "ref1"), (10, "/instances"), (10, "/")):
            self.assertEqual(self.ask(type, query)[0], 1)
        self.assertIn("does not fit", self.ask(8, "ref1")[1])
        self.assertIn("does not fit", self.ask(10, "/instances")[1])
        self.assertIn("does not fit", self.ask(6)[1])
