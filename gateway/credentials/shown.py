"""What partners and operators are shown of a client: what it holds, until when, and when it was used last."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from gateway.store.client_credentials import ClientCredentials
from gateway.store.clients import AuthMethod, Client
from gateway.store.credential_uses import SEEN_MAX, CredentialUses, Use
from gateway.store.store import Store

Tier: TypeAlias = Literal["basic", "bound"]


class Looked(Struct, frozen=True):
    """A client with what is noted elsewhere: when its keys were registered, in Unix seconds, and the last use of each
    credential, of what is registered nowhere as well."""

    client: Client
    keys_created_s: Mapping[str, int]
    uses: Mapping[str, Use]


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


def next_end_s(looked: Looked, now_s: float) -> int | None:
    """When the next of its credentials ends; None if none does by itself."""
    client = looked.client
    ends = [key.expires_s for key in client.keys]
    ends += [use.ends_s for _, use in _seen(looked, now_s)]
    ends += [secret.expires_s for secret in client.secrets]
    ends += [certificate.not_after_s for certificate in client.certificates]
    return min((each for each in ends if each is not None and each > now_s), default=None)


def last_used_s(looked: Looked) -> int | None:
    """When any of its credentials was used last."""
    return max((use.used_s for use in looked.uses.values()), default=None)


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
    return found + _elsewhere(looked, now_s)


def _shown(looked: Looked, kind: str, ident: str, created_s: int, ends_s: int | None) -> dict[str, Any]:
    use = looked.uses.get(f"{kind}:{ident}")
    said = _lasting(created_s, ends_s, None if use is None else use.used_s)
    return {"kind": kind, "id": ident, **said, "ends_s": ends_s}


def _elsewhere(looked: Looked, now_s: float) -> list[dict[str, Any]]:
    """What the client has that is not kept here, a key set at a URL or the name in certificates of an authority; and
    those of them that it was seen to use, with the certificates that its tokens were bound to."""
    client = looked.client
    lines: list[dict[str, Any]] = []
    if client.jwks_url:
        lines.append({"kind": "jwks_url", "id": client.jwks_url} | _last(looked, "key:"))
    elif client.tls_subject:
        kind = f"certificate_{client.tls_subject_kind}"
        lines.append({"kind": kind, "id": client.tls_subject} | _last(looked, "certificate:"))
    for name, use in _seen(looked, now_s):
        kind, _, ident = name.partition(":")
        begins_s = client.created_s if use.begins_s is None else use.begins_s
        lines.append({"kind": kind, "id": ident} | _lasting(begins_s, use.ends_s, use.used_s))
    return lines


def _last(looked: Looked, prefix: str) -> dict[str, Any]:
    """The last use of any of what has names that begin so."""
    last_s = max((use.used_s for name, use in looked.uses.items() if name.startswith(prefix)), default=None)
    return _lasting(looked.client.created_s, None, last_s)


def _seen(looked: Looked, now_s: float) -> list[tuple[str, Use]]:
    """What it used that is registered nowhere and has not ended, the latest of each kind first, by its name among the
    uses."""
    live = [(name, use) for name, use in looked.uses.items() if use.ends_s is None or use.ends_s > now_s]
    live.sort(key=lambda each: (-each[1].used_s, each[0]))
    return [
        each
        for prefix in _elsewhere_named(looked.client)
        for each in [each for each in live if each[0].startswith(prefix)][:SEEN_MAX]
    ]


def _elsewhere_named(client: Client) -> tuple[str, ...]:
    """How uses of what a client has and is registered nowhere are named: as gateway/store/credential_uses.py has it."""
    keys = ("key:",) if client.jwks_url else ()
    return (*keys, "certificate:") if client.auth_method in ("tls_client_auth", "private_key_jwt") else keys


def _lasting(created_s: int, ends_s: int | None, used_s: int | None) -> dict[str, Any]:
    return {
        "created": rfc3339(created_s),
        "expires": None if ends_s is None else rfc3339(ends_s),
        "last_used": None if used_s is None else rfc3339(used_s),
    }
