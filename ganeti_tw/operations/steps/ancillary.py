"""Copying the files that all nodes have from the master to the others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.ancillary import ETC_HOSTS, ancillary_files, files_of
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context, names
from ganeti_tw.protocol.ancillary import FileCopy, ReadAncillary, WriteAncillary

TIMEOUT = 90.0  # a node's own deadline is 60 s


async def spread_files(context: Context, nodes: Iterable[Node], *, etc_hosts: bool = False) -> list[Node]:
    """Copy what the master has to these nodes, all at once; gives those that could not be told, who are named.

    Files that the master does not have are left as they are.  ``/etc/hosts`` is
    copied only when it knows all nodes: a node that lost its own name would be
    in trouble.
    """
    config = context.config
    others = [n for n in nodes if n.uuid != config.cluster.master_node and not n.offline]
    if not others:
        return []
    wanted = ancillary_files(config.cluster)
    paths = tuple(f.path for f in wanted)
    try:
        found: tuple[FileCopy, ...] = await context.on_node(
            config.master, ReadAncillary((*paths, ETC_HOSTS) if etc_hosts else paths), TIMEOUT
        )
    except GanetiError as e:
        context.warn(f"the files of {config.master.name} were not copied to {names(others)}: {e.text}")
        return others
    copies = {f.path: f for f in found}
    hosts = copies.pop(ETC_HOSTS, None)
    if hosts is not None:
        missing = unknown_nodes(hosts.content.decode(errors="replace"), config)
        if missing:
            context.warn(f"{ETC_HOSTS} of {config.master.name} was not copied: it does not know {names(missing)}")
            hosts = None
    messages = []
    for node in others:
        needed = [copies[f.path] for f in files_of(wanted, node) if f.path in copies]
        messages.append((node, WriteAncillary((*needed, hosts) if hosts is not None else tuple(needed))))
    failed = []
    for node, answer in await context.on_each(messages, TIMEOUT, what="copying files"):
        if isinstance(answer, GanetiError):
            context.warn(f"{node.name} did not take the files of the master: {answer.text}")
            failed.append(node)
    return failed


def unknown_nodes(text: str, config: Config) -> list[Node]:
    """Nodes whose name and primary address are not in a line of ``hosts(5)``."""
    known: set[tuple[str, str]] = set()
    for line in text.splitlines():
        address, *hosts = line.partition("#")[0].split() or [""]
        known |= {(_plain(address), name.lower()) for name in hosts}
    return [n for n in config.nodes.values() if (_plain(n.primary_ip), n.name.lower()) not in known]


def _plain(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address
