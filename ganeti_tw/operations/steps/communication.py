"""The network by which instances reach their node, and the NIC that an instance has in it."""

from __future__ import annotations

from typing import Any

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance

SUBNET, SUBNET6 = "169.254.0.0/16", "fe80::/10"
MAC_PREFIX = "52:54:00"
MODE, LINK = "routed", "communication_rt"
NIC_PREFIX = "ganeti:communication:"

Job = list[dict[str, Any]]


def network_jobs(config: Config, name: str) -> list[Job]:
    """Jobs that make the network, where it is missing, and connect it to the groups that lack it."""
    found = config.find_network(name)
    jobs: list[Job] = []
    if found is None:
        add = {"network_name": name, "network": SUBNET, "network6": SUBNET6, "mac_prefix": MAC_PREFIX}
        jobs.append([{"OP_ID": "OP_NETWORK_ADD", **add}])
    for group in sorted(config.groups.values(), key=lambda g: g.name):
        if found is None or found.uuid not in group.networks:
            job = connect_job(group.uuid, name)
            if found is None:
                job[0]["depends"] = [(-len(jobs), ["success"])]
            jobs.append(job)
    return jobs


def connect_job(group: str, network: str) -> Job:
    """A job that connects the network to a group."""
    connection = {"network_mode": MODE, "network_link": LINK, "conflicts_check": True}
    return [{"OP_ID": "OP_NETWORK_CONNECT", "group_name": group, "network_name": network, **connection}]


def nic_changes(config: Config, instance: Instance, wanted: bool | None) -> list[Any]:
    """Changes of the NICs after which the instance has its NIC in the network, or has none; as operations take them."""
    name = NIC_PREFIX + instance.name
    there = any(nic.name == name for nic in instance.nics)
    if wanted is None or wanted == there:
        return []
    if not wanted:
        return [["remove", name, {}]]
    return [["add", -1, nic_of(config, instance.name)]]


def nic_of(config: Config, instance: str) -> dict[str, Any]:
    """What to ask for as the NIC that an instance of this name has in the network; BadRequest without a network."""
    network = config.cluster.instance_communication_network
    if not network:
        raise BadRequest(
            "the cluster has no network for communication with instances: "
            "name one with 'gnt-cluster modify --instance-communication-network'"
        )
    return {"name": NIC_PREFIX + instance, "network": network, "ip": "pool"}
