"""Client assertions (private_key_jwt): every module that makes one wrong, at the token endpoint."""

from collections.abc import Callable

import pytest

from tests.conformance.bank import CONSTRAINTS, Constraint
from tests.conformance.conftest import Programs
from tests.conformance.program import ASSERTION_TYPE, Program, Refused, refused

either = pytest.mark.parametrize("constraint", CONSTRAINTS)
DENIED = Refused(401, "invalid_client")


@pytest.fixture
def program(programs: Programs, constraint: Constraint) -> Program:
    return programs("private_key_jwt", constraint)[0]


def answered(program: Program, assertion: str) -> Refused:
    """The refusal of a request that is right but for its assertion; with a right one it is answered."""
    refusal = refused(program.token(form={"client_assertion": assertion}))
    assert program.token().status_code == 200
    return refusal


# --- fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails


@either
def test_an_assertion_that_is_signed_by_rs256_fails(program: Program) -> None:
    assert program.token(form={"client_assertion": program.assertion(algorithm="PS256")}).status_code == 200
    assert answered(program, program.assertion(algorithm="RS256")) == DENIED  # by the very same key


# --- fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint


@either
def test_a_request_without_an_assertion_fails(program: Program) -> None:
    neither = {"client_assertion": None, "client_assertion_type": None}
    assert refused(program.token(form=neither)) == DENIED
    assert refused(program.token(form={"client_assertion": None})) == Refused(400, "invalid_request")
    assert refused(program.token(form={"client_assertion_type": None})) == Refused(400, "invalid_request")
    assert program.token().status_code == 200


@either
def test_an_assertion_of_another_type_fails(program: Program) -> None:
    saml = ASSERTION_TYPE.replace("jwt", "saml2")
    assert refused(program.token(form={"client_assertion_type": saml})) == DENIED


# --- fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails


@either
def test_an_assertion_that_expired_five_minutes_ago_fails(program: Program) -> None:
    assert answered(program, program.assertion({"exp": -300})) == DENIED
    assert answered(program, program.assertion({"exp": -300, "iat": -360})) == DENIED


# --- fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails


@either
def test_an_assertion_for_another_server_fails(program: Program) -> None:
    assert answered(program, program.assertion({"aud": "https://other.example/api/userinfo"})) == DENIED
    assert answered(program, program.assertion(without=["aud"])) == DENIED


# --- fapi2-security-profile-final-par-test-token-endpoint-url-as-audience-fails, at the token endpoint


@either
def test_an_assertion_for_the_token_endpoint_instead_of_the_issuer_fails(program: Program) -> None:
    assert answered(program, program.assertion({"aud": program.bank.url + "/oauth/token"})) == DENIED
    assert answered(program, program.assertion({"aud": program.bank.url + "/"})) == DENIED


# --- fapi2-security-profile-final-par-test-array-as-audience-fails, at the token endpoint


@either
def test_an_assertion_with_several_audiences_fails(program: Program) -> None:
    issuer = program.bank.url
    assert answered(program, program.assertion({"aud": [issuer, "https://other.example"]})) == DENIED
    assert answered(program, program.assertion({"aud": [issuer]})) == DENIED  # RFC 10070: one string


# --- fapi2-security-profile-final-ensure-client-assertion-with-no-sub-fails


@either
def test_an_assertion_without_a_subject_fails(program: Program) -> None:
    assert answered(program, program.assertion(without=["sub"])) == DENIED
    assert answered(program, program.assertion(without=["iss"])) == DENIED


# --- fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted and
# --- fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails


@either
def test_an_assertion_of_a_clock_that_is_eight_seconds_ahead_is_accepted(program: Program) -> None:
    ahead = program.assertion({"iat": 8, "nbf": 8, "exp": 68})
    assert program.token(form={"client_assertion": ahead}).status_code == 200


@either
def test_an_assertion_of_a_clock_that_is_over_a_minute_ahead_fails(program: Program) -> None:
    assert answered(program, program.assertion({"iat": 65, "nbf": 65, "exp": 125})) == DENIED
    assert answered(program, program.assertion({"nbf": 65, "exp": 125})) == DENIED
    assert answered(program, program.assertion({"iat": 65, "exp": 125})) == DENIED


# --- what the profile asks beyond the plan


@either
def test_an_assertion_is_good_for_one_request(program: Program) -> None:
    once = program.assertion()
    assert program.token(form={"client_assertion": once}).status_code == 200
    assert answered(program, once) == DENIED


WRONG: dict[str, Callable[[Program], str]] = {
    "lives longer than five minutes": lambda program: program.assertion({"exp": 301}),
    "has no jti": lambda program: program.assertion(without=["jti"]),
    "has a jti of 129 characters": lambda program: program.assertion({"jti": "j" * 129}),
    "has no exp": lambda program: program.assertion(without=["exp"]),
    "has no iat": lambda program: program.assertion(without=["iat"]),
    "has another issuer": lambda program: program.assertion({"iss": "somebody"}),
    "is not signed": lambda program: program.assertion(algorithm="none"),
    "is signed by the public key as a secret": lambda program: program.assertion(
        algorithm="HS256", key=program.client.keys["ES256"].as_bytes(private=False)
    ),
    "is signed by the key of its proofs": lambda program: program.assertion(key=program.client.proof_key),
    "was changed": lambda program: _changed(program.assertion()),
}


def _changed(assertion: str) -> str:
    header, claims, signature = assertion.split(".")
    other = "B" if signature[9] == "A" else "A"
    return f"{header}.{claims}.{signature[:9]}{other}{signature[10:]}"


@either
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_an_assertion_fails_that(program: Program, wrong: Callable[[Program], str]) -> None:
    assert answered(program, wrong(program)) == DENIED
