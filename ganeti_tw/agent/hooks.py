"""Scripts that administrators put before and after operations."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti_tw.agent.commands import Runner
from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.node import HookEnd, RunHooks

PHASES = ("pre", "post")
SUCCESS, FAIL, SKIP = "success", "fail", "skip"
FILE_DEADLINE = 60.0
OUTPUT_KEPT = 64 * 1024  # characters of the output of one script

_HOOK = re.compile(r"[a-z-]+", re.ASCII)
_SCRIPT = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)

log = Logger()


class HookScripts:
    """Runs the scripts of this host, one after the other.

    ``environment`` is what they see besides what the master says.
    """

    def __init__(
        self,
        runner: Runner,
        paths: Paths,
        blocking: Blocking,
        clock: IReactorTime,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._runner = runner
        self._paths = paths
        self._blocking = blocking
        self._clock = clock
        self._environment = dict(environment or {})

    async def run(self, m: RunHooks) -> tuple[HookEnd, ...]:
        """Every file of the hook's directory; DriverError when that cannot be read."""
        if not _HOOK.fullmatch(m.name) or m.phase not in PHASES:
            raise BadRequest(f"{m.name!r} in phase {m.phase!r} is no hook")
        directory = f"{self._paths.hooks}/{m.name}-{m.phase}.d"
        end = self._clock.seconds() + m.timeout
        found = await self._blocking.run(scripts_in, directory, deadline=FILE_DEADLINE)
        ends = []
        for name, executable in found:
            if executable:
                ends.append(await self._run_one(directory, name, m, end))
            else:
                ends.append(HookEnd(name, SKIP, ""))
        return tuple(ends)

    async def _run_one(self, directory: str, name: str, m: RunHooks, end: float) -> HookEnd:
        left = end - self._clock.seconds()
        if left <= 0:
            return HookEnd(name, FAIL, "not run: the scripts before it took all the time there is")
        ended = await self._runner.run([f"{directory}/{name}"], {**m.environment, **self._environment}, left)
        output = ended.output[:OUTPUT_KEPT]
        if ended.good:
            return HookEnd(name, SUCCESS, output)
        why = ended.reason or f"exit status {ended.status}"
        log.warn("{directory}/{script} failed: {why}", directory=directory, script=name, why=why)
        return HookEnd(name, FAIL, output if output.strip() else why)


def scripts_in(directory: str) -> list[tuple[str, bool]]:
    """Files by name, and whether each may be run: its name has no other characters, and it is executable.  Blocks."""
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as e:
        raise DriverError(f"{directory}: {e.strerror}") from None
    return [(name, _may_run(f"{directory}/{name}", name)) for name in names]


def _may_run(path: str, name: str) -> bool:
    return bool(_SCRIPT.fullmatch(name)) and os.path.isfile(path) and os.access(path, os.X_OK)
