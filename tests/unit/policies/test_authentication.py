"""authentication: who may have a token is said once, and the words are those of the gateway's own profile."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth.access import Right, fitting
from gateway.oauth.grant import BINDINGS
from gateway.store.clients import AUTH_METHODS
from policies.clause import Authentication
from policies.direction import LOOSENS, NEITHER, TIGHTENS, opposite
from policies.kinds.authentication import ATTAINABLE, Bound, Method
from policies.library import render
from tests.unit.policies.clauses import AUTHENTICATION, binding, clause

METHODS = st.lists(st.sampled_from(get_args(Method)), min_size=1, unique=True)
BOUND = st.lists(st.sampled_from(get_args(Bound)), min_size=1, unique=True)


def effect(**changes: Any) -> Authentication:
    found = clause(AUTHENTICATION, **changes).effect(binding("2.2"))
    assert isinstance(found, Authentication)
    return found


def test_the_words_of_documents_are_those_of_clients_and_tokens() -> None:
    """Policies know nothing of the gateway, so that the words stand in two places: these are the same."""
    assert set(get_args(Method)) == set(AUTH_METHODS) == ATTAINABLE.keys()
    assert set(get_args(Bound)) == set(BINDINGS) == frozenset().union(*ATTAINABLE.values())


def test_the_sentence_says_how_in_both_languages() -> None:
    words = render(clause(AUTHENTICATION))
    assert words["en"] == (
        "By an assertion signed with a private key (private_key_jwt), a client certificate issued by an authority "
        "(tls_client_auth); bound to a key that the client proves to hold with each call (DPoP), its client "
        "certificate (mTLS)."
    )
    assert words["zh"] == (
        "以私钥签名的断言（private_key_jwt）、证书机构签发的客户端证书（tls_client_auth）；"
        "客户端每次证明其持有的密钥（DPoP）、客户端证书（mTLS）"
    )


def test_the_effect_names_the_clause_and_what_it_admits() -> None:
    found = effect()
    assert found.clause.id == "2.2"
    assert found.methods == frozenset({"private_key_jwt", "tls_client_auth"})
    assert found.bindings == frozenset({"dpop", "mtls"})


@given(METHODS, BOUND, METHODS, BOUND)
def test_of_several_clauses_all_have_to_hold(
    methods: list[str], bound: list[str], more_methods: list[str], more_bound: list[str]
) -> None:
    both = (effect(methods=methods, bound_to=bound), effect(methods=more_methods, bound_to=more_bound))
    right = Right("swift-2026", "1.0.0", "shipments", "list", "shipments:read", frozenset(), both)
    for method in AUTH_METHODS:
        for bound_to in BINDINGS:
            fits = method in methods and method in more_methods and bound_to in bound and bound_to in more_bound
            assert bool(fitting([right], method, bound_to)) == fits


@given(METHODS, METHODS)
def test_fewer_ways_tighten_and_more_loosen_whatever_their_order(before: list[str], after: list[str]) -> None:
    old, new = (clause(AUTHENTICATION, methods=methods) for methods in (before, after))
    expected = (LOOSENS if set(after) - set(before) else NEITHER) | (TIGHTENS if set(before) - set(after) else NEITHER)
    assert old.judged(new, "methods") == expected
    assert new.judged(old, "methods") == opposite(expected)


def test_to_admit_tokens_that_are_bound_to_nothing_loosens() -> None:
    old, new = clause(AUTHENTICATION), clause(AUTHENTICATION, bound_to=["none", "dpop", "mtls"])
    assert (old.judged(new, "bound_to"), new.judged(old, "bound_to")) == (LOOSENS, TIGHTENS)


@pytest.mark.parametrize(
    ("methods", "bound_to", "says"),
    [
        (["tls_client_auth"], ["none"], "a token of tls_client_auth is bound to dpop or mtls"),
        (["self_signed_tls_client_auth", "private_key_jwt"], ["none"], "a token of self_signed_tls_client_auth"),
        (["client_secret_basic"], ["mtls"], "a token of client_secret_basic is bound to dpop or none"),
        (["private_key_jwt"], ["dpop", "dpop"], "names one twice"),
    ],
)
def test_what_nobody_could_do_is_a_fault(methods: list[str], bound_to: list[str], says: str) -> None:
    ((name, message),) = clause(AUTHENTICATION, methods=methods, bound_to=bound_to).faults()
    assert (name, message.startswith(says)) == ("bound_to", True)


def test_a_method_named_twice_is_a_fault() -> None:
    assert clause(AUTHENTICATION, methods=["private_key_jwt"] * 2).faults() == [("methods", "names one twice")]


@pytest.mark.parametrize(
    ("methods", "bound_to"),
    [
        (["private_key_jwt"], ["none"]),
        (["private_key_jwt"], ["mtls"]),
        (["tls_client_auth"], ["dpop"]),
        (["client_secret_basic"], ["none", "dpop", "mtls"]),
    ],
)
def test_what_can_be_done_is_none(methods: list[str], bound_to: list[str]) -> None:
    assert clause(AUTHENTICATION, methods=methods, bound_to=bound_to).faults() == []


@pytest.mark.parametrize("changes", [{"methods": []}, {"bound_to": []}, {"methods": ["none"]}, {"bound_to": ["tls"]}])
def test_a_list_is_not_empty_and_names_what_there_is(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        clause(AUTHENTICATION, **changes)
