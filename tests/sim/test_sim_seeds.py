"""Clusters under faults, by the hundred: whatever the seed, what was acknowledged is kept and all ends well."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from hashlib import sha256
from io import StringIO
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.testing.simulator.dice import throw
from ganeti_tw.testing.simulator.invariants import Broken
from ganeti_tw.testing.simulator.main import Setting, main, run_all, simulate
from ganeti_tw.testing.simulator.script import Action, parse, text_of
from ganeti_tw.testing.simulator.world import Weather, World

SEEDS = 500

# Seeds that found bugs, each with what it found.
FOUND = [
    ("short", 1, "jobs whose storing was in doubt at their submission were 'running' for ever"),
    ("short", 64, "the same, several at a time"),
    ("short", 18, "the keeper of the configuration crashed when too few nodes answered"),
    ("short", 8, "a deposed master waited to be master for ever and followed nobody"),
    ("short", 20, "the same, after a power cut"),
    ("short", 113, "the same, cut off while it was replaced"),
    ("short", 151, "a node marked offline was in an epoch of its own after a failover that failed"),
    ("short", 214, "the same, and the node was started meanwhile"),
    ("short", 54, "a host that joined a moment before a failover obeyed nobody"),
    ("storm", 70088, "a host that was starting became master with what it had read too early"),
    ("storm", 70021, "hosts that were down while another one joined and became master never followed it"),
    ("storm", 70165, "the same"),
    ("roles", 80080, "a node stayed offline, for the simulator took a master with all others offline for none"),
    ("storm", 71025, "a job that ended while the simulator asked for it was said to have been another one before"),
    ("mixed", 50020, "an instance half made when its master ended was in the way of the end"),
    ("storm", 73028, "a majority by an old configuration was none by the one that it found"),
    ("short", 687, "the same"),
    ("short", 1066, "a host that was removed could not say so when it was told to become master"),
    ("short", 1426, "a master that was removed while it was dead had the address of the cluster for ever"),
    ("short", 7798, "a master killed and told to be master again had the address of the cluster for ever"),
    ("short", 6361, "a guest of the simulator ended on its way to another node, and the way did not"),
    ("short", 12145, "a guest of the simulator that was being started outlived a power cut"),
]


class SeedTests(SynchronousTestCase):
    @pytest.mark.slow
    def test_many(self) -> None:
        results = list(run_all(Setting("short"), range(1, SEEDS + 1), processes=os.cpu_count() or 1))
        broken = [f"{Setting('short').command(r.seed)}: {r.broken}" for r in results if r.broken]
        self.assertEqual(broken, [])
        # Enough happens in them, or the test shows nothing.
        self.assertEqual(len(results), SEEDS)
        self.assertGreater(sum(r.failovers for r in results), SEEDS / 3)
        self.assertGreater(sum(r.jobs for r in results), 10 * SEEDS)

    def test_those_that_found_bugs(self) -> None:
        for scenario, seed, what in FOUND:
            result = simulate(Setting(scenario), seed)
            self.assertEqual(result.broken, "", f"{what}; {Setting(scenario).command(seed)}")

    def test_the_same_seed_is_the_same_history_in_another_process(self) -> None:
        digests = set()
        for hashes in ("1", "2"):
            environ = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": os.pathsep.join(sys.path)}
            done = subprocess.run([sys.executable, "-c", DIGEST], env=environ, check=True, capture_output=True)
            digests.add(done.stdout)
        self.assertEqual(digests, {_digest(7).encode()})

    def test_the_same_seed_is_the_same_history_whenever_garbage_is_collected(self) -> None:
        """Python collects what killed hosts left when it pleases, also those of earlier clusters."""
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        for seed in (5, 8):
            digests = set()
            for threshold in (50, 700, 100_000):
                gc.set_threshold(threshold)
                digests.add(_digest(seed))
            self.assertEqual(len(digests), 1, seed)

    def test_a_failure_says_how_to_repeat_it(self) -> None:
        setting = Setting("storm", hosts=4, faults=("disk", "crash"), seconds=12.5)
        self.assertEqual(
            setting.command(3), "ganeti-sim --seed 3 --scenario storm --hosts 4 --faults disk,crash --time 12.5"
        )
        out = StringIO()
        self.assertEqual(main(setting.command(3).split()[1:], out), 0)
        self.assertIn("1 seeds, 0 broken", out.getvalue())


DIGEST = """
import sys
sys.path.insert(0, "tests/sim")
from test_sim_seeds import _digest
sys.stdout.write(_digest(7))
"""


def _digest(seed: int) -> str:
    result = simulate(Setting("short"), seed)
    return sha256("\n".join((*result.transcript, str(result.events))).encode()).hexdigest()


class ScriptTests(SynchronousTestCase):
    def test_text_and_back(self) -> None:
        script = throw(5).script
        self.assertEqual(parse(text_of(script)), script)

    def test_what_makes_no_sense(self) -> None:
        for text in ("soon kill node1", "1.0"):
            with self.assertRaises(BadRequest) as caught:
                parse(f"# a comment\n{text}\n")
            self.assertIn("line 2", caught.exception.text)
        world = World()
        self.addCleanup(world.close)
        for action, expected in (
            (Action(1.0, "explode", ("node1",)), "there is no verb 'explode'"),
            (Action(1.0, "cut", ("node1",)), "NODE NODE [NOTICE]"),
        ):
            with self.assertRaises(BadRequest) as caught:
                world.play([action], 2.0)
            self.assertIn(expected, caught.exception.text)

    def test_scenarios_and_faults_that_do_not_exist(self) -> None:
        self.assertRaises(BadRequest, throw, 1, "nice")
        self.assertRaises(BadRequest, throw, 1, faults=("gremlins",))


NODES = st.sampled_from(("node1", "node2", "node3"))
PAIRS = st.permutations(("node1", "node2", "node3")).map(lambda nodes: (nodes[0], nodes[1]))


def _actions(verb: str, args: Any) -> Any:
    return st.builds(Action, st.integers(0, 200).map(lambda tenths: tenths / 10), st.just(verb), args)


SCRIPTS = st.lists(
    st.one_of(
        *(_actions(verb, st.tuples(NODES)) for verb in ("kill", "power", "boot", "isolate", "rejoin", "failover")),
        *(_actions(verb, PAIRS) for verb in ("cut", "cut-to", "mend", "reset")),
        _actions("tag", st.tuples(st.integers(0, 9).map(lambda n: f"t{n}"))),
        _actions("disk-fail", st.tuples(NODES, st.sampled_from(("early", "late", "record")))),
        _actions("disk-slow", st.tuples(NODES, st.just("3"))),
    ),
    max_size=12,
)


class ShrinkingTests(SynchronousTestCase):
    """Scripts that hypothesis thinks up, and makes small when one breaks something."""

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(SCRIPTS)
    def test_any_script(self, script: list[Action]) -> None:
        world = World(weather=Weather(late=0.5))
        try:
            world.play(script, 22.0)
            world.recover()
        except Broken as e:
            raise AssertionError(f"{e}\n{text_of(sorted(script))}") from None
        finally:
            world.close()
