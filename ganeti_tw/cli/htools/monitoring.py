"""``--mond``: how busy instances are, asked of the nodes' monitoring daemons or read from a file."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from ganeti_tw.cli.htools.call import Call, ProgramError
from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.monitored import BY_DOMAIN, BY_NODE, Answers, apply_domain_loads, apply_node_loads, read_reports

PORT = 1815
AT_ONCE = 32
"""Nodes asked at a time; most of the time of one goes by in waiting."""


def use_monitoring(call: Call, cluster: Cluster) -> None:
    """Set the loads of instances and nodes as the options say; ProgramError when they cannot be had and must."""
    options = call.options
    collector, apply = (BY_DOMAIN, apply_domain_loads) if options.mond_xen else (BY_NODE, apply_node_loads)
    if options.mond_data is not None:
        try:
            answers: Answers = read_reports(call.read_file(options.mond_data), collector)
        except BadData as error:
            raise ProgramError(f"can't parse MonD data: {error}") from error
    else:
        answers = _ask(cluster, collector, call.outside.fetch)
    try:
        apply(cluster, answers)
    except BadData as error:
        call.warn(f"Warning: the monitoring data is ignored: {error}")
        if options.exit_on_missing_mond_data:
            raise ProgramError("Not all required data available") from error


def _ask(cluster: Cluster, collector: str, fetch: Callable[[str], Any]) -> Answers:
    def ask(node: str) -> Any:
        try:
            return fetch(f"http://{quote(node)}:{PORT}/1/report/default/{collector}")
        except BadData:
            return None

    nodes = [node.hardware.name for node in cluster.nodes if not node.hardware.offline]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        reports = dict(zip(nodes, threads.map(ask, nodes), strict=True))
    return {node: report.get("data") for node, report in reports.items() if isinstance(report, dict)}
