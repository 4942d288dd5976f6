"""To the second: how far clocks may differ, and how long each kind of token is good (docs: 10 s ahead, no more)."""

from typing import Any

import pytest

from gateway.oauth.grant import Grant
from gateway.oauth.proof import make_proof
from tests.unit.oauth.asking import GRANT, asserted, incoming, said, token_of
from tests.unit.oauth.stage import ISSUER, NOW_S, PROOF_KEY, Stage, assertion

ASSERTIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "made 10 s ahead": ({"iat": 10}, True),
    "made 11 s ahead": ({"iat": 11}, False),
    "good from 10 s ahead": ({"nbf": 10}, True),
    "good from 11 s ahead": ({"nbf": 11}, False),
    "that ends in a second": ({"iat": -59, "exp": 1}, True),
    "that ends now": ({"iat": -60, "exp": 0}, False),
    "that ended": ({"iat": -60, "exp": -1}, False),
    "for 5 minutes": ({"exp": 300}, True),
    "for a second more": ({"exp": 301}, False),
    "for 5 minutes from 10 s ahead": ({"iat": 10, "exp": 310}, True),
    "made 5 minutes ago, which ends in a second": ({"iat": -299, "exp": 1}, True),
    "whose times are parts of seconds": ({"iat": 0.5, "exp": 60.25}, True),
    "whose time is a text": ({"iat": "0"}, False),
    "whose time is beyond any number": ({"exp": 1e300}, False),
}


@pytest.mark.parametrize("case", ASSERTIONS)
async def test_an_assertion_is_good_for_its_time(stage: Stage, case: str) -> None:
    claims, good = ASSERTIONS[case]
    answer = await stage.server.token(incoming(GRANT | asserted(assertion(stage, "harbor-bank-app", claims=claims))))
    assert answer.status == (200 if good else 401), stage.refusals


@pytest.mark.parametrize(("made_s", "good"), [(-61, False), (-60, True), (0, True), (10, True), (11, False)])
async def test_a_proof_is_good_for_a_minute_and_ten_seconds_ahead(stage: Stage, made_s: int, good: bool) -> None:
    nonce = stage.nonces.issue(NOW_S)
    proof = make_proof(PROOF_KEY, "POST", f"{ISSUER}/oauth/token", NOW_S + made_s, nonce=nonce)
    form = GRANT | asserted(assertion(stage, "vault-app"))
    answer = await stage.server.token(incoming(form, proofs=[proof.encode()]))
    assert (answer.status, said(answer).get("error")) == ((200, None) if good else (400, "invalid_dpop_proof"))


@pytest.mark.parametrize(
    ("later_s", "good"), [(-11, False), (-10, True), (0, True), (299, True), (300, False), (301, False)]
)
async def test_an_access_token_is_good_for_five_minutes_and_at_a_node_ten_seconds_behind(
    stage: Stage, later_s: int, good: bool
) -> None:
    token = await token_of(stage, "swift-logistics-app")
    found = stage.verifier.verify(f"Bearer {token}".encode(), NOW_S + later_s)
    assert isinstance(found, Grant) == good


@pytest.mark.parametrize(("later_s", "good"), [(0, True), (299, True), (300, True), (361, False), (3600, False)])
async def test_a_nonce_is_good_for_as_long_as_a_token(stage: Stage, later_s: int, good: bool) -> None:
    """It is of a window of a minute, in which NOW_S is the beginning: five more follow."""
    assert NOW_S % 60 == 0
    nonce = stage.nonces.issue(NOW_S)
    stage.clock.now_s += later_s
    form = GRANT | asserted(assertion(stage, "vault-app"))
    answer = await stage.server.token(incoming(form, proofs=[stage.proof(nonce=nonce).encode()]))
    assert (answer.status, said(answer).get("error")) == ((200, None) if good else (400, "use_dpop_nonce"))
