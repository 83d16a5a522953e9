"""harep: mend instances whose nodes are offline, as far as tags allow it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganeti_tw.cli.failures import one_line
from ganeti_tw.cli.htools.call import Call, ProgramError
from ganeti_tw.cli.htools.running import ANSWER_SECONDS, marked, wait_for
from ganeti_tw.cli.jobs import FINISHED
from ganeti_tw.errors import BadRequest, GanetiError, NotFound
from ganeti_tw.htools.cluster import BadData
from ganeti_tw.htools.live import objects
from ganeti_tw.htools.repair import (
    ENOPERM,
    FAILED,
    FAILURE,
    HEALTHY,
    NEEDS_REPAIR,
    PENDING_REPAIR,
    SUCCESS,
    Opcode,
    Remedy,
    Repair,
    State,
    delay,
    exceeds,
    is_memory,
    limit_of,
    remedy,
    remembered,
    state_of,
)

_RULE = "-" * 21
_COMMENT = "automated repairs"


class Patient(NamedTuple):
    """An instance; ``limit`` is the strongest repair its tags allow, ``memory`` its tags about repairs."""

    name: str
    state: State
    limit: str | None
    remedy: Remedy | None
    memory: list[str]


def run(call: Call) -> int:
    try:
        patients = _patients(call)
    except GanetiError as e:
        raise ProgramError(f"failed to load data, aborting: {e}") from e
    except (KeyError, TypeError) as e:
        raise ProgramError(f"failed to load data, aborting: the master's answers do not fit together ({e})") from e
    try:
        patients = [_follow_up(call, patient) for patient in patients]
        patients = [_treat(call, patient) for patient in patients]
    except GanetiError as e:
        raise ProgramError(str(e)) from e
    counts = Counter(patient.state.name for patient in patients)
    call.say(f"{_RULE}\nInstance status count\n{_RULE}")
    for name in sorted(counts):
        call.say(f"{name}: {counts[name]}")
    return 0


def _patients(call: Call) -> list[Patient]:
    """All instances.  Live figures are not asked for: where harep is needed nodes do not answer."""

    def query(what: str, *fields: str) -> list[Mapping[str, Any]]:
        question = {"what": what, "fields": list(fields), "filter": None}
        return objects(what, call.client.call("query", question, timeout=ANSWER_SECONDS))

    cluster_tags = call.client.call("cluster_info", {}, timeout=ANSWER_SECONDS)["tags"]
    groups = {group["uuid"]: group["tags"] for group in query("group", "uuid", "tags")}
    nodes = {node["name"]: node for node in query("node", "name", "group.uuid", "offline")}
    now = call.outside.now()
    found = []
    for instance in query("instance", "name", "disk_template", "pnode", "snodes", "tags"):
        name, tags = instance["name"], instance["tags"]
        primary = nodes[instance["pnode"]]
        secondaries = [nodes[each] for each in instance["snodes"]]
        memory = [tag for tag in tags if is_memory(tag)]
        for tag in memory:
            if remembered(tag) is None:
                call.warn(f"Warning: the tag {tag} of {name} cannot be understood and is left alone")
        found.append(
            Patient(
                name,
                state_of(name, tags),
                limit_of([tags, groups[primary["group.uuid"]], cluster_tags], now),
                remedy(
                    name,
                    instance["disk_template"],
                    primary_offline=primary["offline"],
                    secondary_offline=any(each["offline"] for each in secondaries),
                ),
                [tag for tag in memory if remembered(tag) is not None],
            )
        )
    return found


def _follow_up(call: Call, patient: Patient) -> Patient:
    """See what became of a repair that was going on."""
    repair = patient.state.repair
    if patient.state.name != PENDING_REPAIR or repair is None:
        return patient
    statuses = _statuses(call, repair.jobs)
    if any(status is not None and status not in FINISHED for status in statuses):
        return patient
    # A job that the queue no longer knows cannot be shown to have succeeded.
    good = bool(statuses) and all(status == SUCCESS for status in statuses)
    state = State(HEALTHY if good else FAILED, _ended(call, repair, SUCCESS if good else FAILURE))
    call.say(f'Moving {patient.name} from "{patient.state.name}" to "{state.name}"')
    return _remember(call, patient, state)


def _statuses(call: Call, jobs: Sequence[int]) -> list[str | None]:
    if not jobs:
        return []
    wanted = ["|", *(["=", "id", number] for number in jobs)]
    question = {"what": "job", "fields": ["id", "status"], "filter": wanted}
    rows = objects("job", call.client.call("query", question, timeout=ANSWER_SECONDS))
    found = {row["id"]: row["status"] for row in rows}
    return [found.get(number) for number in jobs]


def _ended(call: Call, repair: Repair, result: str) -> Repair:
    return repair._replace(result=result, time=int(call.outside.now()))


def _treat(call: Call, patient: Patient) -> Patient:
    """Begin the repair of a broken instance that has none going on and that had none that failed."""
    if patient.state.name != HEALTHY or patient.remedy is None or patient.limit is None:
        return patient
    kind, ops = patient.remedy
    repair = Repair(kind, call.outside.new_uuid(), int(call.outside.now()), ())
    if exceeds(kind, patient.limit):
        call.say(
            f"Not performing a repair of type {kind} on {patient.name}"
            f" because only repairs up to {patient.limit} are allowed"
        )
        known = patient.state.repair
        if known is not None and (known.kind, known.result) == (kind, ENOPERM):
            return patient._replace(state=State(NEEDS_REPAIR, known))
        return _remember(call, patient, State(NEEDS_REPAIR, repair._replace(result=ENOPERM)))
    call.say(f"Executing {kind} repair on {patient.name}")
    wait = call.options.job_delay
    try:
        number = _submit(call, [delay(wait), *ops] if wait > 0 else ops)
    except (BadRequest, NotFound) as e:
        call.say(f"The repair of {patient.name} was refused: {e}")
        return _remember(call, patient, State(FAILED, repair._replace(result=FAILURE)))
    jobs = () if number is None else (number,)
    try:
        return _remember(call, patient, State(PENDING_REPAIR, repair._replace(jobs=jobs)))
    except GanetiError as e:
        raise BadData(f"job {number} repairs {patient.name}, but that could not be recorded: {e}") from e


def _remember(call: Call, patient: Patient, state: State) -> Patient:
    """Put the new state's tag in place of the older ones."""
    tag = state.repair.tag if state.repair is not None else None
    if tag is not None:
        call.say(f'>>> Adding the following tag to {patient.name}:\n"{tag}"')
        _change_tags(call, "OP_TAGS_SET", patient.name, [tag])
    old = [each for each in patient.memory if each != tag]
    if old:
        listed = "\n".join(f'"{each}"' for each in old)
        call.say(f">>> Removing the following tags from {patient.name}:\n{listed}")
        _change_tags(call, "OP_TAGS_DEL", patient.name, old)
    return patient._replace(state=state, memory=[] if tag is None else [tag])


def _change_tags(call: Call, op_id: str, name: str, tags: Sequence[str]) -> None:
    number = _submit(call, [{"OP_ID": op_id, "kind": "instance", "tags": list(tags), "name": name}])
    error = None if number is None else wait_for(call, number)
    if error is not None:
        raise BadData(f"job {number} did not change the tags of {name}: {one_line(error)}")


def _submit(call: Call, ops: Sequence[Opcode]) -> int | None:
    """The number of the job; None when it is only shown."""
    job = marked(call, ops, _COMMENT)
    if call.options.dry_run:
        call.say(json.dumps(job, ensure_ascii=False))
        return None
    return int(call.client.call("submit", {"ops": job}, timeout=ANSWER_SECONDS))
