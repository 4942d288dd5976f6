"""A partner's developer sees the clients of that partner, and nothing of anybody else's."""

from litestar.testing import TestClient

from gateway.console.language import load_catalogues
from gateway.portal.home_screen import home_screen
from gateway.store.clients import Client, ClientKey, ClientSecret, RegisteredCertificate
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


async def all_clients(_: str) -> tuple[Client, ...]:
    """Of whoever asks: the page itself leaves out what is not the partner's."""
    return SWIFT, BANK


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


def test_each_credential_says_until_when_it_is_good() -> None:
    t = load_catalogues()["en"]
    (card,) = home_screen("swift-logistics", [SWIFT, BANK], PLANS, NOW_S, t).clients
    said = {(line.kind, line.id): (line.until, line.over) for line in card.credentials}
    assert said["key", "new (ES256)"] == ("until it is removed", False)
    assert said["key", "old (ES256)"][1], "what ends now is over"
    assert not said["secret", "1"][1]
    assert not said["certificate", "t" * 43][1]
