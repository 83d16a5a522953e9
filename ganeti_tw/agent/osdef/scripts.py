"""Runs the scripts of OS definitions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from twisted.logger import Logger

from ganeti_tw.agent.osdef.definition import OsDefinition, OsDefinitions
from ganeti_tw.agent.osdef.environment import core_environment, script_environment
from ganeti_tw.agent.processes import Spawner
from ganeti_tw.errors import BadRequest, DriverError, WrongState
from ganeti_tw.protocol.instance import InstanceSpec

VERIFY_API = 20  # the first version of the interface with parameters and a script that looks at them
VERIFY_TIMEOUT = 60.0

log = Logger()


class OsScripts:
    """Runs them as child processes; all they say is in files below ``log_directory``."""

    def __init__(
        self, definitions: OsDefinitions, spawner: Spawner, log_directory: str, now: Callable[[], float]
    ) -> None:
        self.definitions = definitions
        self._spawner = spawner
        self._log_directory = log_directory
        self._now = now

    async def create(
        self,
        spec: InstanceSpec,
        disks: Mapping[int, str],
        *,
        reinstall: bool = False,
        timeout: float = 3600.0,
        debug_level: int = 0,
    ) -> None:
        """Put the instance's OS on its disks.  Cancelling kills the script.

        NotFound, WrongState for a definition that is not there or not usable;
        DriverError with the last 20 lines of output when the script fails.
        """
        definition = await self.definitions.get(spec.os)
        if not os.path.exists(os.path.join(definition.path, "create")):
            raise WrongState(f"OS {definition.name} has only create_untrusted, which needs a helper guest")
        env = script_environment(definition, spec, disks, reinstall=reinstall, debug_level=debug_level)
        await self._run_script(definition, "create", spec, env, timeout)

    async def rename(
        self,
        spec: InstanceSpec,
        disks: Mapping[int, str],
        old_name: str,
        *,
        timeout: float = 3600.0,
        debug_level: int = 0,
    ) -> None:
        """Tell the OS on the disks its new name.  Errors as those of :meth:`create`."""
        definition = await self.definitions.get(spec.os)
        env = script_environment(definition, spec, disks, debug_level=debug_level)
        await self._run_script(definition, "rename", spec, {**env, "OLD_INSTANCE_NAME": old_name}, timeout)

    async def verify(self, os_name: str, osparams: Mapping[str, Any]) -> None:
        """Let the OS look at its parameters; BadRequest with what it says against them.

        Definitions of old versions of the interface cannot; then nothing is checked.
        """
        definition = await self.definitions.get(os_name)
        if definition.api < VERIFY_API:
            return
        env = core_environment(definition, os_name, osparams)
        output = self._log_file("verify", os_name, "parameters")
        script = os.path.join(definition.path, "verify")
        end = await self._spawner.run(
            [script, "parameters"], env=env, cwd=definition.path, output=output, deadline=VERIFY_TIMEOUT
        )
        with suppress(OSError):  # what it says may quote a secret
            os.unlink(output)
        if not end.good:
            said = "\n".join(end.tail) or "(it said nothing)"
            raise BadRequest(f"OS {os_name} does not take these parameters, its verify script {end.describe()}: {said}")

    async def _run_script(
        self, definition: OsDefinition, name: str, spec: InstanceSpec, env: dict[str, str], timeout: float
    ) -> None:
        output = self._log_file(name, spec.os, spec.name)
        log.info(
            "running the {script} script of {os} for {instance}, see {output}",
            script=name,
            os=spec.os,
            instance=spec.name,
            output=output,
        )
        script = os.path.join(definition.path, name)
        end = await self._spawner.run([script], env=env, cwd=definition.path, output=output, deadline=timeout)
        if not end.good:
            tail = "\n".join(end.tail) or "(it said nothing)"
            raise DriverError(
                f"OS {name} script for {spec.name} {end.describe()}; the last lines of {output} on this node:\n{tail}"
            )

    def _log_file(self, script: str, os_name: str, instance: str) -> str:
        """Named as Ganeti names it; a second run in the same second appends."""
        os.makedirs(self._log_directory, exist_ok=True)
        stamp = datetime.fromtimestamp(self._now()).strftime("%Y-%m-%d_%H_%M_%S")
        return os.path.join(self._log_directory, f"{script}-{os_name}-{instance}-{stamp}.log")
