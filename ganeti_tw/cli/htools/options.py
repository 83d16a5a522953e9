"""Every option of every tool: who has it, what it takes, where its value goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ganeti_tw.cli.htools.getopt import Given, Option, parse
from ganeti_tw.htools.cluster import BadData
from ganeti_tw.htools.numbers import amount, integer, positive_real, real, shortened, size_mib
from ganeti_tw.htools.templates import TEMPLATES

_DEEPEST = 8

# Of --plan-cost, in points of score for each GiB: 100 GiB weigh as much as --min-gain.
_PRICE = 1e-4


class BadValue(Exception):
    """An option's value is wrong; the text says what."""


class Resources(NamedTuple):
    """A size asked of hspace; memory and disk in MiB."""

    disk: int
    memory: int
    cpus: int
    spindles: int


class Options:
    """The values of all options; those a tool does not have keep their defaults."""

    def __init__(self) -> None:
        self.accept_existing_errors = False
        self.commands: str | None = None  # "" for standard output
        self.data_file: str | None = None
        self.disk_moves = True
        self.disk_template: str | None = None
        self.dry_run = False
        self.dynu_file: str | None = None
        self.evacuating = False
        self.exclude_instances: list[str] = []
        self.exclusion_tags: list[str] = []
        self.execute = False
        self.exit_on_missing_mond_data = False
        self.explain = False
        self.first_job_group = False
        self.force = False
        self.full_evacuation = False
        self.group: str | None = None
        self.headers = True
        self.ialloc_source: str | None = None
        self.ignore_dynu = False
        self.ignore_non_redundant = False
        self.ignore_soft_errors = False
        self.independent_groups = False
        self.instance_moves = True
        self.job_delay = 10.0
        self.json = False
        self.lookahead = 1
        self.luxi: str | None = None  # "" for the default socket
        self.machine_readable = False
        self.master: str | None = None
        self.max_cpu: float | None = None
        self.max_length = -1
        self.min_disk = 0.0
        self.min_gain = 1e-2
        self.min_gain_limit = 1e-1
        self.min_score = 1e-9
        self.minimal_resources = 2.0
        self.mond = False
        self.mond_data: str | None = None
        self.mond_xen = False
        self.node_tags: list[str] | None = None
        self.offline: list[str] = []
        self.offline_maintenance = False
        self.one_step_only = False
        self.output_dir = "."
        self.plan_cost: float | None = None
        self.print_instances = False
        self.print_moves = False
        self.print_nodes: str | None = None  # "" for the default fields
        self.priority: int | None = None
        self.capacity_checks = True
        self.reason: str | None = None
        self.restrict_allocation_to: list[str] | None = None
        self.restricted_migration = False
        self.save: str | None = None
        self.select_instances: list[str] = []
        self.simulate: list[str] = []
        self.simulation = True
        self.skip_non_redundant = False
        self.spindle_use: int | None = None
        self.standard_alloc: Resources | None = None
        self.static_kvm_node_memory = 4096
        self.target_resources = 2.0
        self.time_budget: float | None = None
        self.tiered_alloc: Resources | None = None
        self.verbose = 1


Apply = Callable[[Options, str], None]


def _flag(name: str, value: object = True) -> Apply:
    def apply(options: Options, text: str) -> None:
        setattr(options, name, value)

    return apply


def _value(name: str, convert: Callable[[str], Any] = str) -> Apply:
    def apply(options: Options, text: str) -> None:
        setattr(options, name, convert(text))

    return apply


def _add(name: str, convert: Callable[[str], list[str]]) -> Apply:
    def apply(options: Options, text: str) -> None:
        getattr(options, name).extend(convert(text))

    return apply


def _verbosity(change: int) -> Apply:
    def apply(options: Options, text: str) -> None:
        options.verbose += change

    return apply


def _listed(text: str) -> list[str]:
    return text.split(",") if text else []


def _whole(owner: str) -> Callable[[str], int]:
    return lambda text: integer(owner, text)


def _float(owner: str) -> Callable[[str], float]:
    return lambda text: real(owner, text)


def _cpu_ratio(text: str) -> float:
    ratio = real("max-cpu", text)
    if ratio <= 0:
        raise BadValue(f"Invalid value of the max-cpu ratio, expected >0: '{text}'")
    return ratio


def _yes_no(text: str) -> bool:
    if text not in ("", "yes", "no"):
        raise BadData(f"Invalid choice '{shortened(text)}'")
    return text != "no"


def _template(text: str) -> str:
    if text not in TEMPLATES:
        raise BadData(f'Invalid string value for type DiskTemplate: "{shortened(text)}"')
    return text


def _price(text: str) -> float:
    price = positive_real("plan-cost", text) if text else _PRICE
    if not price:
        raise BadValue("plan-cost: a price of 0 weighs nothing; leave the option out instead")
    return price


def _depth(text: str) -> int:
    depth = integer("lookahead", text)
    if not 1 <= depth <= _DEEPEST:
        raise BadValue(f"lookahead: {depth} is not from 1 to {_DEEPEST}")
    return depth


def _priority(text: str) -> int:
    try:
        return {"low": 10, "normal": 0, "high": -10}[text]
    except KeyError:
        raise BadData(f"Unknown priority '{shortened(text)}'") from None


def _resources(kind: str) -> Callable[[str], Resources]:
    def convert(text: str) -> Resources:
        fields = text.split(",")
        if len(fields) not in (3, 4):
            raise BadValue(f"Invalid {kind} specification: '{shortened(text)}', expected disk,ram,cpu")
        spindles = amount(kind, fields[3]) if len(fields) == 4 else 1
        return Resources(size_mib(fields[0]), size_mib(fields[1]), amount(kind, fields[2]), spindles)

    return convert


class _Entry(NamedTuple):
    option: Option
    tools: str
    apply: Apply


def _o(long: str, tools: str, apply: Apply, text: str, **more: Any) -> _Entry:
    return _Entry(Option(long, text=text, **more), tools, apply)


_BIG = "hbal hspace hinfo hcheck hroller"
_TABLE = (
    _o("text-data", "hbal hspace hinfo hcheck hroller hsqueeze hail", _value("data_file"),
       "the cluster data FILE", short="t", argument="FILE", completes="file"),
    _o("master", _BIG, _value("master"), "collect data via RAPI at ADDRESS", short="m", argument="ADDRESS",
       completes="host"),
    _o("luxi", "hbal hspace hinfo hcheck hroller hsqueeze hscan harep", _value("luxi"),
       "collect data from the master's socket", short="L", argument="SOCKET", optional=True, completes="file"),
    _o("ialloc-src", _BIG, _value("ialloc_source"), "take the cluster from an iallocator request", short="I",
       argument="FILE", completes="file"),
    _o("simulate", "hspace hail", _add("simulate", lambda text: [text]),
       "an empty group: alloc_policy,num_nodes,disk,ram,cpu", argument="SPEC", completes="string"),
    _o("print-nodes", "hbal hspace hinfo hail hscan", _value("print_nodes"), "print the nodes", short="p",
       argument="FIELDS", optional=True, completes="string"),
    _o("print-instances", "hbal hinfo", _flag("print_instances"), "print the instances"),
    _o("print-commands", "hbal hsqueeze", _value("commands"), "print the commands, or write them to FILE", short="C",
       argument="FILE", optional=True, completes="file"),
    _o("save", "hbal hspace hroller hsqueeze hail", _value("save"), "save the cluster state to files named FILE.*",
       short="S", argument="FILE", completes="file"),
    _o("exec", "hbal hsqueeze", _flag("execute"), "submit the jobs (needs -L)", short="X"),
    _o("verbose", "hbal hspace hinfo hcheck hroller hsqueeze hail hscan", _verbosity(1), "say more", short="v"),
    _o("quiet", _BIG, _verbosity(-1), "say less", short="q"),
    _o("offline", _BIG, _add("offline", lambda text: [text]), "take this node for offline", short="O",
       argument="NODE", completes="onenode"),
    _o("group", "hbal hroller", _value("group"), "the group to work on", short="G", argument="GROUP",
       completes="onegroup"),
    _o("max-length", "hbal hspace hcheck", _value("max_length", _whole("max-length")),
       "stop after N steps", short="l", argument="N", completes="integer"),
    _o("min-score", "hbal hcheck", _value("min_score", _float("min-score")), "stop at this score", short="e",
       argument="EPSILON", completes="float"),
    _o("min-gain", "hbal hcheck", _value("min_gain", _float("min-gain")), "the least a step must gain", short="g",
       argument="DELTA", completes="float"),
    _o("min-gain-limit", "hbal hcheck", _value("min_gain_limit", _float("min-gain-limit")),
       "above this score any gain will do", argument="SCORE", completes="float"),
    _o("max-cpu", "hbal hspace hcheck", _value("max_cpu", _cpu_ratio),
       "virtual CPUs for each real one, on all nodes", argument="RATIO", completes="float"),
    _o("min-disk", "hbal hspace hcheck", _value("min_disk", lambda text: positive_real("min-disk", text)),
       "the part of each node's disk to keep free, 0 to 1", argument="RATIO", completes="float"),
    _o("evac-mode", "hbal hcheck", _flag("evacuating"), "move only instances away from offline nodes", short="E"),
    _o("no-disk-moves", "hbal hcheck", _flag("disk_moves", False), "never replace disks"),
    _o("no-instance-moves", "hbal hcheck", _flag("instance_moves", False), "never move running instances"),
    _o("select-instances", "hbal hcheck", _add("select_instances", _listed), "move only these",
       argument="INSTS", completes="manyinstances"),
    _o("exclude-instances", "hbal hcheck", _add("exclude_instances", _listed), "do not move these",
       argument="INST", completes="manyinstances"),
    _o("exclusion-tags", "hbal hcheck", _add("exclusion_tags", _listed), "more exclusion tag prefixes",
       argument="TAG,...", completes="string"),
    _o("dynu-file", "hbal hcheck", _value("dynu_file"), "utilisation data", short="U", argument="FILE",
       completes="file"),
    _o("restricted-migration", "hbal", _flag("restricted_migration"), "move disks only, except off offline nodes"),
    _o("first-job-group", "hbal", _flag("first_job_group"), "print or run only the first set of jobs"),
    _o("reason", "hbal harep", _value("reason"), "the reason recorded with jobs", argument="REASON",
       completes="string"),
    _o("priority", "hbal", _value("priority", _priority), "the priority of jobs", argument="PRIO",
       completes="choices=low,normal,high"),
    _o("ignore-soft-errors", "hbal hcheck hail", _flag("ignore_soft_errors"), "waive the soft checks"),
    _o("ignore-dynu", "hbal hcheck hinfo hail", _flag("ignore_dynu"), "take all instances for idle"),
    _o("mond", "hbal hinfo hail", _value("mond", _yes_no), "ask the nodes' monitoring daemons",
       argument="yes|no", optional=True, completes="choices=yes,no"),
    _o("mond-data", "hbal hinfo", _value("mond_data"), "monitoring data from a file", argument="FILE",
       completes="file"),
    _o("mond-xen", "hbal hail", _flag("mond_xen"), "use the monitoring data of each Xen domain"),
    _o("exit-on-missing-mond-data", "hbal", _flag("exit_on_missing_mond_data"),
       "stop when a monitoring daemon does not answer"),
    _o("no-capacity-checks", "hspace hcheck hail", _flag("capacity_checks", False),
       "do not check that every node's failure can be survived"),
    _o("machine-readable", "hspace hcheck", _value("machine_readable", _yes_no), "print shell variables",
       argument="CHOICE", optional=True, completes="choices=yes,no"),
    _o("static-kvm-node-memory", "hbal hspace hinfo hroller hscan hsqueeze hail",
       _value("static_kvm_node_memory", _whole("static-kvm-node-memory")),
       "MiB each KVM node uses itself; 0 for what it reports", argument="N", completes="integer"),
    _o("disk-template", "hspace", _value("disk_template", _template), "the template of new instances",
       argument="TEMPLATE", completes="choices=" + ",".join(TEMPLATES)),
    _o("spindle-use", "hspace", _value("spindle_use", lambda text: amount("spindle-use", text)),
       "the spindle use of new instances", argument="SPINDLES", completes="integer"),
    _o("standard-alloc", "hspace", _value("standard_alloc", _resources("standard")),
       "the size of standard instances: disk,ram,cpu", argument="STDALLOC", completes="string"),
    _o("tiered-alloc", "hspace", _value("tiered_alloc", _resources("tiered")),
       "the size tiered allocation starts from", argument="TSPEC", completes="string"),
    _o("independent-groups", "hspace", _flag("independent_groups"), "leave out groups that are in trouble"),
    _o("accept-existing-errors", "hspace", _flag("accept_existing_errors"), "allocate although nodes are in trouble"),
    _o("restrict-allocation-to", "hail", _value("restrict_allocation_to", _listed), "allocate on these nodes only",
       argument="NODE,...", completes="manynodes"),
    _o("no-simulation", "hcheck", _flag("simulation", False), "do not try to balance"),
    _o("offline-maintenance", "hroller", _flag("offline_maintenance"), "instances will be shut down"),
    _o("node-tags", "hroller", _value("node_tags", _listed), "only nodes with one of these tags",
       argument="TAG,...", completes="string"),
    _o("print-moves", "hroller", _flag("print_moves"), "print where instances go"),
    _o("full-evacuation", "hroller", _flag("full_evacuation"), "move secondaries away too"),
    _o("skip-non-redundant", "hroller", _flag("skip_non_redundant"), "leave out nodes with non-redundant instances"),
    _o("ignore-non-redundant", "hroller", _flag("ignore_non_redundant"), "do not plan for non-redundant instances"),
    _o("force", "hroller", _flag("force"), "go on without a master node", short="f"),
    _o("one-step-only", "hroller", _flag("one_step_only"), "print the first group only"),
    _o("no-headers", "hroller hscan hsqueeze", _flag("headers", False), "print no headers"),
    _o("output-dir", "hscan", _value("output_dir"), "where to write the data", short="d", argument="PATH",
       completes="dir"),
    _o("minimal-resources", "hsqueeze", _value("minimal_resources", _float("minimal-resources")),
       "bring nodes back when less room is left, in standard instances", argument="FACTOR", completes="float"),
    _o("target-resources", "hsqueeze", _value("target_resources", _float("target-resources")),
       "the room to leave, in standard instances", argument="FACTOR", completes="float"),
    _o("json", "hbal hcheck hinfo hroller hspace hsqueeze", _flag("json"), "print one JSON document", ours=True),
    _o("explain", "hail hbal hspace", _flag("explain"), "say why each node was taken or not", ours=True),
    _o("plan-cost", "hbal", _value("plan_cost", _price), "weigh moves against what they send over the network",
       argument="POINTS_PER_GIB", optional=True, completes="float", ours=True),
    _o("lookahead", "hbal", _value("lookahead", _depth), "try chains of up to N moves (1 to 8)", argument="N",
       completes="integer", ours=True),
    _o("time-budget", "hbal", _value("time_budget", lambda text: positive_real("time-budget", text)),
       "stop looking ahead after so long", argument="SECONDS", completes="float", ours=True),
    _o("job-delay", "harep", _value("job_delay", _float("job-delay")), "seconds before a repair starts",
       argument="SECONDS", completes="float"),
    _o("dry-run", "harep", _flag("dry_run"), "submit nothing"),
)  # fmt: skip
_COMMON = (
    Option("version", "V", text="print the version and stop"),
    Option("help", "h", text="print this and stop"),
    Option("help-completion", text="print the options for shell completion"),
)


def options_of(tool: str) -> list[Option]:
    return [entry.option for entry in _TABLE if tool in entry.tools.split()] + list(_COMMON)


def read_options(tool: str, words: Sequence[str]) -> tuple[Options, list[str], set[str]]:
    """Values, other arguments, and which of ``version``, ``help``, ``help-completion`` were asked for.

    UsageError for what is no option of the tool, BadValue for what cannot be used.
    """
    given, rest = parse(options_of(tool), words)
    options = Options()
    asked = {each.option.long for each in given if each.option in _COMMON}
    for each in given:
        if each.option.long not in asked:
            _apply(options, each)
    return options, rest, asked


def _apply(options: Options, given: Given) -> None:
    apply = next(entry.apply for entry in _TABLE if entry.option is given.option)
    try:
        apply(options, given.value or "")
    except BadData as error:
        raise BadValue(f"{error}; --{given.option.long} takes {_wanted(given.option)}") from error


_KINDS = {"integer": "a whole number", "float": "a number, such as 0.5"}
_SIZES = "disk,ram,cpu or disk,ram,cpu,spindles, such as 20g,1g,2"
_NARROWER = {
    "min-disk": "a number from 0 on, such as 0.1",
    "plan-cost": "a number above 0, such as 0.0005",
    "spindle-use": "a whole number from 0 on",
    "standard-alloc": _SIZES,
    "tiered-alloc": _SIZES,
    "time-budget": "a number of seconds from 0 on",
}


def _wanted(option: Option) -> str:
    """What may be given, in words."""
    kind, _, choices = option.completes.partition("=")
    if choices:
        return "one of " + ", ".join(choices.split(","))
    return _NARROWER.get(option.long) or _KINDS.get(kind) or str(option.argument)
