"""hsqueeze: switch off nodes that are not needed, and on those that are."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.cli.htools.call import Call, ProgramError, later
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.jobs import SCRIPT_HEAD, job_sets, power_opcodes, script, tag_opcode
from ganeti_tw.htools.squeeze import Trial, has_room, may_come, may_go, measure, switch_off, switch_on
from ganeti_tw.htools.tags import STANDBY_AUTO


def run(call: Call) -> int:
    cluster = call.load().cluster
    options = call.options
    call.save_original(cluster, "before hsqueeze run")
    going, coming = may_go(cluster), may_come(cluster)
    call.say(f"Offline candidates: {_names(cluster, going)}", 2)
    call.say(f"Online candidates: {_names(cluster, coming)}", 2)
    standard = cluster.policy.standard
    target, least = measure(standard, options.target_resources), measure(standard, options.minimal_resources)
    if not has_room(cluster, least):
        action = "online"
        trial, enough = switch_on(cluster, coming, least)
        _say_nodes(call, cluster, "'Nodes to online'", trial)
        if not enough:
            call.say("Onlining all nodes will not yield enough capacity", 2)
        commands = [*_power(cluster, trial, "on")[1:], *script(cluster, job_sets(trial.steps), whole_names=True)]
        when = "after hsqueeze expansion"
    else:
        enough = True
        trial = switch_off(cluster, going, target)
        action = "offline" if trial.nodes else "none"
        if trial.nodes:
            _say_nodes(call, cluster, "'Nodes to offline'", trial)
            commands = [
                *script(cluster, job_sets(trial.steps), whole_names=True),
                *_tagging(cluster, trial),
                *_power(cluster, trial, "off"),
            ]
            when = "after hsqueeze run"
        else:
            if options.headers:
                call.say("'No action'")
            commands = ["echo Nothing to do"]
            when = "after hsqueeze doing nothing"
    call.save(trial.cluster, "squeezed", when)
    _give_commands(call, commands)
    if options.json:
        reports = later("reports")
        call.give(
            reports.document(
                "hsqueeze",
                action=action,
                enough=enough,
                nodes=[cluster.nodes[n].hardware.name for n in trial.nodes],
                may_go=[cluster.nodes[n].hardware.name for n in going],
                may_come=[cluster.nodes[n].hardware.name for n in coming],
                moves=reports.moves(cluster, trial.steps),
                commands=[line.strip() for line in commands if line.strip() not in ("", "check")],
            )
        )
    if options.execute and trial.nodes:
        _execute(call, cluster, trial, action)
    return 0


def _execute(call: Call, cluster: Cluster, trial: Trial, action: str) -> None:
    if call.options.luxi is None:
        raise ProgramError("hsqueeze: Execution of commands possible only on LUXI")
    running = later("running")
    moves = running.move_sets(cluster, trial.steps)
    names = [cluster.nodes[n].hardware.name for n in trial.nodes]
    power = [running.Job("switching nodes", power_opcodes(names, on=action == "online"))]
    tags = [running.Job(f"tagging {name}", [tag_opcode(name, STANDBY_AUTO)]) for name in names]
    sets = [power, *moves] if action == "online" else [*moves, tags, power]
    running.run_sets(call, sets, comment="squeezing")


def _names(cluster: Cluster, nodes: Sequence[int]) -> str:
    return ",".join(cluster.nodes[n].hardware.name for n in nodes)


def _say_nodes(call: Call, cluster: Cluster, header: str, trial: Trial) -> None:
    if call.options.headers:
        call.say(header)
    for n in trial.nodes:
        call.say(cluster.nodes[n].hardware.name)


def _tagging(cluster: Cluster, trial: Trial) -> list[str]:
    aliases = [cluster.nodes[n].hardware.alias for n in trial.nodes]
    return ["", "echo Tagging Commands", *(f"  gnt-node add-tags {alias} {STANDBY_AUTO}" for alias in aliases)]


def _power(cluster: Cluster, trial: Trial, state: str) -> list[str]:
    aliases = [cluster.nodes[n].hardware.alias for n in trial.nodes]
    return ["", "echo Power Commands", *(f"  gnt-node power -f {state} {alias}" for alias in aliases)]


def _give_commands(call: Call, lines: Sequence[str]) -> None:
    where = call.options.commands
    if where is None:
        return
    if where:
        call.write_file(where, SCRIPT_HEAD + "".join(f"{line}\n" for line in lines))
        call.say(f"The commands have been written to file '{where}'")
        return
    call.say("\nCommands to run:")
    for line in lines:
        if line != "  check":
            call.say(f"  {line}")
