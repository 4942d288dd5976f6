"""The portal's home page as values: a partner's clients with their credentials, and the agreements they work under."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.console.language import Catalogue
from gateway.credentials.shown import Looked, shown_client


class CredentialLine(Struct, frozen=True):
    """One credential: what it is called, since when it is there, until when it is good, when it was used last."""

    kind: str
    id: str
    since: str
    until: str
    used: str


class ClientCard(Struct, frozen=True):
    """One client."""

    client_id: str
    method: str
    tier: str
    disabled: bool
    credentials: tuple[CredentialLine, ...]


class HomeScreen(Struct, frozen=True):
    """The whole page. `partner` is the partner's name in the language of the page."""

    partner: str
    agreements: tuple[Contract, ...]
    clients: tuple[ClientCard, ...]


def home_screen(partner: str, clients: Iterable[Looked], plans: Plans, now_s: int, t: Catalogue) -> HomeScreen:
    """The page of one partner. Clients of others are left out, whoever hands them in."""
    contracts = plans.of_partner(partner)
    name = contracts[-1].partner_name[t.language] if contracts else partner
    in_force = tuple(each for each in contracts if each.effective_from_s <= now_s < each.effective_until_s)
    cards = tuple(_card(looked, now_s, t) for looked in clients if looked.client.partner == partner)
    return HomeScreen(name, in_force, cards)


def _card(looked: Looked, now_s: int, t: Catalogue) -> ClientCard:
    """What GET /partner/clients says of it, in the language of the page."""
    shown = shown_client(looked, now_s)
    lines = tuple(_line(credential, t) for credential in shown["credentials"])
    return ClientCard(shown["client_id"], shown["method"], shown["tier"], shown["disabled"], lines)


def _line(credential: Mapping[str, Any], t: Catalogue) -> CredentialLine:
    kind, _, named = credential["kind"].partition("_")
    words = {"jwks": "keys_at"} | ({"certificate": "subject"} if named else {})
    return CredentialLine(
        words.get(kind, kind),
        credential["id"],
        _time(credential["created"]),
        t("portal.open_end") if credential["expires"] is None else _time(credential["expires"]),
        t("portal.never") if credential["last_used"] is None else _time(credential["last_used"]),
    )


def _time(rfc3339: str) -> str:
    """To the minute."""
    return f"{rfc3339[:10]} {rfc3339[11:16]} UTC"
