"""--explain: every node is accounted for, and what is decided stays as it is."""

from __future__ import annotations

import json
import re
from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters, new_instance, text_of
from ganeti_tw.cli.htools.explain import comparison
from ganeti_tw.htools.allocate import Rules, in_best_group
from ganeti_tw.htools.balance import Limits, balance
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.score import score
from ganeti_tw.htools.why import Placing, parts_of
from ganeti_tw.htools.why_balance import Explainer
from runs import DATA, InFolder

properties = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


class PlacingTests(TestCase):
    @properties
    @given(clusters(), st.sampled_from([256, 8192, 30000]), st.sampled_from(["drbd", "plain", "ext"]), st.booleans())
    def test_every_other_node_has_a_reason_or_is_no_better(
        self, cluster: Cluster, memory: int, template: str, careful: bool
    ) -> None:
        instance = new_instance(cluster, memory, template, ("svc:a",))
        rules = Rules(capacity_checks=careful)
        pairs = template == "drbd"
        chosen = in_best_group(cluster, instance, 2 if pairs else 1, rules).chosen
        taken = chosen.allocation.best if chosen else None
        everything = range(len(cluster.nodes))
        why = Placing(cluster, instance, everything, everything, rules, pairs=pairs).compare(taken)
        first = why.questions[0]
        others = {n.hardware.name for n in cluster.nodes}
        if taken is not None:
            others.remove(cluster.nodes[taken.place.primary].hardware.name)
        self.assertEqual({rival.name for rival in first.rivals}, others)
        for question in why.questions:
            for rival in question.rivals:
                if rival.reason is not None:
                    self.assertNotEqual(rival.reason.constraint, "it would fit")
                else:
                    assert rival.worse is not None
                    self.assertGreaterEqual(rival.worse, 0.0)
                    self.assertAlmostEqual(sum(part.worse for part in rival.parts), rival.worse, places=7)

    def test_offline_nodes_and_tags_are_named(self) -> None:
        got = "\n".join(_explained(16))
        self.assertIn("node3   offline or drained", got)
        self.assertRegex(got, r"node1 +exclusion tag svc:a: held by web1")

    def test_many_nodes_share_lines(self) -> None:
        got = _explained(60)
        self.assertLess(len(got), 25)
        self.assertTrue(any(line.strip() == "offline or drained (1):" for line in got), got)
        self.assertTrue(any(re.search(r"worse still", line) for line in got))


def _explained(nodes: int) -> list[str]:
    cluster = cluster_of(text_of(1, nodes, 0, plain=True))
    web = new_instance(cluster, 512, "ext", ("svc:a",))
    web.name = "web1"
    held = cluster.nodes[1].with_primary(web, 0)
    assert not isinstance(held, Fail)
    cluster.instances.append(web)
    cluster.nodes[1] = held
    cluster.nodes[3].hardware.offline = True
    instance = new_instance(cluster, 512, "ext", ("svc:a",))
    rules = Rules(capacity_checks=False)
    chosen = in_best_group(cluster, instance, 1, rules).chosen
    assert chosen is not None
    everything = range(nodes)
    placing = Placing(cluster, instance, everything, everything, rules, pairs=False)
    return list(comparison(cluster, instance, placing.compare(chosen.allocation.best)))


class BalancingTests(TestCase):
    @properties
    @given(clusters(), st.booleans(), st.booleans())
    def test_each_step_is_no_worse_than_any_other_move(self, cluster: Cluster, disk: bool, evacuating: bool) -> None:
        limits = Limits(steps=4, disk_moves=disk, evacuating=evacuating)
        explainer = Explainer(cluster, 0, limits)
        before = cluster.copy()
        last = score(before.nodes)
        for step in balance(cluster, 0, limits):
            why = explainer.step(step)
            self.assertAlmostEqual(why.gain, last - step.score)
            self.assertAlmostEqual(sum(part.worse for part in why.gained), why.gain, places=7)
            last = step.score
            asked = {rival.name for rival in why.rivals}
            for node in cluster.nodes:
                if node.hardware.index not in (*step.old[:2], *step.new[:2]):
                    self.assertIn(node.hardware.name, asked)
            for rival in [*why.rivals, *([why.others] if why.others else [])]:
                if rival.reason is None:
                    assert rival.worse is not None
                    self.assertGreaterEqual(rival.worse, 0.0, rival)
        self.assertTrue(explainer.end())

    @properties
    @given(clusters())
    def test_parts_add_up_to_the_difference(self, cluster: Cluster) -> None:
        before = list(cluster.nodes)
        for _ in balance(cluster, 0, Limits(steps=2)):
            pass
        parts = parts_of(before, cluster.nodes)
        self.assertAlmostEqual(sum(part.worse for part in parts), score(cluster.nodes) - score(before), places=7)


class ToolTests(InFolder):
    def test_hail_answers_as_without(self) -> None:
        for path in sorted((DATA / "hail").glob("*.json")):
            plain = self.run_tool("hail", f"hail/{path.name}")
            told = self.run_tool("hail", f"hail/{path.name}", "--explain")
            self.assertEqual((told.status, told.stdout), (plain.status, plain.stdout), path.name)
            if told.status == 0:
                self.assertEqual(len(told.stdout.splitlines()), 1)
                self.assertGreater(len(told.stderr), len(plain.stderr), path.name)

    def test_hail_names_constraint_and_number(self) -> None:
        got = self.run_tool("hail", "hail/hail-allocate-toobig.json", "--explain").stderr
        self.assertIn("b1.example.net  memory short by 5857 MiB: 12000 needed, 6144 unused", got)
        self.assertIn("g1.example.net  policy memory-size: 12000, at most 8192", got)
        got = self.run_tool("hail", "hail/hail-allocate-plain.json", "--explain").stderr
        self.assertIn("exclusion tag role:web: held by web.example.net", got)

    def test_hail_says_why_a_capacity_check_forbids_the_best_place(self) -> None:
        question = json.loads((DATA / "hail" / "hail-allocate-drbd.json").read_text())
        node = next(iter(question["instances"].values()))["nodes"][1]
        question["nodes"][node].update(offline=True)
        self.write("dead.json", json.dumps(question))
        got = self.run_tool("hail", "dead.json", "--explain").stderr
        self.assertIn("would have no other place if it died, as is the case already", got)
        self.assertIn("offline or drained", got)

    def test_hbal_prints_its_lines_as_without(self) -> None:
        plain = self.run_tool("hbal", "-t", "three-nodes.data")
        told = self.run_tool("hbal", "-t", "three-nodes.data", "--explain")
        rest = told.stdout.splitlines()
        for line in plain.stdout.splitlines():
            self.assertIn(line, rest)
        self.assertIn("best of the other instances: web1.lab.example r:gamma f, worse by 0.11785113", told.stdout)
        self.assertIn("No further move: no single move makes it any better.", told.stdout)

    def test_documents_and_variables_stay_alone_on_standard_output(self) -> None:
        for words in (
            ("hbal", "-t", "three-nodes.data", "--json"),
            ("hspace", "-t", "three-nodes.data", "--json"),
            ("hspace", "-t", "two-groups.data", "--machine-readable"),
        ):
            plain, told = self.run_tool(*words), self.run_tool(*words, "--explain")
            self.assertEqual(plain.stdout, told.stdout)
            self.assertGreater(len(told.stderr), len(plain.stderr))

    def test_hspace_says_why_no_more_fit(self) -> None:
        got = self.run_tool("hspace", "-t", "three-nodes.data", "--explain").stdout
        self.assertIn("policy vcpu-ratio short by 1 virtual CPUs: 33 virtual on 8 real CPUs, at most 4 for each", got)
        self.assertIn("N+1 capacity: the instances of alpha.lab.example would have no other place if it died", got)
        for name in ("exclusive-storage", "mixed-templates"):
            for template in ("drbd", "plain"):
                words = ("-t", f"{name}.data", "--disk-template", template, "--no-capacity-checks", "-l", "3")
                told = self.run_tool("hspace", *words, "--explain")
                plain = self.run_tool("hspace", *words)
                self.assertEqual(told.status, plain.status)
                for line in plain.stdout.splitlines():
                    self.assertIn(line, told.stdout)

    def test_hspace_refused_names_the_nodes(self) -> None:
        got = self.run_tool("hspace", "-t", "n1-trouble.data", "--explain").stdout
        self.assertIn("t1  5120 MiB reserved for failovers, 1536 MiB unused", got)

    def test_left_out_instances_are_named(self) -> None:
        got = self.run_tool("hbal", "-t", "mixed-templates.data", "--explain").stdout
        self.assertIn("auto_balance is off (1): b-drbd", got)
