"""Files with keys, which are the same on all nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from ganeti_tw.config.secrets import new_secret
from ganeti_tw.errors import BadRequest, GanetiError, TryLater
from ganeti_tw.model.node import Node
from ganeti_tw.model.paths import Paths
from ganeti_tw.operations.context import Context, names
from ganeti_tw.protocol.ancillary import FileCopy, WriteAncillary
from ganeti_tw.wire.certificates import check_certificate, check_pair, new_key, self_signed

TIMEOUT = 90.0  # a node's own deadline is 60 s
LARGEST = 2**20
DAYS = 1825  # of certificates for clients, as the original makes them
HERE = Paths("")  # as on a real host


@frozen
class SecretFile:
    """One of those that are spread.  ``check(content, what, now)`` raises BadRequest."""

    path: str
    check: Callable[[str, str, float], None]


def _check_secret(content: str, what: str, now: float) -> None:
    if not content.strip():
        raise BadRequest(f"{what} is empty")


RAPI, SPICE, SPICE_CA, DOMAIN_SECRET = "rapi", "spice", "spice-ca", "cluster-domain-secret"
FILES = {
    RAPI: SecretFile(f"{HERE.data}/rapi.pem", check_pair),
    SPICE: SecretFile(f"{HERE.data}/spice.pem", check_pair),
    SPICE_CA: SecretFile(f"{HERE.data}/spice-ca.pem", check_certificate),
    DOMAIN_SECRET: SecretFile(f"{HERE.data}/cluster-domain-secret", _check_secret),
}
WORDS = {
    RAPI: "the RAPI certificate",
    SPICE: "the SPICE certificate",
    SPICE_CA: "the certificate of the SPICE authority",
    DOMAIN_SECRET: "the cluster domain secret",
}


def check_given(files: Mapping[str, str | None], now: float) -> dict[str, str | None]:
    """The same; BadRequest says what is wrong with a content."""
    if (files.get(SPICE) is None) != (files.get(SPICE_CA) is None):
        raise BadRequest("a SPICE certificate and that of its authority are given together, or both are made")
    for name, content in files.items():
        if content is None:
            continue
        if len(content) > LARGEST:
            raise BadRequest(f"{WORDS[name]} has more than {LARGEST} bytes")
        FILES[name].check(content, WORDS[name], now)
    return dict(files)


async def renew_files(context: Context, files: Mapping[str, str | None], *, hmac_key: bool) -> None:
    """Put these files on all nodes, the master first; TryLater names the nodes that did not take them."""
    contents = {name: content for name, content in files.items() if content is not None}
    cluster = context.config.cluster.cluster_name
    if RAPI in files and RAPI not in contents:
        contents[RAPI] = _pair(cluster, context.now())
    if (SPICE in files or SPICE_CA in files) and SPICE not in contents:
        contents[SPICE] = _pair(cluster, context.now())
        contents[SPICE_CA] = contents[SPICE][contents[SPICE].index("-----BEGIN CERTIFICATE-----") :]
    if DOMAIN_SECRET in files and DOMAIN_SECRET not in contents:
        contents[DOMAIN_SECRET] = new_secret(context.random_bytes)
    texts = {FILES[name].path: content for name, content in contents.items()}
    for name in contents:
        context.say(f"Spreading {WORDS[name]}")
    if hmac_key:
        context.say("Spreading the key of confd")
        key = texts[HERE.hmac_key] = new_secret(context.random_bytes)
        # Hosts that join from now on get this one.
        await context.certificates.set_hmac_key(key)
    if texts:
        await _spread(context, tuple(FileCopy(p, text.encode(), context.now()) for p, text in texts.items()))


def _pair(name: str, now: float) -> str:
    key = new_key()
    return key + self_signed(key, name, now, DAYS)


async def _spread(context: Context, files: tuple[FileCopy, ...]) -> None:
    config = context.config
    await context.on_node(config.master, WriteAncillary(files), TIMEOUT)
    paths = ", ".join(f.path for f in files)
    others = [n for n in config.nodes.values() if n.uuid != config.cluster.master_node]
    failed: list[Node] = []
    for node, answer in await context.on_nodes(others, WriteAncillary(files), TIMEOUT, "copying files"):
        if isinstance(answer, GanetiError):
            context.warn(f"{node.name} still has what was before in {paths}: {answer.text}")
            if not node.offline:
                failed.append(node)
    if failed:
        raise TryLater(
            f"still the same as before on {names(failed)}: {paths}; run 'gnt-cluster redist-conf' when they are back"
        )
