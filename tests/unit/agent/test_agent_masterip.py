"""Which script sets the address of the cluster up, what it sees, and what becomes of its failures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.hooks import HookScripts
from ganeti_tw.agent.masterip import BUILT_IN, SCRIPT_TIMEOUT, MasterIpScript
from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.masterip import MasterAddress, MasterIpEnd, SetMasterIp
from ganeti_tw.protocol.node import MASTER_ONLY, ProgramEnd

ADDRESS = {"ip": "192.0.2.9", "netmask": 24, "netdev": "eth0", "ip_version": 4, "external": False}
NO_DEVICE = ProgramEnd(1, "", "", "Cannot find device\n")


class FakeRunner:
    """Programs end as ``ends`` says by their last word; ``open`` ones do not end."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.ends: dict[str, ProgramEnd] = {}
        self.open: list[Deferred[ProgramEnd]] | None = None

    def run(self, argv: Sequence[str], env: Mapping[str, str], deadline: float) -> Deferred[ProgramEnd]:
        self.calls.append(list(argv))
        self.environments.append(dict(env))
        if self.open is not None:
            self.open.append(Deferred())
            return self.open[-1]
        return succeed(self.ends.get(os.path.basename(argv[-1]), ProgramEnd(0, "", "done\n", "done\n")))


class MasterIpScriptTests(SynchronousTestCase):
    root = ""

    def setUp(self) -> None:
        self.top = os.path.abspath(self.mktemp())
        self.runner = FakeRunner()
        self.announced: list[tuple[str, str]] = []
        self.deaf = False
        self.script = self.made(Paths(self.root))

    def made(self, paths: Paths) -> MasterIpScript:
        hooks = HookScripts(self.runner, paths, InlineBlocking(), Clock())
        return MasterIpScript(self.runner, paths, hooks, self.announce, InlineBlocking(), {"GANETI_HOSTNAME": "n1"})

    def announce(self, netdev: str, ip: str) -> None:
        self.announced.append((netdev, ip))
        if self.deaf:
            raise DriverError("no socket")

    def virtual(self) -> MasterIpScript:
        return self.made(Paths(self.top))

    def program(self, path: str, mode: int = 0o755) -> str:
        place = self.top + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(place, mode)
        return place

    def ask(self, script: MasterIpScript, up: bool = True, **changes: Any) -> Deferred[MasterIpEnd]:
        address = MasterAddress(**{**ADDRESS, **changes})
        return Deferred.fromCoroutine(script.set(SetMasterIp(up, address, {"PHASE": "pre"}, {"PHASE": "post"})))

    def test_only_the_master_may_ask(self) -> None:
        self.assertIn("node.set_master_ip/1", MASTER_ONLY)

    def test_ours_where_nothing_else_is(self) -> None:
        self.assertEqual(self.successResultOf(self.ask(self.virtual())), MasterIpEnd("done"))
        self.successResultOf(self.ask(self.virtual(), up=False))
        self.assertEqual(self.runner.calls, [["/bin/sh", BUILT_IN, "start"], ["/bin/sh", BUILT_IN, "stop"]])
        seen = self.runner.environments[0]
        wanted = {
            "MASTER_IP": "192.0.2.9",
            "MASTER_NETMASK": "24",
            "MASTER_NETDEV": "eth0",
            "CLUSTER_IP_VERSION": "4",
            "GANETI_HOSTNAME": "n1",
        }
        self.assertEqual({key: seen[key] for key in wanted}, wanted)

    def test_the_one_that_is_installed_goes_first(self) -> None:
        place = self.program("/usr/lib/ganeti/tools/master-ip-setup")
        self.successResultOf(self.ask(self.virtual()))
        self.assertEqual(self.runner.calls, [[place, "start"]])

    def test_the_administrators_own(self) -> None:
        place = self.program("/etc/ganeti/scripts/master-ip-setup")
        self.successResultOf(self.ask(self.virtual(), external=True))
        self.assertEqual(self.runner.calls, [[place, "start"]])

    def test_the_administrators_own_must_be_there(self) -> None:
        (warning,) = self.successResultOf(self.ask(self.virtual(), external=True)).warnings
        self.assertIn("--use-external-mip-script=no", warning)
        self.assertEqual(self.runner.calls, [])

    def test_neighbours_are_told_of_an_address_that_came(self) -> None:
        self.successResultOf(self.ask(self.script, up=False))
        self.assertEqual(self.announced, [])
        self.successResultOf(self.ask(self.script))
        self.assertEqual(self.announced, [("eth0", "192.0.2.9")])

    def test_neighbours_that_cannot_be_told_are_a_warning(self) -> None:
        self.deaf = True
        self.assertEqual(self.successResultOf(self.ask(self.script)), MasterIpEnd("done", ("no socket",)))

    def test_neighbours_are_not_told_of_what_did_not_come_or_is_elsewhere(self) -> None:
        self.successResultOf(self.ask(self.script, ip="127.0.0.9"))
        self.program("/etc/ganeti/scripts/master-ip-setup")
        self.successResultOf(self.ask(self.virtual(), external=True))
        self.runner.ends["start"] = NO_DEVICE
        self.failureResultOf(self.ask(self.script), DriverError)
        self.assertEqual(self.announced, [])

    def test_a_failure_names_the_command_and_what_it_said(self) -> None:
        self.runner.ends["start"] = NO_DEVICE
        error = self.failureResultOf(self.ask(self.script), DriverError).value
        self.assertIn("master-ip-setup start' failed: exit status 1; it said: Cannot find device", error.text)

    def test_on_a_virtual_host_it_is_a_warning(self) -> None:
        self.runner.ends["start"] = NO_DEVICE
        (warning,) = self.successResultOf(self.ask(self.virtual())).warnings
        self.assertIn("Cannot find device", warning)

    def test_hooks_around_it(self) -> None:
        before = self.program("/etc/ganeti/hooks/master-ip-turnup-pre.d/a")
        after = self.program("/etc/ganeti/hooks/master-ip-turnup-post.d/b")
        down = self.program("/etc/ganeti/hooks/master-ip-turndown-post.d/c")
        self.successResultOf(self.ask(self.virtual()))
        self.assertEqual([argv[-1] for argv in self.runner.calls], [before, "start", after])
        self.assertEqual([self.runner.environments[i]["PHASE"] for i in (0, 2)], ["pre", "post"])
        self.successResultOf(self.ask(self.virtual(), up=False))
        self.assertEqual([argv[-1] for argv in self.runner.calls[3:]], ["stop", down])

    def test_a_hook_before_it_can_refuse(self) -> None:
        self.program("/etc/ganeti/hooks/master-ip-turnup-pre.d/a")
        self.runner.ends["a"] = ProgramEnd(1, "", "", "not now\n")
        error = self.failureResultOf(self.ask(self.virtual()), DriverError).value
        self.assertIn("hook master-ip-turnup refused: script a failed: not now", error.text)
        self.assertEqual(len(self.runner.calls), 1)

    def test_a_hook_after_it_is_only_told_of(self) -> None:
        self.program("/etc/ganeti/hooks/master-ip-turnup-post.d/b")
        self.runner.ends["b"] = ProgramEnd(3, "", "", "")
        end = self.successResultOf(self.ask(self.virtual()))
        self.assertEqual(end.warnings, ("hook master-ip-turnup: script b failed: exit status 3",))

    def test_one_at_a_time(self) -> None:
        self.runner.open = []
        script = self.virtual()
        first, second = self.ask(script), self.ask(script, up=False)
        self.assertEqual(len(self.runner.open), 1)
        self.runner.open[0].callback(NO_DEVICE)
        self.successResultOf(first)
        self.assertEqual(self.runner.calls[1][-1], "stop")
        self.runner.open[1].callback(ProgramEnd(0, "", "", ""))
        self.successResultOf(second)

    def test_other_versions_of_ip(self) -> None:
        self.failureResultOf(self.ask(self.script, ip_version=5), BadRequest)

    def test_the_script_has_a_deadline(self) -> None:
        deadlines: list[float] = []
        run = self.runner.run

        def noting(argv: Sequence[str], env: Mapping[str, str], deadline: float) -> Deferred[ProgramEnd]:
            deadlines.append(deadline)
            return run(argv, env, deadline)

        self.runner.run = noting  # type: ignore[method-assign]
        self.successResultOf(self.ask(self.virtual()))
        self.assertEqual(deadlines, [SCRIPT_TIMEOUT])
