"""Tokens: how a host and a master that never met prove themselves to each other.

The host shows a token to its administrator, who gives it to the master.  The
token's fingerprint proves the host to the master; a proof made with the
token's secret proves the master to the host.  The secret never travels.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from attrs import field, frozen

from ganeti_tw.errors import BadRequest, Refused

PREFIX = "gtw1."
SECRET_BYTES = 20
MASTERS = 16  # hellos remembered at a time


def join_proof(secret: bytes, nonce: str, host_fingerprint: str, master_fingerprint: str) -> str:
    """Proof, as hex, that whoever shows ``master_fingerprint`` knows the secret."""
    said = "\n".join(("ganeti_tw join", nonce, host_fingerprint, master_fingerprint))
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()


class _Fields(msgspec.Struct, array_like=True):
    name: str
    host: str
    port: int
    fingerprint: bytes
    secret: bytes
    expires: float


@frozen
class Token:
    """An invitation to take a host into a cluster: good once, until ``expires`` (seconds since 1970)."""

    name: str
    host: str
    port: int
    fingerprint: str  # of the host's certificate
    secret: bytes = field(repr=False)
    expires: float

    def text(self) -> str:
        """One printable line."""
        fingerprint = bytes.fromhex(self.fingerprint)
        fields = _Fields(self.name, self.host, self.port, fingerprint, self.secret, self.expires)
        body = msgspec.msgpack.encode(fields)
        check = zlib.crc32(body).to_bytes(4, "big")
        return PREFIX + base64.urlsafe_b64encode(check + body).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Token:
        """The token; BadRequest says what is wrong with it."""
        text = "".join(text.split())
        if not text.startswith(PREFIX):
            raise BadRequest(f"not a token: a token begins with {PREFIX}")
        encoded = text.removeprefix(PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("the token has characters that do not belong there, or was cut off") from None
        check, body = raw[:4], raw[4:]
        if len(check) < 4 or zlib.crc32(body) != int.from_bytes(check, "big"):
            raise BadRequest("the token was mistyped or cut off")
        try:
            f = msgspec.msgpack.decode(body, type=_Fields)
        except (msgspec.MsgspecError, UnicodeDecodeError) as e:
            raise BadRequest(f"the token is malformed: {e}") from None
        if not 0 < f.port < 65536:
            raise BadRequest(f"the token names port {f.port}")
        if len(f.secret) < 16:
            raise BadRequest("the token's secret is too short")
        if len(f.fingerprint) != 32:
            raise BadRequest("the token's fingerprint is not a SHA-256 sum")
        return cls(f.name, f.host, f.port, f.fingerprint.hex(), f.secret, f.expires)

    def check_time(self, now: float) -> None:
        """BadRequest when it has expired."""
        if now >= self.expires:
            raise BadRequest(
                f"by the clock of this host the token of {self.name} has expired {now - self.expires:.0f} s ago: "
                "make a new one on that host; if it is new, compare the clocks of the two"
            )


class Invitation:
    """A token as its host remembers it: who said hello, and whether it was used."""

    def __init__(self, token: Token, random_bytes: Callable[[int], bytes]) -> None:
        self.token = token
        self._random_bytes = random_bytes
        self._nonces: OrderedDict[str, str] = OrderedDict()
        self._used = False

    def hello(self, master_fingerprint: str, now: float) -> str:
        """A nonce for this master's proof; Refused when the token is no longer good."""
        self._check(now)
        self._nonces.pop(master_fingerprint, None)
        nonce = self._nonces[master_fingerprint] = self._random_bytes(16).hex()
        if len(self._nonces) > MASTERS:
            self._nonces.popitem(last=False)
        return nonce

    def welcome(self, proof: str, master_fingerprint: str, now: float) -> None:
        """Use the token up.

        Refused when the proof is wrong, when this master did not say hello,
        and when the token has expired or was used; a wrong proof does not use
        it up.
        """
        self._check(now)
        # Each proof has a nonce of its own: a second try begins with a new hello.
        nonce = self._nonces.pop(master_fingerprint, None)
        if nonce is None:
            raise Refused("a welcome without a hello before it")
        right = join_proof(self.token.secret, nonce, self.token.fingerprint, master_fingerprint)
        if not hmac.compare_digest(right.encode(), proof.encode()):
            raise Refused("the proof is wrong: the token is that of another host, or an older one")
        self._used = True

    def _check(self, now: float) -> None:
        if self._used:
            raise Refused("the token was used already: make a new one")
        if now >= self.token.expires:
            raise Refused("the token has expired: make a new one; if it is new, compare the clocks of the two hosts")
