"""What an operator does with clients: add, list, disable, revoke, change the secret, sign a token by hand."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from msgspec import Struct

from gateway.oauth.client_secret import digest_of, load_pepper, new_secret
from gateway.oauth.credentials import CLIENT_ID
from gateway.oauth.jose import ASSERTION_ALGORITHMS, algorithm_of
from gateway.oauth.keys import ensure_signing_keys, load_key_ring
from gateway.oauth.tokens import LIFETIME_S, claims_for, sign
from gateway.store.clients import AUTH_METHODS, AuthMethod, Client, ClientKey, Clients, ClientSecret
from gateway.store.hidden import Hidden
from gateway.store.store import Store

SECRET_OVERLAP_S = 7 * 24 * 3600
_KEYS_MAX = 8
_KID_CHARACTERS_MAX = 128


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


async def add_client(
    store: Store,
    partner: str,
    client_id: str,
    auth_method: AuthMethod,
    jwks: Mapping[str, Any] | None = None,
    *,
    now_s: int,
) -> ClientCredentials | ClientFault:
    """Add a client of a partner. private_key_jwt takes the client's public keys as a JWK set (RFC 7517 section 5).

    Raises StoreError.
    """
    if not CLIENT_ID.fullmatch(client_id):
        return ClientFault("a client_id is 1 to 64 of A-Z a-z 0-9 . _ -, and begins with a letter or digit")
    if auth_method not in AUTH_METHODS:
        return ClientFault(f"the authentication method is one of {', '.join(AUTH_METHODS)}")
    if (auth_method == "private_key_jwt") != (jwks is not None):
        return ClientFault("private_key_jwt needs a JWK set, client_secret_basic has none")
    keys = () if jwks is None else read_public_keys(jwks)
    if isinstance(keys, ClientFault):
        return keys
    secret: Hidden[str] | None = None
    secrets: tuple[ClientSecret, ...] = ()
    if auth_method == "client_secret_basic":
        secret = new_secret()
        secrets = (ClientSecret(digest_of(secret.reveal(), await load_pepper(store, now_s)), now_s, None),)
    client = Client(client_id, partner, auth_method, now_s, False, 0, secrets, keys)
    if not await Clients(store).add(client):
        return ClientFault(f"there is a client {client_id} already")
    return ClientCredentials(client_id, partner, auth_method, secret)


async def change_secret(
    store: Store, client_id: str, *, now_s: int, overlap_s: int = SECRET_OVERLAP_S
) -> Hidden[str] | ClientFault:
    """A second secret; the first one stays good for `overlap_s`, so that the change needs no outage.

    Raises StoreError.
    """
    client = await Clients(store).find(client_id)
    if client is None:
        return _unknown(client_id)
    if client.auth_method != "client_secret_basic":
        return ClientFault(f"client {client_id} authenticates by {client.auth_method} and has no secret")
    secret = new_secret()
    row = ClientSecret(digest_of(secret.reveal(), await load_pepper(store, now_s)), now_s, None)
    if not await Clients(store).add_secret(client_id, row, now_s + overlap_s):
        return ClientFault(f"client {client_id} has two secrets already: wait until the older one has ended")
    return secret


async def list_clients(store: Store) -> tuple[Client, ...]:
    """Every client by id, without secrets and keys. Raises StoreError."""
    return await Clients(store).all()


async def set_client_disabled(store: Store, client_id: str, disabled: bool, *, now_s: int) -> ClientFault | None:
    """Disable a client, or enable it again. Its tokens until now are revoked either way. Raises StoreError."""
    return None if await Clients(store).set_disabled(client_id, disabled, now_s) else _unknown(client_id)


async def revoke_tokens(store: Store, client_id: str, *, now_s: int) -> ClientFault | None:
    """Revoke every token of a client issued until now; it may get new ones at once. Raises StoreError."""
    return None if await Clients(store).revoke(client_id, now_s) else _unknown(client_id)


async def issue_token(
    store: Store,
    client_id: str,
    *,
    issuer: str,
    scopes_of: Callable[[str], frozenset[str]],
    now_s: float,
    scopes: frozenset[str] | None = None,
) -> IssuedToken | ClientFault:
    """Sign a token with the active key, for whoever has the store anyway; scopes as at the token endpoint.

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


def read_public_keys(jwks: Mapping[str, Any]) -> tuple[ClientKey, ...] | ClientFault:
    """The keys of a JWK set, or why it cannot be registered. A key without `kid` gets its RFC 7638 thumbprint."""
    members = jwks.get("keys")
    if not isinstance(members, list) or not 1 <= len(members) <= _KEYS_MAX:
        return ClientFault(f'a JWK set is {{"keys": [...]}} with 1 to {_KEYS_MAX} keys')
    found: dict[str, ClientKey] = {}
    for number, member in enumerate(members):
        key = _read_public_key(member)
        if isinstance(key, str):
            return ClientFault(f"keys[{number}]: {key}")
        if key.kid in found:
            return ClientFault(f"keys[{number}]: the kid is given twice")
        found[key.kid] = key
    return tuple(found.values())


def _read_public_key(member: object) -> ClientKey | str:
    """One key, or what is wrong with it. The text never repeats a value: it could be a private key."""
    if not isinstance(member, dict):
        return "is not a JWK"
    try:
        key: Key = import_key(member)
    except (JoseError, ValueError, TypeError, KeyError):
        return "is not a JWK that can be read"
    if key.is_private:
        return "is a private key (or a shared one): register the public key, and replace this one"
    algorithm = algorithm_of(key)
    if algorithm is None or member.get("alg", algorithm) != algorithm or member.get("use", "sig") != "sig":
        wanted = "RSA of 2048 bits or more for PS256, P-256 for ES256, Ed25519 for EdDSA"
        return f"is not a signing key for {', '.join(ASSERTION_ALGORITHMS)}: {wanted}"
    kid = member.get("kid", key.thumbprint())
    if not isinstance(kid, str) or not 0 < len(kid) <= _KID_CHARACTERS_MAX:
        return f"kid has 1 to {_KID_CHARACTERS_MAX} characters"
    return ClientKey(kid, algorithm, json.dumps(key.as_dict(private=False)))


def _unknown(client_id: str) -> ClientFault:
    return ClientFault(f"there is no client {client_id}")
