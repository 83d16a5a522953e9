"""Made-up clusters for property tests."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.prepare import Wishes, prepare
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.text import parse

_UUID = "11111111-2222-3333-4444-555555555555"


def text_of(seed: int, nodes: int, instances: int, *, plain: bool = False) -> str:
    """A cluster in one group whose nodes hold what is on them, more or less tightly."""
    random = Random(seed)
    memory = random.choice([16384, 32768, 65536])
    names = [f"node{number}" for number in range(nodes)]
    used = [[1024, 0] for _ in names]
    lines = []
    for number in range(instances):
        size, disk = random.choice([512, 1024, 2048, 4096]), random.choice([10240, 20480, 40960])
        primary, secondary = random.sample(range(nodes), 2)
        template = "drbd" if plain or random.random() < 0.7 else random.choice(["plain", "rbd", "ext", "diskless"])
        status = random.choice(["running"] * 6 + ["ADMIN_down", "ERROR_down", "ADMIN_offline"])
        forthcoming = "N" if plain or random.random() < 0.9 else "Y"
        if used[primary][0] + size >= memory:
            continue
        if status == "running" and forthcoming == "N":
            used[primary][0] += size
        if forthcoming == "N":
            used[primary][1] += disk if template in ("drbd", "plain") else 0
            used[secondary][1] += disk if template == "drbd" else 0
        tags = "" if plain else random.choice(["", "", "svc:a", "svc:b", "svc:a,svc:c", "rack:1"])
        balance = "N" if random.random() < 0.1 else "Y"
        partner = names[secondary] if template == "drbd" else ""
        lines.append(
            f"inst{number}|{size}|{disk}|{random.choice([1, 1, 2, 4])}|{status}|{balance}|{names[primary]}|"
            f"{partner}|{template}|{tags}|{random.choice([1, 1, 2])}|-|{forthcoming}"
        )
    total_disk = max(disk for _, disk in used) + random.choice([30000, 100000, 400000])
    rows = [f"main|{_UUID}|preferred||", ""]
    for number, name in enumerate(names):
        state = "M" if number == 0 else "Y" if not plain and number > 2 and random.random() < 0.15 else "N"
        own_memory = memory * (1 if plain else random.choice([1, 1, 2]))
        tags = "" if plain else f"rack:{number % 3},kvm:{random.choice(['old', 'new'])}"
        speed = random.choice(["1.0", "1.5"])
        rows.append(
            f"{name}|{own_memory}|1024|{own_memory - used[number][0]}|{total_disk}|{total_disk - used[number][1]}|"
            f"{random.choice([8, 8, 16])}|{state}|{_UUID}|{random.choice([1, 4])}|{tags}|N|0|1|{speed}"
        )
    tags = [] if plain else ["htools:iextags:svc"]
    if not plain:
        tags += random.sample(
            [
                "htools:nlocation:rack",
                "htools:desiredlocation:rack",
                "htools:migration:kvm",
                "htools:allowmigration:kvm:old::kvm:new",
            ],
            random.randrange(5),
        )
    return "\n".join([*rows, "", *lines, "", *tags, ""]) + "\n"


def with_own_spindles(text: str, spare: int) -> str:
    """The same cluster where each instance has a spindle of its own, ``spare`` being left on each node."""
    groups, nodes, instances, *rest = text.split("\n\n")
    held: dict[str, int] = {}
    lines = []
    for line in instances.splitlines():
        fields = line.split("|")
        fields[11] = "1"
        for name in fields[6:8]:
            held[name] = held.get(name, 0) + 1
        lines.append("|".join(fields))
    rows = []
    for line in nodes.splitlines():
        fields = line.split("|")
        fields[9], fields[11], fields[12] = str(held.get(fields[0], 0) + spare), "Y", str(spare)
        rows.append("|".join(fields))
    return "\n\n".join([groups, "\n".join(rows), "\n".join(lines), *rest])


def cluster_of(text: str) -> Cluster:
    return prepare(parse(text), Wishes()).cluster


@st.composite
def clusters(draw: st.DrawFn, most_nodes: int = 7, most_instances: int = 25) -> Cluster:
    nodes = draw(st.integers(2, most_nodes))
    instances = draw(st.integers(1, most_instances))
    return cluster_of(text_of(draw(st.integers(0, 10**9)), nodes, instances, plain=draw(st.booleans())))


def sizes_between(size: Size, last: Size, kind: Fail) -> list[Size]:
    """Some of the sizes on the way as ``kind`` shrinks them, the last one among them."""
    on_the_way = [last]
    shrunk = size.shrunk(kind) if last != size else None
    while shrunk is not None and shrunk != last:
        on_the_way.append(shrunk)
        shrunk = shrunk.shrunk(kind)
    assert last == size or shrunk == last, "whole steps"
    return on_the_way[:: 1 + len(on_the_way) // 20]


def new_instance(cluster: Cluster, memory: int, template: str, tags: tuple[str, ...] = ()) -> Instance:
    """One that has no place yet."""
    instance = Instance(
        len(cluster.instances),
        "new",
        memory=memory,
        disk=10240,
        disks=[10240],
        disk_spindles=None,
        vcpus=1,
        status="running",
        auto_balance=True,
        template=template,
    )
    instance.exclusion = tags
    return instance
