"""Many jobs at once on a cluster of three hosts: how many a second, how soon they run, and who has to wait.

    python benchmarks/jobs.py [--check] [--instances 1000] [--large 10000] [--jobs 1000]

Makes a virtual cluster with the fake hypervisor in a temporary directory, two
in-sync candidates beside the master, and removes it again.  ``--check`` exits 1
when a goal is missed.  The delay of a start is what the master wrote down: from
the job's arrival until its operation is taken to work with its locks.  From
submission to the end seen is what the client waits, the disks of all three hosts
included.  Processor times of the master are the same on a busy machine.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from cluster import NOOP, Report, VirtualCluster, cluster, job, milliseconds

from ganeti_tw.cli.client import Client
from ganeti_tw.testing.endings import run

CLIENTS = (1, 4, 16, 64)
SLOTS = 100  # jobs that may run at once; the built-in 20 are fewer than the clients
FINAL = ("success", "error", "canceled")
KEPT = 60.0  # seconds for which a host remembers its longest stall


def in_threads(clients: Sequence[Client], work: Callable[[Client], list[Any]]) -> list[Any]:
    """What all of them did, side by side."""
    done: list[Any] = []
    threads = [threading.Thread(target=lambda c=c: done.extend(work(c)), daemon=True) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def one_after_the_other(client: Client, count: int) -> list[tuple[int, float]]:
    """No-op jobs, each submitted when the one before had ended: id, and milliseconds until its end was seen."""
    done = []
    for _ in range(count):
        begin = time.perf_counter()
        number = client.call("submit", {"ops": [NOOP]})
        follow(client, [number])
        done.append((number, (time.perf_counter() - begin) * 1000))
    return done


def follow(client: Client, ids: Sequence[int]) -> list[str]:
    """The last statuses of jobs, in order."""
    ended: dict[int, str] = {}
    asked = {n: client.send("wait", waiting(n, None)) for n in ids}
    while asked:
        number, tag = asked.popitem()
        answer = client.receive(tag)
        values = None if answer == "nochange" else answer[0]
        if values is not None and values[0] in FINAL:
            ended[number] = values[0]
        else:
            asked[number] = client.send("wait", waiting(number, values))
    return [ended[n] for n in ids]


def waiting(number: int, previous: Any) -> dict[str, Any]:
    return {"id": number, "fields": ["status"], "previous": previous, "timeout": 60}


def starts(client: Client, ids: Sequence[int]) -> list[float]:
    """Milliseconds from arrival to work, of each job, sorted."""
    fields = ["received_ts", "opexec"]
    found = []
    for begin in range(0, len(ids), 200):
        chosen = ["|", *(["=", "id", n] for n in ids[begin : begin + 200])]
        for (_, received), (_, executed) in client.call("query", {"what": "job", "fields": fields, "filter": chosen})[
            "data"
        ]:
            found.append((seconds(executed[0]) - seconds(received)) * 1000)
    return sorted(found)


def seconds(stamp: Sequence[int]) -> float:
    return stamp[0] + stamp[1] / 1e6


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of all stays below."""
    return values[min(len(values) - 1, int(len(values) * part))]


def measure_rates(made: VirtualCluster, report: Report, jobs: int) -> None:
    made.run("gnt-cluster", "modify", f"--max-running-jobs={SLOTS}", f"--max-tracked-jobs={SLOTS + 5}")
    best, used, jobs_done = 0.0, made.cpu_seconds("node1"), 0
    for count in CLIENTS:
        clients = [made.client() for _ in range(count)]
        each = max(1, min(jobs, 200 * count) // count)
        in_threads(clients, lambda c: one_after_the_other(c, 5))
        jobs_done += 5 * count
        rates, delays, ends = [], [], []
        for _ in range(3):
            begin = time.perf_counter()
            done = in_threads(clients, lambda c, each=each: one_after_the_other(c, each))
            rates.append(len(done) / (time.perf_counter() - begin))
            delays.append(starts(clients[0], [number for number, _ in done]))
            ends.append(sorted(taken for _, taken in done))
            jobs_done += len(done)
        chosen, ended = (min(runs, key=lambda run: share(run, 0.99)) for runs in (delays, ends))
        best = max(best, *rates)
        report.line(f"no-op jobs, {count} clients", max(rates), "jobs/s", None)
        report.line("  from arrival to work, half of them", share(chosen, 0.5), "ms", None)
        report.line("  from arrival to work, 99 of 100", share(chosen, 0.99), "ms", 50)
        report.line("  from submission to the end seen, half", share(ended, 0.5), "ms", None)
        report.line("  from submission to the end seen, 99 of 100", share(ended, 0.99), "ms", None)
        for client in clients:
            client.close()
    report.line("no-op jobs, the best of these", best, "jobs/s", 300, more=True)
    cpu = (made.cpu_seconds("node1") - used) / jobs_done * 1000
    report.line("processor time of the master per no-op job", cpu, "ms", None)
    client = made.client()
    used = made.cpu_seconds("node1")
    rate = max(bulk(client, [NOOP] * jobs) for _ in range(3))
    report.line(f"no-op jobs, {jobs} submitted in one call", rate, "jobs/s", 300, more=True)
    cpu = (made.cpu_seconds("node1") - used) / (3 * jobs) * 1000
    report.line("processor time of the master per such job", cpu, "ms", None)
    client.close()


def creation(number: int) -> dict[str, Any]:
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": f"bulk{number}.example.com",
        "mode": "create",
        "disk_template": "diskless",
        "disks": [],
        "nics": [{}],
        "pnode": f"node{number % 3 + 1}",
        "name_check": False,
        "ip_check": False,
        "no_install": True,
        "start": False,
        "reason": [],
    }


def measure_bulk(made: VirtualCluster, report: Report, count: int = 300) -> None:
    client, used = made.client(), made.cpu_seconds("node1")
    creations, removals = [], []
    for round_ in range(3):
        numbers = range(round_ * count, (round_ + 1) * count)
        creations.append(bulk(client, [creation(n) for n in numbers]))
        removals.append(
            bulk(
                client,
                [
                    {"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": creation(n)["instance_name"], "reason": []}
                    for n in numbers
                ],
            )
        )
    report.line(f"creating {count} diskless instances", max(creations), "a s", 100, more=True)
    report.line(f"removing {count} diskless instances", max(removals), "a s", 100, more=True)
    cpu = (made.cpu_seconds("node1") - used) / (6 * count) * 1000
    report.line("processor time of the master per each of these", cpu, "ms", None)
    client.close()


def bulk(client: Client, ops: Sequence[dict[str, Any]]) -> float:
    """Jobs a second, all submitted in one call."""
    begin = time.perf_counter()
    answers = client.call("submit_many", {"jobs": [[op] for op in ops]})
    statuses = follow(client, [number for _, number in answers])
    if set(statuses) != {"success"}:
        raise RuntimeError(f"jobs failed: {statuses.count('success')} of {len(statuses)} succeeded")
    return len(ops) / (time.perf_counter() - begin)


def measure_lists(made: VirtualCluster, report: Report, instances: int) -> None:
    shown = milliseconds(lambda: made.run("gnt-instance", "list"), 5)
    report.line(f"gnt-instance list, {instances} instances", shown, "ms", 0.2 * max(1000, instances))
    told = milliseconds(lambda: made.run("gnt-instance", "info", "inst7.example.com"), 5)
    report.line(f"gnt-instance info NAME, {instances} instances", told, "ms", 200)


def stalls(client: Client, doing: Callable[[], None]) -> float:
    """The longest stall of the master's reactor meanwhile, in milliseconds."""
    lag = client.call("lag", {})
    if lag["seconds"] > 0.01:
        time.sleep(max(0.0, KEPT - lag["age"]) + 1)  # until it is forgotten
    doing()
    return float(client.call("lag", {})["seconds"] * 1000)


def measure_stalls(made: VirtualCluster, report: Report, instances: int, jobs: int) -> None:
    client, other = made.client(), made.client()
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 0.05, "reason": []}
    names = ["name", "status", "pnode", "oper_ram", "os"]
    verify = {"OP_ID": "OP_CLUSTER_VERIFY_CONFIG", "reason": []}

    def jobs_and_lists() -> None:
        numbers = [n for _, n in client.call("submit_many", {"jobs": [[delay] for _ in range(jobs)]})]
        for _ in range(3):
            other.call("query", {"what": "instance", "fields": names})
            other.call("query", {"what": "job", "fields": ["id", "status", "summary"]})
        follow(client, numbers)

    def lists() -> None:
        for _ in range(3):
            other.call("query", {"what": "instance", "fields": names})

    def verifying() -> None:
        if job(client, verify) != "success":
            raise RuntimeError("the configuration is not fine")

    for what, doing in (
        (f"{jobs} jobs and lists", jobs_and_lists),
        ("lists alone", lists),
        ("verifying the configuration", verifying),
    ):
        worst = min(stalls(client, doing) for _ in range(2))
        report.line(f"longest stall, {what}, {instances} instances", worst, "ms", 50)
    client.close()
    other.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10000)
    parser.add_argument("--jobs", type=int, default=1000)
    options = parser.parse_args()
    report = Report()
    with cluster() as made:
        measure_rates(made, report, options.jobs)
        measure_bulk(made, report)
        for instances in (options.instances, options.large):
            made.populate(instances)
            measure_lists(made, report, instances)
            measure_stalls(made, report, instances, options.jobs)
    if options.check and report.missed:
        print(f"missed: {', '.join(report.missed)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
