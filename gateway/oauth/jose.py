"""Signed tokens read strictly: one spelling, no duplicate members, one algorithm that we chose, never the token."""

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from msgspec import Struct

TOKEN_BYTES_MAX = 4096
JTI_CHARACTERS_MAX = 128
CLOCK_SKEW_S = 10

ASSERTION_ALGORITHMS = ("PS256", "ES256", "EdDSA")
_RSA_BITS_MIN = 2048
_RSA_BITS_MAX = 4096
"""Anybody may send the key of a DPoP proof: what it costs to verify by is bounded, by the size of the exponent too."""
_EXPONENT_BITS_MAX = 32
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Of a JWK that is no public key (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2)."""


_TIME_S_MAX = 253_402_300_800
"""The year 10000, which no calendar of ours knows."""


class Contents(Struct, frozen=True):
    """Header and claims of a token. Whether anybody signed it is another question."""

    header: dict[str, Any]
    claims: dict[str, Any]


class OneAlgorithm(JWSRegistry):
    """Allows exactly one algorithm.

    joserfc's own registry refuses headers over 512 bytes, where an RSA key id or certificate chain may be longer (the
    token as a whole is capped before), refuses header members it does not know, which RFC 7515 section 4 says to
    ignore, and warns of the name EdDSA, which is what clients send.
    """

    max_header_length = TOKEN_BYTES_MAX
    max_payload_length = TOKEN_BYTES_MAX

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm], strict_check_header=False)
        self._only = algorithm

    def get_alg(self, name: str) -> Any:
        if name != self._only:
            raise UnsupportedAlgorithmError("this algorithm is not the one expected")
        return self.algorithms[name]


ES256 = OneAlgorithm("ES256")
_REGISTRIES = {"ES256": ES256, "PS256": OneAlgorithm("PS256"), "EdDSA": OneAlgorithm("EdDSA")}


def contents_of(token: str) -> Contents | None:
    """Header and claims of a compact JWS (RFC 7515 section 7.1), or None if it is not exactly that.

    `crit` and `b64` are refused: nothing that a token may call critical is implemented here, and a payload that is not
    base64url-encoded is no JWT.
    """
    if not token.isascii() or len(token) > TOKEN_BYTES_MAX:
        return None
    segments = token.encode().split(b".")
    if len(segments) != 3 or not all(segments):
        return None
    try:
        header = strict_json(urlsafe_b64decode(segments[0]))
        claims = strict_json(urlsafe_b64decode(segments[1]))
    except ValueError:
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    if "crit" in header or "b64" in header:
        return None
    return Contents(header, claims)


def strict_json(text: bytes) -> Any:
    """JSON without duplicate members, NaN, Infinity or endless nesting. Raises ValueError."""
    try:
        return _STRICT.decode(text.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def end_of_key(member: Mapping[str, Any]) -> int | None:
    """When a JWK ends by its own word, Unix seconds: its `exp` (OpenID Federation 1.0, section 8.7.2); None: it says
    nothing. Raises ValueError for one that is no NumericDate (RFC 7519 section 2) with a year: it was meant to end."""
    said = member.get("exp")
    if said is None:
        return None
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 <= said < _TIME_S_MAX:
        raise ValueError("exp is no time")
    return int(said)


def is_signed_by(token: str, key: Key, algorithm: str) -> bool:
    """Whether the signature over this token is this key's, by this algorithm. What the header says cannot change that:
    an `alg` other than `algorithm` is refused, `jwk`, `jku`, `x5u` and `x5c` are not looked at."""
    try:
        jws.deserialize_compact(token, key, registry=_REGISTRIES[algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True


def media_type(header: dict[str, Any]) -> str | None:
    """The `typ` of a header in lower case without `application/` (RFC 7515 section 4.1.9); "" when it is absent."""
    typ = header.get("typ", "")
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else None


def algorithm_of(key: Key) -> str | None:
    """The algorithm that a public key is good for, decided by its type, curve and size; None if it is good for none."""
    if isinstance(key, RSAKey):
        numbers = key.public_key.public_numbers()
        usable = (
            _RSA_BITS_MIN <= numbers.n.bit_length() <= _RSA_BITS_MAX and numbers.e.bit_length() <= _EXPONENT_BITS_MAX
        )
        return "PS256" if usable else None
    if isinstance(key, ECKey):
        return "ES256" if key.curve_name == "P-256" else None
    if isinstance(key, OKPKey):
        return "EdDSA" if key.curve_name == "Ed25519" else None
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError("not JSON")


# Made once: json.loads would make another one for each text.
_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
