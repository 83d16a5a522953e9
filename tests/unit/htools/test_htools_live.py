"""Running clusters as sources."""

from __future__ import annotations

import json
from typing import Any
from unittest import TestCase

from ganeti_tw.cli.htools.sources import fetch, url_of, without_password
from ganeti_tw.errors import Expired, NotMaster, NotSent
from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.live import GROUP_FIELDS, INSTANCE_FIELDS, NODE_FIELDS, Documents, cluster_of, from_rapi, objects
from ganeti_tw.htools.text import parse, serialize
from masters import FakeMaster, World, remote_documents, told
from runs import DATA, InFolder

REFERENCE = DATA.parent / "reference" / "query_fields.json"
HOST = "https://cluster.example:5080/2/"


def example(name: str) -> Cluster:
    return parse((DATA / name).read_text())


def remote(cluster: Cluster, base: str = HOST) -> World:
    documents = remote_documents(told(cluster))
    return World(documents={base + (k if k == "info" else f"{k}?bulk=1"): value for k, value in documents.items()})


class EquivalenceTests(InFolder):
    """What is told of an example is the example, whichever way it comes."""

    maxDiff = None

    def compare(self, file: str, *words: str) -> None:
        tool, *rest = words
        want = self.run_tool(tool, "-t", file, *rest)
        self.assertNotIn("Error", want.stderr)
        cluster = example(file)
        world = World(FakeMaster(told(cluster)))
        self.assertEqual(self.run_tool(tool, "-L", *rest, outside=world.outside()), want)
        self.assertEqual(world.sockets, [""])
        if tool != "hsqueeze":
            world = remote(cluster)
            self.assertEqual(self.run_tool(tool, "-m", "cluster.example", *rest, outside=world.outside()), want)

    def test_hbal(self) -> None:
        self.compare("three-nodes.data", "hbal", "-C", "-p", "--print-instances", "-v", "-v")

    def test_hbal_with_placement_tags(self) -> None:
        self.compare("exclusion-location.data", "hbal", "-C", "-v", "-v")

    def test_hbal_with_nodes_that_are_offline(self) -> None:
        self.compare("evacuate.data", "hbal", "-E", "-C")

    def test_hbal_with_exclusive_storage(self) -> None:
        self.compare("exclusive-storage.data", "hbal", "-C", "-p")

    def test_hinfo_of_several_groups(self) -> None:
        self.compare("two-groups.data", "hinfo", "-v", "-p")

    def test_hcheck(self) -> None:
        self.compare("n1-trouble.data", "hcheck", "--machine-readable")

    def test_hroller(self) -> None:
        self.compare("three-nodes.data", "hroller", "--print-moves")

    def test_hspace(self) -> None:
        self.compare("two-groups.data", "hspace", "--machine-readable", "-l", "3")

    def test_hsqueeze(self) -> None:
        self.compare("squeeze.data", "hsqueeze", "-v", "-C")

    def test_all_that_is_told_is_kept(self) -> None:
        for name in ("three-nodes.data", "n1-trouble.data", "exclusive-storage.data"):
            told_again = told(example(name))
            documents = remote_documents(told_again)
            cluster = cluster_of(from_rapi(*(documents[k] for k in ("groups", "nodes", "instances", "info"))))
            self.assertEqual(serialize(cluster), serialize(example(name)), name)

    def test_only_the_master_tells_the_speed_of_processors(self) -> None:
        found = told(example("three-nodes.data"))
        found["node"][0]["ndp/cpu_speed"] = 1.5
        documents = remote_documents(found)
        remote_one = cluster_of(from_rapi(*(documents[k] for k in ("groups", "nodes", "instances", "info"))))
        live_one = cluster_of(Documents(found["group"], found["node"], found["instance"], found["info"]))
        self.assertEqual([one.nodes[0].hardware.cpu_speed for one in (live_one, remote_one)], [1.5, 1.0])


class FieldTests(TestCase):
    def test_the_fields_asked_for_exist(self) -> None:
        resources = json.loads(REFERENCE.read_text())["resources"]
        for what, names in (("node", NODE_FIELDS), ("instance", INSTANCE_FIELDS), ("group", GROUP_FIELDS)):
            found = resources[what]
            known = {each["name"] for each in (found["fields"] if isinstance(found, dict) else found)}
            self.assertEqual([name for name in names if name not in known], [])

    def test_unknown_fields_are_told_apart_from_missing_data(self) -> None:
        answer = {
            "fields": [{"name": "a", "kind": "text"}, {"name": "b", "kind": "unknown"}],
            "data": [[[0, 1], [1, None]]],
        }
        with self.assertRaisesRegex(BadData, "no field b of nodes: it is of another version"):
            objects("node", answer)
        self.assertEqual(objects("node", {"fields": answer["fields"][:1], "data": [[[2, None]]]}), [{"a": None}])
        for wrong in (
            None,
            [],
            {},
            {"fields": [], "data": [[[0, 1]]]},
            {"fields": [{"name": "a", "kind": "text"}], "data": [[0]]},
        ):
            with self.assertRaises(BadData):
                objects("node", wrong)


class LiveDataTests(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.told = told(example("three-nodes.data"))

    def load(self) -> Cluster:
        return cluster_of(
            from_rapi(*(remote_documents(self.told)[k] for k in ("groups", "nodes", "instances", "info")))
        )

    def test_drained_nodes_keep_their_figures_and_count_as_offline(self) -> None:
        self.told["node"][1]["drained"] = True
        hardware = self.load().nodes[1].hardware
        self.assertEqual((hardware.offline, hardware.memory), (True, 16384.0))

    def test_nodes_that_are_left_alone_have_no_figures(self) -> None:
        self.told["node"][1]["offline"] = True
        self.told["node"][2]["vm_capable"] = False
        for node in self.load().nodes[1:]:
            found = (
                node.hardware.offline,
                node.hardware.memory,
                node.hardware.free_memory,
                node.hardware.node_cpus,
                node.free_disk,
            )
            self.assertEqual(found, (True, 0.0, 0, 0, 0))

    def test_a_node_that_should_answer_and_does_not_is_named(self) -> None:
        for key in ("mtotal", "mnode", "mfree", "ctotal", "cnos"):
            self.told["node"][1][key] = None
        got = self.run_tool("hbal", "-L", "-C", outside=World(FakeMaster(self.told)).outside())
        self.assertEqual((got.status, got.stdout), (1, ""))
        self.assertIn(
            "Error: failed to load data, aborting: node beta.lab.example does not tell mtotal, mnode", got.stderr
        )
        self.assertIn("mark it offline ('gnt-node modify --offline=yes beta.lab.example')", got.stderr)

    def test_storage_may_be_unknown(self) -> None:
        self.told["node"][0]["dtotal"] = self.told["node"][0]["dfree"] = None
        node = self.load().nodes[0]
        self.assertEqual((node.hardware.total_disk, node.free_disk), (0.0, 0))

    def test_exclusive_storage_needs_the_spindles(self) -> None:
        self.told["node"][0]["ndp/exclusive_storage"] = True
        with self.assertRaisesRegex(BadData, "does not tell sptotal"):
            self.load()
        self.told["node"][0].update(sptotal=12, spfree=5)
        node = self.load().nodes[0]
        self.assertEqual((node.hardware.spindles, node.free_spindles), (12, 5))

    def test_spindles_of_disks(self) -> None:
        one = self.told["instance"][0]
        for told_spindles, counted in (([2, 3], 5), ([2, None], None), ([], 0)):
            one.update({"disk.sizes": [10] * len(told_spindles), "disk.spindles": told_spindles})
            self.assertEqual(self.load().instances[0].disk_spindles, counted)

    def test_memory_in_use_counts_where_the_rapi_tells_it(self) -> None:
        documents = remote_documents(self.told)
        documents["instances"][0]["oper_ram"] = 777
        del documents["instances"][1]["beparams"]["memory"]
        documents["instances"][1]["beparams"]["maxmem"] = 888
        cluster = cluster_of(from_rapi(*(documents[k] for k in ("groups", "nodes", "instances", "info"))))
        self.assertEqual([cluster.instances[0].memory, cluster.instances[1].memory], [777, 888])

    def test_forthcoming_instances_use_no_memory(self) -> None:
        self.told["instance"][0]["forthcoming"] = True
        self.assertEqual(self.load().instances[0].used_memory, 0)

    def test_kvm_nodes_get_the_memory_the_option_says(self) -> None:
        self.told["info"]["default_hypervisor"] = "kvm"
        outside = World(FakeMaster(self.told)).outside()
        tables = [
            self.run_tool("hinfo", "-L", "-pname,nmem", *words, outside=outside).stderr
            for words in ((), ("--static-kvm-node-memory=0",), ("--static-kvm-node-memory=9",))
        ]
        for table, memory in zip(tables, ("4096", "512", "9"), strict=True):
            self.assertRegex(table, rf"alpha +{memory}\n")

    def test_what_does_not_fit_together_is_named(self) -> None:
        for change, text in (
            (("node", 0, "group.uuid", "x"), "Unknown group 'x' for node alpha.lab.example"),
            (("node", 0, "mtotal", -1), "data for node 'alpha.lab.example': key 'mtotal'"),
            (("node", 0, "mtotal", True), "data for node 'alpha.lab.example': key 'mtotal'"),
            (("node", 0, "ndp/cpu_speed", 0), "0 is no speed"),
            (("node", 0, "name", 7), "a node has no name"),
            (("instance", 0, "pnode", "x"), "Unknown node 'x' for instance"),
            (("instance", 0, "snodes", ["alpha.lab.example"]), "same primary and secondary node"),
            (("instance", 0, "status", "odd"), "key 'status': Unable to read InstanceStatus"),
            (("instance", 0, "disk_template", "odd"), "key 'disk_template': Unable to read DiskTemplate"),
            (("instance", 0, "disk.sizes", [-1]), "key 'disk.sizes'"),
            (("instance", 0, "be/memory", None), "key 'be/memory' not found"),
            (("group", 0, "alloc_policy", "odd"), "key 'alloc_policy'"),
            (("group", 0, "ipolicy", {}), "key 'minmax' not found"),
        ):
            told_wrong = told(example("three-nodes.data"))
            kind, index, key, value = change
            told_wrong[kind][index][key] = value
            got = self.run_tool("hinfo", "-L", outside=World(FakeMaster(told_wrong)).outside())
            self.assertEqual((got.status, got.stdout), (1, ""), change)
            self.assertIn(text, got.stderr)
            self.assertTrue(got.stderr.startswith("Error: failed to load data, aborting: "), got.stderr)

    def test_a_master_that_is_not_there(self) -> None:
        for error in (
            NotSent("nobody listens on /x: is the host process running?"),
            NotMaster("node2 is not the master, node1 is: run the command there"),
            Expired("the process at /x did not answer within 90 s"),
        ):
            master = FakeMaster(self.told)
            master.fail = error
            world = World(master)
            got = self.run_tool("hbal", "-L/x", outside=world.outside())
            self.assertEqual((got.status, got.stdout), (1, ""))
            self.assertEqual(got.stderr, f"Error: failed to load data, aborting: {error}\n")
            self.assertEqual(world.sockets, ["/x"])


class RemoteTests(InFolder):
    def test_answers_of_a_real_cluster(self) -> None:
        got = self.run_tool("hinfo", "-m", f"file://{DATA}/rapi", "-pname,tmem,fmem,tcpu,pcnt", "--print-instances")
        self.assertEqual(got.status, 0, got.stderr)
        self.assertIn("Loaded 1 node, 2 instances, 2 node groups\n", got.stdout)
        self.assertRegex(got.stderr, r"ref1 +24105 +23088 +2 +2\n")
        self.assertRegex(got.stderr, r"R inst1.ref.example ref1.ref.example +Y +1 +16 ")

    def test_documents_that_are_none(self) -> None:
        good = remote_documents(told(example("three-nodes.data")))
        for name, wrong in (
            ("groups", {}),
            ("nodes", [1]),
            ("instances", None),
            ("info", []),
            ("nodes", [{"name": "x"}]),
        ):
            parts: dict[str, Any] = {**good, name: wrong}
            with self.assertRaises(BadData):
                cluster_of(from_rapi(*(parts[k] for k in ("groups", "nodes", "instances", "info"))))

    def test_urls(self) -> None:
        for where, url in (
            ("cluster.example", "https://cluster.example:5080"),
            ("cluster.example:6000", "https://cluster.example:6000"),
            ("jack:secret@cluster.example", "https://jack:secret@cluster.example:5080"),
            ("[::1]", "https://[::1]:5080"),
            ("[::1]:6000", "https://[::1]:6000"),
            ("http://cluster.example/x/", "http://cluster.example/x"),
            ("file:///tmp/x", "file:///tmp/x"),
        ):
            self.assertEqual(url_of(where), url)

    def test_passwords_are_not_shown(self) -> None:
        self.assertEqual(without_password("https://jack:se@cret@host:5080/2/info"), "https://host:5080/2/info")
        self.assertEqual(without_password("jack:secret@host"), "host")
        with self.assertRaises(BadData) as caught:
            fetch("gopher://jack:secret@host/2/info")
        self.assertNotIn("secret@", str(caught.exception))

    def test_folders_that_are_none(self) -> None:
        self.write("groups.json", "[")
        for place, text in (
            (f"file://{self.folder}/nothing", "No such file"),
            (f"file://{self.folder}", "is not JSON"),
        ):
            got = self.run_tool("hinfo", "-m", place)
            self.assertEqual((got.status, got.stdout), (1, ""))
            self.assertIn(text, got.stderr)
