"""Holders of keys: a guard with a signing key, tokens bound to this or that, proofs right but for one thing."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from joserfc.jwk import ECKey, Key
from msgspec.json import encode

from gateway.oauth.authority import Authority
from gateway.oauth.certificate import Certificate
from gateway.oauth.dpop import Proofs
from gateway.oauth.grant import Admitted, Presented, Rejected
from gateway.oauth.guard import Guard, StandingOf, unasked
from gateway.oauth.keys import KeyRing, Signer
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.tokens import UNBOUND, Held, claims_for, sign
from gateway.oauth.verify import TokenVerifier
from gateway.store.hidden import Hidden
from tests.unit.oauth.stage import NOW_S, client_key, signed

BASE_URL = "https://gateway.example"
METADATA_URL = f"{BASE_URL}/.well-known/oauth-protected-resource"
PATH = b"/v1/shipments"
NONCES = Nonces(Hidden(bytes(range(32))))
_NUMBERS = count()


def ath(token: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token).digest()).rstrip(b"=").decode()


def prove(
    *,
    key: Key | bytes | None = None,
    header: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
    token: bytes | None = None,
    method: str = "GET",
    path: bytes = PATH,
    **claims: Any,
) -> bytes:
    """A proof that is right but for what is given. iat, exp and nbf are seconds from NOW_S; `without` leaves members of
    header or claims out."""
    used = client_key("ES256") if key is None else key
    algorithm = "HS256" if isinstance(used, bytes) else {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}[used.key_type]
    public = client_key("ES256").as_dict(private=False) if isinstance(used, bytes) else used.as_dict(private=False)
    body: dict[str, Any] = {
        "jti": f"proof-{next(_NUMBERS)}",
        "htm": method,
        "htu": BASE_URL + path.decode("latin-1"),
        "iat": 0,
        "nonce": NONCES.issue(NOW_S),
    }
    if token is not None:
        body["ath"] = ath(token)
    body |= claims
    for name in ("iat", "exp", "nbf"):
        if isinstance(body.get(name), int | float):
            body[name] += NOW_S
    head = {"typ": "dpop+jwt", "alg": algorithm, "jwk": public, **(header or {})}
    for name in without:
        body.pop(name, None)
        head.pop(name, None)
    return signed(head, encode(body), used).encode()


def thumbprint(key: Key | None = None) -> str:
    return (key or client_key("ES256")).thumbprint()


class Bank:
    """A gateway's guard as its caller sees it: `token` is bound as it is told, `ask` shows something at NOW_S."""

    def __init__(self, replay: ReplayCache | None = None, standing_of: StandingOf = unasked) -> None:
        self._key = ECKey.generate_key("P-256")
        signer = Signer("k1", self._key)
        self.authority = Authority(KeyRing(signer, {"k1": self._key}, b""), {})
        self.verifier = TokenVerifier(issuer=BASE_URL, audience=BASE_URL, authority=self.authority)
        self.proofs = Proofs(base_url=BASE_URL, nonces=NONCES, replay=replay or LocalReplayCache())
        self.guard = Guard(self.verifier, self.proofs, metadata_url=METADATA_URL, standing_of=standing_of)

    def token(self, held: Held = UNBOUND, now_s: float = NOW_S) -> bytes:
        """Of harbor-bank-app; bound to nothing, or to what is given."""
        claims = claims_for(
            issuer=BASE_URL,
            audience=BASE_URL,
            client_id="harbor-bank-app",
            partner="harbor-bank",
            scopes=["repayments:list"],
            now_s=now_s,
            epoch_s=0,
            held=held,
        )
        return sign(claims, self.authority.keys.signer).encode()

    async def ask(
        self,
        authorization: bytes | None,
        proof: bytes | None = None,
        certificate: Certificate | None = None,
        *,
        method: str = "GET",
        path: bytes = PATH,
        now_s: float = NOW_S,
    ) -> Admitted | Rejected:
        return await self.guard.admit(Presented(authorization, method, path, proof, certificate), now_s)
