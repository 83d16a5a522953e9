"""The part of ``gnt-cluster verify`` that looks at the nodes and instances of one group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import TEMPLATES
from ganeti_tw.model.group import Group
from ganeti_tw.model.names import natural_key
from ganeti_tw.model.node import Node
from ganeti_tw.model.roles import role
from ganeti_tw.model.verify import Finding
from ganeti_tw.model.verify_codes import LEDGER
from ganeti_tw.model.verify_group import verify_node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import HookFailure, Hooks
from ganeti_tw.operations.inputs import VERIFY_CODES, Filled
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps.verify_files import file_findings
from ganeti_tw.operations.steps.verify_instances import disk_findings, instance_findings, memory_findings
from ganeti_tw.operations.steps.verify_ledger import ledger_figures, ledger_findings
from ganeti_tw.operations.steps.verify_nodes import node_findings, os_findings
from ganeti_tw.operations.steps.verify_question import Answer, ancillary_paths, question
from ganeti_tw.operations.steps.verify_report import Optional, Report
from ganeti_tw.protocol.node import NodeReport, VerifyNode

NODE_TIMEOUT = 90.0
FILES_TIMEOUT = 30.0
ROLES = {"M": "master", "C": "master candidate", "R": "regular", "D": "drained", "O": "offline"}
PAUSES = (1.0, 2.0, 3.0)  # seconds: files follow a change of the configuration a moment later
TAGS = "EEXTAGS"
CHECKED = (
    "ENODERPC",
    "ENODEVERSION",
    "ENODEHV",
    "ENODESETUP",
    "ENODETIME",
    "ENODENET",
    "ENODEOOBPATH",
    "ENODEUSERSCRIPTS",
    "ECLUSTERCERT",
    "ECLUSTERFILECHECK",
    "ENODEFILECHECK",
    "ENODEOS",
    "ENODEFILESTORAGEPATHUNUSABLE",
    "ENODESHAREDFILESTORAGEPATHUNUSABLE",
    "ENODEFILESTORAGEPATHS",
    LEDGER,
    "EINSTANCEMISSINGDISK",
    "EINSTANCEFAULTYDISK",
    "EINSTANCEDOWN",
    "EINSTANCEWRONGNODE",
    "ENODEORPHANINSTANCE",
    "EINSTANCEPOLICY",
    "EINSTANCELAYOUT",
    "EINSTANCESPLITGROUPS",
    "EINSTANCEBADNODE",
    "EINSTANCEUNSUITABLENODE",
    "EINSTANCEMISSINGCFGPARAMETER",
    "ENODEN1",
    TAGS,
)

Files = Mapping[str, Mapping[str, str]]


@operation("OP_CLUSTER_VERIFY_GROUP", summary="group_name")
@frozen
class ClusterVerifyGroup:
    """Result: whether all is well in the group.

    All nodes are asked at the same time; one that takes more than
    ``NODE_TIMEOUT`` seconds gave no answer.
    """

    group_name: Filled
    debug_simulate_errors: bool = False
    error_codes: bool = False
    skip_checks: list[Optional] = field(factory=list)
    ignore_errors: list[str] = field(factory=list, validator=VERIFY_CODES)
    verbose: bool = False
    verify_clutter: bool = False  # no keys of ssh are spread, so none can be left over

    def locks(self, config: Config) -> dict[str, int]:
        group = config.group(self.group_name)
        wanted = {f"nodegroup/{group.uuid}": SHARED}
        wanted |= {f"node/{n.uuid}": SHARED for n in (*config.nodes_of(group.uuid), *_outside(config, group))}
        for node in config.nodes_of(group.uuid):
            wanted |= {f"instance/{i.name}": SHARED for i in config.primaries(node.uuid) if i.name}
        return wanted

    def check(self, config: Config) -> None:
        config.group(self.group_name)

    def hooks(self, config: Config) -> Hooks:
        members = config.nodes_of(config.group(self.group_name).uuid)
        tags = {"CLUSTER_TAGS": " ".join(config.cluster.tags)}
        tags |= {f"NODE_TAGS_{node.name}": " ".join(node.tags) for node in members}
        return Hooks("cluster-verify", "CLUSTER", tags, post=tuple(node.name for node in members))

    async def hooked(self, context: Context, result: bool, failures: Sequence[HookFailure]) -> bool:
        """A node whose hooks fail is not well."""
        if not failures:
            return result
        report = self._report(context)
        report.heading("Hooks Results")
        report.tell(Finding("ENODEHOOKS", "node", f.node, f.describe()) for f in failures)
        return result and report.good

    def _report(self, context: Context) -> Report:
        return Report(context.say, codes=self.error_codes, ignored=set(self.ignore_errors), verbose=self.verbose)

    async def run(self, context: Context) -> bool:
        config = context.config
        group = config.group(self.group_name)
        report = self._report(context)
        report.heading(f"Verifying group '{group.name}'")
        members = sorted(config.nodes_of(group.uuid), key=lambda n: natural_key(n.name))
        if not members:
            report.heading("Empty node group, skipping verification")
            return True
        online = [n for n in members if not n.offline]
        report.heading(f"Gathering data ({len(members)} nodes)")
        others = [n for n in _outside(config, group) if not n.offline]
        answers, failed = await _gather(context, [*online, *others])
        own = [a for a in answers if a.node.group == group.uuid]

        report.heading("Verifying configuration file consistency")
        await self._files(context, report, own)
        report.heading("Verifying node status")
        await self._nodes(context, report, members, own, failed)
        report.heading("Verifying replication of the ledger")
        state = await context.ledger_state()
        report.tell(ledger_findings(config, group, state))
        for line in ledger_figures(config, group, state):
            report.notice(line)
        report.heading("Verifying instance status")
        tags: list[Finding] = []
        for node in members:
            configured = verify_node(config, group, node)
            report.tell(f for f in configured if f.code != TAGS)
            tags += (f for f in configured if f.code == TAGS)
            await context.sleep(0)  # others may come in between
        for answer in own:
            report.tell(instance_findings(config, [answer]))
            await context.sleep(0)
        for answer in answers:
            report.tell(disk_findings(config, [answer], group))
            await context.sleep(0)
        if "nplusone_mem" not in self.skip_checks:
            report.heading("Verifying N+1 Memory redundancy")
            report.tell(memory_findings(config, own))
        report.heading("Verifying exclusion tags")
        report.tell(tags)
        if self.debug_simulate_errors:
            report.simulate(c for c in CHECKED if c != "ENODEN1" or "nplusone_mem" not in self.skip_checks)
        report.heading("Other Notes")
        _notes(config, members, report)
        return report.good

    async def _files(self, context: Context, report: Report, answers: list[Answer]) -> None:
        """What is wrong must still be so a moment later: files follow the configuration."""
        serial = context.config.serial
        files: dict[str, Mapping[str, str]] = {a.node.name: a.report.files for a in answers}
        nodes = [a.node for a in answers]
        for pause in PAUSES:
            master = context.config.master
            if master.name not in files:  # it is in another group
                files |= await _files_of(context, [master])
            if not _unequal(context.config, nodes, files):
                break
            await context.sleep(pause)
            files |= await _files_of(context, [*nodes, master])
        changing = context.config.serial != serial
        report.tell(file_findings(context.config, nodes, files, changing=changing))

    async def _nodes(
        self, context: Context, report: Report, members: list[Node], answers: list[Answer], failed: list[Finding]
    ) -> None:
        config = context.config
        by_uuid = {a.node.uuid: a for a in answers}
        report.tell(failed)
        for node in members:
            if node.offline:
                report.detail(f"Skipping offline node {node.name}")
                continue
            report.detail(f"Verifying node {node.name} ({ROLES[role(node, config.cluster.master_node)]})")
            if node.uuid in by_uuid:
                report.tell(node_findings(config, by_uuid[node.uuid]))
            await context.sleep(0)
        report.tell(os_findings(answers))


def _outside(config: Config, group: Group) -> list[Node]:
    """Nodes of other groups that hold disks of instances of this one."""
    found: dict[str, Node] = {}
    for node in config.nodes_of(group.uuid):
        for instance in config.primaries(node.uuid):
            for uuid in config.secondary_nodes(instance):
                other = config.nodes.get(uuid)
                if other is not None and other.group != group.uuid:
                    found[uuid] = other
    return list(found.values())


async def _gather(context: Context, nodes: Iterable[Node]) -> tuple[list[Answer], list[Finding]]:
    """The answers of the nodes, and what to say of those that gave none."""
    several = list(nodes)
    progress = context.progress("gathering data", max(1, len(several)), "nodes")
    asked = []
    for node in several:
        asked.append((node, Deferred.fromCoroutine(_ask(context, node))))
        await context.sleep(0)  # putting the question together takes a while; others may come in between
    answers: list[Answer] = []
    failed: list[Finding] = []
    for node, waiting in asked:
        try:
            answers.append(await waiting)
        except GanetiError as e:
            failed.append(Finding("ENODERPC", "node", node.name, f"it gave no answer: {e.text}"))
        progress.at(len(answers) + len(failed))
    return answers, failed


async def _ask(context: Context, node: Node) -> Answer:
    begin = context.now()
    found: NodeReport = await context.on_node(node, question(context.config, node), NODE_TIMEOUT)
    return Answer(node, found, begin, context.now())


async def _files_of(context: Context, nodes: Iterable[Node]) -> dict[str, Mapping[str, str]]:
    """Checksums of the nodes that answer."""
    several = {n.uuid: n for n in nodes}.values()
    checksums = VerifyNode(hypervisors=(), files=ancillary_paths(context.config))
    answers = await context.on_nodes(several, checksums, FILES_TIMEOUT, "comparing files")
    return {node.name: found.files for node, found in answers if isinstance(found, NodeReport)}


def _unequal(config: Config, nodes: list[Node], files: Files) -> bool:
    return any(True for _ in file_findings(config, nodes, files, changing=False))


def _notes(config: Config, members: list[Node], report: Report) -> None:
    instances = [i for n in members for i in config.primaries(n.uuid) if not i.forthcoming]
    single = [i for i in instances if not _mirrored(config.disk_template(i))]
    unbalanced = [i for i in instances if not config.filled_beparams(i)["auto_balance"]]
    for number, what in (
        (len(single), "non-redundant instance(s)"),
        (len(unbalanced), "non-auto-balanced instance(s)"),
        (sum(i.admin_state == "offline" for i in instances), "offline instance(s)"),
        (sum(n.offline for n in members), "offline node(s)"),
        (sum(n.drained for n in members), "drained node(s)"),
    ):
        if number:
            report.notice(f"{number} {what} found.")


def _mirrored(template: str) -> bool:
    return template in TEMPLATES and bool(TEMPLATES[template].mirrored)
