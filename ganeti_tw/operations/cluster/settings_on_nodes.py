"""Whether the nodes can live with new settings of the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ganeti_tw.errors import GanetiError, WrongState
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.filled import cluster_hvparams
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.operations.cluster.settings import DIRECTORIES
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.oses import check_os_parameters
from ganeti_tw.protocol.node import NodeReport, VerifyNode

if TYPE_CHECKING:
    from ganeti_tw.operations.cluster.modify import ClusterSetParams

NODE_TIMEOUT = 90.0


async def check_on_nodes(context: Context, after: Cluster, given: ClusterSetParams) -> None:
    """Ask all nodes for instances about what is new: hypervisors, directories, paths in parameters, OS parameters.

    WrongState names every node and what it cannot do; with ``force`` that is a warning.
    """
    before = context.config.cluster
    question = VerifyNode(
        hypervisors=tuple(h for h in after.enabled_hypervisors if h not in before.enabled_hypervisors),
        storage=dict(_new_directories(before, after)),
        paths=dict(_new_paths(before, after)),
    )
    if question.hypervisors or question.storage or question.paths:
        problems = [problem async for problem in _problems(context, question)]
        if problems and not given.force:
            raise WrongState(f"nodes cannot do this (--force does it all the same): {'; '.join(problems)}")
        for problem in problems:
            context.warn(problem)
    for name in sorted({*(given.osparams or ()), *(given.osparams_private_cluster or ())}):
        values = {**after.osparams.get(name, EMPTY), **after.osparams_private_cluster.get(name, EMPTY)}
        if values:
            await check_os_parameters(context, context.config.master, name, values)


async def _problems(context: Context, question: VerifyNode) -> Any:
    nodes = [n for n in context.config.nodes.values() if n.vm_capable and not n.offline]
    several = sorted(nodes, key=lambda n: n.name)
    for node, found in await context.on_nodes(several, question, NODE_TIMEOUT, "asking the nodes"):
        if isinstance(found, GanetiError):
            yield f"{node.name} gave no answer: {found.text}"
        else:
            for text in _complaints(found):
                yield f"{node.name}: {text}"


def _complaints(report: NodeReport) -> Iterator[str]:
    for hypervisor, problem in report.hypervisors.items():
        if problem:
            yield f"hypervisor {hypervisor} cannot be used: {problem}"
    for template, problem in report.storage.items():
        yield f"{DIRECTORIES[template]}: {problem}"
    yield from report.paths.values()


def _new_directories(before: Cluster, after: Cluster) -> Iterator[tuple[str, str]]:
    """Disk template -> directory, where a node has not been asked about the two together."""
    for template, name in DIRECTORIES.items():
        directory = getattr(after, name)
        was = getattr(before, name) if template in before.enabled_disk_templates else None
        if template in after.enabled_disk_templates and directory != was:
            yield template, directory


def _new_paths(before: Cluster, after: Cluster) -> Iterator[tuple[str, str]]:
    """Path -> whether it is of a file or a directory, of new values of the hypervisor parameters that are in use."""
    for hypervisor in after.enabled_hypervisors:
        old = cluster_hvparams(before, hypervisor)
        yield from _changed_paths(hypervisor, old, cluster_hvparams(after, hypervisor))
        for os, by_hypervisor in after.os_hvp.items():
            old = before.os_hvp.get(os, EMPTY).get(hypervisor, EMPTY)
            yield from _changed_paths(hypervisor, old, by_hypervisor.get(hypervisor, EMPTY))


def _changed_paths(hypervisor: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for parameter in HYPERVISORS[hypervisor].values():
        value = after.get(parameter.name)
        if parameter.on_nodes and isinstance(value, str) and value.startswith("/"):
            if value not in (before.get(parameter.name), parameter.default):
                yield value, parameter.on_nodes
