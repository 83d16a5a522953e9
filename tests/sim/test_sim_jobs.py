"""Jobs as clients see them: submitted, watched, listed, cancelled, one after the other where they must be."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, NotFound, TryLater, WrongState
from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-t", "diskless", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")
FIELDS = ["status", "opstatus", "opresult"]


def delay(duration: float = 10.0, **more: Any) -> dict[str, Any]:
    return {"OP_ID": "OP_TEST_DELAY", "duration": duration, **more}


def rule(predicates: list[Any], action: Any) -> dict[str, Any]:
    return {"uuid": None, "priority": 0, "predicates": predicates, "action": action, "reason": []}


class JobCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def run_job(self, code: int, *argv: str) -> Command:
        done = self.cluster.run("gnt-job", *argv)
        self.assertEqual(done.code, code, done)
        return done

    def submit(self, *ops: dict[str, Any]) -> int:
        job: int = self.cluster.call("submit", {"ops": list(ops)})
        return job

    def statuses(self) -> list[str]:
        rows = self.cluster.call("query", {"what": "job", "fields": ["status"]})["data"]
        return [row[0][1] for row in rows]

    def waits_for(self, job: int) -> list[str]:
        """What ``gnt-job info`` says of it."""
        found: list[str] = json.loads(self.run_job(0, "info", "--json", str(job)).out)[0]["waits_for"]
        return found

    def waiting(self, job: int, **more: Any) -> Deferred[Any]:
        return self.cluster.begin("wait", {"id": job, "fields": FIELDS, **more})


class CommandTests(JobCase):
    def test_list_info_watch(self) -> None:
        job = self.submit(delay(20, repeat=2))
        listed = self.run_job(0, "list", "--no-headers", "--separator=|", "-o", "id,status,summary").out
        self.assertEqual(listed, f"{job}|running|TEST_DELAY(20)\n")
        self.assertIn("Status: running", self.run_job(0, "info", str(job)).out)
        watched = self.run_job(0, "watch", str(job)).out
        self.assertIn("iteration 1/1", watched)
        self.assertGreater(self.cluster.clock.seconds(), 40)
        self.run_job(0, "wait", str(job))
        self.assertIn("Status: success", self.run_job(0, "info", str(job)).out)

    def test_change_priority(self) -> None:
        job = self.submit(delay(20), delay(20))
        self.assertIn("10", self.run_job(0, "change-priority", "--priority", "low", str(job)).out)
        self.assertEqual(self.run_job(0, "list", "--no-headers", "-o", "priority", str(job)).out, "10\n")
        self.run_job(1, "change-priority", str(job))
        self.run_job(1, "change-priority", "--priority", "high", "99")

    def test_kill(self) -> None:
        first = self.submit(delay(20, on_nodes=["node2"], no_locks=False), delay(1))
        second = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        self.run_job(1, "cancel", "--kill", str(first))
        self.assertIn("killed", self.run_job(0, "cancel", "--kill", "--yes-do-it", str(first)).out)
        self.cluster.settle(1)
        self.assertEqual(self.statuses(), ["error", "running"])
        info = self.run_job(0, "info", str(first)).out
        self.assertEqual((info.count("Status: error"), "deathdetection" in info), (3, True))
        self.run_job(1, "cancel", "--kill", "--yes-do-it", str(first))
        self.run_job(0, "wait", str(second))

    def test_archive(self) -> None:
        jobs = [self.submit(delay(1)) for _ in range(3)]
        self.run_job(1, "archive", str(jobs[0]))
        self.cluster.settle(2)
        self.run_job(0, "archive", str(jobs[0]))
        self.assertEqual(self.run_job(0, "autoarchive", "1d").out, "Archived 0 jobs, 0 unchecked left\n")
        self.assertEqual(len(self.statuses()), 2)
        shown = self.run_job(0, "list", "--no-headers", "--archived", "-o", "status").out
        self.assertIn("success (archived)", shown)
        self.assertEqual(self.run_job(0, "autoarchive", "all").out, "Archived 2 jobs, 0 unchecked left\n")
        self.assertIn("Status: success", self.run_job(0, "info", str(jobs[1])).out)
        self.cluster.restart("node1")
        self.assertEqual(self.statuses(), [])

    def test_info_says_what_a_job_waits_for(self) -> None:
        first = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        second = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        third = self.submit(delay(1, depends=[[-1, []]]))
        shown = self.run_job(0, "info", str(second), str(third)).out
        self.assertIn(f"Waits for: \n    - lock node/{self.cluster.config.node('node2').uuid}: job {first}\n", shown)
        self.assertIn(f"Waits for: \n    - end of job {second}\n", shown)

    def test_info_says_which_filter_keeps_a_job_from_beginning(self) -> None:
        slow = [["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]]]
        paused = self.cluster.call("replace_filter", rule(slow, "PAUSE"))
        job = self.submit(delay(20))
        expected = f"job filter {paused}: PAUSE; see 'gnt-filter info {paused}'"
        self.assertEqual(self.waits_for(job), [expected])
        self.cluster.call("delete_filter", {"uuid": paused})
        limit = self.cluster.call("replace_filter", rule(slow, ["RATE_LIMIT", 1]))
        self.cluster.settle(1)
        second = self.submit(delay(1))
        self.assertEqual(self.waits_for(job), [])
        self.assertEqual(self.waits_for(second), [f"job filter {limit} lets 1 run at a time: job {job}"])
        self.run_job(0, "wait", str(second))
        self.assertEqual(self.waits_for(second), [])

    def test_info_says_that_as_many_run_as_may(self) -> None:
        self.cluster.run("gnt-cluster", "modify", "--max-running-jobs", "1")
        jobs = [self.submit(delay(20)) for _ in range(3)]
        expected = "one of the 1 places for running jobs (max_running_jobs); 1 jobs are to begin earlier"
        self.assertEqual(self.waits_for(jobs[2]), [expected])
        self.assertIn(f"Waits for: \n    - {expected}\n", self.run_job(0, "info", str(jobs[2])).out)

    def test_a_drained_queue_keeps_no_job_that_is_there_from_beginning(self) -> None:
        first = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        second = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        self.cluster.run("gnt-cluster", "queue", "drain")
        lock = f"lock node/{self.cluster.config.node('node2').uuid}: job {first}"
        self.assertEqual(self.waits_for(second), [lock])
        self.run_job(0, "wait", str(second))
        self.assertEqual(self.statuses(), ["success", "success"])

    def test_cancel(self) -> None:
        first = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        second = self.submit(delay(20, on_nodes=["node2"], no_locks=False))
        self.assertEqual(self.statuses(), ["running", "waiting"])
        self.assertIn("canceled", self.run_job(0, "cancel", str(second)).out)
        self.cluster.settle(1)
        self.assertEqual(self.statuses(), ["running", "canceled"])
        self.run_job(0, "cancel", str(first))
        self.cluster.settle(1)
        self.assertEqual(self.statuses(), ["canceled", "canceled"])
        self.run_job(1, "cancel", str(first))
        self.run_job(1, "watch", str(second))
        self.run_job(1, "cancel", str(second))
        self.run_job(1, "cancel", "99")

    def test_cancel_between_two_steps(self) -> None:
        self.cluster.hosts["node2"].storages["file"].delay = 5
        add = ("gnt-instance", "add", "--submit", "-t", "file", "--disk=0:size=1g", "--disk=1:size=1g", *ADD[2:])
        job = self.cluster.run(*add, "web1.example").err.split()[-1]
        self.cluster.settle(7)
        self.assertIn("web1.example", [i.name for i in self.cluster.config.instances.values()])
        self.run_job(0, "cancel", job)
        self.assertEqual(self.statuses(), ["canceling"])
        self.assertEqual(self.cluster.run("gnt-job", "watch", job).code, 1)
        self.assertEqual(self.statuses(), ["canceled"])
        self.assertIn("undoing: disk/0", self.run_job(0, "info", job).out)
        self.assertEqual(dict(self.cluster.config.instances), {})
        self.assertEqual(self.cluster.hosts["node2"].storages["file"].disks, {})
        self.assertEqual(self.cluster.run("gnt-debug", "locks", "--no-headers").out, "")

    def progress(self, job: str) -> list[dict[str, Any]]:
        info = json.loads(self.run_job(0, "info", "--json", job).out)[0]
        return [entry[3] for entry in info["oplog"][0] if entry[2] == "progress"]

    def test_how_many_disks_are_made(self) -> None:
        self.cluster.hosts["node2"].storages["file"].delay = 5
        disks = [f"--disk={n}:size=1g" for n in range(4)]
        add = ("gnt-instance", "add", "--submit", "-t", "file", *disks, *ADD[2:])
        job = self.cluster.run(*add, "web1").err.split()[-1]
        self.cluster.settle(11)
        (told,) = self.progress(job)
        expected = {"what": "creating disks of web1", "done": 2, "total": 4, "unit": "disks", "percent": 50.0}
        self.assertEqual({k: told[k] for k in expected}, expected)
        self.run_job(0, "wait", job)

    def test_a_failed_job(self) -> None:
        job = self.submit(delay(1), {"OP_ID": "OP_NODE_REMOVE", "node_name": "node1"}, delay(1))
        self.assertIn("master", self.run_job(1, "watch", str(job)).err)
        info = self.run_job(0, "info", str(job)).out
        self.assertEqual([info.count(f"Status: {s}") for s in ("success", "error")], [1, 3])

    def test_submit_and_go(self) -> None:
        done = self.cluster.run("gnt-instance", "add", "--submit", *ADD, "web1.example")
        self.assertEqual(done.code, 0, done)
        job = done.err.split()[-1]
        self.run_job(0, "watch", job)
        self.assertTrue(self.cluster.config.instance("web1").admin_up)


class FilterTests(JobCase):
    def add(self, *argv: str) -> str:
        done = self.cluster.run("gnt-filter", "add", *argv)
        self.assertEqual(done.code, 0, done)
        return done.out.strip()

    def test_pause_and_delete(self) -> None:
        rule = self.add("--action=PAUSE", '--predicates=[["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]]]', "--reason=why")
        self.submit(delay(1))
        self.cluster.settle(5)
        self.assertEqual(self.statuses(), ["queued"])
        self.cluster.restart("node1")
        self.cluster.settle(5)
        self.assertEqual(self.statuses(), ["queued"])
        self.assertIn("Action: PAUSE", self.cluster.run("gnt-filter", "info", rule).out)
        self.assertIn("why", self.cluster.run("gnt-filter", "list", rule).out)
        self.assertEqual(self.cluster.run("gnt-filter", "delete", rule).code, 0)
        self.cluster.settle(2)
        self.assertEqual(self.statuses(), ["success"])
        self.assertEqual(self.cluster.run("gnt-filter", "delete", rule).code, 1)
        self.assertEqual(self.cluster.run("gnt-filter", "info", rule).code, 1)

    def test_reject_old_and_new(self) -> None:
        self.submit(delay(10, comment="running"))
        waiting = self.submit(delay(1, depends=[[-1, []]]))
        rule = self.add("--action=REJECT", "--priority=5", '--predicates=[["jobid", ["<=", "id", "watermark"]]]')
        self.cluster.settle(1)
        self.assertEqual(self.statuses(), ["running", "canceled"])
        self.assertEqual(self.cluster.config.filter(rule).watermark, waiting)
        self.assertEqual(self.cluster.run("gnt-filter", "replace", "--action=REJECT", rule).out, f"{rule}\n")
        self.submit(delay(1))
        self.cluster.settle(1)
        self.assertEqual(self.statuses(), ["running", "canceled", "canceled"])

    def test_limits(self) -> None:
        self.add("--action=RATE_LIMIT 2")
        reason = [["gnt:user", "rate-limit:1:x", 1]]
        for more in ({"reason": reason}, {"reason": reason}, {}, {}):
            self.submit(delay(10, **more))
        self.cluster.settle(1)
        self.assertEqual(self.statuses(), ["running", "queued", "running", "queued"])
        self.cluster.settle(10)
        self.assertEqual(self.statuses(), ["success", "running", "success", "running"])

    def test_nonsense(self) -> None:
        good = {"uuid": None, "priority": 0, "predicates": [], "action": "PAUSE", "reason": []}
        for bad in (
            {"priority": -1},
            {"action": "JUMP"},
            {"action": ["RATE_LIMIT", 0]},
            {"predicates": [["colour", ["=", "id", 1]]]},
            {"predicates": [["jobid", ["=", "name", 1]]]},
            {"predicates": [["reason", ["=~", "source", "x"]]]},
            {"predicates": [["opcode", ["=~", "OP_ID", "("]]]},
            {"predicates": [["jobid", None]]},
            {"predicates": ["jobid"]},
        ):
            self.assertRaises(BadRequest, self.cluster.call, "replace_filter", {**good, **bad})
        self.assertRaises(NotFound, self.cluster.call, "replace_filter", {**good, "uuid": "x"})
        self.assertEqual(dict(self.cluster.config.filters), {})


class CallTests(JobCase):
    def test_waiting(self) -> None:
        job = self.submit(delay(5))
        (status, *_), _ = self.cluster.call("wait", {"id": job, "fields": FIELDS})
        self.assertEqual(status, "running")
        previous = [status, [status], [None]]
        self.assertEqual(
            self.cluster.call("wait", {"id": job, "fields": FIELDS, "previous": previous, "timeout": 1}), "nochange"
        )
        asked = {"id": job, "fields": FIELDS, "previous": previous, "log_serial": 100}  # whatever it says meanwhile
        final, _ = self.cluster.call("wait", asked)
        self.assertEqual(final, ["success", ["success"], [None]])
        for previous in (None, final):  # type: ignore[assignment]
            again = self.cluster.call("wait", {**asked, "previous": previous, "timeout": 0})
            self.assertEqual(again, [final, []])

    def test_waiting_for_what_comes_back_as_json(self) -> None:
        """Times are tuples here and lists there: that is no change."""
        job = self.submit(delay(5))
        fields = ["received_ts", "start_ts", "opstart", "ops", "oplog"]
        (values, _) = self.cluster.call("wait", {"id": job, "fields": fields})
        asked = {
            "id": job,
            "fields": fields,
            "previous": [list(v) if isinstance(v, tuple) else v for v in values],
            "timeout": 1,
        }
        self.assertEqual(self.cluster.call("wait", asked), "nochange")

    def test_many_watch_the_same_end(self) -> None:
        job = self.submit(delay(1))
        previous = ["running", ["running"], [None]]
        waiters: list[Deferred[Any]] = []
        while self.cluster.clock.seconds() < 4:
            waiters.append(self.waiting(job, previous=previous))
            self.cluster.settle(0.01)
        answers = {str(self.cluster.result(w)[0]) for w in waiters}
        self.assertEqual(answers, {"['success', ['success'], [None]]"})

    def test_bad_arguments_hurt_nobody(self) -> None:
        job = self.submit(delay(10))
        for method, arguments in (
            ("wait", {"id": job, "fields": "status"}),
            ("wait", {"id": job, "fields": [["status"]]}),
            ("wait", {"id": job, "fields": FIELDS, "log_serial": "x"}),
            ("wait", {"id": job, "fields": FIELDS, "timeout": "long"}),
            ("wait", {"id": None, "fields": FIELDS}),
            ("wait", {"id": "x", "fields": FIELDS}),
            ("wait", {"id": True, "fields": FIELDS}),
            ("cancel", {"id": [1]}),
            ("change_priority", {"id": job, "priority": 20}),
            ("change_priority", {"id": job, "priority": True}),
            ("submit", {"ops": {}}),
            ("submit", {"ops": [None]}),
            ("submit", {"ops": [delay(float("nan"))]}),
            ("submit", {"ops": [{**delay(), "comment": "\ud800"}]}),
            ("submit", {"ops": [delay(2**70)]}),
            ("submit_many", {"jobs": [delay()]}),
            ("query", {"what": "job", "fields": [1]}),
            ("submit", {}),
            ("submit", {"ops": [], "more": 1}),
        ):
            self.assertRaises(BadRequest, self.cluster.call, method, arguments)
        for method in ("nonsense", "_pause", "__init__", "config"):
            self.assertRaises(NotFound, self.cluster.call, method)
        self.assertRaises(NotFound, self.cluster.call, "wait", {"id": 99, "fields": FIELDS})
        self.assertEqual((self.statuses(), self.cluster.fatal), (["running"], []))

    def test_some_of_many_are_refused(self) -> None:
        answers = self.cluster.call("submit_many", {"jobs": [[delay(1)], [{"OP_ID": "OP_X"}], [delay(1)]]})
        self.assertEqual([a[0] for a in answers], [True, False, True])
        self.assertIn("OP_X", answers[1][1])

    def test_a_full_disk_refuses_and_recovers(self) -> None:
        disk = self.cluster.hosts["node1"].disk
        disk.room = 0
        self.assertRaises(Exception, self.cluster.call, "submit", {"ops": [delay(1)]})
        disk.room = None
        self.cluster.settle(10)
        job = self.submit(delay(1))
        self.run_job(0, "watch", str(job))
        self.assertNotIsInstance(job, TryLater)


class OrderTests(JobCase):
    def shutdown(self, name: str) -> dict[str, Any]:
        return {"OP_ID": "OP_INSTANCE_SHUTDOWN", "instance_name": name, "timeout": 10}

    def setUp(self) -> None:
        super().setUp()
        for name in ("web1.example", "web2.example"):
            done = self.cluster.run("gnt-instance", "add", *ADD, name)
            self.assertEqual(done.code, 0, done)
        self.cluster.hosts["node2"].hypervisor.deaf |= {"web1.example", "web2.example"}
        self.before = len(self.statuses())

    def now(self) -> list[str]:
        return self.statuses()[self.before :]

    def test_one_after_the_other_on_one_instance(self) -> None:
        self.submit(self.shutdown("web1"))
        self.submit({"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": "web1"})
        self.submit(self.shutdown("web1.example"))
        seen = []
        for _ in range(30):
            self.cluster.settle(1)
            seen.append(tuple(self.now()))
        running = {statuses.count("running") for statuses in seen}
        self.assertEqual(running, {0, 1})
        self.assertEqual(seen[-1], ("success",) * 3)
        self.assertEqual(self.cluster.config.instance("web1").admin_state, "down")

    def test_at_the_same_time_on_different_ones(self) -> None:
        self.submit(self.shutdown("web1"))
        self.submit(self.shutdown("web2"))
        self.cluster.settle(5)
        self.assertEqual(self.now(), ["running", "running"])
        self.cluster.settle(10)
        self.assertEqual(self.now(), ["success", "success"])

    def test_the_big_lock_waits_for_all_and_all_wait_for_it(self) -> None:
        self.submit(self.shutdown("web1"))
        self.submit({"OP_ID": "OP_NODE_REMOVE", "node_name": "node3"})
        self.submit(self.shutdown("web2"))
        self.assertEqual(self.now(), ["running", "waiting", "waiting"])
        self.cluster.settle(11)
        self.assertEqual(self.now(), ["success", "success", "running"])

    def test_slots(self) -> None:
        for _ in range(25):
            self.submit(delay(10))
        self.assertEqual((self.now().count("running"), self.now().count("queued")), (20, 5))
        self.cluster.settle(11)
        self.assertEqual((self.now().count("success"), self.now().count("running")), (20, 5))


class ProgressTests(JobCase):
    def test_how_far_it_is(self) -> None:
        job = self.submit(delay(10))
        self.cluster.settle(5)
        (entry,) = self.cluster.call("query", {"what": "job", "fields": ["oplog"]})["data"][0][0][1][0]
        self.assertEqual((entry[2], round(entry[3]["percent"]), round(entry[3]["left"])), ("progress", 40, 6))
        watched = self.run_job(0, "wait", str(job))
        self.assertEqual(watched.out, "")
        lines = watched.err.splitlines()
        self.assertEqual(lines[0], "Job 1: 40 % of delay: 4 of 10 seconds, 0:06 left")
        self.assertEqual((len(lines), lines[-1]), (4, "Job 1: 100 % of delay: 10 of 10 seconds"))
        self.assertIn("'percent': 100.0", self.run_job(0, "info", str(job)).out)

    def test_output_for_programs_stays_as_it_is(self) -> None:
        done = self.cluster.run("gnt-debug", "delay", "--print-jobid", "8")
        self.assertEqual((done.code, done.out), (0, "1\n"))


class SignTests(JobCase):
    def interruptible(self, **more: Any) -> tuple[int, str]:
        job = self.submit(delay(1000, interruptible=True, **more))
        self.cluster.settle(1)
        entries = self.cluster.call("wait", {"id": job, "fields": []})[1]
        ((path,),) = [content for _, _, kind, content in entries if kind == "delay-test"]
        return job, path

    def test_an_interruptible_delay(self) -> None:
        job, path = self.interruptible(repeat=3)
        self.assertTrue(self.cluster.bells.ring(path))
        self.run_job(0, "wait", str(job))
        self.assertLess(self.cluster.clock.seconds(), 10)
        self.assertEqual(self.cluster.bells.open_ones, {})

    def test_one_that_nobody_interrupts(self) -> None:
        self.assertEqual(self.cluster.run("gnt-debug", "delay", "-i", "3").code, 0)
        self.assertGreater(self.cluster.clock.seconds(), 3)
        self.assertEqual(self.cluster.bells.open_ones, {})

    def test_a_cancelled_one_leaves_no_socket(self) -> None:
        for extra in ((), ("--kill", "--yes-do-it")):
            job, _ = self.interruptible()
            self.run_job(0, "cancel", *extra, str(job))
            self.cluster.settle(1)
            self.assertEqual(self.cluster.bells.open_ones, {})

    def test_the_test_of_the_job_queue(self) -> None:
        done = self.cluster.run("gnt-debug", "test-jobqueue")
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertIn("passed", done.out)

    def test_a_client_that_does_not_come_or_not_confirm(self) -> None:
        for reached in (False, True):
            job = self.submit({"OP_ID": "OP_TEST_JQUEUE", "notify_waitlock": True})
            self.cluster.settle(1)
            if reached:
                (bell,) = self.cluster.bells.open_ones.values()
                bell.reached.callback(None)
            self.assertIn("nobody con", self.run_job(1, "watch", str(job)).err)
            self.assertEqual(self.cluster.bells.open_ones, {})

    def test_secret_parameters_arrive_and_are_not_in_the_opcode(self) -> None:
        done = self.cluster.run("gnt-debug", "test-osparams", "--os-parameters-secret", "key=hidden,b=2")
        self.assertEqual(done.code, 0, done)
        self.assertIn("key: hidden", done.out)
        (row,) = self.cluster.call("query", {"what": "job", "fields": ["ops"]})["data"]
        self.assertNotIn("hidden", json.dumps(row[0][1]))
        done = self.cluster.run("gnt-debug", "test-osparams")
        self.assertEqual(done.code, 1)
        self.assertIn("no secret parameters were given", done.err)

    def test_a_dummy(self) -> None:
        def end(**how: Any) -> Any:
            job = self.submit({"OP_ID": "OP_TEST_DUMMY", **how})
            self.cluster.settle(1)
            return self.cluster.call("wait", {"id": job, "fields": ["status", "opresult"]})

        self.assertEqual(end(result=[5])[0], ["success", [[5]]])
        (status, _), entries = end(fail=True, messages=["a"])
        self.assertEqual((status, [e[3] for e in entries]), ("error", ["a"]))
        self.assertEqual(end(submit_jobs=[[delay(0)]])[0], ["success", [{"jobs": [(True, 4)]}]])
        for bad in ({"messages": 5}, {"submit_jobs": [5]}, {"result": {"jobs": 5}}):
            self.assertIn("wrong_input", str(end(**bad)[0]))


class LimitTests(JobCase):
    def test_many_jobs_are_taken_together_or_not_at_all(self) -> None:
        full: Any = self.cluster.hosts["node1"].system._cells["queue"]._actor  # type: ignore[attr-defined]
        full.largest = 3
        self.submit(delay(5))
        self.assertRaises(TryLater, self.cluster.call, "submit_many", {"jobs": [[delay(1)]] * 3})
        self.assertEqual(self.statuses(), ["running"])
        self.assertEqual(self.cluster.call("submit_many", {"jobs": [[delay(1)]] * 2}), [[True, 2], [True, 3]])
        self.assertRaises(TryLater, self.submit, delay(1))
        self.assertEqual(self.cluster.run("gnt-cluster", "queue", "drain").code, 0)
        self.assertRaises(WrongState, self.cluster.call, "submit_many", {"jobs": [[delay(1)]]})

    def test_old_jobs_go_to_the_archive_by_themselves(self) -> None:
        self.submit(delay(1))
        self.cluster.settle(2)
        for _ in range(8):
            self.cluster.clock.advance(3000)
            self.cluster.settle(2)
        self.assertEqual(self.statuses(), [])
        self.assertIn("success", self.run_job(0, "list", "--no-headers", "--archived").out)
