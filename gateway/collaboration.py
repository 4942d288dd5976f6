"""What the two sides do besides exchanging data: statements, notices, corrections, tasks, webhooks, alerts, and calls
of the partners' own interfaces. Wired here for gateway/app.py.
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

from msgspec import Struct

from gateway.alerts.alerting import Alerting, Outlets, Sources
from gateway.alerts.latest import LatestAlerts
from gateway.audit.writer import Writer
from gateway.corrections.opening import open_corrections
from gateway.credentials.changing import CredentialAuthority
from gateway.credentials.expiring import Expiring
from gateway.credentials.pacing import Pace
from gateway.credentials.refusal_routes import RefusalPages, refusal_routes
from gateway.credentials.relied_on import Reading, ReliedOn, places_of, read_places
from gateway.credentials.routes import CredentialPages, credential_routes
from gateway.credentials.standing import Standing
from gateway.exchange.arrival import Reception
from gateway.exchange.serve import Serving
from gateway.identity import Identity
from gateway.notices.adopting import NoticesAdopting
from gateway.notices.in_force import InForce
from gateway.notices.routes import notice_routes
from gateway.oauth.access import own_right
from gateway.outbound.serve import Outbound
from gateway.outbound.services import REPLACED_S
from gateway.partner.door import PartnerDoor
from gateway.reload import Reloader
from gateway.repeating import repeat
from gateway.settings import Settings
from gateway.sla.pulse import Pulsing
from gateway.sla.rolling import Rolling
from gateway.sla.tally import Tally
from gateway.starting import StartError, in_background
from gateway.statements.answering import Answering
from gateway.statements.routes import statement_routes
from gateway.store.idempotency import Idempotency
from gateway.store.statements import Statements
from gateway.store.store import Store
from gateway.tasks.authority import TaskAuthority
from gateway.tasks.overdue import Overdue
from gateway.tasks.routes import task_routes
from gateway.webhooks.address import Resolver, Resolvers, networks_of
from gateway.webhooks.authority import WebhookAuthority, load_sealing
from gateway.webhooks.delivering import Delivering, Transports
from gateway.webhooks.mail import Mailer, mail_server
from gateway.webhooks.notify import Outbox
from gateway.webhooks.routes import webhook_routes
from gateway.webhooks.sending import Sender
from gateway.workers.own import is_first


class Service(Protocol):
    """What goes on in the background until it is closed."""

    def start(self) -> None: ...

    async def close(self) -> None: ...


class Parts(Struct, frozen=True):
    """What all of it works with: where things are kept, counted and put on the log, and what is in force now."""

    store: Store
    writer: Writer
    tally: Tally
    reloader: Reloader
    serving: Callable[[], Serving]
    notices: InForce
    idempotency: Idempotency
    identity: Identity
    reception: Reception

    @property
    def settings(self) -> Settings:
        """Settings as they were at the last reload."""
        return self.reloader.workspace.settings


async def open_notices(store: Store, stack: AsyncExitStack) -> InForce:
    """What was announced and suspended, from the first call on. Raises StoreError."""
    in_force = InForce()
    adopting = NoticesAdopting(store, in_force)
    await adopting.step()
    in_background(adopting.follow(), stack)
    return in_force


def open_outbound(parts: Parts, stack: AsyncExitStack) -> Outbound:
    """Calls of partners' own interfaces."""
    outbound = Outbound(
        plans=parts.reloader.plans,
        services=lambda: parts.reloader.workspace.services,
        verify=parts.identity.guard.admit,
        writer=parts.writer,
        counts=parts.tally,
        reception=parts.reception,
        note=parts.identity.refusals.note,
    )
    stack.push_async_callback(outbound.close)
    in_background(repeat(outbound.follow, REPLACED_S, fails="", again=""), stack)  # it says itself what is wrong
    return outbound


async def open_collaboration(parts: Parts, stack: AsyncExitStack) -> list[Any]:
    """The routes below /partner/, and everything that goes on in the background. Raises StartError, StoreError."""
    store, writer, plans = parts.store, parts.writer, parts.reloader.plans
    outbox = Outbox(store)
    door = PartnerDoor(
        parts.identity.guard.admit,
        certificate_of=parts.identity.certificate_of,
        note=parts.identity.refusals.note,
    )
    corrections = open_corrections(
        store,
        writer,
        outbox.notify,
        serving=parts.serving,
        idempotency=parts.idempotency,
        door=door,
        suspended=parts.notices.suspended,
    )
    in_background(corrections.keeping.follow(), stack)
    await _open_services(parts, outbox, stack)
    webhooks = WebhookAuthority(store, writer, await load_sealing(store, int(time.time())))
    return [
        *statement_routes(door, Statements(store), Answering(store, writer, outbox.notify)),
        *notice_routes(door, store, plans),
        *corrections.routes,
        *task_routes(door, store, TaskAuthority(store, writer), plans),
        *webhook_routes(door, store, webhooks, plain=bool(parts.settings.partner_webhook_networks)),
        *_credential_routes(parts, door),
    ]


def _credential_routes(parts: Parts, door: PartnerDoor) -> list[Any]:
    """Credentials that partners look after, and why they were refused."""
    store, identity, plans = parts.store, parts.identity, parts.reloader.plans
    standing = Standing(store, lambda partner, now_s: own_right(plans(), partner, now_s))
    authority = CredentialAuthority(store, parts.writer)
    pages = CredentialPages(
        store, authority, standing, identity.fetch, identity.issuer, identity.uses, Pace(time.monotonic)
    )
    return [*credential_routes(door, pages), *refusal_routes(door, RefusalPages(store, identity.refusals, plans))]


async def _open_services(parts: Parts, outbox: Outbox, stack: AsyncExitStack) -> None:
    """What is begun now, and ended before the log and the store are."""
    store, writer, settings = parts.store, parts.writer, parts.settings
    mailer = _mailer(settings)
    transports = Transports(Sender(_resolvers(settings)), await load_sealing(store, int(time.time())), mailer)
    excluded = parts.notices.excluding(parts.reloader.plans)
    sources = Sources(parts.reloader.plans, parts.tally, LatestAlerts(parts.reloader.folder), excluded)
    outlets = Outlets(outbox.notify, outbox.mail if mailer is not None else None)
    services: list[Service] = [
        Delivering(store, transports),
        Overdue(store, writer),
        Alerting(store, writer, sources, outlets),
        Pulsing(writer.append_durable, parts.tally.hear),
    ]
    if is_first(settings):  # the same counts would be stored by each
        services.append(Expiring(store, writer, own=_relied_on(parts).held))
        services.append(Rolling(store, settings.log_path(parts.reloader.folder), parts.reloader.plans))
    for service in services:
        service.start()
        stack.push_async_callback(service.close)


def _relied_on(parts: Parts) -> ReliedOn:
    """The hub's own certificates, as the files are now that the workspace names now."""

    def read() -> Reading:
        workspace = parts.reloader.workspace
        return read_places(places_of(workspace.settings, parts.reloader.folder, workspace.services))

    return ReliedOn(read)


def _mailer(settings: Settings) -> Mailer | None:
    if not settings.smtp_url:
        return None
    if not settings.mail_from:
        raise StartError("clausegate.toml, mail_from: an address that e-mail comes from is needed with smtp_url")
    try:
        return Mailer(mail_server(settings.smtp_url), settings.mail_from)
    except ValueError as error:
        raise StartError(f"clausegate.toml, smtp_url: {error}") from None


def _resolvers(settings: Settings) -> Resolvers:
    return Resolvers(
        _resolver("webhook_networks", settings.webhook_networks),
        _resolver("partner_webhook_networks", settings.partner_webhook_networks),
    )


def _resolver(name: str, setting: tuple[str, ...]) -> Resolver:
    try:
        return Resolver(networks_of(setting))
    except ValueError as error:
        raise StartError(f"clausegate.toml, {name}: {error}") from None
