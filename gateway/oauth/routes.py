"""The OAuth endpoints as Litestar handlers."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import HttpMethod, Request, Response, get, route
from litestar.handlers import HTTPRouteHandler

from gateway.oauth.answers import Answer
from gateway.oauth.certificates import CertificateOf, no_certificate
from gateway.oauth.form import BODY_BYTES_MAX
from gateway.oauth.incoming import Incoming
from gateway.oauth.metadata import (
    INTROSPECTION_PATH,
    JWKS_PATH,
    METADATA_PATH,
    RESOURCE_METADATA_PATH,
    REVOCATION_PATH,
    TOKEN_PATH,
)
from gateway.oauth.server import TokenServer
from gateway.public_gate import Gate
from gateway.source_address import SourceOf, peer_of

_OTHER_METHODS = [HttpMethod.GET, HttpMethod.HEAD, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_PATHS = [TOKEN_PATH, INTROSPECTION_PATH, REVOCATION_PATH]
_JSON = "application/json"
# Long enough to spare the endpoint, short enough that a new key is known before it signs.
_CACHED = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}


def oauth_routes(
    server: TokenServer,
    *,
    gate: Gate | None = None,
    source_of: SourceOf = peer_of,
    certificate_of: CertificateOf = no_certificate,
) -> list[HTTPRouteHandler]:
    """Handlers for the endpoints, the key set and the metadata; `gate` stands before what is public of them."""

    async def answered(
        request: Request[Any, Any, Any], answer_of: Callable[[Incoming], Awaitable[Answer]]
    ) -> Response[bytes]:
        incoming = await _incoming(request, source_of, certificate_of)
        answer = await answer_of(incoming)
        # The rest of a body that is too large is not waited for either.
        close = {"Connection": "close"} if incoming.body is None else {}
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers) | close, media_type=_JSON)

    @route(TOKEN_PATH, http_method=[HttpMethod.POST], include_in_schema=False)
    async def token(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await answered(request, server.token)

    @route(INTROSPECTION_PATH, http_method=[HttpMethod.POST], include_in_schema=False)
    async def introspect(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await answered(request, server.introspect)

    @route(REVOCATION_PATH, http_method=[HttpMethod.POST], include_in_schema=False)
    async def revoke(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await answered(request, server.revoke)

    @route(_PATHS, http_method=_OTHER_METHODS, status_code=405, include_in_schema=False)
    async def by_another_method() -> Response[bytes]:
        headers = {"Allow": "POST", "Cache-Control": "no-store"}
        return Response(b"", status_code=405, headers=headers, media_type=_JSON)

    @get(JWKS_PATH, before_request=gate, include_in_schema=False)
    async def jwks() -> Response[bytes]:
        return Response(server.jwks, headers=_CACHED, media_type="application/jwk-set+json")

    @get(METADATA_PATH, before_request=gate, include_in_schema=False)
    async def metadata() -> Response[bytes]:
        return Response(server.metadata, headers=_CACHED, media_type=_JSON)

    @get(RESOURCE_METADATA_PATH, before_request=gate, include_in_schema=False)
    async def resource_metadata() -> Response[bytes]:
        return Response(server.resource_metadata, headers=_CACHED, media_type=_JSON)

    return [token, introspect, revoke, by_another_method, jwks, metadata, resource_metadata]


async def _incoming(request: Request[Any, Any, Any], source_of: SourceOf, certificate_of: CertificateOf) -> Incoming:
    headers = request.scope["headers"]
    return Incoming(
        authorization=[value for name, value in headers if name == b"authorization"],
        content_types=[value for name, value in headers if name == b"content-type"],
        query=request.scope.get("query_string", b""),
        body=await _body(request),
        source=source_of(request.scope),
        proofs=[value for name, value in headers if name == b"dpop"],
        certificate=certificate_of(request.scope),
        request_id=secrets.token_hex(8),
    )


async def _body(request: Request[Any, Any, Any]) -> bytes | None:
    """The body, or None as soon as it is larger than the cap: what comes after is not read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)
