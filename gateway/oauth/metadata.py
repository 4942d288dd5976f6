"""Authorization server metadata (RFC 8414): where the endpoints are and what they accept."""

import msgspec

from gateway.oauth.core import GRANT_TYPE
from gateway.oauth.jose import ASSERTION_ALGORITHMS
from gateway.store.clients import AUTH_METHODS

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
JWKS_PATH = "/.well-known/jwks.json"
METADATA_PATH = "/.well-known/oauth-authorization-server"


def token_endpoint(issuer: str) -> str:
    """The URL at which tokens are issued."""
    return issuer + TOKEN_PATH


def server_metadata(issuer: str) -> bytes:
    """The metadata document as JSON. No response types: there is no authorization endpoint."""
    return msgspec.json.encode(
        {
            "issuer": issuer,
            "token_endpoint": token_endpoint(issuer),
            "jwks_uri": issuer + JWKS_PATH,
            "response_types_supported": [],
            "grant_types_supported": [GRANT_TYPE],
            "token_endpoint_auth_methods_supported": AUTH_METHODS,
            "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
            "protected_resources": [issuer],
        }
    )
