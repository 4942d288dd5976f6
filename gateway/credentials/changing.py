"""Changes what clients hold, for partners and operators: looked at first, then on the audit log, then made."""

import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from contracts.agreement import HUB
from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority_record import record
from gateway.limits.events import detail_of
from gateway.oauth.client_secret import digest_of, load_pepper, new_secret
from gateway.store.client_credentials import ClientCredentials, Outcome
from gateway.store.clients import (
    CERTIFICATES_MAX,
    KEYS_MAX,
    LIVE_SECRETS_MAX,
    Client,
    ClientKey,
    Clients,
    ClientSecret,
    RegisteredCertificate,
)
from gateway.store.hidden import Hidden
from gateway.store.store import Store

OVERLAP_S: Final = 7 * 86_400
"""So long a credential that is being replaced stays good beside its successor, unless something else is said."""

Refusal: TypeAlias = Outcome | Literal["method"]
"""Why nothing was changed: as in gateway/store/client_credentials.py; `method`: the client does not authenticate so."""


class CredentialRefused(Struct, frozen=True):
    """Nothing was changed; the text is English, for the operator."""

    why: Refusal
    message: str


class NewSecret(Struct, frozen=True):
    """A secret, shown this once, and what is kept of it."""

    secret: Hidden[str]
    created_s: int


class CredentialAuthority:
    """Every method raises AuthorityError where the log cannot be written, and StoreError; then nothing was changed.

    `by` is the client or the account that asks; the record commits to it.
    """

    def __init__(self, store: Store, writer: Writer, now_s: Callable[[], float] = time.time) -> None:
        self._store, self._writer, self._now = store, writer, now_s
        self._held = ClientCredentials(store)

    def refusal(
        self, client: Client, keys: Sequence[ClientKey] = (), certificate: RegisteredCertificate | None = None
    ) -> CredentialRefused | None:
        """What would keep keys, or a certificate, or without either another secret from being added now."""
        now_s = self._now_s()
        if keys:
            return _more_keys(client, keys, now_s)
        if certificate is not None:
            return _another_certificate(client, certificate, now_s)
        return _another_secret(client, now_s)

    async def add_keys(
        self, client: Client, keys: Sequence[ClientKey], by: str, *, overlap_s: int | None = None
    ) -> CredentialRefused | None:
        """Add public keys; with `overlap_s` those there are end after so long.

        Any client may have some, to sign requests with; by which method it authenticates stays what it is.
        """
        now_s = self._now_s()
        if refused := _more_keys(client, keys, now_s):
            return refused
        for key in keys:
            await self._record("client-key-added", client, key.kid, by)
        return _refused(await self._held.add_keys(client.client_id, keys, now_s, _until(now_s, overlap_s)), client)

    async def remove_key(self, client: Client, kid: str, by: str) -> CredentialRefused | None:
        """Remove a public key, unless it is the last one that the client can authenticate with."""
        now_s = self._now_s()
        ends = {key.kid: key.expires_s for key in client.keys}
        needed = client.auth_method == "private_key_jwt"
        if kid not in ends:
            return _refused("absent", client)
        if needed and (refused := _removable(ends, kid, now_s, client)):
            return refused
        await self._record("client-key-removed", client, kid, by)
        return _refused(await self._held.remove_key(client.client_id, kid, now_s, needed=needed), client)

    async def publish_keys_at(self, client: Client, url: str, by: str) -> CredentialRefused | None:
        """Take the client's keys from a URL from now on, in place of those that were registered by value."""
        await self._record("client-key-added", client, "jwks_url", by, url)
        return _refused(await self._held.publish_at(client.client_id, url), client)

    async def add_certificate(
        self, client: Client, new: RegisteredCertificate, by: str, *, overlap_s: int | None = None
    ) -> CredentialRefused | None:
        """Add a certificate; with `overlap_s` those there are end after so long."""
        now_s = self._now_s()
        if refused := _another_certificate(client, new, now_s):
            return refused
        await self._record("client-certificate-added", client, new.thumbprint, by)
        until_s = _until(now_s, overlap_s)
        return _refused(await self._held.add_certificate(client.client_id, new, now_s, until_s), client)

    async def remove_certificate(self, client: Client, thumbprint: str, by: str) -> CredentialRefused | None:
        """Remove a certificate, unless it is the last one that works."""
        now_s = self._now_s()
        ends: dict[str, int | None] = {each.thumbprint: each.not_after_s for each in client.certificates}
        if refused := _removable(ends, thumbprint, now_s, client):
            return refused
        await self._record("client-certificate-removed", client, thumbprint, by)
        return _refused(await self._held.remove_certificate(client.client_id, thumbprint, now_s), client)

    async def add_secret(self, client: Client, by: str, *, overlap_s: int = OVERLAP_S) -> NewSecret | CredentialRefused:
        """Another secret; the one there is ends after `overlap_s`."""
        now_s = self._now_s()
        if refused := _another_secret(client, now_s):
            return refused
        secret = new_secret()
        # Secrets are told apart by when they were made, also two of one second.
        created_s = max(now_s, await self._held.last_secret_s(client.client_id) + 1)
        kept = ClientSecret(digest_of(secret.reveal(), await load_pepper(self._store, now_s)), created_s, None)
        await self._record("client-secret-added", client, "", by)
        if not await Clients(self._store).add_secret(client.client_id, kept, now_s + overlap_s):
            return CredentialRefused("too-many", f"client {client.client_id} was given another one at the same moment")
        return NewSecret(secret, created_s)

    async def remove_secret(self, client: Client, created_s: int, by: str) -> CredentialRefused | None:
        """Remove a secret, unless it is the last one that works."""
        now_s = self._now_s()
        ends = {str(each.created_s): each.expires_s for each in client.secrets}
        if refused := _removable(ends, str(created_s), now_s, client):
            return refused
        await self._record("client-secret-removed", client, "", by)
        return _refused(await self._held.remove_secret(client.client_id, created_s, now_s), client)

    async def revoke_tokens(self, client: Client, by: str) -> None:
        """All tokens that the client has are good no longer; it may get new ones at once."""
        await self._record("client-tokens-revoked", client, "", by)
        await Clients(self._store).revoke(client.client_id, self._now_s())

    def _now_s(self) -> int:
        return int(self._now())

    async def _record(self, event: Event, client: Client, credential: str, by: str, url: str = "") -> None:
        subject = f"{client.client_id} {credential}".rstrip()
        whose = "" if client.partner == HUB else client.partner  # the hub's own clients are no partner's to see
        detail = detail_of({"by": by, "url": url} if url else {"by": by})
        await record(self._writer, event, subject, partner=whose, detail=detail)


def _more_keys(client: Client, keys: Sequence[ClientKey], now_s: int) -> CredentialRefused | None:
    live = {key.kid for key in client.keys if key.is_live(now_s)}
    if live & {key.kid for key in keys}:
        return _refused("known", client)
    return _room(len(live) + len(keys), KEYS_MAX, "keys")


def _another_certificate(client: Client, new: RegisteredCertificate, now_s: int) -> CredentialRefused | None:
    if client.auth_method != "self_signed_tls_client_auth":
        return other_method(client, "certificate of its own")
    live = {each.thumbprint for each in client.certificates if each.not_after_s > now_s}
    return (
        _refused("known", client) if new.thumbprint in live else _room(len(live) + 1, CERTIFICATES_MAX, "certificates")
    )


def _another_secret(client: Client, now_s: int) -> CredentialRefused | None:
    if client.auth_method != "client_secret_basic":
        return other_method(client, "secret")
    live = [each for each in client.secrets if each.is_live(now_s)]
    return _room(len(live) + 1, LIVE_SECRETS_MAX, "secrets")


def _until(now_s: int, overlap_s: int | None) -> int | None:
    return None if overlap_s is None else now_s + overlap_s


def _room(number: int, number_max: int, what: str) -> CredentialRefused | None:
    if number <= number_max:
        return None
    return CredentialRefused("too-many", f"a client has at most {number_max} {what}: remove one first")


def _removable(ends: dict[str, int | None], this: str, now_s: int, client: Client) -> CredentialRefused | None:
    if this not in ends:
        return _refused("absent", client)
    live = {each for each, ends_s in ends.items() if ends_s is None or ends_s > now_s}
    return _refused("last", client) if live == {this} else None


def _refused(outcome: Outcome, client: Client) -> CredentialRefused | None:
    messages: dict[Outcome, str] = {
        "too-many": "has as many as it may have: remove one first",
        "known": "has one of this name already",
        "absent": "has none of this name",
        "last": "has no other one that works: add one first",
    }
    if outcome == "done":
        return None
    return CredentialRefused(outcome, f"client {client.client_id} {messages[outcome]}")


def other_method(client: Client, what: str) -> CredentialRefused:
    """It does not authenticate so."""
    return CredentialRefused(
        "method", f"client {client.client_id} authenticates by {client.auth_method} and has no {what}"
    )
