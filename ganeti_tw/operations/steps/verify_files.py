"""Files of nodes that are missing, too many, or other than the configuration or the master has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from attrs import frozen

from ganeti_tw.model.ancillary import ancillary_files, files_of
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.model.ssconf import ssconf
from ganeti_tw.model.verify import Finding
from ganeti_tw.model.versions import RELEASE
from ganeti_tw.operations.steps.verify_question import ancillary_paths

DATA = "/var/lib/ganeti"
HMAC_KEY = f"{DATA}/hmac.key"
CONFIG_DATA = f"{DATA}/config.data"


@frozen
class WantedFile:
    """A file that all these nodes should have with the same content; with any, if ``checksum`` is None."""

    path: str
    nodes: tuple[str, ...]
    checksum: str | None


def wanted_files(config: Config, nodes: Iterable[Node], files: Mapping[str, Mapping[str, str]]) -> list[WantedFile]:
    """What files should be on nodes; what the configuration does not say is as on the master."""
    nodes = tuple(nodes)
    everywhere = tuple(n.name for n in nodes)
    candidates = tuple(n.name for n in nodes if n.master_candidate)
    master = files.get(config.master.name, {})
    wanted = [
        WantedFile(f"{DATA}/ssconf_{key}", everywhere, sha256(text.encode()).hexdigest())
        for key, text in ssconf(config, RELEASE).items()
    ]
    wanted.append(WantedFile(HMAC_KEY, everywhere, master.get(HMAC_KEY)))
    files_here = ancillary_files(config.cluster)
    for ancillary in files_here:
        if ancillary.path in master and ancillary.path != HMAC_KEY:
            there = tuple(n.name for n in nodes if ancillary in files_of(files_here, n))
            wanted.append(WantedFile(ancillary.path, there, master[ancillary.path]))
    wanted.append(WantedFile(CONFIG_DATA, candidates, master.get(CONFIG_DATA)))
    return sorted(wanted, key=lambda w: w.path)


def file_findings(
    config: Config, nodes: Sequence[Node], files: Mapping[str, Mapping[str, str]], *, changing: bool
) -> Iterator[Finding]:
    """Files that are missing or other than they should be.

    ``files``: path -> checksum by node name.  While the configuration is
    ``changing`` a file may rightly be a moment old: then it is a warning.
    """
    for node in nodes:
        if not files.get(node.name):
            yield Finding("ENODEFILECHECK", "node", node.name, "it named no checksums of its files")
    answered = [n for n in nodes if files.get(n.name)]
    name = config.cluster.cluster_name
    for wanted in wanted_files(config, answered, files):
        missing = [n for n in wanted.nodes if wanted.path not in files[n]]
        if missing:
            text = f"file {wanted.path} is missing on {', '.join(missing)}"
            yield Finding("ECLUSTERFILECHECK", "cluster", name, text, warning=changing)
        good = (None, wanted.checksum)
        other = [n for n in wanted.nodes if wanted.checksum and files[n].get(wanted.path) not in good]
        if other:
            text = f"file {wanted.path} is not as it should be on {', '.join(other)}"
            yield Finding("ECLUSTERFILECHECK", "cluster", name, text, warning=changing)
    if files.get(config.master.name):
        yield from _only_elsewhere(config, answered, files)
    for node in answered:
        if not node.master_candidate and CONFIG_DATA in files[node.name]:
            text = f"file {CONFIG_DATA} should not be on {node.name}, which is no master candidate"
            yield Finding("ECLUSTERFILECHECK", "cluster", name, text, warning=True)


def _only_elsewhere(config: Config, nodes: Iterable[Node], files: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """Files that are copied from the master, but the master has none to copy."""
    for path in ancillary_paths(config):
        having = [n.name for n in nodes if path in files[n.name]]
        if having and path not in files[config.master.name] and path != HMAC_KEY:
            text = f"file {path} is on {', '.join(having)} and not on the master {config.master.name}"
            yield Finding("ECLUSTERFILECHECK", "cluster", config.cluster.cluster_name, text, warning=True)
