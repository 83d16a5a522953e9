"""What the tools print: tables of nodes, instances and score components, shell variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import fixed
from ganeti_tw.htools.score import COMPONENTS, components

_GIB = 1024


def table(prefix: str, header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Aligned columns, numbers to the right; a line for the header and each row, none at the end."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        prefix
        + " "
        + " ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        for line in lines
    )


def component_table(nodes: Sequence[Node]) -> str:
    """What the score is made of; a header alone where no node is online."""
    rows = [
        (name, fixed(value, 8), f"x{weight:.2f}")
        for (name, weight), value in zip(COMPONENTS, components(nodes), strict=True)
        if any(not node.offline for node in nodes)
    ]
    return table("  ", ("Field", "Value", "Weight"), rows, (False, True, True))


_Cell = Callable[[Cluster, Node], str]
_NODE_FIELDS: Mapping[str, tuple[str, bool, _Cell]] = {
    "status": ("F", False, lambda c, n: "-" if n.offline else "*" if n.n1_failure else " "),
    "name": ("Name", False, lambda c, n: n.hardware.alias),
    "tmem": ("t_mem", True, lambda c, n: f"{n.hardware.memory:.0f}"),
    "nmem": ("n_mem", True, lambda c, n: str(n.hardware.node_memory)),
    "imem": ("i_mem", True, lambda c, n: str(n.instance_memory)),
    "xmem": ("x_mem", True, lambda c, n: str(n.hardware.lost_memory)),
    "fmem": ("f_mem", True, lambda c, n: str(n.hardware.free_memory)),
    "umem": ("u_mem", True, lambda c, n: str(n.unused_memory)),
    "rmem": ("r_mem", True, lambda c, n: str(n.reserved)),
    "tdsk": ("t_dsk", True, lambda c, n: f"{n.hardware.total_disk / _GIB:.0f}"),
    "fdsk": ("f_dsk", True, lambda c, n: str(n.free_disk // _GIB)),
    "tcpu": ("pcpu", True, lambda c, n: f"{n.hardware.cpus:.0f}"),
    "ucpu": ("vcpu", True, lambda c, n: str(n.used_cpus)),
    "pcnt": ("pcnt", True, lambda c, n: str(len(n.primaries))),
    "scnt": ("scnt", True, lambda c, n: str(len(n.secondaries))),
    "pfmem": ("p_fmem", True, lambda c, n: fixed(n.free_memory_part, 4)),
    "pfdsk": ("p_fdsk", True, lambda c, n: fixed(n.free_disk_part, 4)),
    "rcpu": ("r_cpu", True, lambda c, n: fixed(n.cpu_ratio, 2)),
    "cload": ("lCpu", True, lambda c, n: fixed(n.cpu_load, 3)),
    "mload": ("lMem", True, lambda c, n: fixed(n.memory_load, 3)),
    "dload": ("lDsk", True, lambda c, n: fixed(n.disk_load, 3)),
    "nload": ("lNet", True, lambda c, n: fixed(n.net_load, 3)),
    "idx": ("Index", True, lambda c, n: str(n.hardware.index + c.base)),
    "fqdn": ("Name", False, lambda c, n: n.hardware.name),
    "amem": ("a_mem", True, lambda c, n: str(n.available_memory)),
    "plist": ("primaries", True, lambda c, n: _listed(n.primaries)),
    "slist": ("secondaries", True, lambda c, n: _listed(n.secondaries)),
    "ptags": ("PrimaryTags", False, lambda c, n: ",".join(f"{t}={n.exclusion[t]}" for t in sorted(n.exclusion))),
    "peermap": ("PeerMap", False, lambda c, n: _peers(c, n)),
    "spindle_count": ("NodeSpindles", True, lambda c, n: str(n.hardware.spindles)),
    "hi_spindles": ("MaxSpindles", True, lambda c, n: _plain(n.hardware.max_spindles)),
    "inst_spindles": ("InstSpindles", True, lambda c, n: _plain(n.instance_spindles)),
}
_DEFAULT_NODE_FIELDS = tuple(_NODE_FIELDS)[: tuple(_NODE_FIELDS).index("nload") + 1]
_UNKNOWN: tuple[str, bool, _Cell] = ("<unknown field>", False, lambda c, n: "<unknown field>")


def node_table(cluster: Cluster, nodes: Iterable[Node], fields: str) -> str:
    """``fields`` as given to ``-p``: nothing for the usual ones, a leading plus for more than these."""
    if fields.startswith("+"):
        names = [*_DEFAULT_NODE_FIELDS, *fields[1:].split(",")]
    else:
        names = fields.split(",") if fields else list(_DEFAULT_NODE_FIELDS)
    columns = [_NODE_FIELDS.get(name, _UNKNOWN) for name in names]
    rows = [[cell(cluster, node) for _, _, cell in columns] for node in nodes]
    return table("", [title for title, _, _ in columns], rows, [right for _, right, _ in columns])


_INSTANCE_COLUMNS = (
    "F",
    "Name",
    "Pri_node",
    "Sec_node",
    "Auto_bal",
    "vcpu",
    "mem",
    "dsk",
    "lCpu",
    "lMem",
    "lDsk",
    "lNet",
)


def instance_table(cluster: Cluster, indices: Iterable[int]) -> str:
    rows = []
    for index in indices:
        instance, place = cluster.instances[index], cluster.places[index]
        secondary = "" if place.secondary == NOWHERE else cluster.nodes[place.secondary].hardware.name
        rows.append(
            [
                "R" if instance.running else " ",
                instance.name,
                cluster.nodes[place.primary].hardware.name,
                secondary,
                "Y" if instance.auto_balance else "N",
                str(instance.vcpus),
                f"{instance.memory:5d}",
                f"{instance.disk // _GIB:5d}",
                *(fixed(weight, 3) for weight in instance.load),
            ]
        )
    return table("", _INSTANCE_COLUMNS, rows, [column > 4 for column in range(len(_INSTANCE_COLUMNS))])


def _listed(numbers: Sequence[int]) -> str:
    return "[" + ",".join(map(str, numbers)) + "]"


def _peers(cluster: Cluster, node: Node) -> str:
    pairs = sorted(node.peers.items(), key=lambda pair: -pair[1])
    return "[" + ",".join(f"({peer + cluster.base},{memory})" for peer, memory in pairs) + "]"


def _plain(value: float) -> str:
    return repr(float(value))


def shell_line(prefix: str, key: str, value: str) -> str:
    """``PREFIX_KEY=VALUE``, quoted when anything but letters, digits and dots is in it."""
    plain = all((c.isascii() and c.isalnum()) or c == "." for c in value)
    return f"{prefix}_{key.upper()}={value}" if plain else f"{prefix}_{key.upper()}='{value}'"
