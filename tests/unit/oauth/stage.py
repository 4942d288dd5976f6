"""A token server with a store, a clock that stands still, and clients of every kind."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode
from msgspec import Struct
from msgspec.json import decode, encode

from gateway.oauth.authority import load_authority, open_authority
from gateway.oauth.client_secret import load_pepper
from gateway.oauth.clients import ClientFault, add_client, set_client_disabled
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.server import TokenServer, TokenThrottle
from gateway.oauth.verify import TokenVerifier
from gateway.store.clients import Clients
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from gateway.throttle import Throttle, ThrottleRules

ISSUER = "http://127.0.0.1:8080"
NOW_S = 1_800_000_000.0
SCOPES = {
    "swift-logistics": frozenset({"shipments:get", "shipments:list"}),
    "harbor-bank": frozenset({"repayments:list"}),
}
GENEROUS = ThrottleRules(requests="100000/minute", failures="100000/minute")
_NUMBERS: Iterator[int] = count()
Algorithm: TypeAlias = Literal["ES256", "EdDSA", "PS256"]


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Stage(Struct, frozen=True):
    """Everything of the token endpoint, and the secrets and private keys that its clients hold."""

    store: Store
    server: TokenServer
    verifier: TokenVerifier
    clock: Clock
    secrets: dict[str, str]
    keys: dict[str, Key]

    async def refresh(self) -> None:
        """What the running gateway does twice a second."""
        authority = await load_authority(self.store, self.clock())
        self.server.adopt(authority)
        self.verifier.adopt(authority)


@cache
def client_key(algorithm: Algorithm, which: int = 0) -> Key:
    """Made once in a test run: RSA keys take their time. `which` tells keys of one kind apart."""
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    return OKPKey.generate_key("Ed25519") if algorithm == "EdDSA" else RSAKey.generate_key(2048)


async def open_stage(
    folder: Path, *, replay: ReplayCache | None = None, throttle: TokenThrottle | None = None
) -> Stage:
    """swift-logistics-app, former-app (disabled) and keel-app (no agreement) hold secrets; harbor-bank-app and, by
    their algorithm, harbor-bank-eddsa and harbor-bank-ps256 hold keys."""
    store = await Store.open(f"sqlite:///{folder}/clausegate.db")
    clock = Clock()
    secrets: dict[str, str] = {}
    keys: dict[str, Key] = {}
    for client_id, partner in (
        ("swift-logistics-app", "swift-logistics"),
        ("former-app", "swift-logistics"),
        ("keel-app", "keel"),
    ):
        added = await add_client(store, partner, client_id, "client_secret_basic", now_s=int(NOW_S) - 100)
        assert not isinstance(added, ClientFault)
        assert added.secret is not None
        secrets[client_id] = added.secret.reveal()
    await set_client_disabled(store, "former-app", True, now_s=int(NOW_S) - 50)
    algorithms: dict[str, Algorithm] = {
        "harbor-bank-app": "ES256",
        "harbor-bank-eddsa": "EdDSA",
        "harbor-bank-ps256": "PS256",
    }
    for client_id, algorithm in algorithms.items():
        key = client_key(algorithm)
        jwks = {"keys": [key.as_dict(private=False)]}
        assert not isinstance(
            await add_client(store, "harbor-bank", client_id, "private_key_jwt", jwks, now_s=int(NOW_S) - 100),
            ClientFault,
        )
        keys[client_id] = key
    authority = await open_authority(store, NOW_S)
    server = TokenServer(
        issuer=ISSUER,
        clients=Clients(store),
        scopes_of=lambda partner: SCOPES.get(partner, frozenset()),
        pepper=await load_pepper(store, int(NOW_S)),
        replay=replay or LocalReplayCache(),
        throttle=throttle or Throttle(Hidden(b"k" * 32), GENEROUS),
        authority=authority,
        now=clock,
    )
    verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, authority=authority)
    return Stage(store, server, verifier, clock, secrets, keys)


def signed(header: Mapping[str, Any] | bytes, payload: bytes, key: Key | bytes | None) -> str:
    """A compact JWS made by hand, whatever sense it makes: a key of bytes signs with HMAC-SHA-256, none not at all."""
    text = header if isinstance(header, bytes) else encode(header)
    algorithm = decode(text).get("alg")
    signing_input = urlsafe_b64encode(text) + b"." + urlsafe_b64encode(payload)
    signature = b""
    if isinstance(key, bytes):
        signature = hmac.digest(key, signing_input, hashlib.sha256)
    elif key is not None and algorithm != "none":
        signature = JWSRegistry.algorithms[algorithm].sign(signing_input, key)
    return (signing_input + b"." + urlsafe_b64encode(signature)).decode()


def assertion(
    stage: Stage,
    client_id: str,
    *,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
    key: Key | bytes | None = None,
) -> str:
    """A client assertion that is right but for what is given. exp, iat and nbf are seconds from now."""
    used = key or stage.keys[client_id]
    algorithm = "HS256" if isinstance(used, bytes) else {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}[used.key_type]
    body: dict[str, Any] = {"iss": client_id, "sub": client_id, "aud": ISSUER, "iat": 0, "exp": 60}
    body |= dict(claims or {})
    body.setdefault("jti", f"jti-{next(_NUMBERS)}")
    for name in ("iat", "exp", "nbf"):
        if isinstance(body.get(name), int | float):
            body[name] += int(stage.clock())
    for name in without:
        body.pop(name, None)
    return signed({"alg": algorithm, **(header or {})}, encode(body), used)
