"""TLS for clients that know nothing of the cluster's authority: a certificate from files."""

from __future__ import annotations

import os

from OpenSSL import SSL
from twisted.internet.ssl import ContextFactory
from twisted.logger import Logger

from ganeti_tw.errors import BadRequest

log = Logger()


class FileContext(ContextFactory):
    """A certificate, with those that signed it below, and its key, in PEM files.

    ``key`` may be empty when it is in the same file.  Files that were renewed
    are used from the next connection on; while they cannot be, the old ones are.
    BadRequest when there is nothing usable to begin with.
    """

    isClient = False

    def __init__(self, certificate: str, key: str = "") -> None:
        self._certificate, self._key = certificate, key or certificate
        self._seen = self._stamp()
        self._context = self._load()

    def getContext(self) -> SSL.Context:
        """The context for one more connection."""
        seen = self._stamp()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._load()
            except BadRequest as e:
                log.error("the certificate before is still used: {reason}", reason=e.text)
        return self._context

    def _load(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        try:
            context.use_certificate_chain_file(self._certificate)
            context.use_privatekey_file(self._key)
            context.check_privatekey()
        except SSL.Error:
            raise BadRequest(
                f"{self._certificate} and {self._key} are no certificate and key that belong together: "
                "both must be PEM files, the certificate of this host first"
            ) from None
        return context

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        try:
            found = [os.stat(path) for path in (self._certificate, self._key)]
        except OSError:
            return ()
        return tuple((s.st_mtime_ns, s.st_ino) for s in found)
