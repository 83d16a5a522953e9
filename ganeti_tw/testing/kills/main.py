"""``ganeti-kills``: real processes killed under load, and nothing that was acknowledged may be missing."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from typing import TextIO

from ganeti_tw import __version__
from ganeti_tw.errors import GanetiError
from ganeti_tw.testing.endings import ended, endings
from ganeti_tw.testing.kills.expected import Expected
from ganeti_tw.testing.kills.hosts import Hosts
from ganeti_tw.testing.kills.rounds import Lost, Rounds, Tally


def main(argv: Sequence[str] | None = None, out: TextIO = sys.stdout) -> int:
    """0 when nothing was lost, 1 when something was, 2 for a command line that makes no sense.

    When a signal asks for the end, the hosts are ended first, and the code is that of the signal.
    """
    options = _parser().parse_args(argv)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(1_000_000)
    top = options.directory or Path(tempfile.mkdtemp(prefix="kills"))
    begin = time.monotonic()

    def say(line: str) -> None:
        print(line, file=out, flush=True)

    say(f"seed {seed}, in {top}")
    top.mkdir(parents=True, exist_ok=True)
    try:
        hosts = Hosts(top / "c", options.hosts)
    except (GanetiError, OSError) as e:
        say(f"ganeti-kills: {e}")
        return 2
    rounds = Rounds(hosts, options.clients, seed, top, say)
    wrong = told = ""
    with endings():
        try:
            wrong = _play(hosts, rounds, options.rounds)
            rounds.stop()
            if not wrong and not options.keep:
                hosts.stop()
        except KeyboardInterrupt as e:
            told = str(e)
            say(f"{told}: ending the hosts")
            hosts.end()  # the clients are threads, which end with this process
    for line in _report(rounds.tally, rounds.expected, time.monotonic() - begin):
        say(line)
    if told:
        say(f"{told} in round {rounds.tally.rounds + 1}: no host runs any more")
    elif wrong:
        say(f"FAILED in round {rounds.tally.rounds + 1}:\n{wrong}")
        say(f"Everything is kept: the journals in {top}, the hosts, which run on, in {hosts.cluster.directory};")
        say(f"end them with 'ganeti-vcluster destroy {hosts.cluster.directory}'.")
        numbers = f"--rounds {options.rounds} --hosts {options.hosts} --clients {options.clients}"
        say(f"Again: ganeti-kills --seed {seed} {numbers}")
        return 1
    if not options.keep:
        shutil.rmtree(top)
    return ended(told) if told else 0


def _play(hosts: Hosts, rounds: Rounds, count: int) -> str:
    """What is wrong, if something is."""
    try:
        hosts.form()
        rounds.start()
        for _ in range(count):
            rounds.play()
        return "\n".join(rounds.finish())
    except (Lost, GanetiError) as e:
        return str(e)


def _report(tally: Tally, expected: Expected, seconds: float) -> list[str]:
    lines = [
        f"{tally.rounds} rounds in {seconds:.0f} s: {tally.kills} kills, {tally.masters_killed} of them of the master; "
        f"{tally.failovers} failovers, {len(tally.refused)} refused or cut short",
        f"{expected.jobs} jobs acknowledged, {expected.changes} changes, {expected.unknown} submissions unanswered; "
        f"{tally.looked_up} facts looked up",
    ]
    if tally.seconds:
        worst = max(tally.seconds)
        lines.append(f"a failover took {statistics.median(tally.seconds):.1f} s (median), {worst:.1f} s at most")
    ends = ", ".join(f"{count} {status}" for status, count in sorted(expected.ended.items()))
    lines.append(f"jobs ended: {ends or 'none'}")
    lines += [f"  {count} times: {text}" for text, count in expected.told.most_common(12)]
    lines += [f"  refused: {text}" for text in tally.refused[:12]]
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ganeti-kills", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s (ganeti_tw) {__version__}")
    parser.add_argument("--rounds", type=int, default=200, help="how often (default: %(default)s)")
    parser.add_argument("--hosts", type=int, default=5, choices=range(3, 31), metavar="N", help="3 to 30 (default: 5)")
    parser.add_argument("--clients", type=int, default=4, help="every third is a hasty one (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of what happens when; processes have their own time, though")
    parser.add_argument("--directory", type=Path, help="where, a short path; a temporary one without")
    parser.add_argument("--keep", action="store_true", help="keep everything also when nothing was lost")
    return parser


if __name__ == "__main__":
    sys.exit(main())
