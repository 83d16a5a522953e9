from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import TestCase

from ganeti_tw.cli.endings import in_words
from ganeti_tw.daemon import vcluster, vhosts
from ganeti_tw.errors import NotFound


class CommandTests(TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = Path(holder.name)
        self.cluster = vhosts.create(self.top / "c", 2, "127.77.9.0")

    def names(self, words: list[str], environ: dict[str, str], here: Path) -> list[str]:
        cluster, names = vcluster.locate(words, environ, here)
        self.assertEqual(cluster, self.cluster)
        return names

    def test_the_directory_is_named_or_in_the_environment_or_around_us(self) -> None:
        place = self.cluster.directory
        self.assertEqual(self.names([str(place), "node2"], {}, self.top), ["node2"])
        self.assertEqual(self.names(["node2"], {"GANETI_VCLUSTER": str(place)}, self.top), ["node2"])
        self.assertEqual(self.names(["node2"], {}, place / "node1" / "etc"), ["node2"])

    def test_nowhere_says_what_to_name(self) -> None:
        with self.assertRaisesRegex(NotFound, "name its directory"):
            vcluster.locate([], {}, self.top)
        with self.assertRaisesRegex(NotFound, "create"):
            vcluster.locate([str(self.top / "x")], {}, self.top)

    def test_states(self) -> None:
        first, second = self.cluster.hosts
        Path(second.paths.pid).write_text("4000000")
        rows = [vcluster.status_row(host, lambda h: {"role": "master"}) for host in (first, second)]
        self.assertEqual([row[2:] for row in rows], [("-", "stopped", "-"), ("-", "crashed", "-")])

    def test_table(self) -> None:
        rows = [("node1", "127.77.9.1", "12", "running", "master"), ("n", "127.77.9.10", "-", "stopped", "-")]
        self.assertEqual(
            vcluster.table(rows, True, None),
            [
                "Host  Address     PID State   Role",
                "node1 127.77.9.1  12  running master",
                "n     127.77.9.10 -   stopped -",
            ],
        )
        self.assertEqual(vcluster.table(rows, False, ":")[1], "n:127.77.9.10:-:stopped:-")

    def test_what_the_system_refuses_is_named_with_a_remedy(self) -> None:
        refused = PermissionError(13, "Permission denied", "/x/shared")
        self.assertEqual(in_words(refused), "/x/shared: Permission denied; run this as its owner or as root")
        self.assertEqual(in_words(OSError(28, "No space left", "/x")), "/x: No space left")

    def test_every_command_has_a_function(self) -> None:
        for command in vcluster.COMMANDS:
            words = ["DIR"] if command == "create" else []
            self.assertEqual(vcluster.parser().parse_args([command, *words]).command, command)

    def test_the_working_directory_is_not_needed(self) -> None:
        self.assertTrue(os.path.isabs(vcluster.locate([str(self.cluster.directory)], {}, self.top)[0].directory))
