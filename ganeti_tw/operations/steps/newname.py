"""Names that instances get: free, and if wished those of a host that does not answer."""

from __future__ import annotations

from ganeti_tw.errors import Exists, NotUnique
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import host_name
from ganeti_tw.operations.context import Context


def name_free(config: Config, asked: str) -> None:
    """Refuse a name that an instance has already."""
    name = host_name(asked)
    found = config.find_instance(name)
    if found is not None and found.name == name:  # web1 may be, though there is a web1.example
        raise Exists(f"there is an instance {name} already")


async def check_address(context: Context, asked: str, ip_check: bool) -> None:
    """The name must have an address; with the IP check nothing may answer there."""
    address = await context.resolve(host_name(asked))
    if ip_check and await context.answers(address):
        raise NotUnique(f"{address}, the address of {asked}, is in use by a machine that answers")
