"""Requests to the OAuth endpoints as a gateway takes them in, without a network."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec.json import decode

from gateway.oauth.answers import Answer
from gateway.oauth.certificate import Certificate
from gateway.oauth.credentials import ASSERTION_TYPE
from gateway.oauth.incoming import Incoming
from tests.unit.oauth.stage import ISSUER, Stage, assertion

GRANT = {"grant_type": "client_credentials", "resource": ISSUER}


def by_secret(stage: Stage, client_id: str, secret: str | None = None) -> bytes:
    """An Authorization header with the client's own secret, or another. Both are URL-safe as they are."""
    text = f"{client_id}:{stage.secrets[client_id] if secret is None else secret}"
    return b"Basic " + b64encode(text.encode())


def asserted(text: str) -> dict[str, str]:
    """The parameters of a client assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}


def incoming(
    form: Mapping[str, str],
    authorization: Sequence[bytes] = (),
    *,
    proofs: Sequence[bytes] = (),
    certificate: Certificate | None = None,
    request_id: str = "r-1",
) -> Incoming:
    """A POST of a form."""
    types = [b"application/x-www-form-urlencoded"]
    body = urlencode(form).encode()
    return Incoming(authorization, types, b"", body, "192.0.2.1", proofs, certificate, request_id)


def said(answer: Answer) -> dict[str, Any]:
    """Its body."""
    found: dict[str, Any] = decode(answer.body)
    return found


async def token_of(stage: Stage, client_id: str, **form: str) -> str:
    """A token of a client that holds a secret or a key; vault-app's is bound by DPoP."""
    if client_id in stage.secrets:
        asked = incoming(GRANT | form, [by_secret(stage, client_id)])
    else:
        proofs = [stage.proof().encode()] if client_id.startswith("vault") else []
        asked = incoming(GRANT | asserted(assertion(stage, client_id)) | form, proofs=proofs)
    answer = await stage.server.token(asked)
    assert answer.status == 200, answer.body
    return str(said(answer)["access_token"])
