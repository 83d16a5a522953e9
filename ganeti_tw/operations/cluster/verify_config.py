"""The part of ``gnt-cluster verify`` that asks no node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.locks.allocation import LEVELS
from ganeti_tw.locks.table import LOCKSET
from ganeti_tw.model.config import Config
from ganeti_tw.model.filled import cluster_hvparams
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.verify import CLUSTER_CFG, DANGLING_INSTANCES, DANGLING_NODES, Finding, verify_parts
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import VERIFY_CODES
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps.verify_report import Report

CERTIFICATES = "ECLUSTERCERT"
CHECKED = (CERTIFICATES, CLUSTER_CFG, DANGLING_NODES, DANGLING_INSTANCES)


@operation("OP_CLUSTER_VERIFY_CONFIG")
@frozen
class ClusterVerifyConfig:
    """Result: whether the configuration fits together."""

    debug_simulate_errors: bool = False
    error_codes: bool = False
    ignore_errors: list[str] = field(factory=list, validator=VERIFY_CODES)
    verbose: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        return {f"{level}/{LOCKSET}": SHARED for level in LEVELS if level != "cluster"}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> bool:
        config = context.config
        report = Report(context.say, codes=self.error_codes, ignored=set(self.ignore_errors), verbose=self.verbose)
        report.heading("Verifying cluster config")
        findings: list[Finding] = []
        for part in verify_parts(config):
            findings += part
            await context.sleep(0)  # others may come in between
        report.tell(_renewal(config, context))
        dangling = (DANGLING_NODES, DANGLING_INSTANCES)
        report.tell(f for f in findings if f.code not in dangling)
        report.heading("Verifying hypervisor parameters")
        report.tell(hypervisor_findings(config))
        report.heading("Verifying all nodes belong to an existing group")
        report.tell(f for f in findings if f.code in dangling)
        if self.debug_simulate_errors:
            report.simulate(CHECKED)
        return report.good


def _renewal(config: Config, context: Context) -> Iterator[Finding]:
    """A renewal that was interrupted leaves everything working, but old certificates in use."""
    if context.certificates.renewal() is not None:
        text = (
            "a renewal of certificates has begun and not ended: "
            "finish it with 'gnt-cluster renew-crypto --new-node-certificates'"
        )
        yield Finding(CERTIFICATES, "cluster", config.cluster.cluster_name, text, warning=True)


def hypervisor_findings(config: Config) -> Iterator[Finding]:
    """Hypervisor parameters of the cluster, of operating systems and of instances that cannot be right."""
    name = config.cluster.cluster_name
    for owner, hypervisor, values in _all_hvparams(config):
        for text in _wrong(hypervisor, values):
            yield Finding(CLUSTER_CFG, "cluster", name, f"hypervisor {hypervisor} parameters of {owner}: {text}")


def _all_hvparams(config: Config) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    cluster = config.cluster
    for hypervisor in cluster.enabled_hypervisors:
        if hypervisor in HYPERVISORS:
            yield "the cluster", hypervisor, cluster_hvparams(cluster, hypervisor)
    for os, by_hypervisor in cluster.os_hvp.items():
        for hypervisor, values in by_hypervisor.items():
            yield f"OS {os}", hypervisor, values
    for instance in config.instances.values():
        if instance.hvparams:
            yield f"instance {instance.name}", instance.hypervisor, instance.hvparams


def _wrong(hypervisor: str, values: Mapping[str, Any]) -> Iterator[str]:
    known = HYPERVISORS.get(hypervisor)
    if known is None:
        yield "there is no such hypervisor"
        return
    for key, value in values.items():
        if key not in known:
            yield f"there is no parameter {key}"
            continue
        try:
            known[key].accept(value)
        except BadRequest as e:
            yield e.text
