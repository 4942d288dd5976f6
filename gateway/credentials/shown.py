"""What partners and operators are shown of a client: what it holds, until when, and when it was used last."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from gateway.store.client_credentials import ClientCredentials
from gateway.store.clients import AuthMethod, Client
from gateway.store.credential_uses import CredentialUses
from gateway.store.store import Store

Tier: TypeAlias = Literal["basic", "bound"]


class Looked(Struct, frozen=True):
    """A client with what is noted elsewhere: when its keys were registered, when each credential was used last.

    Unix seconds.
    """

    client: Client
    keys_created_s: Mapping[str, int]
    used_s: Mapping[str, int]


async def looked_up(store: Store, client: Client) -> Looked:
    """All that there is to show of a client. Raises StoreError."""
    created_s = await ClientCredentials(store).keys_created_s(client.client_id)
    return Looked(client, created_s, await CredentialUses(store).of(client.client_id))


def tier_of(method: AuthMethod) -> Tier:
    """basic: a secret that is sent with each request. bound: a key or certificate, whose private part never is."""
    return "basic" if method == "client_secret_basic" else "bound"


def shown_client(looked: Looked, now_s: float) -> dict[str, Any]:
    """A client without any secret. Times are RFC 3339."""
    client = looked.client
    return {
        "client_id": client.client_id,
        "method": client.auth_method,
        "tier": tier_of(client.auth_method),
        "disabled": client.disabled,
        "created": rfc3339(client.created_s),
        "tokens_revoked_until": rfc3339(client.epoch_s) if client.epoch_s else None,
        "credentials": _credentials(looked, now_s),
    }


def next_end_s(client: Client, now_s: float) -> int | None:
    """When the next of its credentials ends; None if none does by itself."""
    ends = [key.expires_s for key in client.keys]
    ends += [secret.expires_s for secret in client.secrets]
    ends += [certificate.not_after_s for certificate in client.certificates]
    return min((each for each in ends if each is not None and each > now_s), default=None)


def last_used_s(looked: Looked) -> int | None:
    """When any of its credentials was used last."""
    return max(looked.used_s.values(), default=None)


def rfc3339(time_s: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _credentials(looked: Looked, now_s: float) -> list[dict[str, Any]]:
    client, made_s = looked.client, looked.keys_created_s
    shown = [
        _shown(looked, "key", key.kid, made_s.get(key.kid, client.created_s), key.expires_s) | {"alg": key.alg}
        for key in client.keys
    ]
    shown += [
        _shown(looked, "certificate", each.thumbprint, each.created_s, each.not_after_s) for each in client.certificates
    ]
    shown += [_shown(looked, "secret", str(each.created_s), each.created_s, each.expires_s) for each in client.secrets]
    found = [each for each in shown if each["ends_s"] is None or each["ends_s"] > now_s]
    for each in found:
        del each["ends_s"]
    return found + _elsewhere(looked)


def _shown(looked: Looked, kind: str, ident: str, created_s: int, ends_s: int | None) -> dict[str, Any]:
    used_s = looked.used_s.get(f"{kind}:{ident}")
    return {
        "kind": kind,
        "id": ident,
        "created": rfc3339(created_s),
        "expires": None if ends_s is None else rfc3339(ends_s),
        "last_used": None if used_s is None else rfc3339(used_s),
        "ends_s": ends_s,
    }


def _elsewhere(looked: Looked) -> list[dict[str, Any]]:
    """What the client has that is not kept here: a key set at a URL, certificates that an authority issues."""
    client = looked.client
    if client.jwks_url:
        return [{"kind": "jwks_url", "id": client.jwks_url, **_used(looked, "key:")}]
    if client.tls_subject:
        kind = f"certificate_{client.tls_subject_kind}"
        return [{"kind": kind, "id": client.tls_subject, **_used(looked, "certificate:")}]
    return []


def _used(looked: Looked, begins: str) -> dict[str, Any]:
    used_s = max((each for name, each in looked.used_s.items() if name.startswith(begins)), default=None)
    made = rfc3339(looked.client.created_s)
    return {"created": made, "expires": None, "last_used": None if used_s is None else rfc3339(used_s)}
