"""``gnt-cluster renew-crypto``."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.locks.table import LOCKSET
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Positive
from ganeti_tw.operations.registry import EXCLUSIVE, PRIVATE, operation
from ganeti_tw.operations.steps.certificates import renew_certificates
from ganeti_tw.operations.steps.secretfiles import FILES, check_given, renew_files


@operation("OP_CLUSTER_RENEW_CRYPTO")
@frozen
class ClusterRenewCrypto:
    """Give nodes new certificates, and the cluster new keys.

    No link is down meanwhile and nothing is restarted.  What was interrupted is
    finished by the next one.
    """

    node_certificates: bool = False
    renew_ssh_keys: bool = False
    ssh_key_type: Literal["dsa", "ecdsa", "rsa"] | None = None
    ssh_key_bits: Positive | None = None
    verbose: bool = False
    debug: bool = False
    # Ours: the original's command does the rest without a job.
    cluster_certificate: bool = False
    confd_hmac_key: bool = False
    files: dict[str, str | None] = field(factory=dict, metadata=PRIVATE)  # name -> content, None for a new one

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{LOCKSET}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        if self.renew_ssh_keys or self.ssh_key_type is not None or self.ssh_key_bits is not None:
            raise BadRequest(
                "there are no ssh keys to renew: nodes speak to each other with certificates only, "
                "which --new-node-certificates renews"
            )
        unknown = sorted(set(self.files) - set(FILES))
        if unknown:
            raise BadRequest(f"there is no secret file {', '.join(unknown)}, only {', '.join(FILES)}")
        if not (self.node_certificates or self.cluster_certificate or self.confd_hmac_key or self.files):
            raise BadRequest("nothing to renew was named")

    async def run(self, context: Context) -> None:
        contents = check_given(self.files, context.now())
        if self.node_certificates or self.cluster_certificate:
            await renew_certificates(context, authority=self.cluster_certificate, verbose=self.verbose)
        await renew_files(context, contents, hmac_key=self.confd_hmac_key)
