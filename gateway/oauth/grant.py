"""What a verified access token says."""

from msgspec import Struct


class Grant(Struct, frozen=True):
    """Claims of a token whose signature was verified (RFC 9068). `expires_s` and `issued_s` are Unix seconds."""

    client: str
    partner: str
    audience: str
    scopes: frozenset[str]
    token_id: str
    key_id: str
    issued_s: int
    expires_s: int


class Rejected(Struct, frozen=True):
    """Why a credential is no good: `error` of RFC 6750 section 3.1 ("" when none was given), `code` of problems.py."""

    error: str
    code: str
