"""``gnt-cluster copyfile``."""

from __future__ import annotations

import base64
import os
import stat
from optparse import Values

from ganeti_tw.cli import onnodes
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import BadRequest, GanetiError

LARGEST = 16 * 1024 * 1024


def run(options: Values, arguments: list[str], context: Context) -> int:
    path = _on_hosts(arguments[0], context)
    content, found = _read(context.paths.below(path))
    for node in onnodes.online(context, onnodes.nodes(context, options.nodes, options.nodegroup)):
        if node.master:
            continue
        try:
            context.call(
                "put_file",
                node=node.name,
                path=path,
                content=base64.b64encode(content).decode(),
                mode=stat.S_IMODE(found.st_mode),
                mtime=found.st_mtime,
                replication=options.use_replication_network,
            )
        except GanetiError as e:
            context.warn(f"Copying {path} to node {node.name} failed: {e}")
    return 0


def _on_hosts(given: str, context: Context) -> str:
    """The path as every host has it; on a virtual host a place below its own root stands for one below theirs."""
    root = context.paths.below("/")
    path = os.path.abspath(given)
    return "/" + path.removeprefix(root) if root != "/" and path.startswith(root) else path


def _read(path: str) -> tuple[bytes, os.stat_result]:
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BadRequest(f"{path} is no file")
            if found.st_size > LARGEST:
                raise BadRequest(f"{path} has {found.st_size} bytes, at most {LARGEST} can be copied")
            return file.read(LARGEST), found
    except OSError as e:
        raise BadRequest(f"cannot read {path}: {e.strerror}") from None


COMMAND = Command(
    purpose="Copy a file to the same place on all other nodes that are online",
    run=run,
    arguments=(Argument("file"),),
    usage="[-n <node-name>...] <filename>",
    options=("-n/--node", "-g/--node-group", "--use-replication-network"),
)
