"""What every host answers at its local socket, master or not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from attrs import asdict

from ganeti_tw.daemon.mastership import Terms
from ganeti_tw.daemon.newcluster import parse
from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.codec import SECTIONS
from ganeti_tw.protocol.node import GetHostState

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

STATE_TIMEOUT = 10.0
LONGEST_TTL = 7 * 86400.0


class HostApi:
    """The methods are those whose names do not begin with an underscore; their parameters are the arguments."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def host_state(self) -> dict[str, Any]:
        """Who this host is; ``master`` is a name, empty when unknown."""
        state = asdict(await self._host.host.ask(GetHostState(), STATE_TIMEOUT))
        record = self._host.record
        return {**state, "master": record.master if record is not None else ""}

    async def init_cluster(self, **options: Any) -> dict[str, Any]:
        """Make a cluster of this host; the options are those of NewCluster.  ``{"job": id}``."""
        return {"job": await self._host.founding.init_cluster(parse(options))}

    async def import_cluster(self, text: str, force: bool = False) -> dict[str, Any]:
        """Make a cluster of this host from the text of a ``config.data``.

        ``{"cluster": name, "counts": {what: number}, "notes": [what to know, ...]}``.
        """
        if not isinstance(text, str) or not isinstance(force, bool):
            raise BadRequest("import: text must be the content of a config.data, and force true or false")
        found = await self._host.founding.import_cluster(text, force)
        counts = Counter(put.kind for put in found.rows if put.kind in SECTIONS)
        return {"cluster": found.cluster.cluster_name, "counts": dict(sorted(counts.items())), "notes": found.notes}

    async def join_token(self, ttl: float = 3600.0) -> dict[str, Any]:
        """A one-time token for ``gnt-node add``; it replaces the one shown before."""
        if not 0 < ttl <= LONGEST_TTL:
            raise BadRequest(f"a token can be good for up to {int(LONGEST_TTL)} seconds, not {ttl}")
        token = await self._host.show_token(ttl)
        return {"token": token.text(), "expires": token.expires}

    async def forget_cluster(self) -> None:
        """Leave the cluster without asking anybody; refused while there are other nodes or instances."""
        config = self._host.config
        if self._host.master is not None and config is not None and (len(config.nodes) > 1 or config.instances):
            raise WrongState("there are other nodes or instances; remove them and run 'gnt-cluster destroy'")
        if self._host.record is None:
            return
        await self._host.leave()

    async def actors(self) -> list[dict[str, Any]]:
        """The actors of this process."""
        return [asdict(state) for state in self._host.system.list()]

    async def lag(self) -> dict[str, Any]:
        """How late the reactor was at worst in the last minute: seconds, actor at work, how long ago."""
        if self._host.lag is None:
            raise WrongState("nothing measures this host's reactor")
        return asdict(self._host.lag.worst())

    async def master_failover(
        self, voting: bool = True, ignore_offline: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """Make this host the master; the answer is a Takeover."""
        terms = Terms(anew=True, voting=voting, ignore_offline=ignore_offline, dry_run=dry_run)
        return asdict(await self._host.mastership.fail_over(terms))
