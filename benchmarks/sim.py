"""How much faster than the clock on the wall simulated clusters live.

    python benchmarks/sim.py [--check]

A cluster of 20 hosts at rest, with its heartbeats, and one under faults with
clients.  CPU time is what counts.  ``--check`` exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time

from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.simulator.main import Setting, simulate

GOAL = 500.0  # times real time, 20 hosts at rest
REST = 600.0  # virtual seconds
SEEDS = 20


def at_rest(hosts: int) -> float:
    """Virtual seconds per second of CPU."""
    cluster = Cluster(hosts)
    begin = time.process_time()
    cluster.settle(REST)
    return REST / (time.process_time() - begin)


def under_faults() -> tuple[float, float]:
    """The same with clients and faults, and seconds of CPU per seed."""
    begin = time.process_time()
    simulated = sum(simulate(Setting("short"), seed).simulated for seed in range(1, SEEDS + 1))
    took = time.process_time() - begin
    return simulated / took, took / SEEDS


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed of simulated clusters.")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    check = parser.parse_args().check
    rest = at_rest(20)
    print(f"20 hosts at rest: {rest:.0f} times real time (goal {GOAL:.0f})")
    speed, each = under_faults()
    print(f"3 to 9 hosts, clients and faults: {speed:.0f} times real time, {each:.2f} s of CPU per seed")
    return 1 if check and rest < GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
