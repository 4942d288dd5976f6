"""What partners do about their credentials themselves, below /partner/clients. What is another's does not exist."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from gateway.credentials.changing import OVERLAP_S, CredentialAuthority, CredentialRefused, other_method
from gateway.credentials.checking import (
    assertion_reason,
    judged_certificate,
    judged_keys,
    judged_url,
    live_keys,
    shown_assertion,
    shown_certificate,
    shown_keys,
)
from gateway.credentials.pacing import TIMES, Pace
from gateway.credentials.reading import CERTIFICATE_CHARACTERS_MAX, members_of
from gateway.credentials.reasons import words_of_reason
from gateway.credentials.shown import looked_up, shown_client
from gateway.credentials.standing import Standing
from gateway.credentials.uses import Uses
from gateway.oauth.credentials import CLIENT_ID
from gateway.oauth.jose import TOKEN_BYTES_MAX
from gateway.oauth.key_book import Fetch
from gateway.partner.door import Answer, Handler, PartnerDoor, Visit
from gateway.store.clients import KEYS_MAX, Client, ClientKey, Clients
from gateway.store.store import Store
from gateway.webhooks.address import URL_CHARACTERS_MAX, url_fault
from gateway.webhooks.routes import unless_down

_DAYS_MAX: Final = 90
Assertion: TypeAlias = Annotated[str, Meta(min_length=1, max_length=TOKEN_BYTES_MAX)]
OverlapDays: TypeAlias = Annotated[int, Meta(ge=0, le=_DAYS_MAX)]


class WantedKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """Public keys to add. `assertion` is one made with a new key, to see whether it would be accepted. With
    `overlap_days` the keys there are end so long after."""

    jwks: dict[str, Any]
    dry_run: bool = False
    assertion: Assertion | None = None
    overlap_days: OverlapDays | None = None


class WantedUrl(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the client publishes its keys from now on."""

    url: Annotated[str, Meta(min_length=1, max_length=URL_CHARACTERS_MAX)]
    dry_run: bool = False
    assertion: Assertion | None = None


class WantedCertificate(Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate to add, as PEM."""

    pem: Annotated[str, Meta(min_length=1, max_length=CERTIFICATE_CHARACTERS_MAX)]
    dry_run: bool = False
    overlap_days: OverlapDays | None = None


class WantedSecret(Struct, frozen=True, forbid_unknown_fields=True):
    """Another secret; the one there is ends after `overlap_s`, a week at most."""

    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_S)] = OVERLAP_S


_OfClient: TypeAlias = Callable[[Visit, Client], Awaitable[Answer]]


class CredentialPages(Struct, frozen=True):
    """The handlers. `issuer` is the audience of assertions, `fetch` gets key sets, as often as `pace` lets a client;
    `uses` knows what was used."""

    store: Store
    authority: CredentialAuthority
    standing: Standing
    fetch: Fetch
    issuer: str
    uses: Uses
    pace: Pace

    async def list(self, visit: Visit) -> Answer:
        """Every client of the caller's partner."""
        await self.uses.flush()
        found = [each for each in await Clients(self.store).all() if each.partner == visit.grant.partner]
        return visit.answer({"clients": [await self._shown(visit, each.client_id) for each in found]})

    async def show(self, visit: Visit, client: Client) -> Answer:
        """One of them."""
        await self.uses.flush()
        return visit.answer(await self._shown(visit, client.client_id))

    async def add_keys(self, visit: Visit, client: Client) -> Answer:
        """More public keys, or what would become of them."""
        wanted = await visit.body(WantedKeys)
        if isinstance(wanted, Response):
            return wanted
        members = members_of(wanted.jwks)
        if members is None:
            return _invalid(visit, "/jwks/keys", "not-a-key-set", _SET_WORDS[visit.language])
        now_s = visit.time_us / 1e6
        verdicts = judged_keys(client, members, now_s)
        keys = [each.key for each in verdicts if each.key is not None]
        shown = shown_keys(verdicts, visit.language)
        tried = self._tried(visit, client, [*live_keys(client, now_s), *keys], wanted.assertion)
        if wanted.dry_run:
            return visit.answer({"keys": shown, **tried, "changed": False})
        faults = [(f"/jwks/keys/{number}", each) for number, each in enumerate(shown) if not each["usable"]]
        faults += _faults_of(tried)
        if faults:
            return _all_invalid(visit, faults)
        overlap_s = None if wanted.overlap_days is None else wanted.overlap_days * 86_400
        refused = await self.authority.add_keys(client, keys, visit.grant.client, overlap_s=overlap_s)
        return await self._changed(visit, client, refused, 201)

    async def remove_key(self, visit: Visit, client: Client) -> Answer:
        """One key less."""
        kid = str(visit.request.path_params["kid"]).removeprefix("/")
        return await self._changed(visit, client, await self.authority.remove_key(client, kid, visit.grant.client))

    async def publish_keys(self, visit: Visit, client: Client) -> Answer:
        """Keys are taken from a URL from now on, or what would become of that."""
        wanted = await visit.body(WantedUrl)
        if isinstance(wanted, Response):
            return wanted
        if fault := url_fault(wanted.url):
            return _invalid(visit, "/url", "not-a-url", fault[visit.language])
        if wait_s := self.pace.wait_s(client.client_id):
            return visit.problem(
                "too-many-requests", detail=_PACED[visit.language], headers={"Retry-After": str(wait_s)}
            )
        keys = await judged_url(self.fetch, wanted.url, visit.time_us / 1e6)
        if isinstance(keys, str):
            return _invalid(visit, "/url", keys, (words_of_reason(keys) or {})[visit.language])
        tried = self._tried(visit, client, keys, wanted.assertion)
        if wanted.dry_run:
            shown = [{"kid": each.kid, "alg": each.alg, "usable": True} for each in keys]
            return visit.answer({"keys": shown, **tried, "changed": False})
        if faults := _faults_of(tried):
            return _all_invalid(visit, faults)
        refused = await self.authority.publish_keys_at(client, wanted.url, visit.grant.client)
        return await self._changed(visit, client, refused)

    async def add_certificate(self, visit: Visit, client: Client) -> Answer:
        """One more certificate, or what would become of it."""
        wanted = await visit.body(WantedCertificate)
        if isinstance(wanted, Response):
            return wanted
        if client.auth_method != "self_signed_tls_client_auth":
            return _refused(visit, other_method(client, "certificate of its own"))
        verdict = judged_certificate(client, wanted.pem, visit.time_us / 1e6)
        shown = shown_certificate(verdict, visit.language)
        if wanted.dry_run:
            return visit.answer({"certificate": shown, "changed": False})
        if verdict.certificate is None:
            return _all_invalid(visit, [("/pem", shown)])
        overlap_s = None if wanted.overlap_days is None else wanted.overlap_days * 86_400
        refused = await self.authority.add_certificate(
            client, verdict.certificate, visit.grant.client, overlap_s=overlap_s
        )
        return await self._changed(visit, client, refused, 201)

    async def remove_certificate(self, visit: Visit, client: Client) -> Answer:
        """One certificate less."""
        thumbprint = visit.request.path_params["thumbprint"]
        refused = await self.authority.remove_certificate(client, thumbprint, visit.grant.client)
        return await self._changed(visit, client, refused)

    async def add_secret(self, visit: Visit, client: Client) -> Answer:
        """Another secret, shown in this answer and nowhere else."""
        wanted = WantedSecret()
        if visit.request.headers.get("content-length", "0") != "0" or "transfer-encoding" in visit.request.headers:
            read = await visit.body(WantedSecret)
            if isinstance(read, Response):
                return read
            wanted = read
        made = await self.authority.add_secret(client, visit.grant.client, overlap_s=wanted.overlap_s)
        if isinstance(made, CredentialRefused):
            return _refused(visit, made)
        shown = await self._shown(visit, client.client_id)
        return visit.answer(shown | {"client_secret": made.secret.reveal(), "id": str(made.created_s)}, 201)

    async def remove_secret(self, visit: Visit, client: Client) -> Answer:
        """One secret less."""
        ident = visit.request.path_params["created_s"]
        if not (ident.isascii() and ident.isdigit() and len(ident) <= 12):
            return visit.problem("credential-not-found")
        refused = await self.authority.remove_secret(client, int(ident), visit.grant.client)
        return await self._changed(visit, client, refused)

    async def revoke(self, visit: Visit, client: Client) -> Answer:
        """All tokens of the client are good no longer."""
        await self.authority.revoke_tokens(client, visit.grant.client)
        return await self._changed(visit, client, None)

    def of_client(self, handle: _OfClient, *, changes: bool = True) -> Handler:
        """A handler of one client, which has to be the caller's; of a change, that the caller may make."""

        async def found(visit: Visit) -> Answer:
            name = visit.request.path_params["client"]
            # What can be no client's is not looked for: PostgreSQL takes a NUL for a fault of its own.
            client = await Clients(self.store).find(name) if CLIENT_ID.fullmatch(name) else None
            if client is None or client.partner != visit.grant.partner:
                return visit.problem("credential-not-found")
            refusal = await self.standing.refusal(visit, client) if changes else None
            return refusal if refusal is not None else await handle(visit, client)

        return found

    def _tried(
        self, visit: Visit, client: Client, keys: Sequence[ClientKey], assertion: str | None
    ) -> dict[str, dict[str, Any]]:
        """What would become of an assertion that was sent along; empty without one."""
        if assertion is None:
            return {}
        reason = assertion_reason(assertion, client, keys, self.issuer, visit.time_us / 1e6)
        return {"assertion": shown_assertion(reason, visit.language)}

    async def _changed(
        self, visit: Visit, client: Client, refused: CredentialRefused | None, status: int = 200
    ) -> Answer:
        if refused is not None:
            return _refused(visit, refused)
        return visit.answer(await self._shown(visit, client.client_id), status)

    async def _shown(self, visit: Visit, client_id: str) -> dict[str, Any]:
        client = await Clients(self.store).find(client_id)
        assert client is not None  # noqa: S101 - no client is ever deleted
        return shown_client(await looked_up(self.store, client), visit.time_us / 1e6)


def credential_routes(door: PartnerDoor, pages: CredentialPages) -> list[HTTPRouteHandler]:
    """The routes, for gateway/collaboration.py."""
    one, root = pages.of_client, "/partner/clients"
    client = f"{root}/{{client:str}}"
    routes: dict[str, dict[str, Handler]] = {
        root: {"GET": pages.list},
        client: {"GET": one(pages.show, changes=False)},
        f"{client}/keys": {"POST": one(pages.add_keys)},
        f"{client}/keys/{{kid:path}}": {"DELETE": one(pages.remove_key)},
        f"{client}/jwks-url": {"PUT": one(pages.publish_keys)},
        f"{client}/certificates": {"POST": one(pages.add_certificate)},
        f"{client}/certificates/{{thumbprint:str}}": {"DELETE": one(pages.remove_certificate)},
        f"{client}/secrets": {"POST": one(pages.add_secret)},
        f"{client}/secrets/{{created_s:str}}": {"DELETE": one(pages.remove_secret)},
        f"{client}/revocations": {"POST": one(pages.revoke)},
    }
    return [
        made
        for path, handlers in routes.items()
        for made in door.routes(path, {method: partial(unless_down, each) for method, each in handlers.items()})
    ]


_SET_WORDS: Final = {
    "en": f'A JWK set is {{"keys": [...]}} with 1 to {KEYS_MAX} keys.',
    "zh": f'JWK 集为 {{"keys": [...]}}，含 1 至 {KEYS_MAX} 个公钥。',
}
_PACED: Final = {
    "en": f"The keys of a client are fetched at most {TIMES} times a minute.",
    "zh": f"每个客户端的公钥每分钟至多获取 {TIMES} 次。",
}
_METHOD_WORDS: Final = {
    "en": "This client authenticates by another method; GET /partner/clients says by which.",
    "zh": "该客户端使用另一种身份验证方式：见 GET /partner/clients。",
}
_KNOWN_WORDS: Final = {
    "en": "The client has a credential of this name already.",
    "zh": "该客户端已有同名凭证。",
}
_CODES: Final = {
    "absent": "credential-not-found",
    "last": "credential-state",
    "too-many": "credential-state",
    "known": "credential-invalid",
    "method": "credential-invalid",
}


def _refused(visit: Visit, refused: CredentialRefused) -> Answer:
    words = {"known": _KNOWN_WORDS, "method": _METHOD_WORDS}.get(refused.why)
    return visit.problem(_CODES[refused.why], detail=words[visit.language] if words else "")


def _faults_of(tried: dict[str, dict[str, Any]]) -> "list[tuple[str, dict[str, Any]]]":
    return [("/assertion", each) for each in tried.values() if not each["accepted"]]


def _invalid(visit: Visit, pointer: str, code: str, detail: str) -> Answer:
    return visit.problem("credential-invalid", errors=[{"pointer": pointer, "code": code, "detail": detail}])


def _all_invalid(visit: Visit, faults: "list[tuple[str, dict[str, Any]]]") -> Answer:
    errors = [{"pointer": pointer, "code": each["reason"], "detail": each["detail"]} for pointer, each in faults]
    return visit.problem("credential-invalid", errors=errors)
