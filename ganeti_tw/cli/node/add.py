"""``gnt-node add``.

The new host proves itself with a one-time token that ``gnt-node token`` prints
there; without ``--token`` it is fetched over ssh.
"""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli import parameters
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.errors import BadRequest, DriverError, Exists, NotFound, WrongState

STDIN = "-"
MASTER = "M"
SSH = ("ssh", "-oBatchMode=yes", "-oConnectTimeout=10")
NO_KEY_CHECK = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null")
_USER = "root"
_LAST_LINES = 3


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    name = _checked(context, name, readd=options.readd)
    if not options.node_setup:
        context.warn("Note: --no-node-setup changes nothing, no node is set up over ssh")
    if options.force_join:
        context.warn("Note: --force-join changes nothing, a host that belongs to a cluster is always refused")
    wanted: dict[str, Any] = {
        "secondary_ip": options.secondary_ip,
        "readd": options.readd,
        "group": options.nodegroup,
        "master_capable": options.master_capable,
        "vm_capable": options.vm_capable,
        "ndparams": None if options.ndparams is None else parameters.node(options.ndparams),
        "hv_state": parameters.hypervisor_state(options.hv_state) or None,
        "disk_state": parameters.disk_state(options.disk_state) or None,
        "token": _token(name, options, context),
    }
    return submit_and_follow(context, options, opcode("OP_NODE_ADD", options, context, node_name=name, **wanted))


def _checked(context: Context, name: str, *, readd: bool) -> str:
    """The name of a node that can be added; what cannot is refused before anything is asked of it."""
    try:
        rows = context.call("query", what="node", fields=["name", "role"], filter=any_of("name", [name]))["data"]
    except NotFound:
        rows = []
    if not rows:
        if readd:
            raise NotFound(f"{name} is no node of this cluster: add it without --readd")
        return name
    (_, known), (_, role) = rows[0]
    if not readd:
        raise Exists(f"{known} is a node of this cluster already; --readd brings its host back")
    if role == MASTER:
        raise WrongState(f"{known} is the master: it cannot be added to itself")
    return str(known)


def _token(name: str, options: Values, context: Context) -> str:
    if options.token is None:
        return _token_over_ssh(name, options, context)
    text: str = context.stdin.readline() if options.token == STDIN else options.token
    if not text.strip():
        raise BadRequest("the token is empty")
    return text.strip()


def _token_over_ssh(name: str, options: Values, context: Context) -> str:
    checks = () if options.ssh_key_check else NO_KEY_CHECK
    command = [*SSH, *checks, f"{_USER}@{name}", "gnt-node", "token"]
    if options.verbose:
        context.warn(f"Running {' '.join(command)}")
    done = context.machine.read(command)
    lines = done.output.split()
    if done.status == 0 and lines:
        return lines[-1]
    said = "; ".join((done.errors.strip() or "it printed no token").splitlines()[-_LAST_LINES:])
    raise DriverError(
        f"cannot fetch a token from {name} over ssh (status {done.status}): {said}\n"
        f"Run 'gnt-node token' on {name} and give what it prints: gnt-node add --token TOKEN {name}"
    )


COMMAND = Command(
    purpose="Add a node to the cluster",
    run=run,
    arguments=(Argument("host"),),
    usage="[-s ip] [--readd] [--token TOKEN] [--no-ssh-key-check] [--verbose] <node-name>",
    options=(
        "-s/--secondary-ip",
        "--no-ssh-key-check",
        "--force-join",
        "--no-node-setup",
        "-v/--verbose",
        "-g/--node-group",
        "--priority",
        "--master-capable",
        "--vm-capable",
        "--node-parameters",
        "--readd",
        "--hypervisor-state",
        "--disk-state",
    ),
    additions=("--token",),
)
