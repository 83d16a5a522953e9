"""What the verbs of scripts do; the first words of each docstring name the arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ganeti_tw.errors import BadRequest
from ganeti_tw.testing.simulator.expectations import compare
from ganeti_tw.testing.simulator.hosts import WatchedHost
from ganeti_tw.testing.simulator.script import Action

if TYPE_CHECKING:
    from ganeti_tw.testing.simulator.world import World

NOTICE = 15.0  # seconds until a silent connection is given up
TEMPLATE = "sharedfile"  # all hosts reach its disks

Deed = Callable[..., None]
VERBS: dict[str, Deed] = {}


def deed(verb: str) -> Callable[[Deed], Deed]:
    """Declare what a verb does; all arguments are texts."""

    def declare(function: Deed) -> Deed:
        VERBS[verb] = function
        return function

    return declare


def do(world: World, action: Action) -> None:
    """Carry out an action; BadRequest when its verb or its arguments are not known."""
    function = VERBS.get(action.verb)
    if function is None:
        raise BadRequest(f"{action}: there is no verb {action.verb!r}; there are {', '.join(sorted(VERBS))}")
    try:
        inspect.signature(function).bind(world, *action.args)
    except TypeError:
        raise BadRequest(f"{action}: the arguments are {inspect.getdoc(function)}") from None
    function(world, *action.args)


def check(action: Action) -> None:
    """BadRequest unless the verb is known."""
    if action.verb not in VERBS:
        raise BadRequest(f"{action}: there is no verb {action.verb!r}; there are {', '.join(sorted(VERBS))}")


# -- hosts ---------------------------------------------------------------------------------------------------------


@deed("kill")
def kill(world: World, node: str) -> None:
    """NODE: its process dies, its system lives."""
    world.kill(world.host(node), power=False)


@deed("power")
def power(world: World, node: str) -> None:
    """NODE: the power fails; what it was writing may be torn, its guests end, others do not know."""
    world.kill(world.host(node), power=True)


@deed("boot")
def boot(world: World, node: str) -> None:
    """NODE: it starts, unless it runs."""
    if not world.host(node).alive:
        world.boot(node)


@deed("skew")
def skew(world: World, node: str, seconds: str) -> None:
    """NODE SECONDS: its clock is that much ahead."""
    world.host(node).skew = float(seconds)


# -- network -------------------------------------------------------------------------------------------------------


@deed("cut")
def cut(world: World, one: str, other: str, notice: str = "") -> None:
    """NODE NODE [NOTICE]: nothing passes between them."""
    world.cluster.network.cut(one, other, float(notice or NOTICE))


@deed("cut-to")
def cut_to(world: World, sender: str, receiver: str, notice: str = "") -> None:
    """SENDER RECEIVER [NOTICE]: nothing passes that way."""
    world.cluster.network.cut_one_way(sender, receiver, float(notice or NOTICE))


@deed("mend")
def mend(world: World, one: str, other: str) -> None:
    """NODE NODE: all passes again."""
    world.cluster.network.mend(one, other)


@deed("isolate")
def isolate(world: World, node: str, notice: str = "") -> None:
    """NODE [NOTICE]: it is cut off from all others."""
    for host in world.hosts:
        if host.name != node:
            cut(world, node, host.name, notice)


@deed("rejoin")
def rejoin(world: World, node: str) -> None:
    """NODE: it is cut off from nobody."""
    for host in world.hosts:
        if host.name != node:
            mend(world, node, host.name)


@deed("reset")
def reset(world: World, one: str, other: str) -> None:
    """NODE NODE: their connections break; what is on its way may arrive later all the same."""
    world.cluster.network.reset(one, other)


@deed("lag")
def lag(world: World, node: str, seconds: str) -> None:
    """NODE SECONDS: messages from and to it take up to that long."""
    world.lag[node] = float(seconds)


@deed("mute")
def mute(world: World, node: str, notice: str = "") -> None:
    """NODE [NOTICE]: nothing it says is heard, and it hears all; rejoin ends it."""
    for host in world.hosts:
        if host.name != node:
            cut_to(world, node, host.name, notice)


@deed("deafen")
def deafen(world: World, node: str, notice: str = "") -> None:
    """NODE [NOTICE]: it hears nothing, and is heard; rejoin ends it."""
    for host in world.hosts:
        if host.name != node:
            cut_to(world, host.name, node, notice)


@deed("weather")
def weather(world: World, usual: str, resent: str, late: str) -> None:
    """SECONDS RESENT LATE: how long messages take, how often one is lost and sent again, how often one outlives its
    connection and so arrives twice and in another order.
    """
    world.weather = evolve(world.weather, usual=float(usual), resent=float(resent), late=float(late))


# -- disks and guests ----------------------------------------------------------------------------------------------


@deed("disk-slow")
def disk_slow(world: World, node: str, seconds: str) -> None:
    """NODE SECONDS: each write takes that long."""
    world.host(node).disk.delay = float(seconds)


@deed("disk-full")
def disk_full(world: World, node: str) -> None:
    """NODE: nothing can be written."""
    world.host(node).disk.room = 0


@deed("disk-ok")
def disk_ok(world: World, node: str) -> None:
    """NODE: its disk is fast and has room."""
    disk = world.host(node).disk
    disk.room, disk.delay, disk.fail_early, disk.fail_late = None, 0.001, 0, 0
    world.host(node).record_failures = 0


@deed("disk-fail")
def disk_fail(world: World, node: str, when: str, times: str = "1") -> None:
    """NODE early|late|record [TIMES]: writes fail and leave nothing, or fail though they are done, or the record's."""
    host = world.host(node)
    if when == "record":
        host.record_failures = int(times)
    elif when == "late":
        host.disk.fail_late = int(times)
    else:
        host.disk.fail_early = int(times)


@deed("ledger-lost")
def ledger_lost(world: World, node: str) -> None:
    """NODE: the ledger on its disk is gone; for hosts that are down."""
    _down(world, node).disk.clear()


@deed("ledger-torn")
def ledger_torn(world: World, node: str, size: str = "3") -> None:
    """NODE [BYTES]: the end of the ledger on its disk is missing; for hosts that are down."""
    disk = _down(world, node).disk
    del disk.content[-int(size) :]


@deed("disk-lost")
def disk_lost(world: World, node: str) -> None:
    """NODE: it gets a new disk and remembers nothing; for hosts that are down."""
    _down(world, node).lose_disk()


def _down(world: World, node: str) -> WatchedHost:
    host = world.host(node)
    if host.alive:
        raise BadRequest(f"{node} runs: kill it before")
    return host


@deed("guest-slow")
def guest_slow(world: World, node: str, seconds: str) -> None:
    """NODE SECONDS: starting a guest takes that long."""
    world.host(node).hypervisor.delay = float(seconds)


@deed("guest-fail")
def guest_fail(world: World, node: str, times: str = "1") -> None:
    """NODE [TIMES]: guests do not start."""
    world.host(node).hypervisor.failures = int(times)


@deed("guest-dies")
def guest_dies(world: World, node: str) -> None:
    """NODE: all its guests end by themselves."""
    world.host(node).hypervisor.crash_guests()


# -- clients -------------------------------------------------------------------------------------------------------


def _instance(number: str) -> str:
    return f"web{number}.example"


@deed("tag")
def tag(world: World, text: str) -> None:
    """TAG: it is set on the cluster."""
    world.clients.submit([{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [text]}])


@deed("create")
def create(world: World, number: str, node: str) -> None:
    """NUMBER NODE: an instance is made and started there."""
    world.clients.submit(
        [
            {
                "OP_ID": "OP_INSTANCE_CREATE",
                "instance_name": _instance(number),
                "mode": "create",
                "disks": [{"size": 1024}],
                "nics": [{}],
                "pnode": node,
                "disk_template": TEMPLATE,
                "os_type": "noop",
                "name_check": False,
                "ip_check": False,
            }
        ]
    )


@deed("start")
def start(world: World, number: str) -> None:
    """NUMBER: an instance is started."""
    world.clients.submit([{"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": _instance(number)}])


@deed("stop")
def stop(world: World, number: str) -> None:
    """NUMBER: an instance is stopped."""
    world.clients.submit([{"OP_ID": "OP_INSTANCE_SHUTDOWN", "instance_name": _instance(number), "timeout": 5}])


@deed("remove")
def remove(world: World, number: str) -> None:
    """NUMBER: an instance is removed."""
    world.clients.submit([{"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": _instance(number), "shutdown_timeout": 5}])


@deed("move")
def move(world: World, number: str, node: str) -> None:
    """NUMBER NODE: an instance is stopped and started there; one that runs on a node marked offline ends before."""
    _move(world, "OP_INSTANCE_FAILOVER", number, node, shutdown_timeout=5)


@deed("migrate")
def migrate(world: World, number: str, node: str) -> None:
    """NUMBER NODE: a running instance goes there as it is."""
    _move(world, "OP_INSTANCE_MIGRATE", number, node)


@deed("clean-up")
def clean_up(world: World, number: str) -> None:
    """NUMBER: after a migration that was interrupted."""
    world.clients.submit([{"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": _instance(number), "cleanup": True}])


def _move(world: World, op: str, number: str, node: str, **options: Any) -> None:
    world.clients.submit([{"OP_ID": op, "instance_name": _instance(number), "target_node": node, **options}])


@deed("travel")
def travel(world: World, node: str, seconds: str) -> None:
    """NODE SECONDS: guests that migrate from it are on their way so long."""
    world.host(node).hypervisor.travel = float(seconds)


@deed("sleep")
def sleep(world: World, seconds: str, *nodes: str) -> None:
    """SECONDS NODE...: a job takes that long and holds the nodes' locks."""
    op = {"OP_ID": "OP_TEST_DELAY", "duration": float(seconds), "on_nodes": list(nodes), "no_locks": False}
    world.clients.submit([op])


@deed("set")
def set_role(world: World, node: str, *flags: str) -> None:
    """NODE FLAG=yes|no...: its role changes; flags are offline, drained, master_candidate."""
    values: dict[str, Any] = {name: value == "yes" for name, _, value in (flag.partition("=") for flag in flags)}
    op = {"OP_ID": "OP_NODE_SET_PARAMS", "node_name": node, "auto_promote": True, "force": True, **values}
    world.clients.submit([op])


@deed("add")
def add(world: World, node: str) -> None:
    """NODE: it joins the cluster, or joins again in the place it has there."""
    known = world.administrator.prepare(node)
    world.clients.submit([{"OP_ID": "OP_NODE_ADD", "node_name": node, "token": f"token of {node}", "readd": known}])


@deed("remove-node")
def remove_node(world: World, node: str) -> None:
    """NODE: it leaves the cluster."""
    world.clients.submit([{"OP_ID": "OP_NODE_REMOVE", "node_name": node}])


@deed("renew-crypto")
def renew_crypto(world: World) -> None:
    """All certificates are replaced."""
    world.clients.submit([{"OP_ID": "OP_CLUSTER_RENEW_CRYPTO", "node_certificates": True}])


@deed("drain")
def drain(world: World, flag: str) -> None:
    """yes|no: whether the queue takes no jobs."""
    world.clients.call("set_drain", {"flag": flag == "yes"})


@deed("cancel")
def cancel(world: World, which: str, kill: str = "") -> None:
    """NUMBER [kill]: one of the jobs accepted so far is cancelled."""
    world.clients.cancel(int(which), bool(kill))


# -- administrators ------------------------------------------------------------------------------------------------


@deed("failover")
def failover(world: World, node: str) -> None:
    """NODE: it is told to become master."""
    host: WatchedHost = world.host(node)
    if host.alive:
        world.administrator.appoint(host)


# -- readers of scenarios ------------------------------------------------------------------------------------------


@deed("expect")
def expect(world: World, subject: str, *args: str) -> None:
    """SUBJECT ...: it is so, or the scenario fails; see :mod:`.expectations`."""
    compare(world, subject, *args)
