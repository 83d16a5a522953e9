"""What the reports of nodes say against them, compared with the configuration and with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from attrs import frozen

from ganeti_tw.ledger.messages import FollowerState, LedgerState
from ganeti_tw.model.ancillary import MASTER_IP_SCRIPT, ancillary_files, files_of
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import Parameter
from ganeti_tw.model.filled import cluster_hvparams
from ganeti_tw.model.group import Group
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.model.ssconf import ssconf
from ganeti_tw.model.status import ERROR_DOWN, ERROR_UP, Seen, status
from ganeti_tw.model.verify import Finding
from ganeti_tw.model.verify_codes import LEDGER
from ganeti_tw.model.versions import PROTOCOL_VERSION, RELEASE, VCS
from ganeti_tw.operations.steps.disks import holders
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.node import InstanceDisk, NodeReport, OsStatus, VerifyNode

CLOCK_SKEW = 150.0
PEERS = 3  # nodes that each node tries to reach
DAY = 86400.0
CERTIFICATE_ERROR, CERTIFICATE_WARNING = 7 * DAY, 30 * DAY

DATA = "/var/lib/ganeti"
HMAC_KEY = f"{DATA}/hmac.key"
CONFIG_DATA = f"{DATA}/config.data"

UNUSABLE = {
    "file": "ENODEFILESTORAGEPATHUNUSABLE",
    "sharedfile": "ENODESHAREDFILESTORAGEPATHUNUSABLE",
    "gluster": "ENODEGLUSTERSTORAGEPATHUNUSABLE",
}


@frozen
class Answer:
    """What a node reported, and the times of day between which it did."""

    node: Node
    report: NodeReport
    asked: float
    answered: float


# --- what is asked ---


@frozen
class PathUse:
    """A path that a parameter names."""

    path: str
    kind: str
    what: str  # for the finding
    code: str


def question(config: Config, node: Node) -> VerifyNode:
    """All that is asked of a node."""
    cluster = config.cluster
    directories = {"file": cluster.file_storage_dir, "sharedfile": cluster.shared_file_storage_dir}
    return VerifyNode(
        hypervisors=tuple(cluster.enabled_hypervisors) if node.vm_capable else (),
        storage={
            template: directory
            for template, directory in directories.items()
            if node.vm_capable and template in cluster.enabled_disk_templates
        },
        disks=tuple(disks_on(config, node)),
        paths={use.path: use.kind for use in path_uses(config, node)},
        files=ancillary_paths(config),
        peers=dict(_peers(config, node)),
    )


def ancillary_paths(config: Config) -> tuple[str, ...]:
    """Files beside the configuration that are the same everywhere."""
    return tuple(f.path for f in ancillary_files(config.cluster))


def _peers(config: Config, node: Node) -> Iterator[tuple[str, str]]:
    """What to call them and addresses of the next few nodes of the group: together they try every node."""
    group = [n for n in config.nodes_of(node.group) if not n.offline]
    here = next((index for index, n in enumerate(group) if n.uuid == node.uuid), 0)
    for other in (group[here + 1 :] + group[:here])[:PEERS]:
        for address in dict.fromkeys((other.primary_ip, other.secondary_ip)):
            yield f"{other.name} ({address})", address


def disks_on(config: Config, node: Node) -> Iterator[InstanceDisk]:
    """The disks that a node should have."""
    for instance in (*config.primaries(node.uuid), *config.secondaries_on(node.uuid)):
        if instance.forthcoming:
            continue
        for index, disk in enumerate(config.disks_of(instance)):
            if node.uuid in holders(config, instance, disk):
                yield InstanceDisk(instance.name, disk_spec(index, disk))


def path_uses(config: Config, node: Node) -> Iterator[PathUse]:
    """Files and directories that must be on a node.

    Of the cluster's parameters only those that somebody chose: the defaults
    count where an instance uses them.
    """
    if node.vm_capable:
        for hypervisor in config.cluster.enabled_hypervisors:
            values = cluster_hvparams(config.cluster, hypervisor)
            for parameter in _path_parameters(hypervisor):
                if values.get(parameter.name) != parameter.default:
                    yield from _use(hypervisor, parameter, values.get(parameter.name), "the cluster")
        for instance in (*config.primaries(node.uuid), *config.secondaries_on(node.uuid)):
            if instance.forthcoming:
                continue
            values = config.filled_hvparams(instance)
            for parameter in _path_parameters(instance.hypervisor):
                yield from _use(instance.hypervisor, parameter, values.get(parameter.name), f"instance {instance.name}")
    if node.master_candidate:
        programs = {config.filled_ndparams(n).get("oob_program") for n in config.nodes_of(node.group)}
        for program in sorted(p for p in programs if p):
            yield PathUse(program, "program", "out-of-band program", "ENODEOOBPATH")
    if MASTER_IP_SCRIPT in files_of(ancillary_files(config.cluster), node):
        yield PathUse(MASTER_IP_SCRIPT.path, "program", "script for the cluster's address", "ENODEUSERSCRIPTS")


def _path_parameters(hypervisor: str) -> list[Parameter]:
    return [p for p in HYPERVISORS.get(hypervisor, {}).values() if p.on_nodes]


def _use(hypervisor: str, parameter: Parameter, value: object, owner: str) -> Iterator[PathUse]:
    # The default of kvm_path stands for whatever QEMU the node has.
    if not isinstance(value, str) or not value.startswith("/"):
        return
    if (hypervisor, parameter.name, value) != ("kvm", "kvm_path", parameter.default):
        yield PathUse(value, parameter.on_nodes, f"{hypervisor} parameter {parameter.name} of {owner}", "ENODEHV")


# --- single nodes ---


def node_findings(config: Config, answer: Answer) -> Iterator[Finding]:
    """What is wrong with one node by itself."""
    node, report = answer.node, answer.report
    yield from _version(node, report)
    yield from _clock(answer)
    yield from _certificates(answer)
    for text in report.setup:
        yield Finding("ENODESETUP", "node", node.name, text)
    for name, problem in report.hypervisors.items():
        if problem:
            yield Finding("ENODEHV", "node", node.name, f"hypervisor {name} cannot be used: {problem}")
    told: set[tuple[str, str]] = set()
    for use in path_uses(config, node):
        if use.path in report.paths and (use.path, use.code) not in told:
            told.add((use.path, use.code))
            yield Finding(use.code, "node", node.name, f"{use.what}: {report.paths[use.path]}")
    for template, problem in report.storage.items():
        yield Finding(UNUSABLE[template], "node", node.name, f"directory of template {template}: {problem}")
    for peer, problem in report.unreachable.items():
        yield Finding("ENODENET", "node", node.name, f"it cannot reach {peer}: {problem}")
    for problem in report.forbidden_paths:
        yield Finding("ENODEFILESTORAGEPATHS", "node", node.name, f"directories for disks in {problem}")


def _version(node: Node, report: NodeReport) -> Iterator[Finding]:
    if report.protocol != PROTOCOL_VERSION:
        text = f"it speaks protocol {report.protocol}, the master {PROTOCOL_VERSION}"
        yield Finding("ENODEVERSION", "node", node.name, text)
    elif report.release != VCS:
        text = f"it runs {report.release}, the master {VCS}"
        yield Finding("ENODEVERSION", "node", node.name, text, warning=True)


def _clock(answer: Answer) -> Iterator[Finding]:
    time = answer.report.time
    off = max(answer.asked - time, time - answer.answered)
    if off > CLOCK_SKEW:
        way = "behind" if time < answer.asked else "ahead of"
        text = f"its clock is {off:.1f} s {way} the master's, {CLOCK_SKEW:.0f} s are too many"
        yield Finding("ENODETIME", "node", answer.node.name, text)


def _certificates(answer: Answer) -> Iterator[Finding]:
    for name, end in answer.report.certificates.items():
        left = end - answer.answered
        if left < CERTIFICATE_WARNING:
            words = f"ends in {left / DAY:.1f} days" if left > 0 else "has expired"
            text = f"certificate {name} of node {answer.node.name} {words}"
            yield Finding("ECLUSTERCERT", "cluster", answer.node.name, text, warning=left >= CERTIFICATE_ERROR)


# --- nodes compared with each other ---


def os_findings(answers: Sequence[Answer]) -> Iterator[Finding]:
    """OS definitions that are not valid, or other than on the first node."""
    answers = [a for a in answers if a.node.vm_capable]
    for a in answers:
        for os in a.report.oses:
            if not os.valid:
                yield Finding("ENODEOS", "node", a.node.name, f"OS {os.name} is not valid: {os.problem}")
    if not answers:
        return
    first, *others = answers
    reference = {os.name: os for os in first.report.oses}
    for a in others:
        here = {os.name: os for os in a.report.oses}
        for name in sorted(reference.keys() | here.keys()):
            text = _os_difference(name, reference.get(name), here.get(name), first.node.name)
            if text:
                yield Finding("ENODEOS", "node", a.node.name, text)


def _os_difference(name: str, reference: OsStatus | None, here: OsStatus | None, other: str) -> str:
    if here is None:
        return f"OS {name} is missing, it is on {other}"
    if reference is None:
        return f"OS {name} is here but not on {other}"
    if not (here.valid and reference.valid):
        return ""
    compared = (
        ("API versions", here.api_versions, reference.api_versions),
        ("variants", here.variants, reference.variants),
        ("parameters", here.parameters, reference.parameters),
    )
    wrong = [what for what, ours, theirs in compared if sorted(ours) != sorted(theirs)]
    return f"OS {name} has other {', '.join(wrong)} than on {other}" if wrong else ""


@frozen
class WantedFile:
    """A file that all these nodes should have with the same content; with any, if ``checksum`` is None."""

    path: str
    nodes: tuple[str, ...]
    checksum: str | None


def wanted_files(config: Config, nodes: Iterable[Node], files: Mapping[str, Mapping[str, str]]) -> list[WantedFile]:
    """What files should be on nodes; what the configuration does not say is as on the master."""
    nodes = tuple(nodes)
    everywhere = tuple(n.name for n in nodes)
    candidates = tuple(n.name for n in nodes if n.master_candidate)
    master = files.get(config.master.name, {})
    wanted = [
        WantedFile(f"{DATA}/ssconf_{key}", everywhere, sha256(text.encode()).hexdigest())
        for key, text in ssconf(config, RELEASE).items()
    ]
    wanted.append(WantedFile(HMAC_KEY, everywhere, master.get(HMAC_KEY)))
    files_here = ancillary_files(config.cluster)
    for ancillary in files_here:
        if ancillary.path in master and ancillary.path != HMAC_KEY:
            there = tuple(n.name for n in nodes if ancillary in files_of(files_here, n))
            wanted.append(WantedFile(ancillary.path, there, master[ancillary.path]))
    wanted.append(WantedFile(CONFIG_DATA, candidates, master.get(CONFIG_DATA)))
    return sorted(wanted, key=lambda w: w.path)


def file_findings(
    config: Config, nodes: Sequence[Node], files: Mapping[str, Mapping[str, str]], *, changing: bool
) -> Iterator[Finding]:
    """Files that are missing or other than they should be.

    ``files``: path -> checksum by node name.  While the configuration is
    ``changing`` a file may rightly be a moment old: then it is a warning.
    """
    for node in nodes:
        if not files.get(node.name):
            yield Finding("ENODEFILECHECK", "node", node.name, "it named no checksums of its files")
    answered = [n for n in nodes if files.get(n.name)]
    name = config.cluster.cluster_name
    for wanted in wanted_files(config, answered, files):
        missing = [n for n in wanted.nodes if wanted.path not in files[n]]
        if missing:
            text = f"file {wanted.path} is missing on {', '.join(missing)}"
            yield Finding("ECLUSTERFILECHECK", "cluster", name, text, warning=changing)
        good = (None, wanted.checksum)
        other = [n for n in wanted.nodes if wanted.checksum and files[n].get(wanted.path) not in good]
        if other:
            text = f"file {wanted.path} is not as it should be on {', '.join(other)}"
            yield Finding("ECLUSTERFILECHECK", "cluster", name, text, warning=changing)
    if files.get(config.master.name):
        yield from _only_elsewhere(config, answered, files)
    for node in answered:
        if not node.master_candidate and CONFIG_DATA in files[node.name]:
            text = f"file {CONFIG_DATA} should not be on {node.name}, which is no master candidate"
            yield Finding("ECLUSTERFILECHECK", "cluster", name, text, warning=True)


def _only_elsewhere(config: Config, nodes: Iterable[Node], files: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """Files that are copied from the master, but the master has none to copy."""
    for path in ancillary_paths(config):
        having = [n.name for n in nodes if path in files[n.name]]
        if having and path not in files[config.master.name] and path != HMAC_KEY:
            text = f"file {path} is on {', '.join(having)} and not on the master {config.master.name}"
            yield Finding("ECLUSTERFILECHECK", "cluster", config.cluster.cluster_name, text, warning=True)


# --- instances ---


def instance_findings(config: Config, answers: Iterable[Answer]) -> Iterator[Finding]:
    """Instances that do not run where and when they should, and guests that nobody knows."""
    for a in answers:
        running = {g.name: g.state for g in a.report.guests}
        for instance in config.primaries(a.node.uuid):
            if instance.forthcoming or a.report.hypervisors.get(instance.hypervisor) != "":
                continue
            state = running.get(instance.name)
            found = status(config, instance, True, None if state is None else Seen(a.node.uuid, state))
            if found == ERROR_DOWN:
                text = f"it should run, but does not on its primary node {a.node.name}"
                yield Finding("EINSTANCEDOWN", "instance", instance.name, text)
            elif found == ERROR_UP:
                text = f"it runs on {a.node.name} but should be {instance.admin_state}"
                yield Finding("EINSTANCEWRONGNODE", "instance", instance.name, text)
        for name, state in sorted(running.items()):
            if state != "shutdown":
                yield from _stranger(config, a.node, name)


def _stranger(config: Config, node: Node, name: str) -> Iterator[Finding]:
    found = config.find_instance(name)
    if found is None or found.name != name:
        yield Finding("ENODEORPHANINSTANCE", "node", node.name, f"it runs {name}, an instance that nobody knows")
    elif found.primary_node != node.uuid or found.forthcoming:
        yield Finding("EINSTANCEWRONGNODE", "instance", name, f"it should not run on {node.name}")


def disk_findings(config: Config, answers: Iterable[Answer], group: Group) -> Iterator[Finding]:
    """Disks, of instances whose primary node is in the group, that are not where they should be."""
    for a in answers:
        if not a.report.disks:
            continue
        for wanted in disks_on(config, a.node):
            instance = config.instance(wanted.instance)
            if wanted.disk.uuid not in a.report.disks or not _of_group(config, instance, group):
                continue
            problem = a.report.disks[wanted.disk.uuid]
            which = f"disk/{wanted.disk.index} ({wanted.disk.dev_type})"
            if problem is None:
                text = f"{which} is missing on {a.node.name}"
                yield Finding("EINSTANCEMISSINGDISK", "instance", wanted.instance, text)
            else:
                text = f"{which} on {a.node.name}: {problem}"
                yield Finding("EINSTANCEFAULTYDISK", "instance", wanted.instance, text)


def _of_group(config: Config, instance: Instance, group: Group) -> bool:
    primary = config.nodes.get(instance.primary_node)
    return primary is not None and primary.group == group.uuid


def memory_findings(config: Config, answers: Iterable[Answer]) -> Iterator[Finding]:
    """Nodes that could not take the instances of another node that fails."""
    for a in answers:
        free = a.report.memory_free
        if free is None or a.node.offline:
            continue
        needed: dict[str, int] = defaultdict(int)
        for instance in config.secondaries_on(a.node.uuid):
            be = config.filled_beparams(instance)
            if be["auto_balance"] and instance.admin_up:
                needed[instance.primary_node] += be["minmem"]
        for uuid, memory in sorted(needed.items()):
            if memory > free:
                failing = config.nodes[uuid].name if uuid in config.nodes else uuid
                text = f"it has {free} MiB free, if {failing} fails its instances need {memory}"
                yield Finding("ENODEN1", "node", a.node.name, text)


# --- the ledger ---


def ledger_findings(config: Config, group: Group, state: LedgerState) -> Iterator[Finding]:
    """Candidates whose copy of the ledger could not replace the master's."""
    followers = {f.name: f for f in state.followers}
    if state.problem and config.master.group == group.uuid:
        yield Finding(LEDGER, "node", config.master.name, f"nothing can be stored: {state.problem}")
    for node in _candidates(config, group):
        found = followers.get(node.name)
        if found is None:
            yield Finding(LEDGER, "node", node.name, "it is a master candidate but gets no copy of the ledger")
        elif not found.in_sync:
            reason = f"; {found.last_error}" if found.last_error else ""
            text = f"its copy of the ledger is not in sync: {_figures(found)}{reason}"
            yield Finding(LEDGER, "node", node.name, text)


def ledger_figures(config: Config, group: Group, state: LedgerState) -> Iterator[str]:
    """A line for each candidate that is in sync."""
    followers = {f.name: f for f in state.followers}
    for node in _candidates(config, group):
        if node.name in followers and followers[node.name].in_sync:
            yield f"ledger on {node.name}: in sync, {_figures(followers[node.name])}"


def _candidates(config: Config, group: Group) -> list[Node]:
    return [
        n for n in config.candidates if n.group == group.uuid and not n.offline and n.uuid != config.cluster.master_node
    ]


def _figures(f: FollowerState) -> str:
    heard = "never heard" if f.last_contact is None else f"heard {f.last_contact:.1f} s ago"
    return f"at change {f.position}, {f.lag} behind, {heard}"
