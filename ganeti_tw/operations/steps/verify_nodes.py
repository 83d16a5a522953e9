"""What the reports of nodes say against them, each by itself and compared with each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.model.verify import Finding
from ganeti_tw.model.versions import PROTOCOL_VERSION, VCS
from ganeti_tw.operations.steps.verify_question import Answer, cluster_address, path_uses
from ganeti_tw.protocol.node import NodeReport, OsStatus

CLOCK_SKEW = 150.0
DAY = 86400.0
CERTIFICATE_ERROR, CERTIFICATE_WARNING = 7 * DAY, 30 * DAY

UNUSABLE = {
    "file": "ENODEFILESTORAGEPATHUNUSABLE",
    "sharedfile": "ENODESHAREDFILESTORAGEPATHUNUSABLE",
    "gluster": "ENODEGLUSTERSTORAGEPATHUNUSABLE",
}


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
        text = f"it cannot reach {peer}: {problem}"
        if peer == cluster_address(config) and node.uuid == config.cluster.master_node:
            text += "; 'gnt-cluster activate-master-ip' brings it up"
        yield Finding("ENODENET", "node", node.name, text)
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
