"""``gnt-cluster version``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context

LINES = (
    ("Software version", "software_version"),
    ("Internode protocol", "protocol_version"),
    ("Configuration format", "config_version"),
    ("OS api version", "os_api_version"),
    ("Export interface", "export_version"),
    ("VCS version", "vcs_version"),
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    info = context.call("cluster_info")
    context.say_all([f"{title}: {info[key]}" for title, key in LINES])
    return 0


COMMAND = Command(purpose="Print the versions of the cluster's software and formats", run=run)
