"""Who is calling, wired for gateway/app.py: tokens and what they are bound to, clients' keys and certificates, TLS."""

import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial

import structlog
from msgspec import Struct

from contracts.agreement import HUB
from contracts.plan import Plans
from gateway.audit.writer import Writer
from gateway.authority_record import record
from gateway.client_authorities import open_client_authorities
from gateway.credentials.refusals import Refusals
from gateway.credentials.uses import Uses
from gateway.exchange.signed import SignedChanges
from gateway.exchange.signing import Answers, SignAnswer
from gateway.notices.in_force import InForce
from gateway.oauth.access import own_right, rights_of
from gateway.oauth.authority import Authority, follow
from gateway.oauth.certificates import Authorities, CertificateOf, certificate_of
from gateway.oauth.dpop import Proofs
from gateway.oauth.guard import Guard
from gateway.oauth.key_book import Fetch, KeyBook
from gateway.oauth.key_fetching import KeyFetcher
from gateway.oauth.keys import Signer
from gateway.oauth.metadata import RESOURCE_METADATA_PATH
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.replay_redis import RedisReplayCache
from gateway.oauth.server import Announce, Partners, TokenServer
from gateway.oauth.verify import TokenVerifier
from gateway.repeating import repeat
from gateway.settings import Settings
from gateway.signatures.client_keys import RegisteredKeys
from gateway.starting import StartError, State, in_background
from gateway.store.clients import Client, Clients
from gateway.store.revocations import Revocations
from gateway.store.store import Store
from gateway.throttle import Throttle
from gateway.tls import REPLACED_S, TlsContext, follow_certificates
from gateway.webhooks.address import Resolver, networks_of
from gateway.workspace import Workspace

_log = structlog.get_logger(__name__)


class Current:
    """The keys of this moment, for whoever signs with the active one."""

    def __init__(self, authority: Authority) -> None:
        self._keys = authority.keys

    def adopt(self, authority: Authority) -> None:
        """Those of now."""
        self._keys = authority.keys

    def signer(self) -> Signer:
        """The active key."""
        return self._keys.signer


class Identity(Struct, frozen=True):
    """What tells who is calling. `guard` is asked at every door; `tls` is there where the gateway serves https itself.

    `sees_certificates`: clients' certificates get here, by the gateway's own TLS or from a proxy that is believed.
    `uses` and `refusals` are told in passing what was used and what was refused.
    """

    issuer: str
    keys: Current
    verifier: TokenVerifier
    guard: Guard
    proofs: Proofs
    replay: ReplayCache
    fetch: Fetch
    key_book: KeyBook
    authorities: Authorities
    certificate_of: CertificateOf
    sees_certificates: bool
    tls: TlsContext | None
    uses: Uses
    refusals: Refusals

    def signed_changes(self, store: Store) -> SignedChanges:
        """What holds changes against the clauses that want them signed."""
        keys = RegisteredKeys(Clients(store), self.key_book)
        return SignedChanges(self.issuer, keys.keys_of, self.replay, self.uses.note)

    def sign(self) -> SignAnswer:
        """What signs answers whose callers ask for it."""
        return Answers(self.issuer, self.keys.signer, time.time).sign


async def open_identity(workspace: Workspace, state: State, issuer: str, stack: AsyncExitStack) -> Identity:
    """Everything that tells who is calling, closed by the stack. Raises StartError."""
    settings = workspace.settings
    if settings.certificate_proxies and not settings.trusted_proxies:
        _log.warning("clausegate.toml, certificate_proxies: without trusted_proxies all callers there are one source")
    replay = _replay(settings, stack)
    proofs = _proofs(issuer, state, replay)
    verifier = TokenVerifier(issuer=issuer, audience=issuer, authority=state.authority)
    tls = _tls(workspace)
    if tls is not None:
        in_background(follow_certificates(state.store, tls.adopt), stack)
        in_background(repeat(tls.follow, REPLACED_S, fails="", again=""), stack)  # it says itself what is wrong
    issuing = await open_client_authorities(settings, workspace.folder, state.store, stack)
    fetcher = _fetcher(settings, stack)
    key_book = KeyBook(fetcher.fetch)
    stack.push_async_callback(key_book.close)
    uses, refusals = Uses(state.store), Refusals(state.store)
    for service in (uses, refusals):
        service.start()
        stack.push_async_callback(service.close)
    return Identity(
        issuer=issuer,
        keys=Current(state.authority),
        verifier=verifier,
        guard=Guard(verifier, proofs, metadata_url=issuer + RESOURCE_METADATA_PATH, standing_of=issuing.standing_of),
        proofs=proofs,
        replay=replay,
        fetch=fetcher.fetch,
        key_book=key_book,
        authorities=issuing.authorities,
        certificate_of=_certificate_of(settings),
        sees_certificates=tls is not None or bool(settings.certificate_proxies),
        tls=tls,
        uses=uses,
        refusals=refusals,
    )


def open_tokens(
    identity: Identity,
    state: State,
    writer: Writer,
    *,
    plans: Callable[[], Plans],
    notices: InForce,
    throttle: Throttle,
    stack: AsyncExitStack,
) -> TokenServer:
    """The token endpoint; it and the verifier follow the state store. Raises StartError."""
    try:
        tokens = TokenServer(
            issuer=identity.issuer,
            clients=Clients(state.store),
            revocations=Revocations(state.store),
            partners=Partners(
                rights_of=lambda partner, now_s: rights_of(plans(), notices.suspended, partner, now_s),
                own_right=lambda partner, now_s: own_right(plans(), partner, now_s),
            ),
            pepper=state.pepper,
            key_book=identity.key_book,
            authorities=identity.authorities,
            proofs=identity.proofs,
            replay=identity.replay,
            throttle=throttle,
            authority=state.authority,
            announce=announces_revoked(writer),
            sees_certificates=identity.sees_certificates,
            note_refusal=identity.refusals.note,
            note_use=identity.uses.note,
        )
    except ValueError as error:
        raise StartError(f"clausegate.toml, base_url: {error}") from None
    in_background(follow(state.store, partial(_adopt, (identity.verifier, tokens, identity.keys))), stack)
    return tokens


def announces_revoked(writer: Writer) -> Announce:
    """Puts the revocation of a token into its partner's tree; what the hub's own programs do is no partner's to see."""

    async def announce(client: Client, token_id: str) -> None:
        partner = "" if client.partner == HUB else client.partner
        await record(writer, "token-revoked", f"{client.client_id} {token_id}", partner=partner)

    return announce


def _adopt(followers: Iterable[TokenVerifier | TokenServer | Current], now: Authority) -> None:
    """Both sides of a token follow the store: who verifies it, and who signs the next one."""
    for follower in followers:
        follower.adopt(now)


def _replay(settings: Settings, stack: AsyncExitStack) -> ReplayCache:
    if not settings.redis_url:
        return LocalReplayCache()
    cache = RedisReplayCache.connect(settings.redis_url)
    stack.push_async_callback(cache.close)
    return cache


def _proofs(issuer: str, state: State, replay: ReplayCache) -> Proofs:
    try:
        return Proofs(base_url=issuer, nonces=Nonces(state.nonce_key), replay=replay)
    except ValueError as error:
        raise StartError(f"clausegate.toml, base_url: {error}") from None


def _fetcher(settings: Settings, stack: AsyncExitStack) -> KeyFetcher:
    try:
        resolver = Resolver(networks_of(settings.jwks_networks))
    except ValueError as error:
        raise StartError(f"clausegate.toml, jwks_networks: {error}") from None
    fetcher = KeyFetcher(resolver)
    stack.push_async_callback(fetcher.close)
    return fetcher


def _certificate_of(settings: Settings) -> CertificateOf:
    try:
        return certificate_of(settings.certificate_proxies)
    except ValueError as error:
        raise StartError(f"clausegate.toml, certificate_proxies: {error}") from None


def _tls(workspace: Workspace) -> TlsContext | None:
    settings, folder = workspace.settings, workspace.folder
    if not settings.tls_certificate_file:
        return None
    names = (settings.tls_certificate_file, settings.tls_key_file, settings.client_ca_file)
    try:
        return TlsContext(*(str(folder / name) if name else "" for name in names))
    except OSError as error:
        raise StartError(f"clausegate.toml, tls_certificate_file, tls_key_file or client_ca_file: {error}") from None
