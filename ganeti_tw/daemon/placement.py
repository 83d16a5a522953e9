"""Which instances and disks belong to this node: from the configuration here, or from the confd of a candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from ganeti_tw.confd.answers import drbd_minors
from ganeti_tw.confd.client.blocking import ask as ask_confd
from ganeti_tw.confd.client.exchange import Candidates
from ganeti_tw.confd.key import Key
from ganeti_tw.confd.packet import OK
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import GanetiError, NoCluster
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.codec import to_json
from ganeti_tw.model.config import Config
from ganeti_tw.mond.guests import Guest
from ganeti_tw.mond.placement import owners_of_minors, owners_of_volumes, wanted

NODE_DRBD, NODE_INSTANCES, INSTANCE_DISKS = 7, 8, 9  # questions to confd
PATIENCE = 1.0  # seconds for one answer
MOST_ASKED = 3  # candidates
DEADLINE = 8.0  # for all of them
GOOD_FOR = 15.0  # seconds; Ganeti's MOND_CONFIG_TIME_INTERVAL
WISHES_GOOD_FOR = 1.0  # seconds; an old wish beside a new state looks like a fault
BAD_FOR = 60.0  # seconds until confd is asked again when it did not answer

log = Logger()


@frozen
class _Kept:
    until: float
    value: Any


class Placement:
    """Asks, and remembers the answers for a while.

    On a regular node nobody but confd knows.  Its answers are datagrams: of a
    node with more than some 60 instances it cannot tell, and then nothing is
    known here but what runs.
    """

    def __init__(
        self,
        blocking: Blocking,
        config: Callable[[], Config | None],
        record: Callable[[], HostRecord | None],
        key: Callable[[], Key | None],
        port: int,
        new_salt: Callable[[], str],
        now: Callable[[], float],
        ask: Callable[..., Any] | None = None,
    ) -> None:
        self._blocking = blocking
        self._ask = ask if ask is not None else ask_candidates
        self._config, self._record, self._key = config, record, key
        self._port, self._new_salt, self._now = port, new_salt, now
        self._kept: dict[str, _Kept] = {}
        self._of: Config | None = None  # the configuration that the kept was made from

    async def wanted(self) -> tuple[Guest, ...]:
        """The instances with this node as primary, as they should be."""
        return await self._get("wanted", _wanted_in, self._wanted_of_confd, ())  # type: ignore[no-any-return]

    async def volume_owners(self) -> Mapping[str, str]:
        """Instance by logical volume."""
        return await self._get("volumes", _volumes_in, self._volumes_of_confd, {})  # type: ignore[no-any-return]

    async def minor_owners(self) -> Mapping[int, str]:
        """Instance by DRBD minor."""
        return await self._get("minors", _minors_in, self._minors_of_confd, {})  # type: ignore[no-any-return]

    async def _get(
        self, what: str, here: Callable[[Config, str], Any], there: Callable[[Callable[..., Any], str], Any], none: Any
    ) -> Any:
        record, config = self._record(), self._config()
        if record is None:
            return none
        if config is not self._of:
            self._kept.clear()
            self._of = config
        kept = self._kept.get(what)
        if kept is not None and (config is not None or self._now() < kept.until):
            return kept.value
        if config is not None:
            value, until = here(config, record.uuid) if record.uuid in config.nodes else none, 0.0
        else:
            value, until = await self._remote(there, record, none)
        self._kept[what] = _Kept(until, value)
        return value

    async def _remote(self, there: Callable[..., Any], record: HostRecord, none: Any) -> tuple[Any, float]:
        addresses = [record.addresses[name] for name in dict.fromkeys((record.master, *record.candidates))
                     if name in record.addresses]  # fmt: skip
        key = self._key()
        salts = self._new_salt

        def question(type: int, query: str) -> Any:
            return self._ask(addresses, key, type, query, salts, self._now, self._port)

        try:
            value = await self._blocking.run(there, question, record.name, deadline=DEADLINE)
        except GanetiError as e:
            log.debug("confd does not tell what belongs to this node: {reason}", reason=e.text)
            return none, self._now() + BAD_FOR
        good_for = WISHES_GOOD_FOR if there == self._wanted_of_confd else GOOD_FOR
        return value, self._now() + good_for

    # -- in a thread ----------------------------------------------------------------------------------------------

    @staticmethod
    def _wanted_of_confd(question: Callable[[int, str], Any], name: str) -> tuple[Guest, ...]:
        return wanted(question(NODE_INSTANCES, name)[0])

    @staticmethod
    def _minors_of_confd(question: Callable[[int, str], Any], name: str) -> dict[int, str]:
        return owners_of_minors(question(NODE_DRBD, name))

    @staticmethod
    def _volumes_of_confd(question: Callable[[int, str], Any], name: str) -> dict[str, str]:
        primaries, secondaries = question(NODE_INSTANCES, name)
        return owners_of_volumes((i, question(INSTANCE_DISKS, i["name"])) for i in (*primaries, *secondaries))


def ask_candidates(
    addresses: Sequence[str],
    key: Key | None,
    type: int,
    query: str,
    new_salt: Callable[[], str],
    now: Callable[[], float],
    port: int,
) -> Any:
    """The answer of whoever knows the latest.  Blocks."""
    if key is None:
        raise NoCluster("the key of confd cannot be read")
    # Which of them are asked is not left to chance, so the seed does not matter.
    candidates = Candidates(tuple(addresses[:MOST_ASKED]), key, now, new_salt, Random(0), port)
    found = ask_confd(candidates, type, query, coverage=-1, timeout=PATIENCE)
    if found.reply.status != OK:
        raise NoCluster(f"confd at {found.address} refuses: {found.reply.answer}")
    return found.reply.answer


def _wanted_in(config: Config, uuid: str) -> tuple[Guest, ...]:
    return tuple(
        Guest(i.name, i.uuid, i.admin_state, "unknown", mtime=i.mtime, hypervisor=i.hypervisor)
        for i in config.primaries(uuid)
    )


def _volumes_in(config: Config, uuid: str) -> dict[str, str]:
    instances = config.instances_on(uuid)
    return owners_of_volumes(({"name": i.name}, [to_json(d) for d in config.disks_of(i)]) for i in instances)


def _minors_in(config: Config, uuid: str) -> dict[int, str]:
    return owners_of_minors(drbd_minors(config, config.nodes[uuid]))
