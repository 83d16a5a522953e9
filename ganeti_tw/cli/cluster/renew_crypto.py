"""``gnt-cluster renew-crypto``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow

LARGEST = 2**20

QUESTION = (
    "Certificates and keys of the cluster will be replaced. Links between nodes stay up and nothing is restarted, "
    "but clients that know an old key or certificate have to be given the new one.\nGo on?"
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    wrong = _conflict(options)
    if wrong:
        context.warn(wrong)
        return 1
    files = _files(options, context)
    if files is None:
        return 1
    if not options.force and not context.confirm(QUESTION):
        return 1
    op = opcode(
        "OP_CLUSTER_RENEW_CRYPTO",
        options,
        context,
        node_certificates=options.new_node_cert,
        cluster_certificate=options.new_cluster_cert,
        confd_hmac_key=options.new_confd_hmac_key,
        renew_ssh_keys=options.new_ssh_keys,
        ssh_key_type=options.ssh_key_type,
        ssh_key_bits=options.ssh_key_bits,
        verbose=options.verbose,
        debug=options.debug > 0,
        files=files,
    )
    return submit_and_follow(context, options, op)


def _conflict(options: Values) -> str:
    """Why the options do not go together; empty when they do."""
    both = "Give one of {} and {}, not both: a new one is made, or the one in the file is used"
    if options.new_rapi_cert and options.rapi_cert:
        return both.format("--new-rapi-certificate", "--rapi-certificate")
    if options.new_cluster_domain_secret and options.cluster_domain_secret:
        return both.format("--new-cluster-domain-secret", "--cluster-domain-secret")
    if options.new_spice_cert and (options.spice_cert or options.spice_cacert):
        return both.format("--new-spice-certificate", "--spice-certificate with --spice-ca-certificate")
    if bool(options.spice_cert) != bool(options.spice_cacert):
        return "--spice-certificate and --spice-ca-certificate are given together"
    wanted = (
        options.new_cluster_cert,
        options.new_node_cert,
        options.new_confd_hmac_key,
        options.new_ssh_keys,
        options.new_rapi_cert or options.rapi_cert,
        options.new_spice_cert or options.spice_cert,
        options.new_cluster_domain_secret or options.cluster_domain_secret,
    )
    return "" if any(wanted) else "Nothing to renew: name what, see --help"


def _files(options: Values, context: Context) -> dict[str, str | None] | None:
    """Content by name, None for one that is to be made; no dictionary when a file cannot be read."""
    files: dict[str, str | None] = {}
    if options.new_rapi_cert:
        files["rapi"] = None
    if options.new_spice_cert:
        files |= {"spice": None, "spice-ca": None}
    if options.new_cluster_domain_secret:
        files["cluster-domain-secret"] = None
    given = {
        "rapi": options.rapi_cert,
        "spice": options.spice_cert,
        "spice-ca": options.spice_cacert,
        "cluster-domain-secret": options.cluster_domain_secret,
    }
    for name, path in given.items():
        if path:
            content = _read(path, context)
            if content is None:
                return None
            files[name] = content
    return files


def _read(path: str, context: Context) -> str | None:
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) <= LARGEST:
            return content.decode("ascii")
        problem = f"it has more than {LARGEST} bytes"
    except OSError as e:
        problem = e.strerror or str(e)
    except UnicodeDecodeError:
        problem = "it is no text"
    context.warn(f"Cannot use {path}: {problem}")
    return None


COMMAND = Command(
    purpose="Replace certificates and keys of the cluster",
    run=run,
    usage="[<opts>...]",
    options=(
        "--new-cluster-certificate",
        "--new-node-certificates",
        "--new-confd-hmac-key",
        "--new-rapi-certificate",
        "--rapi-certificate",
        "--new-spice-certificate",
        "--spice-certificate",
        "--spice-ca-certificate",
        "--new-cluster-domain-secret",
        "--cluster-domain-secret",
        "--new-ssh-keys",
        "--no-ssh-key-check",
        "--ssh-key-bits",
        "--ssh-key-type",
        "-f/--force",
        "-v/--verbose",
    ),
)
