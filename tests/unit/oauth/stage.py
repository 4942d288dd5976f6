"""A token server with a store, a clock that stands still, and clients of every kind."""

import datetime
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cryptography.x509 import DNSName
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode
from msgspec import Struct
from msgspec.json import decode, encode
from msgspec.structs import replace

from gateway.authority_record import AuthorityError
from gateway.credentials.noted import UNSAID, Lasting, RefusedCall
from gateway.oauth.access import Right
from gateway.oauth.authority import load_authority, open_authority
from gateway.oauth.certificates import Authorities
from gateway.oauth.client_secret import load_pepper
from gateway.oauth.clients import ClientFault
from gateway.oauth.dpop import Proofs
from gateway.oauth.key_book import Fetch, KeyBook
from gateway.oauth.key_fetching import FetchFault
from gateway.oauth.nonces import Nonces
from gateway.oauth.proof import ProofKey, make_proof
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.server import Partners, TokenServer, TokenThrottle
from gateway.oauth.verify import TokenVerifier
from gateway.store.clients import Client, Clients
from gateway.store.hidden import Hidden
from gateway.store.revocations import Revocations
from gateway.store.store import Store
from gateway.throttle import Throttle, ThrottleRules
from tests.unit.oauth.adding import add_client
from tests.unit.oauth.issued import FOR_CLIENTS, Issued, issue
from tests.unit.oauth.rights import OWN, RIGHTS

ISSUER = "http://127.0.0.1:8080"
NOW_S = 1_800_000_000.0
SCOPES = {
    "swift-logistics": frozenset({"shipments:get", "shipments:list"}),
    "harbor-bank": frozenset({"repayments:list"}),
}
PROOF_KEY = ProofKey(ECKey.generate_key("P-256"), "ES256")
GENEROUS = ThrottleRules(requests="100000/minute", failures="100000/minute")
_NUMBERS: Iterator[int] = count()
Algorithm: TypeAlias = Literal["ES256", "EdDSA", "PS256"]
_ALGORITHMS: dict[str, Algorithm] = {
    "harbor-bank-app": "ES256",
    "harbor-bank-eddsa": "EdDSA",
    "harbor-bank-ps256": "PS256",
    "vault-app": "ES256",
}
_PREPARED: list[tuple[bytes, dict[str, str]]] = []


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


async def in_silence() -> None:
    """Announces nothing."""


class Announced:
    """Where revocations are announced: `told` are client and token, until it is `closed`."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.closed = False

    async def __call__(self, client: Client, token_id: str) -> None:
        if self.closed:
            raise AuthorityError("closed")
        self.told.append((client.client_id, token_id))


class Stage(Struct, frozen=True):
    """Everything of the token endpoint, and the secrets and private keys that its clients hold.

    `rights` may be changed while it serves; `refusals`, `uses` and, by client, `lasting` are what it told of
    credentials; `nonces` those of the gateway; `certificates` are those of the clients of the TLS methods, and a
    stranger's.
    """

    store: Store
    server: TokenServer
    verifier: TokenVerifier
    clock: Clock
    secrets: dict[str, str]
    keys: dict[str, Key]
    rights: dict[str, tuple[Right, ...]]
    refusals: list[RefusedCall]
    uses: list[tuple[str, str]]
    lasting: dict[str, Lasting]
    nonces: Nonces
    certificates: dict[str, Issued]
    announced: Announced

    def proof(self, *, nonce: str | None = None, path: str = "/oauth/token") -> str:
        """A DPoP proof of the one key there is for that, with a nonce that is good unless another is given."""
        nonce = self.nonces.issue(self.clock()) if nonce is None else nonce
        return make_proof(PROOF_KEY, "POST", ISSUER + path, self.clock(), nonce=nonce or None)

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


@cache
def certificates() -> tuple[Issued, dict[str, Issued]]:
    """An authority, and certificates: of two clients, one by the authority and one self-signed; and of a stranger."""
    begins = datetime.datetime.fromtimestamp(NOW_S, datetime.UTC) - datetime.timedelta(days=1)
    authority = issue("An authority", authority=True, begins=begins)
    names = [DNSName("vault.example")]
    chained = issue("vault", authority, extensions=[FOR_CLIENTS], names=names, begins=begins)
    own = issue("vault", extensions=[FOR_CLIENTS], begins=begins)
    others = [DNSName("stranger.example")]
    stranger = issue("stranger", authority, extensions=[FOR_CLIENTS], names=others, begins=begins)
    return authority, {"vault-tls": chained, "vault-own": own, "stranger": stranger}


async def open_stage(
    folder: Path,
    *,
    replay: ReplayCache | None = None,
    throttle: TokenThrottle | None = None,
    fetch: Fetch | None = None,
) -> Stage:
    """swift-logistics-app, former-app (disabled) and keel-app (no agreement) hold secrets; harbor-bank-app and, by
    their algorithm, harbor-bank-eddsa and harbor-bank-ps256 hold keys. Of vault-bank, which is particular, vault-app
    holds a key, vault-basic a secret, vault-tls and vault-own a certificate; vault-gone publishes keys nowhere, or what
    `fetch` says."""
    if not _PREPARED:
        _PREPARED.append(await _prepared(folder / "prepared"))
    content, secrets = _PREPARED[0]
    _file_in(folder).write_bytes(content)  # nothing else runs
    store = await Store.open(f"sqlite:///{folder}/clausegate.db")
    clock, keys = Clock(), {client_id: client_key(algorithm) for client_id, algorithm in _ALGORITHMS.items()}
    authority_certificate, issued = certificates()
    authority = await open_authority(store, NOW_S)
    rights, refusals = dict(RIGHTS), list[RefusedCall]()
    uses, lasting = list[tuple[str, str]](), dict[str, Lasting]()

    def used(client_id: str, credential: str, lasts: Lasting = UNSAID) -> None:
        uses.append((client_id, credential))
        lasting[client_id] = lasts

    replay = replay or LocalReplayCache()
    nonces, announced = Nonces(Hidden(b"n" * 32)), Announced()
    server = TokenServer(
        issuer=ISSUER,
        clients=Clients(store),
        revocations=Revocations(store),
        partners=Partners(
            lambda partner, now_s: rights.get(partner, ()), lambda partner, now_s: OWN if partner in RIGHTS else None
        ),
        pepper=await load_pepper(store, int(NOW_S)),
        key_book=KeyBook(fetch or _unreachable),
        authorities=Authorities([authority_certificate.certificate]),
        proofs=Proofs(base_url=ISSUER, nonces=nonces, replay=replay),
        replay=replay,
        throttle=throttle or Throttle(Hidden(b"k" * 32), GENEROUS),
        authority=authority,
        announce=announced,
        sees_certificates=True,
        note_refusal=refusals.append,
        note_use=used,
        now=clock,
    )
    verifier = TokenVerifier(issuer=ISSUER, audience=ISSUER, authority=authority)
    return Stage(
        store, server, verifier, clock, dict(secrets), keys, rights, refusals, uses, lasting, nonces, issued, announced
    )


async def _prepared(folder: Path) -> tuple[bytes, dict[str, str]]:
    """A store with all clients, and their secrets: made once in a test run, as the tables of a new one take a while."""
    file = _file_in(folder)
    store = await Store.open(f"sqlite:///{file}")
    secrets = await _add_secrets(store)
    await _add_keys(store)
    for client in _by_certificate(certificates()[1]):
        assert await Clients(store).add(client)
    await Clients(store).set_disabled("former-app", True, int(NOW_S) - 50)
    await open_authority(store, NOW_S)
    await load_pepper(store, int(NOW_S))
    await store.close()
    return file.read_bytes(), secrets  # as above


def _file_in(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "clausegate.db"


async def _add_secrets(store: Store) -> dict[str, str]:
    secrets: dict[str, str] = {}
    for client_id, partner in (
        ("swift-logistics-app", "swift-logistics"),
        ("former-app", "swift-logistics"),
        ("keel-app", "keel"),
        ("vault-basic", "vault-bank"),
    ):
        added = await add_client(store, partner, client_id, "client_secret_basic", now_s=int(NOW_S) - 100)
        assert not isinstance(added, ClientFault)
        assert added.secret is not None
        secrets[client_id] = added.secret.reveal()
    return secrets


async def _add_keys(store: Store) -> None:
    for client_id, algorithm in _ALGORITHMS.items():
        jwks = {"keys": [client_key(algorithm).as_dict(private=False)]}
        partner = "vault-bank" if client_id == "vault-app" else "harbor-bank"
        added = await add_client(store, partner, client_id, "private_key_jwt", jwks, now_s=int(NOW_S) - 100)
        assert not isinstance(added, ClientFault)


def _by_certificate(issued: Mapping[str, Issued]) -> list[Client]:
    created_s = int(NOW_S) - 100
    chained = Client("vault-tls", "vault-bank", "tls_client_auth", created_s, False, 0)
    own = Client("vault-own", "vault-bank", "self_signed_tls_client_auth", created_s, False, 0)
    gone = Client("vault-gone", "vault-bank", "private_key_jwt", created_s, False, 0)
    return [
        replace(chained, tls_subject_kind="san_dns", tls_subject="vault.example"),
        replace(own, certificates=(issued["vault-own"].registered,)),
        replace(gone, jwks_url="https://vault.example/jwks.json"),
    ]


async def _unreachable(url: str) -> FetchFault:
    return FetchFault("keys-unreachable")


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
