"""What a verified access token says, and what a request shows of who sends it."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.oauth.certificate import Certificate

Binding: TypeAlias = Literal["none", "dpop", "mtls"]
"""What a token is bound to: nothing, a DPoP key (RFC 9449), a client certificate (RFC 8705)."""
BINDINGS: tuple[Binding, ...] = ("none", "dpop", "mtls")


REPEATED: Final = b"repeated"
"""What stands for a header that was sent several times: as Authorization or DPoP it is none, whatever it said."""


class Detail(Struct, frozen=True, gc=False):
    """One entry of `authorization_details` of type data_contract (RFC 9396): all that a token allows of one agreement.

    `products` and `actions` (operations) are always listed; `purposes` empty: whatever the agreement allows.
    """

    agreement: str
    products: frozenset[str]
    actions: frozenset[str]
    purposes: frozenset[str] = frozenset()


class Grant(Struct, frozen=True):
    """Claims of a token whose signature was verified (RFC 9068). `expires_s` and `issued_s` are Unix seconds.

    `thumbprint` is whose key or certificate the token is bound to (`cnf.jkt`, `cnf.x5t#S256`), "" with binding none.
    `details` None: the token is not narrowed beyond its scopes.
    """

    client: str
    partner: str
    audience: str
    scopes: frozenset[str]
    token_id: str
    key_id: str
    issued_s: int
    expires_s: int
    binding: Binding = "none"
    thumbprint: str = ""
    details: tuple[Detail, ...] | None = None


class Presented(Struct, frozen=True, gc=False):
    """What a request shows of who sends it: header values as sent, None when absent, REPEATED when given twice.

    `certificate` is the client certificate that it came with, None without one; `path` is raw, without query.
    """

    authorization: bytes | None
    method: str
    path: bytes
    proof: bytes | None = None
    certificate: Certificate | None = None


class Admitted(Struct, frozen=True, gc=False):
    """The caller is who the token was issued to. `headers` belong to the answer: a new DPoP-Nonce."""

    grant: Grant
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Rejected(Struct, frozen=True):
    """Why a credential is no good: `error` of RFC 6750 section 3.1 ("" when none was given), `code` of problems.py.

    `headers` belong to the answer: the challenges (WWW-Authenticate) and a DPoP-Nonce. `partner` and `client` are
    those of the token where that was good and something else was not, else ""; `reason` then says what, in a word.
    """

    error: str
    code: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    partner: str = ""
    client: str = ""
    reason: str = ""
