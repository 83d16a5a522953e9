"""How far a job is, on a terminal and elsewhere."""

from __future__ import annotations

from io import StringIO
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.cli.progress import LINE, Bar


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def news(percent: float, **more: Any) -> dict[str, Any]:
    return {
        "what": "copying disk/0", "done": percent * 2**24, "total": 100 * 2**24, "unit": "bytes",
        "percent": percent, "left": 3700.0, **more,
    }  # fmt: skip


class BarTests(SynchronousTestCase):
    def test_a_bar_is_drawn_over_the_one_before(self) -> None:
        screen = Screen()
        bar = Bar(screen)
        bar.show(5, news(50.0))
        bar.show(5, news(100.0, left=0.0))
        _, first, second = screen.getvalue().split("\r")
        line = f"[{'#' * 15}{'.' * 15}]  50 % copying disk/0: 800.0 MiB of 1.6 GiB, 1:01:40 left"
        self.assertEqual(first, line[:LINE])
        self.assertEqual(second.rstrip(), f"[{'#' * 30}] 100 % copying disk/0: 1.6 GiB of 1.6 GiB")
        self.assertEqual(len(second), len(first))
        bar.clear()
        bar.clear()
        self.assertEqual(screen.getvalue().count("\r"), 4)

    def test_a_line_fits_into_the_terminal_whatever_becomes_of_that(self) -> None:
        screen, columns = Screen(), [60]
        bar = Bar(screen, lambda out: columns[0])
        bar.show(5, news(50.0))
        columns[0] = 31
        bar.show(5, news(60.0))
        bar.clear()
        _, first, second, cleared, _ = screen.getvalue().split("\r")
        self.assertEqual((len(first), len(second), cleared), (59, 30, " " * 30))
        self.assertTrue(second.startswith(f"[{'#' * 9}{'.' * 6}]  60 % "))

    def test_elsewhere_a_line_for_each_tenth(self) -> None:
        out = StringIO()
        bar = Bar(out)
        for percent in range(101):
            bar.show(5, news(float(percent)))
        bar.clear()
        lines = out.getvalue().splitlines()
        self.assertEqual(len(lines), 10)
        self.assertEqual(lines[0], "Job 5: 10 % of copying disk/0: 160.0 MiB of 1.6 GiB, 1:01:40 left")


class FollowTests(SynchronousTestCase):
    def test_progress_is_not_on_standard_output(self) -> None:
        world = World()
        world.jobs_end()
        entries = [[1, [0, 0], "progress", news(50.0)], [2, [0, 0], "message", "a line"]]
        world.client.answers["wait"] = [["success", ["success"], [None]], entries]
        self.assertEqual(world.run("gnt-debug", "delay", "1"), 0)
        self.assertIn("a line", world.out)
        self.assertNotIn("%", world.out)
        self.assertIn("50 %", world.err)
