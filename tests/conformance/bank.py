"""The server under test: a gateway of its own with TLS, under whose standard terms two banks read repayments.

One bank's tokens are bound by DPoP alone, the other's by mutual TLS alone. Each has two clients of every method, so
that what belongs to one can be tried by the other.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any, Literal, TypeAlias

from cryptography.x509 import DNSName
from joserfc.jwk import ECKey, RSAKey
from msgspec import Struct
from msgspec.structs import replace

from gateway.authority import NewClient
from gateway.oauth.nonces import NONCE_SECRET, Nonces
from gateway.provision import provision
from gateway.settings import Settings
from gateway.store.opening import open_store
from gateway.store.server_secrets import ServerSecrets
from gateway.workspace import Workspace, load_workspace
from tests.conftest import ROOT
from tests.flows.backend import Backend, backend
from tests.flows.demo import running
from tests.unit.adapters.hostile import Peer, response
from tests.unit.oauth.issued import Issued, issue

Method: TypeAlias = Literal["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
Constraint: TypeAlias = Literal["dpop", "mtls"]
METHODS: tuple[Method, ...] = ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth")
CONSTRAINTS: tuple[Constraint, ...] = ("dpop", "mtls")

_BANKS: Mapping[Constraint, str] = {"dpop": "harbor-bank", "mtls": "haven-bank"}
_AGREEMENT = """\
agreement: {bank}-2026
version: 1.0.0
partner: {{id: {bank}, code: {code}, name: {{zh: 银行, en: Bank}}, role: bank}}
effective: {{from: 2020-01-01, to: 2120-01-01, time_zone: Asia/Shanghai}}
products: [{{product: repayments, version: 1.5.0}}]
policies:
  - policy: bank-standard
    version: 2.3.0
    set:
      "2.2": {{bound_to: [{constraint}]}}
      "4.1": {{limit: 1000000, burst: 1000000}}
fees: {{monthly: "36000.00", currency: CNY}}
volume: {{requests_per_day: 1000000}}
"""
_BACKENDS = """\
[operations]
kind = "http"
url = "{url}"
filters = ["bank_code"]
writable = true
"""
_SETTINGS = """\
host = "localhost"
tls_certificate_file = "{certificate}"
tls_key_file = "{key}"
client_ca_file = "{authority}"
authentication_rate = "100000/minute"
trusted_proxies = ["127.0.0.0/8"]
"""
"""Programs say that they come from addresses of their own: together they ask for more tokens than one source may."""


class Holder(Struct, frozen=True):
    """One client as its program knows it: what it proves itself by, and what its tokens are bound to.

    `keys` sign assertions, by algorithm; the names they are registered under are those of the algorithms. `certificate`
    is shown in handshakes where the variant has one, `proof_key` signs DPoP proofs.
    """

    client_id: str
    method: Method
    constraint: Constraint
    keys: Mapping[str, ECKey | RSAKey]
    certificate: Issued
    proof_key: ECKey

    @property
    def shows_certificate(self) -> bool:
        """Whether its connections have a certificate when all is as it should be."""
        return self.constraint == "mtls" or self.method != "private_key_jwt"


class Bank(Struct, frozen=True):
    """The gateway as it is served, and its clients: of each variant a first and a second one."""

    url: str
    own: Issued
    clients: Mapping[tuple[Method, Constraint], tuple[Holder, Holder]]
    folder: Path


async def nonces_of(served: Bank) -> Nonces:
    """Those that this gateway gives, for any moment."""
    store = await open_store(Settings(), served.folder / "workspace")
    try:
        secret = await ServerSecrets(store).find(NONCE_SECRET)
    finally:
        await store.close()
    assert secret is not None
    return Nonces(secret)


@contextmanager
def bank(folder: Path) -> Iterator[Bank]:
    """A gateway over a new workspace, served until the block ends."""
    own = issue("localhost", names=[DNSName("localhost")])
    authority = issue("Authority of clients", authority=True)
    clients = _clients(authority)
    with backend() as records:
        records.reply = _repayments
        workspace = _workspace(folder, records, own, authority)
        asyncio.run(provision(workspace, "ops", [_registered(each) for pair in clients.values() for each in pair]))
        with running(folder / "said", "serve", workspace.folder, "--port", 0) as process:
            process.says("ready ")
            yield Bank(process.url, own, clients, folder)


def _clients(authority: Issued) -> dict[tuple[Method, Constraint], tuple[Holder, Holder]]:
    rsa = [RSAKey.generate_key(2048) for _ in range(2)]  # they take their time

    def holder(method: Method, constraint: Constraint, number: int) -> Holder:
        client_id = f"{_BANKS[constraint]}-{method.replace('_', '-')}-{number}"
        keys: dict[str, ECKey | RSAKey] = {"ES256": ECKey.generate_key("P-256"), "PS256": rsa[number - 1]}
        issuer = None if method == "self_signed_tls_client_auth" else authority
        return Holder(client_id, method, constraint, keys, issue(client_id, issuer), ECKey.generate_key("P-256"))

    return {
        (method, constraint): (holder(method, constraint, 1), holder(method, constraint, 2))
        for method in METHODS
        for constraint in CONSTRAINTS
    }


def _registered(client: Holder) -> NewClient:
    """What the bank tells the hub of this client."""
    new = NewClient(client.client_id, _BANKS[client.constraint], client.method)
    if client.method == "tls_client_auth":
        return replace(new, tls_subject_kind="dn", tls_subject=f"CN={client.client_id}")
    if client.method == "self_signed_tls_client_auth":
        return replace(new, certificate_pem=client.certificate.pem)
    public = [key.as_dict(private=False) | {"kid": name, "alg": name} for name, key in client.keys.items()]
    return replace(new, jwks={"keys": public})


def _workspace(folder: Path, records: Backend, own: Issued, authority: Issued) -> Workspace:
    """The sample product and the sample terms of banks, with two agreements."""
    workspace = folder / "workspace"
    for source, target in (
        ("contracts/documents/products/repayments.odcs.yaml", "products"),
        ("policies/documents/bank-standard.yaml", "policies"),
    ):
        (workspace / target).mkdir(parents=True)
        copyfile(ROOT / source, workspace / target / Path(source).name)
    (workspace / "agreements").mkdir()
    for constraint, name in _BANKS.items():
        text = _AGREEMENT.format(bank=name, code=name.partition("-")[0].upper(), constraint=constraint)
        (workspace / "agreements" / f"{name}-2026.yaml").write_text(text, encoding="utf-8")
    (workspace / "backends.toml").write_text(_BACKENDS.format(url=records.url))
    certificate, key = own.files(folder, "own")
    trusted, _ = authority.files(folder, "authority")
    settings = _SETTINGS.format(certificate=certificate, key=key, authority=trusted)
    (workspace / "clausegate.toml").write_text(settings)
    loaded = load_workspace(workspace, {})
    assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
    return loaded


async def _repayments(peer: Peer, _: int) -> None:
    """The one order that either bank finances."""
    code = "HAVEN" if "HAVEN" in peer.target else "HARBOR"
    record: dict[str, Any] = {
        "order_no": "FO-000017",
        "bank_code": code,
        "machine_model": "HT215E",
        "status": "performing",
        "overdue_amount": 0,
        "days_past_due": 0,
    }
    await peer.send(response(json.dumps({"data": [record], "next": None}).encode()))
