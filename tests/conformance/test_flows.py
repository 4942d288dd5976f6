"""Discovery, the happy flow, who may have a token and who holds it, TLS: the modules that are not about JWTs alone."""

import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.x509 import DNSName

from tests.conformance.bank import CONSTRAINTS, METHODS, Bank, Constraint, Method
from tests.conformance.conftest import Programs
from tests.conformance.program import Refused, challenged, refused
from tests.flows.envoy import envoy, free_port
from tests.unit.oauth.issued import Issued, issue

every_variant = pytest.mark.parametrize(
    ("method", "constraint"), [(method, constraint) for method in METHODS for constraint in CONSTRAINTS]
)
ALGORITHMS = {"PS256", "ES256", "EdDSA"}
RECOMMENDED = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
}
"""For TLS 1.2: RFC 9325 section 4.2. The gateway of this test has a key for ECDSA, so only those can be agreed on."""
OTHERS = ":".join(["ALL", *(f"!{name}" for name in sorted(RECOMMENDED)), "@SECLEVEL=0"])
ALERTS = ("TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE")


# --- fapi2-security-profile-final-discovery-end-point-verification


@pytest.fixture(scope="module")
def metadata(programs: Programs) -> dict[str, Any]:
    """The metadata of the authorization server, fetched as RFC 8414 section 3 says."""
    answer = programs("private_key_jwt", "dpop")[0].connection().get("/.well-known/oauth-authorization-server")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    said: dict[str, Any] = answer.json()
    return said


def test_the_issuer_is_where_its_metadata_are(served: Bank, metadata: dict[str, Any]) -> None:
    assert metadata["issuer"] == served.url
    assert urlsplit(served.url).scheme == "https"


@pytest.mark.parametrize("endpoint", ["token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"])
def test_every_endpoint_is_https_at_the_issuer(served: Bank, metadata: dict[str, Any], endpoint: str) -> None:
    assert metadata[endpoint].startswith(served.url + "/")


@pytest.mark.parametrize("method", METHODS)
def test_the_token_endpoint_offers_the_method_of_client_authentication(metadata: dict[str, Any], method: str) -> None:
    assert method in metadata["token_endpoint_auth_methods_supported"]


def test_assertions_and_proofs_are_signed_by_algorithms_of_the_profile_alone(metadata: dict[str, Any]) -> None:
    assert set(metadata["token_endpoint_auth_signing_alg_values_supported"]) == ALGORITHMS
    assert set(metadata["dpop_signing_alg_values_supported"]) == ALGORITHMS


def test_certificate_bound_tokens_are_offered(metadata: dict[str, Any]) -> None:
    assert metadata["tls_client_certificate_bound_access_tokens"] is True


def test_no_grant_is_offered_but_client_credentials(metadata: dict[str, Any]) -> None:
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert metadata["response_types_supported"] == []
    assert "authorization_endpoint" not in metadata


def test_the_key_set_has_public_keys_alone(programs: Programs, metadata: dict[str, Any]) -> None:
    path = urlsplit(metadata["jwks_uri"]).path
    keys = programs("private_key_jwt", "dpop")[0].connection().get(path).json()["keys"]
    assert keys
    for key in keys:
        assert key.keys() & {"kty", "kid", "alg"} == {"kty", "kid", "alg"}
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}


# --- fapi2-security-profile-final-happy-flow


def claims_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(claims)


@every_variant
def test_a_token_is_issued_that_is_bound_to_its_holder(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    program, _ = programs(method, constraint)
    answer = program.token()
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given["token_type"] == {"dpop": "DPoP", "mtls": "Bearer"}[constraint]
    assert 0 < given["expires_in"] <= 300
    assert "refresh_token" not in given
    header, claims = claims_of(given["access_token"])
    assert header["typ"] == "at+jwt"
    assert claims["iss"] == claims["aud"] == program.bank.url
    assert claims["client_id"] == program.client.client_id
    thumbprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(program.client.certificate.pem)).digest()
    assert claims["cnf"] == (
        {"jkt": program.client.proof_key.thumbprint()}
        if constraint == "dpop"
        else {"x5t#S256": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()}
    )


@every_variant
def test_a_request_that_does_not_say_what_the_token_is_for_fails(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    program, _ = programs(method, constraint)
    for resource in (None, f"{program.bank.url}/"):
        assert refused(program.token(form={"resource": resource})) == Refused(400, "invalid_target")


ACCEPT = ["application/json; charset=utf-8", "application/json, application/*+json, */*", "*/*"]


@every_variant
def test_the_resource_is_read_whatever_proper_answer_is_accepted(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    program, _ = programs(method, constraint)
    token = program.access_token()
    for accept in ("application/json", *ACCEPT):
        answer = program.reads(token, headers={"accept": accept})
        assert answer.status_code == 200, answer.text
        assert [record["order_no"] for record in answer.json()["data"]] == ["FO-000017"]


@every_variant
def test_a_token_in_the_query_is_refused(programs: Programs, method: Method, constraint: Constraint) -> None:
    program, _ = programs(method, constraint)
    token = program.access_token()
    alone = program.reads(token, scheme="", query=f"?access_token={token}")
    assert 400 <= alone.status_code < 500
    besides = program.reads(token, query=f"?access_token={token}")
    assert 400 <= besides.status_code < 500
    assert token not in alone.text + besides.text


@every_variant
def test_a_token_of_the_second_client_is_refused_with_the_key_of_the_first(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    first, second = programs(method, constraint)
    token = second.access_token()
    assert second.reads(token).status_code == 200
    assert challenged(first.reads(token)) == Refused(401, "invalid_token")
    assert second.reads(token).status_code == 200


# --- fapi2-security-profile-final-access-token-type-header-case-sensitivity


@every_variant
def test_the_scheme_of_an_access_token_is_taken_in_any_case(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    program, _ = programs(method, constraint)
    answer = program.token()
    scheme = answer.json()["token_type"]
    for spelt in (scheme.swapcase(), scheme.lower(), scheme.upper()):
        assert program.reads(answer.json()["access_token"], scheme=spelt).status_code == 200


# --- fapi2-security-profile-final-ensure-client-id-in-token-endpoint


@every_variant
def test_nobody_gets_a_token_under_the_name_of_the_second_client(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    first, second = programs(method, constraint)
    name = second.client.client_id
    form = {"client_id": name}
    if method == "private_key_jwt":
        form["client_assertion"] = first.assertion({"iss": name, "sub": name})
        assert first.client.keys["ES256"] != second.client.keys["ES256"]
    assert refused(first.token(form=form)) == Refused(401, "invalid_client")
    assert first.token().status_code == second.token().status_code == 200


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_a_client_id_that_is_not_the_one_of_the_assertion_is_refused(
    programs: Programs, constraint: Constraint
) -> None:
    first, second = programs("private_key_jwt", constraint)
    answer = first.token(form={"client_id": second.client.client_id})
    assert refused(answer) == Refused(400, "invalid_request")


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_a_certificate_without_a_client_id_is_nobody(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    answer = programs(method, constraint)[0].token(form={"client_id": None})
    assert refused(answer) == Refused(401, "invalid_client")


# --- fapi2-security-profile-final-ensure-holder-of-key-required


@pytest.mark.parametrize("method", METHODS)
def test_a_client_of_the_dpop_bank_gets_no_token_without_a_proof(programs: Programs, method: Method) -> None:
    program, _ = programs(method, "dpop")
    assert refused(program.token(proof=None)) == Refused(400, "invalid_request")
    if method == "private_key_jwt":  # a certificate instead, which nobody asked for
        stranger = program.client.certificate
        assert refused(program.token(proof=None, shown=stranger)) == Refused(400, "invalid_request")
    assert program.token().status_code == 200


@pytest.mark.parametrize("method", METHODS)
def test_a_client_of_the_mtls_bank_gets_no_token_without_a_certificate(programs: Programs, method: Method) -> None:
    program, _ = programs(method, "mtls")
    wanted = Refused(400, "invalid_request") if method == "private_key_jwt" else Refused(401, "invalid_client")
    assert refused(program.token(shown=False)) == wanted
    assert program.token().status_code == 200


def test_a_proof_does_not_stand_in_for_the_certificate_that_the_agreement_asks_for(programs: Programs) -> None:
    program, _ = programs("private_key_jwt", "mtls")
    answer = program.token(shown=False, proof=lambda draft: [draft.sealed()])
    assert program.nonces  # it was a good one
    assert refused(answer) == Refused(400, "invalid_request")


@every_variant
def test_a_bound_token_is_refused_from_whoever_shows_nothing_else(
    programs: Programs, method: Method, constraint: Constraint
) -> None:
    program, _ = programs(method, constraint)
    token = program.access_token()
    answer = program.reads(token, proof=None, shown=False)
    error = "invalid_dpop_proof" if constraint == "dpop" else "invalid_token"
    assert challenged(answer) == Refused(401, error)
    assert challenged(program.reads(token, scheme="Bearer", proof=None, shown=False)) == Refused(401, "invalid_token")
    assert program.reads(token).status_code == 200


@pytest.mark.parametrize("method", METHODS)
def test_a_token_that_is_bound_to_a_certificate_is_no_dpop_token(programs: Programs, method: Method) -> None:
    program, _ = programs(method, "mtls")
    token = program.access_token()
    assert challenged(program.reads(token, scheme="DPoP")) == Refused(401, "invalid_token")
    assert program.reads(token).status_code == 200


# --- TLS of all endpoints, of the same module


Place: TypeAlias = tuple[int, Issued]
"""A port of this machine, and the certificate of whoever listens there."""


@pytest.fixture
def gateway(served: Bank) -> Place:
    return urlsplit(served.url).port or 0, served.own


def handshake(port: int, own: Issued, **how: Any) -> tuple[str, str]:
    """Version and cipher suite that a client like this agrees on. Raises ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=own.pem)
    context.set_ciphers(how.pop("ciphers", "ALL:@SECLEVEL=0"))
    for name, value in how.items():
        setattr(context, name, value)
    with (
        socket.create_connection(("localhost", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        cipher = secure.cipher()
        assert cipher is not None
        return str(secure.version()), cipher[0]


@contextmanager
def declined() -> Iterator[None]:
    """The gateway ends the handshake. That this client does not want it would be another reason."""
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as failure:
        yield
    # asyncio closes the connection without the alert, which is no rule of TLS (RFC 8446 section 6.2). Some builds of
    # Python call that a connection that was closed, and give no reason.
    if isinstance(failure.value, ssl.SSLError) and not isinstance(failure.value, ssl.SSLZeroReturnError):
        assert failure.value.reason in ("UNEXPECTED_EOF_WHILE_READING", *ALERTS)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_no_tls_before_1_2_is_spoken(gateway: Place, version: ssl.TLSVersion) -> None:
    with declined():
        handshake(*gateway, minimum_version=version, maximum_version=version)


def test_tls_1_3_is_preferred(gateway: Place) -> None:
    assert handshake(*gateway)[0] == "TLSv1.3"


@pytest.mark.parametrize("cipher", sorted(name for name in RECOMMENDED if "ECDSA" in name))
def test_a_recommended_cipher_suite_of_tls_1_2_is_accepted(gateway: Place, cipher: str) -> None:
    assert handshake(*gateway, maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=cipher) == ("TLSv1.2", cipher)


def test_no_other_cipher_suite_of_tls_1_2_is_accepted(gateway: Place) -> None:
    with declined():
        handshake(*gateway, maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=OTHERS)


@pytest.mark.slow
def test_the_sample_envoy_accepts_no_other_cipher_suite_either(tmp_path: Path) -> None:
    own = issue("localhost", names=[DNSName("localhost")])
    with envoy(tmp_path, free_port(), own, issue("Authority of clients", authority=True)) as port:
        for cipher in sorted(name for name in RECOMMENDED if "ECDSA" in name):
            agreed = handshake(port, own, maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=cipher)
            assert agreed == ("TLSv1.2", cipher)
        with declined():
            handshake(port, own, maximum_version=ssl.TLSVersion.TLSv1_2, ciphers=OTHERS)


def test_nothing_is_answered_without_tls(served: Bank) -> None:
    plain = served.url.replace("https://", "http://")
    with pytest.raises(httpx.TransportError), httpx.Client(timeout=30) as client:
        client.get(f"{plain}/.well-known/oauth-authorization-server")
