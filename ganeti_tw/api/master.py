"""What the master answers to clients, by method name."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Awaitable, Hashable
from functools import cache
from typing import Any, get_type_hints

import msgspec
from attrs import asdict
from twisted.internet.defer import Deferred, DeferredList

from ganeti_tw.errors import ActorStopped, BadRequest, Expired, GanetiError, NodeOffline, NotFound, OutcomeUnknown
from ganeti_tw.jobs.archive import ALL
from ganeti_tw.jobs.look import look
from ganeti_tw.jobs.places import Places
from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.messages import GetLedgerState
from ganeti_tw.model.node import Node
from ganeti_tw.operations.steps.clusterinfo import cluster_info
from ganeti_tw.protocol.jobs import (
    ArchiveJob,
    ArchiveOld,
    Behind,
    CancelJob,
    ChangePriority,
    CheckRoom,
    DeleteFilter,
    ReplaceFilter,
    SubmitJob,
    WaitForChange,
    WhyJobsWait,
)
from ganeti_tw.protocol.locks import WhyWaiting
from ganeti_tw.protocol.node import PutFile, RunCommand
from ganeti_tw.protocol.switches import SetDrained, SetWatcherPause

SUBMIT_TIMEOUT = 70.0
CANCEL_TIMEOUT = 30.0
SHORTEST_WAIT = 0.1  # enough to say what is, for those who do not want to wait
LONGEST_WAIT = 89.0  # Ganeti's limit for one call
SAVE_TIMEOUT = 70.0
MOST_URGENT, LEAST_URGENT = -20, 19
WHY_TIMEOUT = 10.0
LEDGER_TIMEOUT = 10.0
SWITCH_TIMEOUT = 70.0
LONGEST_COMMAND = 86400.0
MARGIN = 30.0  # for ending a command whose time is up
PUT_TIMEOUT = 90.0
LATEST = 2.0**40  # seconds since the epoch; what is later no calendar can show


class MasterApi:
    """The methods are those whose names do not begin with an underscore; their parameters are the arguments."""

    def __init__(self, queue: Ref, switches: Ref, places: Places) -> None:
        self._queue = queue
        self._switches = switches
        self._places = places

    async def submit(self, ops: list[Any]) -> int:
        """The id of a new job, once it is safely stored."""
        return int(await self._queue.ask(SubmitJob(ops), SUBMIT_TIMEOUT))

    async def submit_many(self, jobs: list[list[Any]]) -> list[list[Any]]:
        """``[true, id]`` or ``[false, text]`` per job.  Negative ids in ``depends`` count back through these jobs.

        A queue that is drained, or too full for all of them, takes none.
        """
        await self._queue.ask(CheckRoom(len(jobs)), SUBMIT_TIMEOUT)
        earlier: list[int | None] = []
        asked: list[Deferred[Any]] = [self._queue.ask(SubmitJob(ops, earlier), SUBMIT_TIMEOUT) for ops in jobs]
        results = []
        for done, value in await DeferredList(asked, consumeErrors=True):
            if not done and not isinstance(value.value, GanetiError):
                value.raiseException()
            results.append([done, value if done else value.getErrorMessage()])
        return results

    async def wait(
        self,
        id: int | str,
        fields: list[str],
        previous: Any = None,
        log_serial: int | None = None,
        timeout: float = 60.0,
    ) -> Any:
        """``[values, log entries]`` once something changed, ``"nochange"`` when nothing did in time."""
        seconds = max(SHORTEST_WAIT, min(timeout, LONGEST_WAIT))
        question = WaitForChange(_an_id(id), tuple(fields), previous, log_serial, seconds)
        try:
            current, entries = await self._queue.ask(question, seconds)
        except Expired:
            return "nochange"
        except ActorStopped:
            raise OutcomeUnknown(
                f"the master on this host has stopped: what becomes of job {id} is shown by 'gnt-job info {id}' "
                "on the next one ('gnt-cluster getmaster' names it)"
            ) from None
        return [current, entries]

    async def cancel(self, id: int | str, kill: bool = False) -> list[Any]:
        """``[done, text]``; with ``kill`` a running job ends at once, as an error, and takes nothing back."""
        done, text = await self._queue.ask(CancelJob(_an_id(id), kill), CANCEL_TIMEOUT)
        return [done, text]

    async def change_priority(self, id: int | str, priority: int) -> list[Any]:
        """``[done, text]``; -20 is the most urgent, 19 the least."""
        if not MOST_URGENT <= priority <= LEAST_URGENT:
            raise BadRequest(f"priorities are from {MOST_URGENT} to {LEAST_URGENT}, not {priority}")
        done, text = await self._queue.ask(ChangePriority(_an_id(id), priority), SAVE_TIMEOUT)
        return [done, text]

    async def archive(self, id: int | str) -> bool:
        """Whether the job had ended and is in the archive now."""
        return bool(await self._queue.ask(ArchiveJob(_an_id(id)), SAVE_TIMEOUT))

    async def auto_archive(self, age: float, timeout: float = 30.0) -> list[int]:
        """``[archived, left]``: jobs that ended more than ``age`` seconds ago, -1 for all; for ``timeout`` seconds."""
        if age < 0 and age != ALL:
            raise BadRequest(f"an age is a number of seconds, or -1 for all jobs that have ended; not {age}")
        seconds = max(0.0, min(timeout, LONGEST_WAIT))
        archived, left = await self._queue.ask(ArchiveOld(age, seconds), seconds + SAVE_TIMEOUT)
        return [archived, left]

    async def replace_filter(
        self, uuid: str | None, priority: int, predicates: list[Any], action: Any, reason: list[Any]
    ) -> str:
        """The UUID of a rule about which jobs may start, new or in place of the one of that UUID."""
        if priority < 0:
            raise BadRequest(f"priorities of filters are numbers from 0 on, not {priority}")
        question = ReplaceFilter(uuid, priority, predicates, action, reason)
        return str(await self._queue.ask(question, SAVE_TIMEOUT))

    async def delete_filter(self, uuid: str) -> None:
        """Remove a rule."""
        await self._queue.ask(DeleteFilter(uuid), SAVE_TIMEOUT)

    async def job_waits(self, ids: list[int]) -> list[list[Any]]:
        """What each job waits for: ``[id, ids of jobs, [[lock, owners], ...], text]``; of those that wait.

        For the ends of jobs, for locks, or what the text says.
        """
        jobs = await self._queue.ask(WhyJobsWait(tuple(ids)), WHY_TIMEOUT)
        found = []
        for number in dict.fromkeys(ids):
            locks = await self._places.locks.ask(WhyWaiting(f"job/{number}"), WHY_TIMEOUT)
            behind = jobs.get(number, Behind([]))
            if behind.jobs or behind.reason or locks:
                named = [[name, list(owners)] for name, owners in locks]
                found.append([number, behind.jobs, named, behind.reason])
        return found

    async def query(self, what: str, fields: list[str], filter: Any = None) -> dict[str, Any]:
        """Rows of ``[status, value]`` cells with their field descriptions."""
        return await self._places.questions.query(what, fields, filter)

    async def query_fields(self, what: str, fields: list[str] | None = None) -> dict[str, Any]:
        """Descriptions of fields; of all when none are named."""
        return self._places.questions.query_fields(what, fields)

    async def cluster_info(self) -> dict[str, Any]:
        """The settings of the cluster."""
        return cluster_info(self._places.published.config)

    async def ledger_state(self) -> dict[str, Any]:
        """How far the master's ledger is and its copies are, an object for each candidate; see LedgerState."""
        state = await self._places.ledger.ask(GetLedgerState(), LEDGER_TIMEOUT)
        return {
            "master": self._places.published.config.master.name,
            **asdict(state),
            "position": state.position.serial,
        }

    async def config_values(self, names: list[str]) -> list[Any]:
        """Single values by name; None for unknown ones, as Ganeti answers."""
        return self._places.questions.config_values(names)

    async def set_drain(self, flag: bool) -> bool:
        """Whether new jobs are refused from now on; those there are go on.  The flag."""
        await self._switches.ask(SetDrained(flag), SWITCH_TIMEOUT)
        return flag

    async def set_watcher_pause(self, until: float | None) -> float | None:
        """The watcher does nothing until then, in seconds since the epoch; None lets it go on."""
        if until is not None and not self._places.now() < until < LATEST:
            raise BadRequest(f"the watcher can pause until a time to come, not until {until}")
        await self._switches.ask(SetWatcherPause(until), SWITCH_TIMEOUT)
        return until

    async def run_command(self, node: str, command: str, timeout: float = 3600.0) -> dict[str, Any]:
        """``status`` (null when it was killed), ``reason`` and ``output`` of a line of the shell run on a node."""
        if not 0 < timeout <= LONGEST_COMMAND:
            raise BadRequest(f"a command may take up to {LONGEST_COMMAND:.0f} seconds, not {timeout}")
        end = await self._node(node).ask(RunCommand(command, timeout), timeout + MARGIN)
        return {"status": end.status, "reason": end.reason, "output": end.output}

    async def put_file(
        self, node: str, path: str, content: str, mode: int, mtime: float, replication: bool = False
    ) -> None:
        """Replace a file on a node; ``content`` is base64.  With ``replication`` it goes over the secondary address."""
        try:
            data = base64.b64decode(content, validate=True)
        except ValueError:
            raise BadRequest("content: not base64") from None
        file = PutFile(path, data, mode, mtime)
        found = self._online(node)
        if replication and found.secondary_ip != found.primary_ip:
            await self._places.hosts.ask_at(found.name, found.secondary_ip, file, PUT_TIMEOUT)
        else:
            await self._node(node).ask(file, PUT_TIMEOUT)

    def _online(self, name: str) -> Node:
        node = self._places.published.config.node(name)
        if node.offline:
            raise NodeOffline(f"node {node.name} is marked offline")
        return node

    def _node(self, name: str) -> Ref:
        return self._places.directory.ref(self._online(name).name)

    async def look(self, op: Any) -> Any:
        """The result of an operation that only looks, without a job."""
        return await look(op, self._places)


def call(api: Any, method: str, arguments: dict[str, Any]) -> Awaitable[Any]:
    """Call a method of an api object by name; NotFound and BadRequest say what does not fit."""
    function = None if method.startswith("_") else getattr(api, method, None)
    if function is None or not inspect.iscoroutinefunction(function):
        raise NotFound(f"there is no method {method!r}")
    kind: Any = type(api)
    signature, types = _described(kind, method)
    try:
        signature.bind(api, **arguments)
    except TypeError as e:
        raise BadRequest(f"{method}: {e}") from None
    converted = {
        name: _converted(method, name, value, types[name]) if name in signature.parameters else value
        for name, value in arguments.items()
    }
    result: Awaitable[Any] = function(**converted)
    return result


@cache
def _described(cls: Hashable, method: str) -> tuple[inspect.Signature, dict[str, Any]]:
    """What a method takes, the object itself included: finding out costs more than many a call."""
    function = getattr(cls, method)
    return inspect.signature(function), get_type_hints(function)


def _converted(method: str, name: str, value: Any, wanted: Any) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as e:
        raise BadRequest(f"{method}: {name}: {e}") from None


def _an_id(value: int | str) -> int:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise BadRequest(f"{value!r:.60} is no job id")
    return int(value)
