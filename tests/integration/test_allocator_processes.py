"""Iallocators as real processes: where they are found, what they get, how they end."""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ganeti_tw.agent.commands import ReactorRunner
from ganeti_tw.daemon.allocators import ProgramAllocators, find
from ganeti_tw.errors import BadRequest, DriverError, NotFound
from ganeti_tw.kernel import InlineBlocking

reactor: Any = global_reactor
ROOT = Path(__file__).parents[2]

EMPTY = {
    "cluster_tags": [],
    "enabled_hypervisors": ["fake"],
    "nodegroups": {},
    "nodes": {},
    "instances": {},
    "request": {"type": "node-evacuate", "instances": [], "evac_mode": "primary-only"},
}


class AllocatorCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.first, self.second, self.run_directory = (f"{directory.name}/{n}" for n in ("first", "second", "run"))
        for path in (self.first, self.second, self.run_directory):
            os.mkdir(path)
        self.allocators = self.make()

    def make(self, limit: int = 1000000, **environment: str) -> ProgramAllocators:
        runner = ReactorRunner(reactor, limit=limit)
        return ProgramAllocators(runner, InlineBlocking(), (self.first, self.second), self.run_directory, environment)

    def script(self, directory: str, name: str, text: str, mode: int = 0o755) -> str:
        path = f"{directory}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, mode)
        return path

    def nothing_left(self) -> None:
        self.assertEqual(os.listdir(self.run_directory), [])


class ProcessTests(AllocatorCase):
    async def test_it_gets_a_file_and_arguments(self) -> None:
        text = 'stat -c %a "$1"; cat "$1"; shift; echo; echo "$@"; echo "$WHO"; echo aside >&2'
        self.script(self.first, "mine", text)
        end = await self.make(WHO="me").run("mine", '{"a": "\u00e4"}', ["--x=1", "--y"], 10)
        self.assertEqual((end.good, end.stdout), (True, '600\n{"a": "\u00e4"}\n--x=1 --y\nme\n'))
        self.assertIn("aside", end.output)
        self.nothing_left()

    async def test_our_own_hail_needs_nothing(self) -> None:
        end = await self.allocators.run("hail", json.dumps(EMPTY), ["--ignore-soft-errors"], 20)
        self.assertEqual(json.loads(end.stdout)["result"], [[], [], []], end)
        self.nothing_left()

    async def test_whether_there_is_one(self) -> None:
        self.script(self.second, "mine", "")
        self.assertIsNone(await self.allocators.find("mine"))
        await self.assertFailure(self.allocators.find("nosuch"), NotFound)

    async def test_a_hail_of_the_site_comes_first(self) -> None:
        self.script(self.second, "hail", "echo theirs")
        self.assertEqual((await self.allocators.run("hail", "{}", [], 10)).stdout, "theirs\n")

    async def test_it_is_killed_with_all_it_started_when_its_time_is_up(self) -> None:
        self.script(self.first, "slow", "sleep 60 & sleep 60")
        end = await self.allocators.run("slow", "{}", [], 0.2)
        self.assertEqual((end.good, end.reason), (False, "its time was up"))
        self.nothing_left()

    async def test_it_is_killed_when_nobody_waits_any_more(self) -> None:
        pid_file = f"{self.second}/pid"
        self.script(self.first, "slow", f"echo $$ >{pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 60")
        running = self.allocators.run("slow", "{}", [], 60)
        while not os.path.exists(pid_file):
            await deferLater(reactor, 0.02)
        with open(pid_file, encoding="utf-8") as file:
            pid = int(file.read())
        running.cancel()
        await self.assertFailure(running, CancelledError)
        while os.path.exists(f"/proc/{pid}"):
            await deferLater(reactor, 0.02)
        self.nothing_left()

    async def test_how_it_ends(self) -> None:
        self.script(self.first, "bad", "echo broken >&2; exit 3")
        self.script(self.first, "dead", "kill -9 $$")
        end = await self.allocators.run("bad", "{}", [], 10)
        self.assertEqual((end.status, end.output), (3, "broken\n"))
        self.assertIn("signal 9", (await self.allocators.run("dead", "{}", [], 10)).reason)
        self.nothing_left()

    async def test_a_long_answer_is_kept(self) -> None:
        self.script(self.first, "long", "head -c 3000000 /dev/zero | tr '\\0' x")
        end = await self.make(limit=10000000).run("long", "{}", [], 20)
        self.assertEqual(len(end.stdout), 3000000)

    async def test_a_question_that_cannot_be_written(self) -> None:
        self.script(self.first, "mine", "true")
        os.rmdir(self.run_directory)
        with self.assertRaises(DriverError) as caught:
            await self.allocators.run("mine", "{}", [], 10)
        self.assertIn(self.run_directory, caught.exception.text)

    async def test_a_script_that_cannot_start(self) -> None:
        with open(self.script(self.first, "odd", ""), "w", encoding="utf-8") as file:
            file.write("#!/nowhere/interpreter\n")
        end = await self.allocators.run("odd", "{}", [], 10)
        self.assertFalse(end.good)
        self.assertIn("odd", end.output)
        self.nothing_left()


class ExampleTests(AllocatorCase):
    """The program that the how-to shows."""

    async def test_it_takes_the_node_with_most_free_memory(self) -> None:
        page = (ROOT / "docs/howto/iallocator.rst").read_text()
        (text,) = re.findall(r"\n    (#!/usr/bin/python3\n(?:(?:    .*)?\n)+)", page)
        self.script(self.first, "example", "")
        (Path(self.first) / "example").write_text(textwrap.dedent(f"    {text}"))
        sample = json.loads((ROOT / "tests/data/iallocator_input.json").read_text())
        (node,) = sample["nodes"]
        for change, answer in (
            ({}, [node]),
            ({"memory": 10**6}, []),
            ({"type": "relocate"}, []),
            ({"restrict-to-nodes": []}, []),
        ):
            question = {**sample, "request": {**sample["request"], **change}}
            end = await self.allocators.run("example", json.dumps(question), [], 20)
            self.assertEqual(json.loads(end.stdout)["result"], answer, end)


class FindTests(AllocatorCase):
    def test_the_first_that_is_executable(self) -> None:
        path = (self.first, self.second)
        self.script(self.first, "mine", "", mode=stat.S_IRUSR)
        os.mkdir(f"{self.first}/dir")
        with self.assertRaises(NotFound) as caught:
            find(path, "mine")
        self.assertIn("chmod +x", caught.exception.text)
        self.assertRaises(NotFound, find, path, "dir")
        self.assertEqual(find(path, "hail"), None)
        second = self.script(self.second, "mine", "")
        self.assertEqual(find(path, "mine"), second)

    def test_names_that_are_none(self) -> None:
        for name in ("", ".", "..", "../first/mine", "/bin/sh", "a/b", "a b", "-", "a\n"):
            self.assertRaises((BadRequest, NotFound), find, (self.first,), name)
        self.assertRaises(BadRequest, find, (self.first,), "../x")
