"""A hub that serves https, at which one partner has a client of each method and each algorithm."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from joserfc.jwk import ECKey, OKPKey, RSAKey
from msgspec import Struct
from msgspec.json import encode

from gateway.settings import Settings
from gateway.store.clients import Client, ClientKey, Clients
from gateway.store.opening import open_store
from tests.flows.backend import backend
from tests.flows.hub import CLIENT, hub
from tests.unit.oauth.issued import Issued, issue

AsymmetricKey: TypeAlias = ECKey | OKPKey | RSAKey

KID = "2027-1"
ISSUED, OWN = "issued-app", "own-app"
"""Clients whose certificate an authority issued, and whose certificate is their own."""


class Registered(Struct, frozen=True):
    """Where the gateway is, what it is trusted by, and what each client holds: `keys` by algorithm."""

    url: str
    trusted_file: str
    secret: str
    keys: dict[str, AsymmetricKey]
    certificates: dict[str, tuple[str, str]]

    def client_of(self, algorithm: str) -> str:
        """The client that authenticates with such a key."""
        return f"{algorithm.lower()}-app"

    def given(self, algorithm: str | None) -> dict[str, str]:
        """What the partner's developer has in hand: a key of that algorithm, or the secret."""
        if algorithm is None:
            return {"gateway": self.url, "client_id": CLIENT, "secret": self.secret}
        pem = self.keys[algorithm].as_pem(private=True).decode()
        who = {"client_id": self.client_of(algorithm), "kid": KID}
        return {"gateway": self.url, "alg": algorithm, "pem": pem, **who}


@contextmanager
def registered(folder: Path) -> Iterator[Registered]:
    """The hub, served by the real command until the block ends."""
    server = issue("localhost", names=[x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    authority, own = issue("Client CA", authority=True), issue("own")
    keys: dict[str, AsymmetricKey] = {
        "ES256": ECKey.generate_key("P-256"),
        "EdDSA": OKPKey.generate_key("Ed25519"),
        "PS256": RSAKey.generate_key(2048),
    }
    (certificate, key), (ca, _) = server.files(folder, "server"), authority.files(folder, "ca")
    shown = {ISSUED: issue("issued", authority).files(folder, ISSUED), OWN: own.files(folder, OWN)}
    settings = f'tls_certificate_file = "{certificate}"\ntls_key_file = "{key}"\nclient_ca_file = "{ca}"\n'
    with backend() as records, hub(folder, records.url, settings=settings) as made:
        asyncio.run(_register(made.folder, keys, own))
        with made.serving() as gateway:
            yield Registered(gateway.url, certificate, made.secret, keys, shown)


async def _register(workspace: Path, keys: dict[str, AsymmetricKey], own: Issued) -> None:
    clients = [
        Client(ISSUED, "swift", "tls_client_auth", 0, False, 0, tls_subject_kind="dn", tls_subject="CN=issued"),
        Client(OWN, "swift", "self_signed_tls_client_auth", 0, False, 0, certificates=(own.registered,)),
    ]
    for algorithm, key in keys.items():
        public = ClientKey(KID, algorithm, encode(key.as_dict(private=False)).decode())
        clients.append(Client(f"{algorithm.lower()}-app", "swift", "private_key_jwt", 0, False, 0, keys=(public,)))
    store = await open_store(Settings(), workspace)
    try:
        for client in clients:
            assert await Clients(store).add(client)
    finally:
        await store.close()
