"""hscan: clusters saved as text, and a line about each."""

from __future__ import annotations

from ganeti_tw.htools.text import parse, serialize
from masters import FakeMaster, World, remote_documents, told
from runs import DATA, InFolder


class ScanTests(InFolder):
    def world(self) -> World:
        found = told(parse((DATA / "three-nodes.data").read_text()))
        documents = {}
        for base in ("https://a.example:5080", "https://jack:secret@b.example:5080"):
            for name, value in remote_documents(found).items():
                documents[f"{base}/2/{name}{'' if name == 'info' else '?bulk=1'}"] = value
        return World(FakeMaster(found), documents)

    def test_the_local_cluster(self) -> None:
        for words, socket in ((("hscan",), ""), (("hscan", "-L/some/socket"), "/some/socket")):
            world = self.world()
            got = self.run_tool(*words, outside=world.outside())
            self.assertEqual(
                (got.status, got.stdout, got.stderr),
                (
                    0,
                    "Name  Nodes  Inst BNode BInst  t_mem  f_mem t_disk f_disk      Score\n"
                    "LOCAL     3     5     0     0  49152  39424    600    460 6.48073528\n",
                    "",
                ),
            )
            self.assertEqual(world.sockets, [socket])
        saved = (self.folder / "LOCAL.data").read_text()
        self.assertEqual(saved, serialize(parse((DATA / "three-nodes.data").read_text())))
        self.assertEqual(
            self.run_tool("hinfo", "-t", "LOCAL.data").stdout, self.run_tool("hinfo", "-t", "three-nodes.data").stdout
        )

    def test_several_clusters_one_of_which_fails(self) -> None:
        (self.folder / "out").mkdir()
        got = self.run_tool(
            "hscan",
            "--no-headers",
            "-d",
            "out",
            "a.example",
            "https://c.example",
            "jack:secret@b.example",
            outside=self.world().outside(),
        )
        self.assertEqual(got.status, 2)
        row = "    3     5     0     0  49152  39424    600    460 6.48073528\n"
        self.assertEqual(
            got.stdout,
            f"a.example         {row}"
            "\nError for https://c.example: failed to load data. Details:\n"
            "https://c.example/2/groups?bulk=1: nothing there\n"
            f"b.example         {row}",
        )
        self.assertEqual(
            sorted(path.name for path in (self.folder / "out").iterdir()), ["a.example.data", "b.example.data"]
        )

    def test_slashes_of_urls_become_underscores(self) -> None:
        world = self.world()
        self.run_tool("hscan", "https://a.example:5080", outside=world.outside())
        self.assertTrue((self.folder / "https:__a.example:5080.data").exists())

    def test_nodes_can_be_shown(self) -> None:
        got = self.run_tool("hscan", "-pname,pcnt", outside=self.world().outside())
        self.assertIn(" Name  pcnt\n alpha    3\n", got.stdout)

    def test_a_folder_that_is_none(self) -> None:
        got = self.run_tool("hscan", "-d", "nothing", outside=self.world().outside())
        self.assertEqual(got.status, 2)
        self.assertIn("\nError for LOCAL: failed to save data. Details:\nnothing/LOCAL.data: ", got.stdout)
