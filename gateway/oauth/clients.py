"""Clients as they are made, and what an operator does for one by hand: a key pair, a token."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from joserfc.jwk import ECKey, OKPKey, RSAKey
from msgspec import Struct

from gateway.credentials.reading import FAULTS, members_of, read_certificate, read_keys
from gateway.oauth.certificates import subject_fault
from gateway.oauth.client_secret import digest_of, load_pepper, new_secret
from gateway.oauth.credentials import CLIENT_ID
from gateway.oauth.keys import ensure_signing_keys, load_key_ring
from gateway.oauth.tokens import LIFETIME_S, UNBOUND, Held, claims_for, sign
from gateway.store.clients import (
    AUTH_METHODS,
    KEYS_MAX,
    AuthMethod,
    Client,
    ClientKey,
    Clients,
    ClientSecret,
    SubjectKind,
)
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from gateway.webhooks.address import url_fault


class ClientFault(Struct, frozen=True):
    """Why nothing was done. `reason` may be shown to the operator."""

    reason: str


class ClientCredentials(Struct, frozen=True):
    """A client as it was added. `secret` is shown this once and cannot be had again; None for private_key_jwt."""

    client_id: str
    partner: str
    auth_method: AuthMethod
    secret: Hidden[str] | None


class IssuedToken(Struct, frozen=True):
    """An access token and what it is good for."""

    token: Hidden[str]
    scopes: tuple[str, ...]
    expires_s: int


class ClientKeyPair(Struct, frozen=True):
    """A new private key as PEM (PKCS #8), for the client alone, and the JWK set to register it with."""

    private_pem: Hidden[str]
    jwks: dict[str, Any]


class NewClient(Struct, frozen=True):
    """A client to add, with what its authentication method needs.

    private_key_jwt: public keys, as a JWK set (RFC 7517 section 5) or the URL where one is published; tls_client_auth:
    what its certificates say; self_signed_tls_client_auth: its certificate as PEM. client_secret_basic needs nothing.
    """

    client_id: str
    partner: str
    auth_method: AuthMethod
    jwks: Mapping[str, Any] | None = None
    jwks_url: str = ""
    tls_subject_kind: SubjectKind = ""
    tls_subject: str = ""
    certificate_pem: str = ""


async def made_client(store: Store, new: NewClient, now_s: int) -> tuple[Client, Hidden[str] | None] | ClientFault:
    """The client that is to be added, and its secret if it has one; nothing is kept yet. Raises StoreError."""
    if not CLIENT_ID.fullmatch(new.client_id):
        return ClientFault("a client_id is 1 to 64 of A-Z a-z 0-9 . _ -, and begins with a letter or digit")
    if new.auth_method not in AUTH_METHODS:
        return ClientFault(f"the authentication method is one of {', '.join(AUTH_METHODS)}")
    if fault := _fault_of(new):
        return ClientFault(fault)
    keys = () if new.jwks is None else read_public_keys(new.jwks, now_s)
    if isinstance(keys, ClientFault):
        return keys
    certificate = read_certificate(new.certificate_pem, now_s) if new.certificate_pem else None
    if isinstance(certificate, str):
        return ClientFault(f"the certificate {FAULTS[certificate]['en']}")
    secret: Hidden[str] | None = None
    secrets: tuple[ClientSecret, ...] = ()
    if new.auth_method == "client_secret_basic":
        secret = new_secret()
        secrets = (ClientSecret(digest_of(secret.reveal(), await load_pepper(store, now_s)), now_s, None),)
    client = Client(
        new.client_id,
        new.partner,
        new.auth_method,
        now_s,
        False,
        0,
        jwks_url=new.jwks_url,
        tls_subject_kind=new.tls_subject_kind,
        tls_subject=new.tls_subject,
        secrets=secrets,
        keys=keys,
        certificates=() if certificate is None else (certificate,),
    )
    return client, secret


def _fault_of(new: NewClient) -> str:
    """What does not go with the method; "" for nothing."""
    given = {
        "a JWK set": new.jwks is not None,
        "a URL of one": bool(new.jwks_url),
        "the subject of its certificate": bool(new.tls_subject),
        "its certificate": bool(new.certificate_pem),
    }
    wanted = _NEEDED[new.auth_method]
    present = [name for name, there in given.items() if there]
    if len(present) == min(len(wanted), 1) and set(present) <= set(wanted):
        if new.auth_method == "tls_client_auth":
            return subject_fault(new.tls_subject_kind, new.tls_subject) or ""
        fault = url_fault(new.jwks_url) if new.jwks_url else None
        return "" if fault is None else fault["en"]
    needs = f"needs {' or '.join(wanted)}, and nothing else" if wanted else "has none: it gets a secret"
    return f"{new.auth_method} {needs}"


_NEEDED: Mapping[AuthMethod, tuple[str, ...]] = MappingProxyType(
    {
        "client_secret_basic": (),
        "private_key_jwt": ("a JWK set", "a URL of one"),
        "tls_client_auth": ("the subject of its certificate",),
        "self_signed_tls_client_auth": ("its certificate",),
    }
)


async def issue_token(
    store: Store,
    client_id: str,
    *,
    issuer: str,
    scopes_of: Callable[[str], frozenset[str]],
    now_s: float,
    scopes: frozenset[str] | None = None,
    held: Held = UNBOUND,
) -> IssuedToken | ClientFault:
    """Sign a token with the active key, for whoever has the store anyway; scopes as at the token endpoint. `held` is
    what it is bound to.

    Raises StoreError.
    """
    client = await Clients(store).find(client_id)
    if client is None:
        return _unknown(client_id)
    if client.disabled:
        return ClientFault(f"client {client_id} is disabled")
    given = scopes_of(client.partner)
    if not given:
        return ClientFault(f"partner {client.partner} has no agreement that gives a scope")
    asked = given if scopes is None else scopes
    if not asked or not asked <= given:
        return ClientFault(f"the agreements of {client.partner} give only {' '.join(sorted(given))}")
    await ensure_signing_keys(store, int(now_s))
    signer = (await load_key_ring(store, int(now_s))).signer
    claims = claims_for(
        issuer=issuer,
        audience=issuer,
        client_id=client_id,
        partner=client.partner,
        scopes=asked,
        now_s=now_s,
        epoch_s=client.epoch_s,
        held=held,
    )
    return IssuedToken(Hidden(sign(claims, signer)), tuple(sorted(asked)), claims.iat + LIFETIME_S)


def new_key_pair(algorithm: Literal["ES256", "EdDSA", "PS256"] = "ES256") -> ClientKeyPair:
    """A key pair for a client that has none: demos, tests, partners without tools of their own."""
    key: ECKey | OKPKey | RSAKey
    if algorithm == "ES256":
        key = ECKey.generate_key("P-256")
    elif algorithm == "EdDSA":
        key = OKPKey.generate_key("Ed25519")
    else:
        key = RSAKey.generate_key(2048)
    public = key.as_dict(private=False, kid=key.thumbprint(), alg=algorithm, use="sig")
    return ClientKeyPair(Hidden(key.as_pem(private=True).decode()), {"keys": [public]})


def read_public_keys(jwks: Mapping[str, Any], now_s: float) -> tuple[ClientKey, ...] | ClientFault:
    """The keys of a JWK set, or why it cannot be registered. A key without `kid` gets its RFC 7638 thumbprint."""
    members = members_of(jwks)
    if members is None:
        return ClientFault(f'a JWK set is {{"keys": [...]}} with 1 to {KEYS_MAX} keys')
    found: list[ClientKey] = []
    for number, key in enumerate(read_keys(members, now_s)):
        if not isinstance(key, ClientKey):
            return ClientFault(f"keys[{number}]: {FAULTS[key]['en']}")
        found.append(key)
    return tuple(found)


def _unknown(client_id: str) -> ClientFault:
    return ClientFault(f"there is no client {client_id}")
