"""``gnt-cluster show-ispecs-cmd``."""

from __future__ import annotations

import shlex
from optparse import Values

from ganeti_tw.cli import ipolicy
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context


def run(options: Values, arguments: list[str], context: Context) -> int:
    info = context.call("cluster_info")
    bounds = {key: info["ipolicy"][key] for key in ("std", "minmax")}
    context.say(" ".join(["gnt-cluster", "init", *ipolicy.words(bounds), shlex.quote(info["name"])]))
    return 0


COMMAND = Command(purpose="Print the command that makes a cluster with the same bounds of instances", run=run)
