"""Whatever a file holds: a message, an exit status, never a traceback."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from runs import DATA, InFolder

CLUSTER = (DATA / "three-nodes.data").read_text()
QUESTION = (DATA / "hail" / "hail-allocate-drbd.json").read_text()


class BadTextTests(InFolder):
    def error(self, content: str | bytes) -> str:
        got = self.run_tool("hbal", "-t", self.write("bad.data", content))
        self.assertEqual(got.status, 1, got)
        self.assertTrue(got.stderr.startswith("Error: failed to load data, aborting: "), got.stderr[:200])
        self.assertLess(len(got.stderr), 1000)
        return got.stderr.removeprefix("Error: failed to load data, aborting: ").rstrip("\n")

    def changed(self, old: str, new: str) -> str:
        self.assertIn(old, CLUSTER)
        return self.error(CLUSTER.replace(old, new))

    def test_too_few_sections(self) -> None:
        self.assertEqual(self.error(""), "Invalid format of the input file: 0 sections instead of 4 or more")
        self.assertEqual(self.error("a\n\nb\n"), "Invalid format of the input file: 2 sections instead of 4 or more")

    def test_unknown_node(self) -> None:
        self.assertEqual(
            self.changed("|Y|beta.lab.example|alpha", "|Y|omega|alpha"),
            "Unknown node 'omega' for instance mail.lab.example",
        )

    def test_unknown_group(self) -> None:
        self.assertEqual(
            self.changed("M|0c11d8b2-5c1f-4a7e-9f60-6a2d3b1c0001", "M|nowhere"),
            "Unknown group 'nowhere' for node alpha.lab.example",
        )

    def test_sizes_that_are_none(self) -> None:
        for value in ("-2048", "2048x", "", "2e3", "9" * 5000, "0x10", "\u0663"):
            text = self.changed("web1.lab.example|2048", f"web1.lab.example|{value}")
            self.assertTrue(text.startswith("web1.lab.example: cannot parse string '"), text)

    def test_words_that_are_none_name_their_instance(self) -> None:
        web1 = "web1.lab.example|2048|20480|2|"
        self.assertEqual(
            self.changed(f"{web1}running", f"{web1}flying"),
            'Instance web1.lab.example: Invalid string value for type InstanceStatus: "flying"',
        )
        self.assertEqual(
            self.changed("|drbd||1\nweb2", "|zfs||1\nweb2"),
            'Instance web1.lab.example: Invalid string value for type DiskTemplate: "zfs"',
        )

    def test_one_node_twice(self) -> None:
        self.assertIn(
            "same primary and secondary",
            self.changed(
                "alpha.lab.example|beta.lab.example|drbd||1\nweb2", "alpha.lab.example|alpha.lab.example|drbd||1\nweb2"
            ),
        )

    def test_noise(self) -> None:
        noise = Random(1).randbytes(1 << 20)
        self.error(noise)
        self.error("x" * (10 << 20))
        self.error("|" * 100_000 + "\n\n\n\n\n")

    def test_no_such_file_and_a_folder(self) -> None:
        got = self.run_tool("hbal", "-t", "nosuch")
        self.assertIn("nosuch: openFile: does not exist", got.stderr)
        self.assertEqual(self.run_tool("hinfo", "-t", "hail").status, 1)

    def test_cut_anywhere(self) -> None:
        for end in range(0, len(CLUSTER), 7):
            got = self.run_tool("hinfo", "-t", self.write("cut.data", CLUSTER[:end]))
            self.assertIn(got.status, (0, 1))
            self.assertEqual(got.status == 1, got.stderr.startswith("Error: "), got)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.integers(0, 10**9))
    def test_fields_exchanged_at_random(self, seed: int) -> None:
        random = Random(seed)
        words = CLUSTER.replace("\n", "\n|").split("|")
        for _ in range(random.randrange(1, 4)):
            words[random.randrange(len(words))] = random.choice(["", "?", "0", "-1", "Y", "x|y", "\n", *words])
        got = self.run_tool("hbal", "-l", "3", "-t", self.write("odd.data", "|".join(words).replace("\n|", "\n")))
        self.assertEqual(got.status == 1, got.stderr.endswith("\n") and "Error: " in got.stderr, got)


class BadQuestionTests(InFolder):
    def error(self, content: str | bytes) -> str:
        got = self.run_tool("hail", self.write("bad.json", content))
        self.assertEqual((got.status, got.stdout), (1, ""))
        self.assertTrue(got.stderr.startswith("Error: "), got.stderr[:200])
        return got.stderr.removeprefix("Error: ").rstrip("\n")

    def test_no_json(self) -> None:
        for content in ("", "{", "nonsense", QUESTION[:1000], "[" * 100_000, '{"a": NaN}', b"\xff\xfe"):
            self.error(content)
        self.assertTrue(self.error("x").startswith("Parsing input IAllocator message: Invalid JSON: "))

    def test_a_list(self) -> None:
        self.assertTrue(self.error("[]").endswith("Unable to read JSObject"))

    def test_missing_and_mistyped_keys(self) -> None:
        self.assertEqual(
            self.error('{"a": 1, "b": 2}'),
            'invalid iallocator message: key \'request\' not found, object contains only ["a","b"]',
        )
        question = json.loads(QUESTION)
        question["request"]["memory"] = "much"
        self.assertEqual(
            self.error(json.dumps(question)),
            "invalid data for instance 'new.example.net': key 'memory': Unable to read Int",
        )

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(st.integers(0, 10**9), st.sampled_from([None, -1, 1e300, 10**400, "x", [], {}, True, [1], {"a": None}]))
    def test_any_value_replaced(self, seed: int, value: object) -> None:
        question = json.loads(QUESTION)
        random = Random(seed)
        here: object = question
        while True:
            assert isinstance(here, (dict, list))
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = random.choice(keys)
            if not isinstance(here[key], (dict, list)) or random.random() < 0.2:
                here[key] = value
                break
            here = here[key]
        got = self.run_tool("hail", self.write("odd.json", json.dumps(question)))
        if got.status == 0:
            self.assertEqual(list(json.loads(got.stdout)), ["success", "info", "result"])
        else:
            self.assertEqual((got.status, got.stderr[:7]), (1, "Error: "))


class OptionTests(InFolder):
    def test_unknown_and_ambiguous_options(self) -> None:
        got = self.run_tool("hbal", "--nonsense")
        self.assertEqual(got.status, 2)
        self.assertTrue(got.stderr.startswith("Command line error: unrecognized option `--nonsense'\n"), got.stderr)
        self.assertIn("is ambiguous", self.run_tool("hbal", "--mi", "3").stderr)
        self.assertIn("requires an argument FILE", self.run_tool("hbal", "-t").stderr)
        self.assertIn("doesn't allow an argument", self.run_tool("hbal", "--quiet=3").stderr)

    def test_bad_values(self) -> None:
        for words in (("-l", "x"), ("-e", ".5"), ("--priority", "top"), ("--min-disk", "-1"), ("--mond=perhaps",)):
            got = self.run_tool("hbal", *words)
            self.assertEqual(got.status, 1)
            self.assertTrue(got.stderr.startswith("Error while parsing command line arguments:\n"), got.stderr)

    def test_abbreviations_and_attached_arguments(self) -> None:
        got = self.run_tool("hbal", "--text=three-nodes.data", "-l1", "-qv", "--no-d")
        self.assertEqual(got.status, 0, got)
        self.assertIn("Solution length=1", got.stdout)

    def test_help_version_completion(self) -> None:
        self.assertIn("Usage: hail [OPTION...] FILE", self.run_tool("hail", "--help").stdout)
        self.assertEqual(len(self.run_tool("hbal", "-V").stdout.splitlines()), 3)
        completion = self.run_tool("hail", "--help-completion").stdout.splitlines()
        self.assertIn("-t,--text-data file", completion)
        self.assertEqual(completion[-1], "file 1 1")
