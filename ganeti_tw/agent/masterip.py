"""The address of the cluster on this host."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from ganeti_tw.agent.announce import Announce
from ganeti_tw.agent.commands import Runner
from ganeti_tw.agent.hooks import FAIL, HookScripts
from ganeti_tw.errors import BadRequest, DriverError, GanetiError
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.masterip import MasterIpEnd, SetMasterIp
from ganeti_tw.protocol.node import HookEnd, ProgramEnd, RunHooks

SCRIPT_TIMEOUT = 30.0
ANNOUNCE_TIMEOUT = 5.0
HOOKS_TIMEOUT = 60.0  # for each phase: the cluster waits for its address
BUILT_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "master-ip-setup")
TURN_UP, TURN_DOWN = "master-ip-turnup", "master-ip-turndown"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

log = Logger()


class MasterIpScript:
    """Runs the script that sets the address up, one call at a time.

    The script is the administrator's, that of the host's installation, or the
    one that comes with this file.  ``announce`` tells the neighbours when an
    address came, ``environment`` is what the script sees besides.
    """

    def __init__(
        self,
        runner: Runner,
        paths: Paths,
        hooks: HookScripts,
        announce: Announce,
        blocking: Blocking,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._runner = runner
        self._announce = announce
        self._blocking = blocking
        self._paths = paths
        self._hooks = hooks
        self._environment = dict(environment or {})
        self._one_at_a_time = DeferredLock()

    async def set(self, m: SetMasterIp) -> MasterIpEnd:
        """See :class:`SetMasterIp`."""
        if m.address.ip_version not in (4, 6):
            raise BadRequest(f"there is no IP version {m.address.ip_version}")
        await self._one_at_a_time.acquire()
        try:
            return await self._set(m)
        finally:
            self._one_at_a_time.release()

    async def _set(self, m: SetMasterIp) -> MasterIpEnd:
        hook = TURN_UP if m.up else TURN_DOWN
        refused = failures(await self._hooks.run(RunHooks(hook, "pre", m.before, HOOKS_TIMEOUT)))
        if refused:
            raise DriverError(f"hook {hook} refused: {'; '.join(refused)}")
        said, warnings = "", []
        try:
            said = await self._run(m)
            if m.up and self._is_put_up(m):
                warnings += await self._told(m)
        except DriverError as e:
            if not self._paths.root:
                raise
            log.warn("the address of the cluster stays as it is: {error}", error=e.text)
            warnings.append(e.text)
        late = failures(await self._hooks.run(RunHooks(hook, "post", m.after, HOOKS_TIMEOUT)))
        return MasterIpEnd(said, (*warnings, *(f"hook {hook}: {text}" for text in late)))

    def _is_put_up(self, m: SetMasterIp) -> bool:
        """Whether it is on an interface that neighbours can be told of: external scripts put it anywhere."""
        return not m.address.external and not ipaddress.ip_address(m.address.ip).is_loopback

    async def _told(self, m: SetMasterIp) -> list[str]:
        """Tell the neighbours; why that did not work.  It is for the better only, since they forget in time."""
        try:
            await self._blocking.run(self._announce, m.address.netdev, m.address.ip, deadline=ANNOUNCE_TIMEOUT)
        except GanetiError as e:
            return [e.text]
        return []

    async def _run(self, m: SetMasterIp) -> str:
        argv = [*self._program(m.address.external), "start" if m.up else "stop"]
        environment = {
            "PATH": PATH,
            "LC_ALL": "C",
            "MASTER_NETDEV": m.address.netdev,
            "MASTER_IP": m.address.ip,
            "MASTER_NETMASK": str(m.address.netmask),
            "CLUSTER_IP_VERSION": str(m.address.ip_version),
            **self._environment,
        }
        end = await self._runner.run(argv, environment, SCRIPT_TIMEOUT)
        if not end.good:
            raise DriverError(f"'{' '.join(argv)}' failed: {explained(end)}")
        log.info("master IP {ip}: {said}", ip=m.address.ip, said=end.output.strip() or argv[-1])
        return end.output.strip()

    def _program(self, external: bool) -> list[str]:
        if external:
            program = self._paths.external_master_ip_script
            if not os.access(program, os.X_OK):
                raise DriverError(
                    f"{program} cannot be executed; "
                    "put the script there or run 'gnt-cluster modify --use-external-mip-script=no'"
                )
            return [program]
        installed = self._paths.master_ip_script
        return [installed] if os.access(installed, os.X_OK) else ["/bin/sh", BUILT_IN]


def failures(ends: tuple[HookEnd, ...]) -> list[str]:
    """What is to be said of the scripts of a hook that failed."""
    return [f"script {end.script} failed: {end.output.strip() or '(no output)'}" for end in ends if end.status == FAIL]


def explained(end: ProgramEnd) -> str:
    """How a program failed, and what it said."""
    return f"{end.reason or f'exit status {end.status}'}; it said: {end.output.strip() or '(nothing)'}"
