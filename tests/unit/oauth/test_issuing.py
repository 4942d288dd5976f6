"""An operator's token says what the client itself could get, and what is missing is said with the clause."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.agreement import HUB
from contracts.plan import Plans
from gateway.oauth.access import PARTNER_SCOPE
from gateway.oauth.clients import ClientFault, IssuedToken, new_key_pair
from gateway.oauth.issuing import Unfit, certificate_held, issue
from gateway.oauth.jose import contents_of
from gateway.oauth.tokens import Held
from gateway.store.clients import Clients
from gateway.store.store import Store
from policies.clause import Authentication
from policies.reference import ClauseRef
from tests.unit.contracts.sample import compiled
from tests.unit.oauth.adding import add_client
from tests.unit.oauth.stage import certificates
from tests.unit.store.ready_file import ready_file

NOW_S = 1_782_000_000
ISSUER = "https://gateway.example.com"
DPOP = Held("dpop", "x" * 43)


def asking(methods: set[str], bindings: set[str]) -> Plans:
    """The sample's plans under an agreement with one such clause; with no methods, under one without."""
    plans = compiled()[1]
    ref = ClauseRef("swift-2026", "1.2.0", "2.2", "authentication", {"en": "So it is.", "zh": "如此。"})
    asked = (Authentication(ref, frozenset(methods), frozenset(bindings)),) if methods else ()
    routes = {
        route: tuple(replace(plan, authentication=asked) for plan in each) for route, each in plans.by_route.items()
    }
    return replace(plans, by_route=routes)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(ready_file(tmp_path))
    await add_client(opened, "swift", "basic", "client_secret_basic", now_s=NOW_S)
    await add_client(opened, "swift", "keyed", "private_key_jwt", new_key_pair().jwks, now_s=NOW_S)
    await add_client(opened, HUB, "own", "client_secret_basic", now_s=NOW_S)
    yield opened
    await opened.close()


async def issued(store: Store, plans: Plans, client: str, **more: Any) -> IssuedToken | Unfit | ClientFault:
    return await issue(store, plans, client, issuer=ISSUER, now_s=more.pop("now_s", NOW_S), **more)


def claims(token: IssuedToken | Unfit | ClientFault) -> dict[str, Any]:
    assert isinstance(token, IssuedToken), token
    found = contents_of(token.token.reveal())
    assert found is not None
    return found.claims


async def test_without_a_clause_every_client_gets_a_token_bound_to_what_is_said(store: Store) -> None:
    plans = asking(set(), set())
    free = claims(await issued(store, plans, "basic"))
    assert ("cnf" in free, free["scope"].split()) == (False, [PARTNER_SCOPE, "shipments:read"])
    assert claims(await issued(store, plans, "basic", held=DPOP))["cnf"] == {"jkt": "x" * 43}


async def test_a_token_that_is_not_bound_as_the_agreement_asks_is_not_issued(store: Store) -> None:
    plans = asking({"private_key_jwt"}, {"dpop"})
    found = await issued(store, plans, "keyed")
    assert isinstance(found, Unfit)
    assert (found.why, found.asked.clause.id) == ("binding", "2.2")
    assert claims(await issued(store, plans, "keyed", held=DPOP))["cnf"] == {"jkt": "x" * 43}


async def test_no_binding_makes_up_for_another_method(store: Store) -> None:
    found = await issued(store, asking({"private_key_jwt"}, {"dpop"}), "basic", held=DPOP)
    assert isinstance(found, Unfit)
    assert (found.why, found.auth_method) == ("method", "client_secret_basic")


async def test_when_no_agreement_is_in_force_a_partner_is_left_with_what_is_its_own(store: Store) -> None:
    after_all_s = max(contract.effective_until_s for contract in compiled()[1].contracts.values())
    found = claims(await issued(store, asking(set(), set()), "basic", now_s=after_all_s))
    assert found["scope"] == PARTNER_SCOPE


async def test_what_is_its_own_stays_on_the_terms_of_the_last_agreement(store: Store) -> None:
    after_all_s = max(contract.effective_until_s for contract in compiled()[1].contracts.values())
    plans = asking({"private_key_jwt"}, {"dpop"})
    for client, why in (("basic", "method"), ("keyed", "binding")):
        found = await issued(store, plans, client, now_s=after_all_s)
        assert isinstance(found, Unfit)
        assert found.why == why
    found = await issued(store, plans, "keyed", now_s=after_all_s, held=DPOP)
    assert claims(found)["scope"] == PARTNER_SCOPE


async def test_the_hub_has_nothing_to_do_where_partners_help_themselves(store: Store) -> None:
    found = await issued(store, asking(set(), set()), "own")
    assert isinstance(found, ClientFault)  # the sample calls no partner's interface, and nothing else is the hub's


async def test_a_client_that_is_disabled_or_not_there_gets_none(store: Store) -> None:
    await Clients(store).set_disabled("basic", True, NOW_S)
    for client in ("basic", "nobody"):
        assert isinstance(await issued(store, asking(set(), set()), client), ClientFault)


def test_a_token_for_mutual_tls_is_bound_to_the_certificate_itself() -> None:
    _, by_client = certificates()
    own = by_client["vault-own"]
    assert certificate_held(own.pem.encode()) == Held("mtls", own.shown.thumbprint)
    assert certificate_held(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") is None
