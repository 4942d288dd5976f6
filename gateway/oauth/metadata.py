"""Metadata: where the authorization server's endpoints are and what they accept (RFC 8414), and the same of the gateway
as the one resource that its tokens are for (RFC 9728)."""

from typing import Any

import msgspec

from gateway.oauth.core import GRANT_TYPE, TLS_METHODS
from gateway.oauth.dpop import PROOF_ALGORITHMS
from gateway.oauth.jose import ASSERTION_ALGORITHMS
from gateway.oauth.tokens import DETAILS_TYPE
from gateway.store.clients import AUTH_METHODS

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
INTROSPECTION_PATH = "/oauth/introspect"
REVOCATION_PATH = "/oauth/revoke"
JWKS_PATH = "/.well-known/jwks.json"
METADATA_PATH = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource"


def token_endpoint(issuer: str) -> str:
    """The URL at which tokens are issued."""
    return issuer + TOKEN_PATH


def server_metadata(issuer: str, *, sees_certificates: bool = False) -> bytes:
    """The metadata document of the authorization server as JSON (RFC 8414 section 2).

    No response types: there is no authorization endpoint. No scopes: which there are is a matter between the hub and
    each partner, and every list of all of them would tell what others have agreed. The TLS methods (RFC 8705) are
    offered where the gateway sees certificates.
    """
    methods = [method for method in AUTH_METHODS if sees_certificates or method not in TLS_METHODS]
    endpoints = {"token": TOKEN_PATH, "introspection": INTROSPECTION_PATH, "revocation": REVOCATION_PATH}
    document: dict[str, Any] = {"issuer": issuer}
    for name, path in endpoints.items():
        document[f"{name}_endpoint"] = issuer + path
        document[f"{name}_endpoint_auth_methods_supported"] = methods
        document[f"{name}_endpoint_auth_signing_alg_values_supported"] = ASSERTION_ALGORITHMS
    return msgspec.json.encode(
        document
        | {
            "jwks_uri": issuer + JWKS_PATH,
            "response_types_supported": [],
            "grant_types_supported": [GRANT_TYPE],
            "protected_resources": [issuer],
        }
        | _both(sees_certificates)
    )


def resource_metadata(issuer: str, *, sees_certificates: bool = False) -> bytes:
    """The metadata document of the protected resource as JSON (RFC 9728 section 2).

    Whether tokens must be bound is not said here: it differs from agreement to agreement.
    """
    return msgspec.json.encode(
        {
            "resource": issuer,
            "authorization_servers": [issuer],
            "jwks_uri": issuer + JWKS_PATH,
            "bearer_methods_supported": ["header"],
            "resource_signing_alg_values_supported": ["ES256"],
        }
        | _both(sees_certificates)
    )


def _both(sees_certificates: bool) -> dict[str, Any]:
    """What both say in the same words."""
    return {
        "dpop_signing_alg_values_supported": PROOF_ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": sees_certificates,
        "authorization_details_types_supported": [DETAILS_TYPE],
    }
