"""The portal's home page as values: a partner's clients with their credentials, and the agreements they work under."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.console.language import Catalogue
from gateway.store.clients import Client


class CredentialLine(Struct, frozen=True):
    """One secret, key or certificate: what it is called, since when it is there, and until when it is good."""

    kind: str
    id: str
    since: str
    until: str
    over: bool = False


class ClientCard(Struct, frozen=True):
    """One client."""

    client_id: str
    method: str
    disabled: bool
    jwks_url: str
    subject: str
    credentials: tuple[CredentialLine, ...]


class HomeScreen(Struct, frozen=True):
    """The whole page. `partner` is the partner's name in the language of the page."""

    partner: str
    agreements: tuple[Contract, ...]
    clients: tuple[ClientCard, ...]


def home_screen(partner: str, clients: Iterable[Client], plans: Plans, now_s: int, t: Catalogue) -> HomeScreen:
    """The page of one partner. Clients of others are left out, whoever hands them in."""
    contracts = plans.of_partner(partner)
    name = contracts[-1].partner_name[t.language] if contracts else partner
    in_force = tuple(each for each in contracts if each.effective_from_s <= now_s < each.effective_until_s)
    cards = tuple(_card(client, now_s, t) for client in clients if client.partner == partner)
    return HomeScreen(name, in_force, cards)


def _card(client: Client, now_s: int, t: Catalogue) -> ClientCard:
    secrets = [
        _line("secret", f"{number}", secret.created_s, secret.expires_s, now_s, t)
        for number, secret in enumerate(client.secrets, 1)
    ]
    keys = [_line("key", f"{key.kid} ({key.alg})", None, key.expires_s, now_s, t) for key in client.keys]
    certificates = [
        _line("certificate", each.thumbprint, each.created_s, each.not_after_s, now_s, t)
        for each in client.certificates
    ]
    subject = f"{client.tls_subject_kind} {client.tls_subject}" if client.tls_subject_kind else ""
    credentials = (*secrets, *keys, *certificates)
    return ClientCard(client.client_id, client.auth_method, client.disabled, client.jwks_url, subject, credentials)


def _line(  # noqa: PLR0917  # the columns of a line
    kind: str, named: str, since_s: int | None, until_s: int | None, now_s: int, t: Catalogue
) -> CredentialLine:
    since = t("portal.not_known") if since_s is None else _time(since_s)
    if until_s is None:
        return CredentialLine(kind, named, since, t("portal.open_end"))
    over = until_s <= now_s
    until = t("portal.over", time=_time(until_s)) if over else _time(until_s)
    return CredentialLine(kind, named, since, until, over)


def _time(time_s: int) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M} UTC"
