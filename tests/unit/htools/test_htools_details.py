"""What small clusters show of rules that the example runs do not reach; the figures are those of Ganeti's 3.0.2."""

from __future__ import annotations

import json
from typing import Any

from runs import InFolder

A, B = "11111111-aaaa-4bbb-8ccc-000000000001", "22222222-aaaa-4bbb-8ccc-000000000002"
GROUP = f"g|{A}|preferred||\n"


def node(name: str, *, group: str = A, state: str = "N", free: int = 15872, tags: str = "", spindles: str = "") -> str:
    count, exclusive, left = spindles.split(",") if spindles else ("1", "N", "0")
    return f"{name}|16384|512|{free}|204800|204800|8|{state}|{group}|{count}|{tags}|{exclusive}|{left}|1|1.0\n"


def instance(
    name: str, nodes: str, template: str = "ext", memory: int = 512, tags: str = "", more: str = "1|-|N"
) -> str:
    primary, _, secondary = nodes.partition(":")
    return f"{name}|{memory}|10240|1|running|Y|{primary}|{secondary}|{template}|{tags}|{more}\n"


class Details(InFolder):
    def cluster(self, nodes: str, instances: str = "", tags: str = "", groups: str = GROUP) -> str:
        return self.write("t.data", f"{groups}\n{nodes}\n{instances}\n{tags}\n")

    def lines(self, *words: str, status: int = 0) -> list[str]:
        got = self.run_tool(*words)
        self.assertEqual(got.status, status, got)
        return got.stdout.splitlines()

    def value(self, lines: list[str], name: str) -> str:
        return next(line.split()[1] for line in lines if line.split()[:1] == [name])


class TagTests(Details):
    def test_every_tool_looks_at_tags(self) -> None:
        nodes = node("n1", state="M", free=14336, tags="power:one") + node("n2", tags="power:one")
        instances = "".join(instance(f"i{n}", "n1:n2", "drbd", tags=f"power:{w}") for n, w in ((1, "one"), (2, "two")))
        path = self.cluster(nodes, instances, "htools:nlocation:power\nhtools:desiredlocation:power\n")
        self.assertEqual(self.value(self.lines("hinfo", "-t", path), "location_score"), "3.00000000")
        initial = self.run_tool("hspace", "-t", path, "-v", "-v", "-l", "1").stderr.splitlines()
        self.assertEqual(self.value(initial, "location_score"), "3.00000000")


class OfflineTests(Details):
    def test_a_group_without_online_nodes_scores_nothing(self) -> None:
        path = self.cluster(node("n1", state="Y"), instance("i1", "n1"))
        lines = self.lines("hinfo", "-t", path)
        self.assertEqual(lines[-1], "Cluster score: 0.00000000")
        self.assertEqual(lines[-2].split(), ["Field", "Value", "Weight"])
        self.assertIn("Nothing to do, exiting", self.lines("hbal", "-t", path))

    def test_the_state_saved_before_knows_nothing_of_nodes_taken_for_offline(self) -> None:
        nodes = node("n1", state="M", free=14336) + node("n2")
        path = self.cluster(nodes, instance("i1", "n1", memory=1536))
        self.lines("hbal", "-t", path, "-O", "n1", "-S", "saved")
        self.assertIn("|M|", (self.folder / "saved.original").read_text())
        self.assertIn("n1|16384|512|14336|204800|204800|8|Y|", (self.folder / "saved.balanced").read_text())

    def test_of_a_node_without_figures_only_name_and_group_are_kept(self) -> None:
        row = f"n2|16384|512|?|204800|204800|8|N|{A}|4|rack:1|Y|3|2|1.5\n"
        path = self.cluster(node("n1", state="M"), instance("i1", "n1"))
        self.write(path, (self.folder / path).read_text().replace("\n\ni1", f"\n{row}\ni1"))
        self.lines("hbal", "-t", path, "-l", "0", "-S", "saved")
        self.assertIn(f"n2|0|0|0|0|0|0|Y|{A}|0||N|0|0|1.0\n", (self.folder / "saved.original").read_text())


class SpindleTests(Details):
    def balanced(self, spindles: str) -> tuple[str, list[str]]:
        nodes = node("n1", state="M", free=12288, spindles="8,Y,5") + node("n2", spindles="8,Y,5")
        more = f"1|{spindles}|N"
        sizes = (512, 512, 2560)
        instances = "".join(instance(f"i{n}", "n1", memory=size, more=more) for n, size in enumerate(sizes))
        lines = self.lines("hbal", "-t", self.cluster(nodes, instances), "-S", "saved")
        rows = [row.split("|") for row in (self.folder / "saved.balanced").read_text().split("\n\n")[1].splitlines()]
        return lines[-2].split()[-1], [row[12] for row in rows]

    def test_spindles_count_wherever_the_disks_are(self) -> None:
        self.assertEqual(self.balanced("2"), ("2.35937500", ["7", "3"]))

    def test_an_unknown_number_leaves_the_node_none(self) -> None:
        self.assertEqual(self.balanced("-"), ("2.48437500", ["5", "-1"]))

    def test_instances_to_come_count_too(self) -> None:
        nodes = node("n1", state="M", spindles="8,Y,8") + node("n2", spindles="8,Y,8")
        path = self.cluster(nodes, instance("i1", "n1", more="1|2|Y"))
        self.assertEqual(self.value(self.lines("hinfo", "-t", path), "free_disk_cv_forth"), "0.12500000")


class ReportTests(Details):
    def test_hcheck_numbers_groups_as_the_data_does(self) -> None:
        groups = f"empty|{B}|preferred||\n{GROUP}"
        path = self.cluster(node("n1", state="M"), groups=groups)
        lines = self.lines("hcheck", "-q", "--machine-readable", "-t", path)
        self.assertEqual(lines[:2], [f"HCHECK_GROUP_UUID_0='{B}'", f"HCHECK_GROUP_UUID_1='{A}'"])
        self.assertIn("HCHECK_INIT_GROUP_1_N1_FAIL=0", lines)
        self.assertFalse([line for line in lines if "GROUP_0_" in line])

    def test_hinfo_lists_groups_that_have_nodes_and_keeps_the_policy_for_those_who_insist(self) -> None:
        path = self.cluster(node("n1", state="M"), groups=f"empty|{B}|preferred||\n{GROUP}")
        lines = self.lines("hinfo", "-v", "-t", path)
        self.assertFalse([line for line in lines if "empty " in line or "ipolicy" in line])
        self.assertEqual(self.lines("hinfo", "-q", "-t", path)[0], "Loaded cluster tags: ")

    def test_the_policy_is_shown_as_it_is_given(self) -> None:
        spec = "memory-size={},cpu-count={},disk-size={},disk-count={},nic-count={},spindle-use={}"
        small, large = spec.format(128, 1, 1024, 1, 2, 1), spec.format(4096, 4, 10240, 16, 8, 12)
        policy = "|128,1,1024,1,2,1|128,1,1024,1,2,1;4096,4,10240,16,8,12|drbd,plain|4.0|32.5\n"
        data = self.cluster(node("n1", state="M"), instance("i1", "n1"), tags=f"\n{policy}")
        for words in (("hbal", "-v"), ("hinfo", "-vv")):
            [line] = [line for line in self.lines(*words, "-t", data) if "ipolicy" in line]
            self.assertEqual(
                line,
                f"Loaded cluster ipolicy: bounds-specs min:{small}/max:{large}; std-specs {small};"
                " disk-templates drbd,plain; vcpu-ratio 4; spindle-ratio 32.5",
            )

    def test_disks_to_come_are_not_missed(self) -> None:
        nodes = node("n1", state="M").replace("|204800|204800|", "|204800|194560|")
        path = self.cluster(nodes, instance("i1", "n1", "plain", more="1|-|Y"))
        self.assertIn("is missing 0 MB ram and 10 GB disk", self.run_tool("hinfo", "-t", path).stderr)

    def test_a_ratio_of_cpus_is_above_nothing(self) -> None:
        got = self.run_tool("hbal", "-t", self.cluster(node("n1")), "--max-cpu", "0")
        self.assertEqual(got.status, 1)
        self.assertIn("Invalid value of the max-cpu ratio, expected >0", got.stderr)


class SqueezeTests(Details):
    def test_nodes_where_instances_are_to_be_stay(self) -> None:
        nodes = node("n1", state="M") + node("n2") + node("n3")
        path = self.cluster(nodes, instance("i1", "n2", "file", more="1|-|Y"))
        self.assertEqual(self.lines("hsqueeze", "-t", path, "--no-headers"), ["n3"])

    def test_commands_name_instances_in_full(self) -> None:
        nodes = node("n1.lab", state="M") + node("n2.lab", free=15360)
        path = self.cluster(nodes, instance("i1.lab", "n2.lab"))
        self.assertIn("    gnt-instance migrate -f -n n1 i1.lab", self.lines("hsqueeze", "-t", path, "-C"))


class RequestTests(Details):
    def ask(self, *words: str, **request: Any) -> dict[str, Any]:
        question = json.loads((self.folder / "hail" / "hail-change-group.json").read_text())
        question["request"] = request
        path = self.write("q.json", json.dumps(question))
        got = self.run_tool("hail", path, *words)
        self.asked = got.stderr
        answer: dict[str, Any] = json.loads(got.stdout)
        return answer

    def test_no_group_to_change_to_fails_each_instance(self) -> None:
        question = json.loads((self.folder / "hail" / "hail-change-group.json").read_text())
        name, given = next(iter(question["instances"].items()))
        group = question["nodes"][given["nodes"][0]]["group"]
        answer = self.ask("-v", type="change-group", instances=[name], target_groups=[group])
        self.assertTrue(answer["success"])
        [[failed, reason]] = answer["result"][1]
        self.assertEqual(failed, name)
        self.assertTrue(reason.startswith("no groups for evacuation: allowed groups was "))
        self.assertIn(f"Received request: change group of {name} to {group}", self.asked)
