"""A token says what the agreements in force give to this client as it comes; what is refused says which clause."""

import pytest

from gateway.oauth.access import Right
from gateway.oauth.answers import INVALID_DETAILS, INVALID_SCOPE, Refusal
from gateway.oauth.details import AskedDetail
from gateway.oauth.entitlement import Asking, Entitlement, entitled
from gateway.oauth.grant import Binding
from policies.clause import Authentication
from policies.reference import ClauseRef
from tests.unit.oauth.rights import BOUND, OWN, RIGHTS, right

ONLY_DPOP = Authentication(
    ClauseRef("vault-2026", "2.0.0", "7.2", "authentication", {"en": "DPoP.", "zh": "DPoP。"}),
    frozenset({"private_key_jwt"}),
    frozenset({"dpop"}),
)
VAULT = RIGHTS["vault-bank"]
MIXED = (*RIGHTS["swift-logistics"], right("vault-2026", "accounts", "list", clauses=(BOUND,)))
TWICE = (right("v", "a", "list", clauses=(BOUND, ONLY_DPOP)),)


def asking(
    binding: Binding = "dpop",
    method: str = "private_key_jwt",
    *,
    own: Right | None = OWN,
    scope: str | None = None,
    details: tuple[AskedDetail, ...] | None = None,
) -> Asking:
    return Asking(method, binding, own, scope, details)


def refused(rights: tuple[Right, ...], given: Asking) -> Refusal:
    found = entitled(rights, given)
    assert isinstance(found, Refusal), found
    return found


def test_without_a_scope_a_token_has_all_that_fits_and_what_a_partner_does_for_itself() -> None:
    scopes = frozenset({"accounts:read", "accounts:write", "balances:read", "partner"})
    assert entitled(VAULT, asking()) == Entitlement(scopes)
    assert entitled(MIXED, asking("none")) == Entitlement(frozenset({"shipments:get", "shipments:list", "partner"}))


def test_what_is_suspended_or_has_ended_gives_no_scope_and_the_partner_keeps_its_own() -> None:
    assert entitled((), asking()) == Entitlement(frozenset({"partner"}))
    assert refused((), asking(scope="accounts:read")).error == "invalid_scope"


def test_whoever_has_no_agreement_at_all_gets_nothing() -> None:
    assert refused((), asking(own=None)) is INVALID_SCOPE
    assert refused((), asking(own=None, scope="partner")) is INVALID_SCOPE


def test_the_hub_has_no_scope_of_a_partner() -> None:
    calls = (right("vault-2026", "vault", "notify", "out:vault:notify"),)
    assert entitled(calls, asking("none", own=None)) == Entitlement(frozenset({"out:vault:notify"}))


@pytest.mark.parametrize(
    ("rights", "given", "words"),
    [
        (VAULT, asking("none"), "DPoP (RFC 9449) or is bound to the client certificate"),
        (VAULT, asking("none", scope="partner"), "DPoP (RFC 9449) or is bound to the client certificate"),
        (MIXED, asking("none", scope="accounts:list"), "DPoP (RFC 9449) or is bound to the client certificate"),
        (
            MIXED,
            asking("none", details=(AskedDetail("vault-2026"),)),
            "DPoP (RFC 9449) or is bound to the client certificate",
        ),
        (
            (right("v", "a", "list", clauses=(BOUND, ONLY_DPOP)),),
            asking("mtls"),
            "token that is bound to a key by DPoP",
        ),
    ],
)
def test_a_binding_that_is_missing_is_named_with_its_clause(
    rights: tuple[Right, ...], given: Asking, words: str
) -> None:
    refusal = refused(rights, given)
    assert (refusal.error, refusal.status, refusal.reason) == ("invalid_request", 400, "binding-required")
    assert words in refusal.description
    assert refusal.clause is not None
    assert refusal.clause.id == ("7.1" if given.binding == "none" else "7.2")


@pytest.mark.parametrize(
    ("rights", "given"),
    [
        (VAULT, asking("dpop", "client_secret_basic")),
        (VAULT, asking("none", "client_secret_basic")),
        (MIXED, asking("none", "client_secret_basic", scope="accounts:list")),
        (MIXED, asking("none", "client_secret_basic", details=(AskedDetail("vault-2026"),))),
    ],
)
def test_a_method_that_no_clause_admits_is_refused_whatever_the_token_is_bound_to(
    rights: tuple[Right, ...], given: Asking
) -> None:
    refusal = refused(rights, given)
    assert (refusal.error, refusal.status, refusal.reason) == ("unauthorized_client", 400, "method-not-admitted")
    assert refusal.clause == BOUND.clause


def test_clauses_that_no_client_can_meet_give_nothing_to_anybody() -> None:
    other = Authentication(BOUND.clause, frozenset({"client_secret_basic"}), frozenset({"none"}))
    both = (right("v", "a", "list", clauses=(BOUND, other)),)
    assert refused(both, asking("dpop")).error == "unauthorized_client"


def test_each_scope_asked_for_is_there_or_none_is() -> None:
    assert entitled(VAULT, asking(scope="accounts:read")) == Entitlement(frozenset({"accounts:read"}))
    assert refused(VAULT, asking(scope="accounts:read shipments:get")) is INVALID_SCOPE
    assert refused(VAULT, asking(scope="accounts:read ")) is INVALID_SCOPE


def test_details_narrow_the_scopes_to_those_they_need() -> None:
    details = (AskedDetail("vault-2026", actions=("list",)),)
    found = entitled(VAULT, asking(details=details))
    assert isinstance(found, Entitlement)
    assert found.scopes == {"accounts:read", "balances:read"}
    narrower = entitled(VAULT, asking(details=details, scope="partner balances:read"))
    assert isinstance(narrower, Entitlement)
    assert narrower.scopes == {"partner", "balances:read"}
    assert refused(VAULT, asking(details=details, scope="partner")) is INVALID_SCOPE
    assert refused(VAULT, asking(details=details, scope="accounts:write")) is INVALID_SCOPE
    assert refused(VAULT, asking(details=(AskedDetail("swift-2026"),))) is INVALID_DETAILS


def test_what_a_partner_does_for_itself_is_on_the_terms_of_its_agreements_suspended_ones_too() -> None:
    own = right("vault-2026", "partner", "partner", "partner", clauses=(BOUND,))
    assert refused((), asking("none", own=own)).reason == "binding-required"
    assert refused((), asking("none", own=own, scope="partner")).reason == "binding-required"
    assert entitled((), asking("dpop", own=own)) == Entitlement(frozenset({"partner"}))
    shipments = RIGHTS["swift-logistics"]
    assert entitled(shipments, asking("none", own=own)) == Entitlement(frozenset({"shipments:get", "shipments:list"}))
