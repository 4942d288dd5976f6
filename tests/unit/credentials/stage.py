"""Clients of two partners in a store, an end of the log, the pages of a partner's credentials, and a clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey, Key

from contracts.plan import Plans
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.credentials.changing import CredentialAuthority
from gateway.credentials.pacing import Pace
from gateway.credentials.refusal_routes import RefusalPages, refusal_routes
from gateway.credentials.refusals import Refusals
from gateway.credentials.routes import CredentialPages, credential_routes
from gateway.credentials.standing import Standing
from gateway.credentials.uses import Uses
from gateway.front_doors import front_doors
from gateway.oauth.access import Right
from gateway.oauth.clients import ClientFault, NewClient, made_client
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.key_fetching import FetchedKeys, FetchFault
from gateway.oauth.verify import INVALID
from gateway.partner.door import PartnerDoor
from gateway.store.clients import Client, Clients
from gateway.store.store import Store
from policies.clause import Authentication
from policies.reference import ClauseRef
from tests.unit.audit.doubles import BRIEF
from tests.unit.exchange.judging import judged_by
from tests.unit.webhooks.ready_store import ready_store
from tests.unit.webhooks.receiver import in_process

NOW_S = 1_800_000_000
DAY_S = 86_400
ISSUER = "https://hub.example"
STRONG = "swift/key-app/dpop/partner"
"""A token of swift's client with a key, bound to a DPoP key, with the scope that changes need."""
BOUND_CLAUSE = Authentication(
    ClauseRef("swift-2026", "1.0.0", "2.2", "authentication", {"en": "Bound tokens.", "zh": "绑定令牌。"}),
    frozenset({"private_key_jwt", "self_signed_tls_client_auth"}),
    frozenset({"dpop", "mtls"}),
)


class Stage:
    """Everything that partners' credentials need. `published` is what any URL of keys answers."""

    def __init__(self, folder: Path, store: Store, writer: Writer) -> None:
        self.folder, self.store, self.writer, self.now_s = folder, store, writer, float(NOW_S)
        self.own: Right | None = None
        self.published: FetchedKeys | FetchFault = FetchFault("keys-unreachable")
        self.asked: list[str] = []
        self.uses = Uses(store, lambda: self.now_s)
        self.refusals = Refusals(store, lambda: int(self.now_s * 1_000_000))
        self.authority = CredentialAuthority(store, writer, lambda: self.now_s)

    async def client(self, client_id: str) -> Client:
        found = await Clients(self.store).find(client_id)
        assert found is not None
        return found

    async def fetch(self, url: str) -> FetchedKeys | FetchFault:
        self.asked.append(url)
        return self.published

    def entries(self) -> list[tuple[str, str, str]]:
        """What is on the log: event, subject, partner."""
        return [(each.event, each.subject, each.partner) for each in read_as(self.folder / "log", Authority)]

    @cached_property
    def app(self) -> Any:
        """The pages, behind the partner door."""
        standing = Standing(self.store, lambda *_: self.own)
        pages = CredentialPages(
            self.store, self.authority, standing, self.fetch, ISSUER, self.uses, Pace(lambda: self.now_s)
        )
        door = PartnerDoor(judged_by(_granted), now_us=lambda: int(self.now_s * 1_000_000))
        plans = Plans({}, {})
        refused = refusal_routes(door, RefusalPages(self.store, self.refusals, lambda: plans))
        return front_doors([*credential_routes(door, pages), *refused])

    def call(self, token: str = STRONG) -> httpx.AsyncClient:
        """Calls the pages with a token: partner/client/binding/scopes."""
        return in_process(self.app, token)


def _granted(authorization: bytes | None, now_s: float) -> Grant | Rejected:
    parts = (authorization or b"").removeprefix(b"Bearer ").decode().split("/")
    if len(parts) != 4:
        return INVALID
    partner, client, binding, scopes = parts
    return Grant(client, partner, "", frozenset(scopes.split()), "", "", 0, 1 << 40, binding)  # type: ignore[arg-type]


@cache
def key(name: str) -> Key:
    """A key pair of this name, the same for all tests."""
    return ECKey.generate_key("P-256")


def jwk(name: str, **changed: Any) -> dict[str, Any]:
    """Its public key; the name is the kid."""
    return key(name).as_dict(private=False, kid=name, **changed)


@cache
def certificate(
    name: str, begins_s: int = NOW_S - DAY_S, ends_s: int = NOW_S + 365 * DAY_S, curve: str = "secp256r1"
) -> str:
    """A self-signed certificate, as PEM."""
    made = ec.generate_private_key({"secp256r1": ec.SECP256R1(), "secp224r1": ec.SECP224R1()}[curve])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(made.public_key())
    begins, ends = (datetime.fromtimestamp(each, UTC) for each in (begins_s, ends_s))
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    return builder.sign(made, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


async def add(store: Store, new: NewClient, now_s: int = NOW_S - 10 * DAY_S) -> str:
    """Add a client; its secret, "" without one."""
    made = await made_client(store, new, now_s)
    assert not isinstance(made, ClientFault), made.reason
    client, secret = made
    assert await Clients(store).add(client)
    return "" if secret is None else secret.reveal()


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """secret-app, key-app and tls-app of swift, one of each method; bank-app of bank."""
    store = await ready_store(folder)
    writer = Writer.open(folder / "log", "w1", options=BRIEF)
    assert isinstance(writer, Writer)
    await add(store, NewClient("secret-app", "swift", "client_secret_basic"))
    await add(store, NewClient("key-app", "swift", "private_key_jwt", {"keys": [jwk("k1")]}))
    ends_s, begins_s = NOW_S + 100 * DAY_S, NOW_S - 11 * DAY_S
    pem = certificate("first", begins_s, ends_s)
    await add(store, NewClient("tls-app", "swift", "self_signed_tls_client_auth", certificate_pem=pem))
    await add(store, NewClient("bank-app", "bank", "private_key_jwt", {"keys": [jwk("b1")]}))
    try:
        yield Stage(folder, store, writer)
    finally:
        writer.close()
        await store.close()
