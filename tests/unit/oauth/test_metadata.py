"""The metadata documents say what the endpoints do, in the words of their RFCs, and nothing that is not so."""

import json
from typing import Any

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from litestar import Litestar

from gateway.oauth.metadata import (
    JWKS_PATH,
    METADATA_PATH,
    RESOURCE_METADATA_PATH,
    resource_metadata,
    server_metadata,
)
from gateway.oauth.routes import oauth_routes
from gateway.store.clients import AUTH_METHODS
from tests.unit.oauth.stage import ISSUER, Stage

BANK = "https://gateway.example"
ALGORITHMS = ["PS256", "ES256", "EdDSA"]


def of_server(issuer: str = BANK, *, sees_certificates: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server_metadata(issuer, sees_certificates=sees_certificates))
    return found


def test_the_authorization_server_says_where_it_is_and_what_it_takes() -> None:
    document = of_server()
    assert document["issuer"] == BANK
    assert document["token_endpoint"] == f"{BANK}/oauth/token"
    assert document["introspection_endpoint"] == f"{BANK}/oauth/introspect"
    assert document["revocation_endpoint"] == f"{BANK}/oauth/revoke"
    assert document["jwks_uri"] == BANK + JWKS_PATH
    assert document["grant_types_supported"] == ["client_credentials"]
    assert document["response_types_supported"] == []
    for endpoint in ("token", "introspection", "revocation"):
        assert document[f"{endpoint}_endpoint_auth_methods_supported"] == list(AUTH_METHODS)
        assert document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == ALGORITHMS
    assert document["dpop_signing_alg_values_supported"] == ALGORITHMS
    assert document["tls_client_certificate_bound_access_tokens"] is True
    assert document["authorization_details_types_supported"] == ["data_contract"]
    assert document["protected_resources"] == [BANK]


def test_authlib_finds_nothing_wrong_with_it() -> None:
    # It takes an empty list for a missing one: that there is no authorization endpoint is not foreseen there.
    document = of_server() | {"response_types_supported": ["none"]}
    AuthorizationServerMetadata(document).validate()  # type: ignore[no-untyped-call]


def test_what_partners_have_agreed_is_nobody_elses_business() -> None:
    assert "scopes_supported" not in of_server()
    assert "scopes_supported" not in json.loads(resource_metadata(BANK))


def test_a_gateway_that_sees_no_certificates_does_not_offer_them() -> None:
    document = of_server(sees_certificates=False)
    assert document["token_endpoint_auth_methods_supported"] == ["client_secret_basic", "private_key_jwt"]
    assert document["tls_client_certificate_bound_access_tokens"] is False


@pytest.mark.parametrize("sees_certificates", [True, False])
def test_the_resource_says_who_issues_its_tokens_and_how_they_are_shown(sees_certificates: bool) -> None:
    assert json.loads(resource_metadata(BANK, sees_certificates=sees_certificates)) == {
        "resource": BANK,
        "authorization_servers": [BANK],
        "jwks_uri": BANK + JWKS_PATH,
        "bearer_methods_supported": ["header"],
        "resource_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": sees_certificates,
        "authorization_details_types_supported": ["data_contract"],
    }


async def test_both_are_served_where_their_rfcs_say(stage: Stage) -> None:
    application = Litestar(oauth_routes(stage.server), openapi_config=None, logging_config=None)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        for path, named in ((METADATA_PATH, "issuer"), (RESOURCE_METADATA_PATH, "resource")):
            answer = await http.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["cache-control"] == "public, max-age=300"
            assert answer.json()[named] == ISSUER
            assert answer.json()["tls_client_certificate_bound_access_tokens"] is True
