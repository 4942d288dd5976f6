"""What a token is good for: its scopes, what it is bound to, and what it was narrowed to. Nothing of it is assumed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.plan import Plan
from gateway.exchange.admit import beyond_grant
from gateway.exchange.details import covers
from gateway.oauth.grant import BINDINGS, Binding, Detail
from policies.clause import Authentication, Refused
from policies.kinds.purpose import PurposeGate
from policies.reference import ClauseRef
from tests.unit.contracts.sample import compiled
from tests.unit.exchange.stage import GRANT, Stage

PLAN = compiled()[1].by_route["swift", "shipments", "list"][0]
WHOLE = Detail(PLAN.contract.agreement, frozenset({"shipments"}), frozenset({"list"}))
NAMES = st.sampled_from(["swift-2026", "other-2026", "shipments", "wares", "list", "get", "delivery", "claims"])


def ref(number: str, kind: str = "authentication") -> ClauseRef:
    return ClauseRef("swift-2026", "1.2.0", number, kind, {"en": "So it is.", "zh": "如此。"})


def asking(*bindings: Binding, number: str = "2.2") -> Authentication:
    return Authentication(ref(number), frozenset({"private_key_jwt"}), frozenset(bindings))


def refused(plan: Plan = PLAN, *, purpose: bytes | None = None, **grant: Any) -> Refused | None:
    return beyond_grant(plan, replace(GRANT, **grant), purpose)


def stating(when_unstated: str | None, *purposes: str) -> Plan:
    gate = PurposeGate(clause=ref("2.1", "purpose"), purposes=frozenset(purposes), when_unstated=when_unstated)
    return replace(PLAN, gates=(gate,))


@pytest.mark.parametrize("binding", BINDINGS)
def test_an_agreement_that_asks_for_nothing_takes_every_token(binding: Binding) -> None:
    assert refused(binding=binding) is None


@given(st.lists(st.frozensets(st.sampled_from(BINDINGS), min_size=1), min_size=1, max_size=3))
def test_a_token_is_bound_as_every_clause_asks_or_refused_by_the_first_that_it_breaks(
    asked: list[frozenset[Binding]],
) -> None:
    clauses = tuple(asking(*bindings, number=f"2.{number}") for number, bindings in enumerate(asked))
    for binding in BINDINGS:
        found = refused(replace(PLAN, authentication=clauses), binding=binding)
        broken = [f"2.{number}" for number, bindings in enumerate(asked) if binding not in bindings]
        assert (found is None) == (not broken)
        if found is not None and found.clause is not None:
            assert (found.reason, found.clause.id) == ("authentication-not-admitted", broken[0])


@pytest.mark.parametrize(("binding", "scheme"), [("none", "Bearer"), ("mtls", "Bearer"), ("dpop", "DPoP")])
def test_the_challenge_is_in_the_scheme_of_the_token(binding: Binding, scheme: str) -> None:
    for grant in ({"scopes": frozenset[str]()}, {"details": ()}):
        found = refused(binding=binding, **grant)
        assert found is not None
        expected = f'{scheme} error="insufficient_scope", scope="{PLAN.scope}"'
        assert found.headers == ((b"www-authenticate", expected.encode()),)


def test_a_token_that_is_not_narrowed_is_as_good_as_its_scopes() -> None:
    assert refused(details=None) is None
    missing = refused(details=None, scopes=frozenset({"shipments"}))
    assert missing is not None
    assert (missing.reason, missing.clause) == ("insufficient-scope", PLAN.contract.products_clause)


@pytest.mark.parametrize(
    "detail",
    [
        replace(WHOLE, agreement="other-2026"),
        replace(WHOLE, products=frozenset({"wares"})),
        replace(WHOLE, actions=frozenset({"get"})),
        replace(WHOLE, products=frozenset()),
    ],
)
def test_a_narrowed_token_opens_nothing_beside_its_details(detail: Detail) -> None:
    found = refused(details=(detail,))
    assert found is not None
    assert (found.reason, found.clause) == ("beyond-authorization-details", PLAN.contract.products_clause)
    assert refused(details=(detail, WHOLE)) is None


def test_two_details_are_not_added_up_to_what_neither_says() -> None:
    details = (replace(WHOLE, actions=frozenset({"get"})), replace(WHOLE, products=frozenset({"wares"})))
    assert refused(details=details) is not None


@given(st.frozensets(NAMES), st.frozensets(NAMES), NAMES, NAMES, NAMES)
def test_only_what_a_detail_names_is_covered(
    products: frozenset[str], actions: frozenset[str], agreement: str, product: str, action: str
) -> None:
    detail = Detail("swift-2026", products, actions)
    expected = agreement == "swift-2026" and product in products and action in actions
    assert covers(detail, agreement, product, action) == expected


@pytest.mark.parametrize(
    ("plan", "purpose", "covered"),
    [
        (stating("delivery", "delivery", "claims"), b"claims", True),
        (stating("delivery", "delivery", "claims"), b"delivery", False),
        (stating("delivery", "delivery", "claims"), None, False),
        (stating("claims", "claims", "delivery"), None, True),
        (stating(None, "claims"), None, False),
        (replace(PLAN, gates=()), None, False),
        (replace(PLAN, gates=()), b"claims", True),
        (replace(PLAN, gates=()), b"\xff", False),
    ],
    ids=["stated", "another", "assumed another", "assumed", "must be stated", "nothing assumed", "no clause", "bytes"],
)
def test_a_purpose_is_the_one_stated_or_the_one_that_the_agreement_assumes(
    plan: Plan, purpose: bytes | None, covered: bool
) -> None:
    detail = replace(WHOLE, purposes=frozenset({"claims", "research"}))
    assert (refused(plan, details=(detail,), purpose=purpose) is None) == covered


async def test_a_call_that_is_refused_so_quotes_the_clause_and_asks_nobody(tmp_path: Path) -> None:
    plans = compiled()[1]
    routes = {
        route: tuple(replace(plan, authentication=(asking("dpop"),)) for plan in each)
        for route, each in plans.by_route.items()
    }
    stage = Stage(tmp_path / "log", replace(plans, by_route=routes))
    reply = await stage.get("/v1/shipments")
    assert (reply.status, reply.code, reply.json()["clause"]["id"]) == (403, "authentication-not-admitted", "2.2")
    assert stage.adapter.asked == []
    assert [record.clause for record in stage.records()] == ["2.2"]
