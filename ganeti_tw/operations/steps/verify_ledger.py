"""Whether the copies of the ledger could replace the one of the master."""

from __future__ import annotations

from collections.abc import Iterator

from ganeti_tw.ledger.messages import FollowerState, LedgerState
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.node import Node
from ganeti_tw.model.verify import Finding
from ganeti_tw.model.verify_codes import LEDGER


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
