"""``ganeti-sim``: clusters under faults, by the hundred."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TextIO

from attrs import frozen

from ganeti_tw import __version__
from ganeti_tw.errors import BadRequest
from ganeti_tw.testing.simulator.dice import FAULTS, SCENARIOS, throw
from ganeti_tw.testing.simulator.hosts import WatchedHost
from ganeti_tw.testing.simulator.invariants import Broken
from ganeti_tw.testing.simulator.world import MakeHost, World


@frozen
class Setting:
    """What is the same for all seeds."""

    scenario: str = "short"
    hosts: int = 0
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    def command(self, seed: int) -> str:
        """The line that repeats it."""
        words = ["ganeti-sim", "--seed", str(seed), "--scenario", self.scenario]
        words += ["--hosts", str(self.hosts)] if self.hosts else []
        words += ["--faults", ",".join(self.faults)] if self.faults else []
        words += ["--time", f"{self.seconds:g}"] if self.seconds else []
        return " ".join(words)


@frozen
class Result:
    """How one simulation ended; ``broken`` is empty when all was well."""

    seed: int
    broken: str
    transcript: tuple[str, ...]
    simulated: float  # seconds
    events: int
    failovers: int
    jobs: int


def simulate(setting: Setting, seed: int, make_host: MakeHost = WatchedHost) -> Result:
    """One seed, from the beginning to the end."""
    dealt = throw(seed, setting.scenario, hosts=setting.hosts, faults=setting.faults, seconds=setting.seconds)
    world = World(dealt.hosts, seed, dealt.weather, make_host, dealt.spare)
    broken = ""
    try:
        world.play(dealt.script, dealt.seconds)
        world.recover()
    except Broken as e:
        broken = str(e)
    finally:
        world.close()
    clock = world.clock
    transcript = tuple(str(line) for line in world.lines)
    return Result(
        seed, broken, transcript, clock.seconds(), clock.events, world.administrator.failovers, len(world.clients.jobs)
    )


def run_all(setting: Setting, seeds: Iterable[int], processes: int = 1) -> Iterator[Result]:
    """All of them, in order of their seeds."""
    work = partial(simulate, setting)
    if processes == 1:
        yield from map(work, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(work, seeds, chunksize=4)


def main(argv: Sequence[str] | None = None, out: TextIO = sys.stdout) -> int:
    """0 when nothing broke, 1 when something did, 2 for a command line that makes no sense."""
    options = _parser().parse_args(argv)
    faults = tuple(options.faults.split(",")) if options.faults else ()
    setting = Setting(options.scenario, options.hosts, faults, options.time)
    try:
        throw(0, setting.scenario, hosts=setting.hosts, faults=faults, seconds=setting.seconds)
    except BadRequest as e:
        sys.stderr.write(f"ganeti-sim: {e.text}\n")
        return 2
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    begin, done, failed, simulated, failovers, jobs = time.monotonic(), 0, 0, 0.0, 0, 0
    for result in run_all(setting, seeds, options.processes):
        done += 1
        simulated, failovers, jobs = simulated + result.simulated, failovers + result.failovers, jobs + result.jobs
        if result.broken:
            failed += 1
            _report(setting, result, options.lines, out)
        elif options.seed is not None and options.verbose:
            print(*result.transcript, sep="\n", file=out)
        if out.isatty():
            print(f"\r{done} of {len(seeds)} seeds, {failed} broken", end="", file=out, flush=True)
        if failed >= options.stop_after > 0:
            break
    took = max(1e-9, time.monotonic() - begin)
    print(
        f"{done} seeds, {failed} broken; {simulated:.0f} s simulated, {simulated / took:.0f} times real time; "
        f"{jobs} jobs, {failovers} failovers",
        file=out,
    )
    return 1 if failed else 0


def _report(setting: Setting, result: Result, lines: int, out: TextIO) -> None:
    print(f"\n{result.broken}", file=out)
    print(*result.transcript[-lines:], sep="\n", file=out)
    print(f"again: {setting.command(result.seed)}\n", file=out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ganeti-sim", description="Simulate clusters under faults.")
    parser.add_argument("--version", action="version", version=f"%(prog)s (ganeti_tw) {__version__}")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--seeds", type=int, default=100, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (default: %(default)s)")
    parser.add_argument("--scenario", default="short", help=f"one of {', '.join(SCENARIOS)} (default: %(default)s)")
    parser.add_argument("--hosts", type=int, default=0, choices=range(2, 31), metavar="N", help="default: 3 to 9")
    parser.add_argument("--time", type=float, default=0.0, help="seconds with faults (default: by the scenario)")
    parser.add_argument("--faults", default="", help=f"some of {','.join(FAULTS)} (default: all)")
    parser.add_argument("--processes", type=int, default=1, help="how many at a time (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=60, help="of a transcript to show (default: %(default)s)")
    parser.add_argument("--stop-after", type=int, default=0, metavar="N", help="end when so many broke")
    parser.add_argument("--verbose", action="store_true", help="with --seed: show the transcript of a success, too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
