"""Where new instances go when each has spindles of its own."""

from __future__ import annotations

import json
from typing import Any

from runs import DATA, InFolder


class DedicatedTests(InFolder):
    """The answers are those of Ganeti's own hail."""

    maxDiff = None

    def ask(self, request: str, policies: dict[str, str], kind: str = "allocate") -> dict[str, Any]:
        question = json.loads((DATA / "hail" / f"hail-{kind}-{request}.json").read_text())
        for group in question["nodegroups"].values():
            group["alloc_policy"] = policies[group["name"]]
            bounds = group["ipolicy"]["minmax"]
            larger = {**bounds[0]["min"], "disk-size": 51200, "memory-size": 1024}
            bounds.append({"min": larger, "max": bounds[0]["max"]})
        for number, node in enumerate(question["nodes"].values()):
            node["ndparams"]["exclusive_storage"] = True
            node["total_spindles"], node["free_spindles"] = 10, 8 - number
        wanted = question["request"].get("instances", [question["request"]])
        for instance in [*question["instances"].values(), *wanted]:
            for disk in instance["disks"]:
                disk["spindles"] = 1
        got = self.run_tool("hail", self.write("question.json", json.dumps(question)))
        self.assertEqual((got.status, got.stderr), (0, ""))
        answer: dict[str, Any] = json.loads(got.stdout)
        return answer

    def test_one_node(self) -> None:
        answer = self.ask("plain", {"blue": "preferred", "green": "unallocable"})
        self.assertEqual(answer["result"], ["b2.example.net"])
        self.assertEqual(
            answer["info"],
            "Request successful: Selected group: blue, Group blue (preferred): score: ([0,1],245760), successes 3,"
            " failures 1 (FailTags: 1) for node(s) b2.example.net, Group green (unallocable): score: ([1,1],358400),"
            " successes 2, failures 0 () for node(s) g2.example.net",
        )

    def test_two_nodes(self) -> None:
        answer = self.ask("drbd", {"blue": "last_resort", "green": "preferred"})
        self.assertEqual(answer["result"], ["g2.example.net", "g1.example.net"])
        self.assertEqual(
            answer["info"],
            "Request successful: Selected group: green, Group blue (last_resort): score: ([0,1],470784), successes 12,"
            " failures 0 () for node(s) b2.example.net/b1.example.net, Group green (preferred): score: ([2,1],716544),"
            " successes 2, failures 0 () for node(s) g2.example.net/g1.example.net",
        )

    def test_a_named_group(self) -> None:
        answer = self.ask("group", {"blue": "unallocable", "green": "preferred"})
        self.assertEqual(
            answer["info"],
            "Request successful: Group green (preferred): score: ([2,1],716544), successes 2, failures 0 ()"
            " for node(s) g2.example.net/g1.example.net",
        )

    def test_several_at_once_in_a_named_group_fail_without_its_name(self) -> None:
        answer = self.ask("group", {"blue": "preferred", "green": "preferred"}, "multi-allocate")
        placed, failed = answer["result"]
        self.assertEqual(placed, [["m1.example.net", ["g2.example.net", "g1.example.net"]]])
        why = "No valid allocation solutions, failure reasons: FailMem: 2"
        self.assertEqual(failed, [["m3.example.net", why]])


class NamedGroupTests(InFolder):
    def test_a_uuid_names_a_group_as_its_name_does(self) -> None:
        for kind in ("allocate", "multi-allocate"):
            question = json.loads((DATA / "hail" / f"hail-{kind}-group.json").read_text())
            by_uuid = json.loads(json.dumps(question))
            by_uuid["request"]["group_name"] = next(
                uuid for uuid, group in question["nodegroups"].items() if group["name"] == "green"
            )
            answers = [
                self.run_tool("hail", self.write("question.json", json.dumps(asked))) for asked in (question, by_uuid)
            ]
            self.assertEqual(answers[0].stdout, answers[1].stdout)
            self.assertIn("score: 0." if kind == "allocate" else "Group green (last_resort)", answers[1].stdout)
