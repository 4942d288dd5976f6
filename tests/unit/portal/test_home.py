"""A partner's developer sees the clients of that partner, and nothing of anybody else's."""

from litestar.testing import TestClient

from gateway.console.language import load_catalogues
from gateway.credentials.shown import Looked
from gateway.portal.home_screen import home_screen
from gateway.store.clients import Client, ClientKey, ClientSecret, RegisteredCertificate
from gateway.store.credential_uses import Use
from tests.unit.console.house import House, enter, house
from tests.unit.sla.hub import NOON_S, plans_of

PLANS = plans_of()
NOW_S = int(NOON_S)
SWIFT = Client(
    *("swift-app", "swift-logistics", "private_key_jwt", 1, False, 0),
    keys=(ClientKey("old", "ES256", "{}", NOW_S), ClientKey("new", "ES256", "{}")),
    secrets=(ClientSecret(b"never-shown" * 3, NOW_S - 60, NOW_S + 60),),
    certificates=(RegisteredCertificate("t" * 43, "pem-of-swift", NOW_S + 86_400, NOW_S),),
)
BANK = Client("bank-app", "harbor-bank", "tls_client_auth", 1, True, 0, tls_subject="CN=<b>", tls_subject_kind="dn")


LOOKED = (Looked(SWIFT, {"old": 60, "new": 120}, {"key:new": Use(NOW_S - 3_600)}), Looked(BANK, {}, {}))


async def all_clients(_: str) -> tuple[Looked, ...]:
    """Of whoever asks: the page itself leaves out what is not the partner's."""
    return LOOKED


def seen(built: House, partner: str) -> str:
    built.people.seat("ops", "partner-developer", partner)
    with TestClient(built.app) as client:
        enter(client, site="portal")
        answer = client.get("/portal/")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        text: str = answer.text
        return text


def test_a_partner_sees_its_own_clients_and_agreements_alone() -> None:
    built = house(PLANS, clients=all_clients)
    swift, bank = seen(built, "swift-logistics"), seen(built, "harbor-bank")
    assert "swift-app" in swift
    assert "swift-logistics-2026" in swift
    assert "bank" not in swift.lower()
    assert "bank-app" in bank
    assert "swift" not in bank.lower()
    assert "CN=&lt;b&gt;" in bank


def test_neither_secrets_nor_certificates_are_shown() -> None:
    page = seen(house(PLANS, clients=all_clients), "swift-logistics")
    assert "never-shown" not in page
    assert "pem-of-swift" not in page


def test_a_developer_of_nobody_sees_nothing() -> None:
    page = seen(house(PLANS, clients=all_clients), "")
    assert "swift-app" not in page
    assert "bank-app" not in page


def test_each_credential_says_until_when_it_is_good_and_when_it_was_used_last() -> None:
    t = load_catalogues()["en"]
    (card,) = home_screen("swift-logistics", LOOKED, PLANS, NOW_S, t).clients
    said = {(line.kind, line.id): line for line in card.credentials}
    assert said["key", "new"].until == "until it is removed"
    assert said["key", "new"].since == "1970-01-01 00:02 UTC"
    assert said["key", "new"].used != "not yet"
    assert ("key", "old") not in said, "what ends now is over"
    assert said["secret", str(NOW_S - 60)].used == "not yet"
    assert said["certificate", "t" * 43].until != "until it is removed"


def test_what_an_authority_issues_is_said_by_its_name() -> None:
    (card,) = home_screen("harbor-bank", LOOKED, PLANS, NOW_S, load_catalogues()["zh"]).clients
    assert [(line.kind, line.id) for line in card.credentials] == [("subject", "CN=<b>")]
    assert (card.tier, card.disabled) == ("bound", True)


def test_certificates_of_an_authority_that_were_used_are_shown_until_they_end() -> None:
    uses = {
        "certificate:used": Use(NOW_S - 60, NOW_S - 86_400, NOW_S + 86_400),
        "certificate:ended": Use(NOW_S - 60, NOW_S - 86_400, NOW_S),
    }
    t = load_catalogues()["en"]
    (card,) = home_screen("harbor-bank", [Looked(BANK, {}, uses)], PLANS, NOW_S, t).clients
    assert [(line.kind, line.id) for line in card.credentials] == [("subject", "CN=<b>"), ("certificate", "used")]
    assert "not yet" not in {line.used for line in card.credentials}
    assert card.credentials[1].until != "until it is removed"
