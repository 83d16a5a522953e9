"""A small cluster as a value, and hands that do what they are told in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed

from ganeti_tw.config.secrets import Renewal
from ganeti_tw.errors import GanetiError, ResolverError
from ganeti_tw.ledger.messages import FollowerState, LedgerState
from ganeti_tw.model.codec import key_of, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_disk, new_group, new_instance, new_nic, new_node
from ganeti_tw.model.rows import Delete
from ganeti_tw.model.versions import PROTOCOL_VERSION, VCS
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import load_all, parse
from ganeti_tw.protocol.ancillary import ReadAncillary, WriteAncillary
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import CreateDisk
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.masterip import MasterIpEnd, SetMasterIp
from ganeti_tw.protocol.node import GetFigures, ListOses, NodeFigures, NodeReport, OsStatus, VerifyNode

KINDS = load_all()
NOW = 1000.0
DONE: dict[type[Any], Any] = {SetMasterIp: MasterIpEnd(""), ReadAncillary: (), WriteAncillary: ()}
"""What nodes answer that are not told otherwise."""


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


GROUP2, N1, N2, N3, WEB1, DISK1 = (uuid(n) for n in range(100, 106))


def cluster(**settings: Any) -> Config:
    """n1 (master), n2 with the instance web1, n3 in a group of its own; hypervisors fake and kvm."""
    numbers = iter(range(1, 50))
    begin = new_cluster(
        "cluster.example",
        now=NOW,
        uuid=lambda: uuid(next(numbers)),
        node_name="n1.example",
        node_ip="192.0.2.1",
        node_uuid=N1,
        master_ip="192.0.2.10",
        **{
            "enabled_hypervisors": ("fake", "kvm"),
            "enabled_disk_templates": ("file", "diskless", "sharedfile"),
            "highest_used_port": 11000,
            **settings,
        },
    )
    nic = new_nic("aa:00:00:00:00:01", uuid=uuid(200), ip="192.0.2.101")
    things = [
        new_group("other", uuid=GROUP2, now=NOW),
        new_node("n2.example", uuid=N2, now=NOW, primary_ip="192.0.2.2", group=begin.group.uuid),
        new_node("n3.example", uuid=N3, now=NOW, primary_ip="192.0.2.3", group=GROUP2, master_candidate=True),
        new_disk("file", uuid=DISK1, now=NOW, index=0, size=512, logical_id=("loop", "/d/web1/disk0"), nodes=(N2,)),
        new_instance(
            "web1.example",
            uuid=WEB1,
            now=NOW,
            primary_node=N2,
            hypervisor="fake",
            os="noop",
            disks=(DISK1,),
            nics=(nic,),
        ),
    ]
    rows = [*begin.rows(), *(row(thing) for thing in things)]
    return Config.from_rows({(p.kind, p.key): p.value for p in rows})


def changed(config: Config, thing: Any, **values: Any) -> Config:
    """With another value of something in it."""
    return config.apply([row(evolve(thing, **values))])


def operation(op_id: str, **parameters: Any) -> Any:
    return parse({"OP_ID": op_id, **parameters})[1]


NOOP = OsStatus("noop", "/os/noop", True, "", (), (("color", "of the walls"),), (20,), True)
FIGURES = NodeFigures(4096, 2048, 100, 4, 1, 1, 100000, 90000, "boot")


def well(m: VerifyNode, **fields: Any) -> NodeReport:
    """What a node reports that has nothing to complain of."""
    values: dict[str, Any] = {
        "protocol": PROTOCOL_VERSION,
        "release": VCS,
        "time": NOW,
        "hypervisors": dict.fromkeys(m.hypervisors, ""),
        "guests": (),
        "setup": (),
        "files": {},
        "certificates": {},
        "oses": (),
        "storage": {},
        "forbidden_paths": (),
        "paths": {},
        "disks": {},
        "memory_free": 1024,
        **fields,
    }
    return NodeReport(**values)


class FakeCertificates:
    """Nothing is being renewed, unless a test says so."""

    def __init__(self) -> None:
        self.begun: Renewal | None = None

    def renewal(self) -> Renewal | None:
        return self.begun

    def lowest(self) -> dict[str, int]:
        return {}


class FakeHands:
    """Changes the configuration at once and remembers what was asked of nodes, by node name.

    ``answers``: class of message -> answer, error, or a function of the message.
    """

    def __init__(self, config: Config, answers: dict[type[Any], Any] | None = None) -> None:
        self._config = config
        self.answers_of: dict[type[Any], Any] = {
            ListOses: (NOOP,),
            GetFigures: FIGURES,
            CreateDisk: "/dev/null",
            VerifyNode: well,
            **(answers or {}),
        }
        self.ledger = LedgerState(Position(5, 1), 1, 5, 0, "", (FollowerState("n3.example", True, 5, 0, 0.5, ""),))
        self.asked: list[tuple[str, Any]] = []
        self.said: list[str] = []
        self.addresses: dict[str, str] = {}
        self.awake: set[str] = set()
        self.joined: list[str] = []
        self.left: list[str] = []
        self.leaving_hooks_on: list[str] = []
        self.slept: list[float] = []
        self.leaving: GanetiError | None = None
        self.editing: GanetiError | None = None
        self._numbers = iter(range(1000, 100000))
        self.certificates: Any = FakeCertificates()
        self.allocators: Any = None

    def config(self) -> Config:
        return self._config

    def edit(self, change: Callable[[Config], Changes]) -> Deferred[Config]:
        if self.editing is not None:
            return fail(self.editing)
        try:
            changes = change(self._config)
        except GanetiError as e:
            return fail(e)
        puts = []
        for thing in changes.puts:
            current = self._config.current(thing)
            puts.append(row(evolve(thing, serial_no=1 if current is None else current.serial_no + 1)))
        self._config = self._config.apply(puts, [Delete(*key_of(t)) for t in changes.deletes])
        return succeed(self._config)

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Deferred[Any]:
        self.asked.append((node, message))
        answer = self.answers_of.get(type(message), DONE.get(type(message)))
        if callable(answer):
            answer = answer(message)
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)

    def join(self, name: str, token: str, uuid: str) -> Deferred[Any]:
        self.joined.append(name)
        return succeed({})

    def leaving_hooks(self, node: str) -> Deferred[None]:
        self.leaving_hooks_on.append(node)
        return succeed(None)

    def leave(self, name: str) -> Deferred[None]:
        self.left.append(name)
        return succeed(None) if self.leaving is None else fail(self.leaving)

    def resolve(self, name: str) -> Deferred[str]:
        if name in self.addresses:
            return succeed(self.addresses[name])
        return fail(ResolverError(f"{name} has no address"))

    def answers(self, address: str) -> Deferred[bool]:
        return succeed(address in self.awake)

    def sleep(self, seconds: float, *, stoppable: bool, until: Any = None) -> Deferred[None]:
        self.slept.append(seconds)
        return succeed(None)

    held: Mapping[str, int] = {}

    def stopping(self) -> bool:
        return False

    def interrupted(self, waiting: Deferred[Any]) -> Deferred[Any]:
        return waiting

    def elapsed(self) -> float:
        return sum(self.slept)

    def ledger_state(self) -> Deferred[LedgerState]:
        return succeed(self.ledger)

    def say(self, kind: str, text: Any) -> None:
        self.said.append(text)

    def now(self) -> float:
        return NOW

    def new_uuid(self) -> str:
        return uuid(next(self._numbers))

    def random_bytes(self, count: int) -> bytes:
        return next(self._numbers).to_bytes(count, "big")

    def messages(self, *kinds: type[Any]) -> list[Any]:
        return [m for _, m in self.asked if not kinds or isinstance(m, kinds)]


async def run(op: Any, hands: FakeHands) -> Any:
    """As a job does it."""
    op.check(hands.config())
    async with Context(hands) as context:
        return await op.run(context)


def ran(op: Any, hands: FakeHands) -> Deferred[Any]:
    return Deferred.fromCoroutine(run(op, hands))
