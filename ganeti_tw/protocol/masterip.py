"""The address by which the cluster is known, which moves with the master."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.protocol.registry import wire


@frozen
class MasterAddress:
    """Where the address belongs.  ``external``: a script of the administrator's sets it up."""

    ip: str
    netmask: int  # length of the prefix
    netdev: str
    ip_version: int  # 4 or 6
    external: bool


@frozen
class MasterIpEnd:
    """``said``: the words of the script.  ``warnings``: what went wrong and stopped nothing."""

    said: str
    warnings: tuple[str, ...] = ()


@wire("node.set_master_ip/1", what="set up or give up the master IP", answer=MasterIpEnd)
@frozen
class SetMasterIp:
    """Have the address on this node, or not; hooks run before and after.  Answer: MasterIpEnd.

    Asked again it changes nothing.  ``before`` and ``after`` are all that the
    scripts of the hooks see in these phases.  DriverError when a hook refuses
    or the script fails; on a virtual host, which need not be allowed to change
    addresses, a script that fails is a warning.
    """

    up: bool
    address: MasterAddress
    before: dict[str, str]
    after: dict[str, str]
