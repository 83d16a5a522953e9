"""Nodes that go together: colours, groups, and what must move first."""

from __future__ import annotations

from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import clusters
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.colouring import METHODS, colour_all_ways, graph_of, statistics
from ganeti_tw.htools.reboot import (
    RebootGroup,
    conflicts,
    migrate_away,
    move_copies,
    move_what_stays_put,
    moved,
    split,
    stays_put,
)
from runs import DATA, InFolder

properties = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
edges = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40)


class ColouringTests(TestCase):
    @properties
    @given(edges)
    def test_neighbours_differ_and_everyone_has_one_colour(self, pairs: list[tuple[int, int]]) -> None:
        graph = graph_of(range(12), [edge for a, b in pairs for edge in ((a, b), (b, a))])
        for name, classes in colour_all_ways(graph).items():
            self.assertEqual(sorted(vertex for each in classes for vertex in each), list(range(12)), name)
            colour = {vertex: number for number, each in enumerate(classes) for vertex in each}
            for a, b in pairs:
                self.assertTrue(a == b or colour[a] != colour[b], (name, a, b))
            self.assertLessEqual(len(classes), 1 + max(len(ends) for ends in graph.values()))

    def test_dsatur_needs_two_colours_for_a_crown_which_largest_first_does_not_see(self) -> None:
        crown = [(a, b) for a in (0, 2, 4, 6) for b in (1, 3, 5, 7) if b != a + 1]
        graph = graph_of(range(8), [edge for a, b in crown for edge in ((a, b), (b, a))])
        self.assertEqual(METHODS["Dsatur"](graph), [[1, 3, 5, 7], [0, 2, 4, 6]])
        self.assertEqual(METHODS["LF"](graph), [[6, 7], [4, 5], [2, 3], [0, 1]])

    def test_statistics_name_the_best_first_and_ties(self) -> None:
        two, three = [[0, 1], [2]], [[0], [1], [2]]
        self.assertEqual(
            statistics({"LF": three, "Dsatur": two, "Dcolor": two}),
            "Dcolor: 2 (2,1) TIE Dsatur: 2 (2,1) LF: 3 (1,1,1)",
        )


class GroupTests(TestCase):
    @properties
    @given(clusters(), st.booleans())
    def test_no_group_holds_both_nodes_of_an_instance(self, cluster: Cluster, shut_down: bool) -> None:
        nodes = [n.hardware.index for n in cluster.nodes if not n.offline]
        for classes in colour_all_ways(conflicts(cluster, nodes, shut_down=shut_down)).values():
            for each in classes:
                together = set(each) & set(nodes)
                for place in cluster.places:
                    self.assertFalse({place.primary, place.secondary} <= together)
                if not shut_down:
                    for node in cluster.nodes:
                        leaving = {cluster.places[i].primary for i in node.secondaries} & together
                        self.assertLessEqual(len(leaving), 1, "both would come to this node")

    @properties
    @given(clusters())
    def test_what_has_no_second_node_has_left_each_group(self, cluster: Cluster) -> None:
        nodes = [n.hardware.index for n in cluster.nodes if not n.offline]
        try:
            parts = split(RebootGroup(nodes, cluster), move_what_stays_put, "no room")
        except BadData as error:
            self.assertEqual(str(error), "no room")
            return
        self.assertEqual(sorted(n for part in parts for n in part.nodes), nodes)
        for part in parts:
            for n in part.nodes:
                self.assertEqual(stays_put(part.cluster, part.cluster.nodes[n]), [])
            for instance, place in moved(cluster, part.cluster):
                self.assertEqual(place.secondary, NOWHERE)
                self.assertIn(instance.index, part.cluster.nodes[place.primary].primaries)
                self.assertFalse(part.cluster.nodes[place.primary].offline)

    @properties
    @given(clusters(most_nodes=6, most_instances=8))
    def test_after_a_full_evacuation_a_group_holds_no_disks_of_others(self, cluster: Cluster) -> None:
        nodes = [n.hardware.index for n in cluster.nodes if not n.offline]
        classes = min(colour_all_ways(conflicts(cluster, nodes, shut_down=True)).values(), key=len)
        groups = [RebootGroup([n for n in each if n in nodes], cluster) for each in classes]
        try:
            for clear in (migrate_away, move_copies):
                groups = [part for group in groups for part in split(group, clear, "no room")]
        except BadData:
            return
        for group in groups:
            for n in group.nodes:
                node = group.cluster.nodes[n]
                self.assertEqual(node.secondaries, ())
                self.assertFalse([i for i in node.primaries if cluster.instances[i].mirrored])


class RunTests(InFolder):
    def test_a_node_left_out_neither_moves_nor_matters(self) -> None:
        whole = (DATA / "mixed-templates.data").read_text()
        got = self.run_tool("hroller", "-t", self.write("c.data", whole), "--print-moves", "-O", "n2", "--no-headers")
        self.assertEqual(got.status, 0, got)
        names = [line for line in got.stdout.splitlines() if not line.startswith(" ")]
        self.assertNotIn("n2", ",".join(names).split(","))

    def test_no_master_and_two(self) -> None:
        text = (DATA / "three-nodes.data").read_text()
        none = self.write("none.data", text.replace("|M|", "|N|"))
        got = self.run_tool("hroller", "-t", none)
        self.assertEqual((got.status, got.stdout), (1, ""))
        self.assertEqual(got.stderr, "Error: No master node found (maybe not supported by backend).\n")
        forced = self.run_tool("hroller", "-t", none, "-f")
        self.assertEqual(forced.status, 0)
        self.assertIn("No master node found", forced.stderr)
        two = self.run_tool("hroller", "-t", self.write("two.data", text.replace("|8|N|", "|8|M|")))
        self.assertEqual(two.status, 1)
        self.assertIn("Found more than one master node: [", two.stderr)

    def test_bad_arguments_and_files(self) -> None:
        for tool in ("hroller", "hsqueeze"):
            self.assertEqual(self.run_tool(tool, "--nonsense").status, 2)
            self.assertEqual(self.run_tool(tool, "word").stderr, "Error: This program doesn't take any arguments.\n")
            self.assertEqual(self.run_tool(tool).status, 1)
            for content in (b"", b"\xff", b"a\n\nb\n\nc\n\n", b"|" * 1000):
                got = self.run_tool(tool, "-t", self.write("bad.data", content))
                self.assertEqual((got.status, got.stdout), (1, ""))
                self.assertTrue(got.stderr.startswith("Error: failed to load data, aborting: "), got)
        self.assertEqual(
            self.run_tool("hroller", "-t", "two-groups.data", "-G", "nosuch").stderr,
            "Error: Cannot find target group.\n",
        )
        got = self.run_tool("hsqueeze", "-t", "squeeze.data", "--target-resources", "many")
        self.assertEqual(got.status, 1)

    def test_moves_are_made_by_a_live_cluster_only(self) -> None:
        got = self.run_tool("hsqueeze", "-t", "squeeze.data", "-X")
        self.assertEqual(got.status, 1)
        self.assertEqual(got.stdout.splitlines()[1:], ["p2", "p3", "p4"])
        self.assertEqual(got.stderr, "Error: hsqueeze: Execution of commands possible only on LUXI\n")


class EmptyTests(InFolder):
    def test_a_cluster_without_nodes(self) -> None:
        empty = self.write("empty.data", "g|u|preferred||\n\n\n\n\n")
        self.assertEqual(self.run_tool("hroller", "-t", empty, "-f").stderr.splitlines()[-1][:5], "Error")
        self.assertIn(self.run_tool("hsqueeze", "-t", empty).status, (0, 1))
